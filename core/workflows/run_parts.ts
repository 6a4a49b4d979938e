/**
 * What an execution is made of, and what becomes of it.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Deadlines } from "../base/deadlines.ts";
import type { Timeouts } from "../base/timeouts.ts";
import type { Random } from "../base/random.ts";
import type { Budget } from "./budget.ts";
import type { Effects } from "./effects.ts";
import type { Journal } from "./journal.ts";
import type { Run } from "./run.ts";
import type { Unit } from "./unit.ts";
import type { WorkflowDefinition } from "./workflow.ts";
import type { Plan } from "./workflow_plan.ts";

/** What an engine gives to its executions. */
export interface RunHost {
  /** Times to the millisecond. */
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Of tries. */
  readonly timeouts: Timeouts;
  readonly random: Random;
  readonly journal: Journal | null;
  readonly effects: Effects;
  /** The id of an execution that it has numbered. */
  idOf(plan: Plan, number: number): string;
  /** Whether the engine was closed: nothing is begun any more. */
  closed: boolean;
  /** Begins a sub-workflow. */
  startChild(definition: WorkflowDefinition, id: string, unit: Unit, parent: Run): Run;
  /** Hears that an execution has ended. */
  ended(run: Run): void;
}

/** How an execution was started. */
export interface RunSetup {
  /** A number of the engine, of which it makes an id; or an id. */
  readonly key: number | string;
  readonly input: unknown;
  readonly budget: Budget;
  /** Time of the clock at which it must have ended; Infinity for none. */
  readonly deadlineAt: number;
  /** How long that was from its start. */
  readonly timeoutMs: number;
  readonly parent: Run | null;
}

/** Why an execution winds up. */
export interface Stop {
  readonly kind: "failed" | "cancelled";
  readonly error: unknown;
  readonly reason: string;
  readonly compensate: boolean;
}

/** What a rollback has come to. */
export interface Undoing {
  /** Ended steps that matter to it, in the order in which they ended. */
  readonly done: Unit[];
  readonly compensated: string[];
  readonly notUndone: string[];
}
