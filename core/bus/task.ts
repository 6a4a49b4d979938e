/**
 * Tasks: what is handed to an agent's `onTask`, and what comes of it.
 *
 * @module
 */
import { checkedDelay } from "../base/deadlines.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import type { AgentId } from "./message.ts";

/** A piece of work handed to one agent. */
export interface TaskDefinition {
  /** Chosen by the caller. */
  readonly id: string;
  /** What is to be done. */
  readonly objective: string;
  /** Whatever the behavior needs besides. */
  readonly input?: unknown;
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
  /** From the call to the result. */
  readonly durationMs: number;
}

/** Throws `InvalidArgumentError` that names the field which keeps a task from being run. */
export function checkTask(task: TaskDefinition, field = "task"): void {
  if (typeof task?.id !== "string" || task.id === "") {
    throw new InvalidArgumentError(`${field}.id`, task?.id, "give a string that names the task.");
  }
  if (typeof task.objective !== "string") {
    throw new InvalidArgumentError(`${field}.objective`, task.objective, "say in a string what is to be done.");
  }
  const timeout = task.constraints?.timeout;
  if (timeout !== undefined) checkedDelay(`${field}.constraints.timeout`, timeout);
}
