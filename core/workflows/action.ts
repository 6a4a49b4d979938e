/**
 * Actions: what steps do, and how it is undone.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import type { EffectKind } from "./workflow.ts";
import type { Budget } from "./budget.ts";
import type { Effects } from "./effects.ts";

/** What an action is told, and may do. */
export interface ActionContext {
  /** Of this execution. */
  readonly executionId: string;
  /** Id of the workflow. */
  readonly workflowId: string;
  /** The step; of an item of a map with its index: `m[3]`. */
  readonly stepId: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** The same for every try of this step, also after a crash: hand it to the outside, so that it does the thing once. */
  readonly key: string;
  /** Input of the execution. */
  readonly input: unknown;
  /** Results of the completed steps, by id. */
  readonly results: Readonly<Record<string, unknown>>;
  /** The item, within a map. */
  readonly item: unknown;
  /** Its place, within a map; −1 elsewhere. */
  readonly itemIndex: number;
  /** Aborted when the step's time is over, the execution is cancelled, or another step has failed. */
  readonly signal: AbortSignal;
  /** Time of the clock at which this try ends in any case. */
  readonly deadlineMs: number;
  /** What the execution may use up, shared with its sub-workflows. */
  readonly budget: Budget;
  /** The outside, where actions reach it only through this: then `rehearse` can run them. */
  readonly effects: Effects;
  /** Set while a step is being undone: what it returned, and whether it is known to have run. */
  readonly undoing: { readonly result: unknown; readonly outcome: "completed" | "failed" | "unknown" | "not-run" } | undefined;
}

/** Does one thing. */
export type ActionFunction<Input = never, Output = unknown> = (input: Input, ctx: ActionContext) => Output | Promise<Output>;

/** How an action is treated. */
export interface ActionOptions<Output = never> {
  /** Default `compensable` when there is a `compensate`, else `idempotent`. */
  readonly effect?: EffectKind;
  /**
   * Undoes it; retried when it throws, so it must bear to run twice. It also runs for a step that failed or was interrupted, which may have done part of
   * its work: then `result` is undefined, and `ctx.undoing.outcome` says which.
   */
  readonly compensate?: (result: Output | undefined, ctx: ActionContext) => unknown;
  /** ms for each try, where the step says nothing. */
  readonly timeout?: number;
  /** Tries after the first, where the step says nothing. */
  readonly retries?: number;
  /** Whether `rehearse` may run it: true when it touches the outside through `ctx.effects` only. */
  readonly rehearsable?: boolean;
}

/** A registered action. */
export interface Action {
  readonly name: string;
  readonly run: (input: unknown, ctx: ActionContext) => unknown;
  readonly effect: EffectKind;
  readonly compensate: ((result: unknown, ctx: ActionContext) => unknown) | undefined;
  readonly timeout: number | undefined;
  readonly retries: number | undefined;
  readonly rehearsable: boolean;
}

const EFFECTS: readonly string[] = ["pure", "idempotent", "compensable", "irreversible"];

/** Throws `InvalidArgumentError` unless it is one of the kinds. */
export function checkedEffect(effect: unknown, path: string): EffectKind {
  if (EFFECTS.includes(effect as string)) return effect as EffectKind;
  throw new InvalidArgumentError(path, effect, `use one of ${EFFECTS.join(", ")}.`);
}

/** Checks an action. */
export function checkedAction(name: string, run: ActionFunction, options: ActionOptions): Action {
  if (typeof name !== "string" || name === "") throw new InvalidArgumentError("name", name, "name the action.");
  if (typeof run !== "function") throw new InvalidArgumentError(`action ${name}`, run, "give a function.");
  const { compensate, timeout, retries, rehearsable = false } = options;
  if (compensate !== undefined && typeof compensate !== "function") {
    throw new InvalidArgumentError(`action ${name}: compensate`, compensate, "give a function.");
  }
  const effect = checkedEffect(options.effect ?? (compensate === undefined ? "idempotent" : "compensable"), `action ${name}: effect`);
  if (compensate !== undefined && (effect === "pure" || effect === "irreversible")) {
    throw new InvalidArgumentError(
      `action ${name}: compensate`,
      compensate,
      `a ${effect} action has nothing to undo; leave it out, or use another effect.`,
    );
  }
  return { name, run: run as Action["run"], effect, compensate: compensate as Action["compensate"], timeout, retries, rehearsable };
}

/** The actions of one engine. */
export class ActionTable {
  readonly #actions = new Map<string, Action>();

  /** Throws when the name is taken: what runs would change under its feet. */
  add(action: Action): void {
    if (this.#actions.has(action.name)) {
      throw new KernelError("ACTION_EXISTS", `there is an action ${action.name} already. Use another name.`, { action: action.name });
    }
    this.#actions.set(action.name, action);
  }

  /** The action of a name, if there is one. */
  get(name: string): Action | undefined {
    return this.#actions.get(name);
  }

  /** All of them. */
  get all(): Action[] {
    return [...this.#actions.values()];
  }
}
