/**
 * Tasks: what is handed to an agent's `onTask`, and what comes of it.
 *
 * @module
 */
import { checkedDelay } from "../base/deadlines.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import type { AgentId } from "./message.ts";
import type { TokenUsage } from "./model.ts";

/** A piece of work handed to one agent. */
export interface TaskDefinition {
  /** Chosen by the caller. */
  readonly id: string;
  /** What is to be done. */
  readonly objective: string;
  /** Whatever the behavior needs besides. */
  readonly input?: unknown;
  /** Model to be asked, before the agent's own; see `ModelRequest.model`. */
  readonly model?: string;
  /**
   * Whether the result of an earlier task that says the same may stand for this one's, and this one's for later ones: agents of one type and model
   * share them. A string is known by itself, whatever else the task says. Default false.
   */
  readonly cache?: boolean | string;
  /** Bounds of the work; `timeout` in ms counts from the call, waiting included. */
  readonly constraints?: { readonly maxTokens?: number; readonly timeout?: number };
}

/**
 * How a task ended: `failed` when `onTask` threw or the agent could not be reached, `timeout` when `constraints.timeout` had passed, `cancelled`
 * when the caller's signal was aborted, before or while the task ran.
 */
export type TaskStatus = "completed" | "failed" | "timeout" | "cancelled";

/** What became of a task. */
export interface TaskResult {
  /** Id of the task. */
  readonly taskId: string;
  /** Agent that did it. */
  readonly agentId: AgentId;
  /** All but `completed` carry an error instead of an output. */
  readonly status: TaskStatus;
  /** What `onTask` returned. */
  readonly output?: unknown;
  /** What it threw, or why it did not end. */
  readonly error?: Error;
  /** The model that was asked last; null when none was. */
  readonly model: string | null;
  /** Who was asked: `local` is the built-in provider, which asks no model. */
  readonly provider: string | null;
  /** Tokens of all model calls of the task; null when a provider did not say, or has not answered. */
  readonly usage: TokenUsage | null;
  /** US dollars of all of them; null when that is not known. */
  readonly costUsd: number | null;
  /** Why not. */
  readonly costUnknown?: string;
  /** Whether another task's result stands for this one's; its output is read-only then. */
  readonly cached: boolean;
  /** Times that it was begun, or requests to models that it took, retries included; 0 when it never ran. */
  readonly attempts: number;
  /** From the call to the result. */
  readonly durationMs: number;
}

/** What a task uses of models while it runs: filled in by whoever asks them, read when it ends. */
export class TaskUse {
  /** The model that was asked last. */
  model: string | null = null;
  /** Who was asked. */
  provider: string | null = null;
  /** Tokens so far; null when a provider did not say. */
  usage: TokenUsage | null = NO_TOKENS;
  /** US dollars so far; null when that is not known. */
  costUsd: number | null = 0;
  /** Why not. */
  costUnknown: string | undefined = undefined;
  /** Requests so far. */
  attempts = 0;
  /** Of the tries that were sent for money, those of which it is not known what they cost: under way, or failed on the way. */
  uncounted = 0;

  /** One more try is sent; what comes back is called when it is known what that cost. */
  sent(): () => void {
    this.uncounted++;
    return () => void this.uncounted--;
  }

  /** One more call of a model. */
  add(call: Pick<TaskUse, "model" | "provider" | "usage" | "costUsd" | "attempts"> & { readonly costUnknown?: string }): void {
    this.model = call.model;
    this.provider = call.provider;
    this.attempts += call.attempts;
    this.usage = this.usage === null || call.usage === null ? null : {
      inputTokens: this.usage.inputTokens + call.usage.inputTokens,
      outputTokens: this.usage.outputTokens + call.usage.outputTokens,
    };
    this.costUsd = this.costUsd === null || call.costUsd === null ? null : this.costUsd + call.costUsd;
    this.costUnknown ??= call.costUnknown;
  }
}

/** Nothing was read or written. */
export const NO_TOKENS: TokenUsage = Object.freeze({ inputTokens: 0, outputTokens: 0 });

/** Throws `InvalidArgumentError` that names the field which keeps a task from being run. */
export function checkTask(task: TaskDefinition, field = "task"): void {
  if (typeof task?.id !== "string" || task.id === "") {
    throw new InvalidArgumentError(`${field}.id`, task?.id, "give a string that names the task.");
  }
  if (typeof task.objective !== "string") {
    throw new InvalidArgumentError(`${field}.objective`, task.objective, "say in a string what is to be done.");
  }
  const { model, cache, constraints } = task;
  if (constraints === undefined && model === undefined && cache === undefined) return;
  const { timeout, maxTokens } = constraints ?? {};
  if (timeout !== undefined) checkedDelay(`${field}.constraints.timeout`, timeout);
  if (maxTokens !== undefined && !(Number.isSafeInteger(maxTokens) && maxTokens > 0)) {
    throw new InvalidArgumentError(`${field}.constraints.maxTokens`, maxTokens, "use a whole number of at least 1.");
  }
  if (model !== undefined && typeof model !== "string") {
    throw new InvalidArgumentError(`${field}.model`, model, "give the name of a model.");
  }
  if (cache !== undefined && typeof cache !== "boolean" && typeof cache !== "string") {
    throw new InvalidArgumentError(`${field}.cache`, cache, "use true, false or a string.");
  }
}
