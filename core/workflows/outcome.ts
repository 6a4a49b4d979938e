/**
 * What became of an execution, all in one value.
 *
 * @module
 */
import { asError } from "../base/errors.ts";
import type { Run } from "./run.ts";
import type { StepState, Unit } from "./unit.ts";
import type { WorkflowState } from "./workflow_lifecycle.ts";

/** What became of a step. */
export interface StepOutcome {
  /** Where it stands. */
  readonly state: StepState;
  /** What it returned; of a map the list. */
  readonly result?: unknown;
  /** What it threw last, or what ended it. */
  readonly error?: Error;
  /** Why it could not be undone. */
  readonly undoError?: Error;
  /** Tries; of a map those of all items. */
  readonly attempts: number;
  /** Time of the clock at which it began; absent when it never did. */
  readonly startedAt?: number;
  /** From its begin to its end. */
  readonly durationMs?: number;
}

/** What became of an execution. */
export interface WorkflowOutcome {
  /** Of the execution. */
  readonly id: string;
  /** Of the definition. */
  readonly workflowId: string;
  /** `COMPLETED`; `ROLLED_BACK`: a step failed, all was undone; `FAILED`: not all could be; `CANCELLED`. */
  readonly state: WorkflowState;
  /** By id of the step. */
  readonly steps: Readonly<Record<string, StepOutcome>>;
  /** What the workflow's `output` says, else the results by step; only of a completed one. */
  readonly output?: unknown;
  /** Steps that were undone, in that order. */
  readonly compensated: readonly string[];
  /** Steps whose effect is still there. */
  readonly notUndone: readonly string[];
  /** What failed first. */
  readonly error?: Error;
  /** Why it did not complete. */
  readonly reason?: string;
  /** From its begin to its end; 0 when it never began. */
  readonly durationMs: number;
}

/** Of an execution that has ended, or as it stands. */
export function outcomeOf(run: Run): WorkflowOutcome {
  const steps = { ...run.plan.blank } as Record<string, StepOutcome>;
  const { units } = run;
  for (let at = 0; at < units.length; at++) steps[units[at].step.id] = stepOutcome(units[at]);
  const { stop, state } = run;
  return {
    id: run.id,
    workflowId: run.plan.definition.id,
    state,
    steps,
    output: state === "COMPLETED" ? run.output() : undefined,
    compensated: run.undoing?.compensated ?? [],
    notUndone: run.undoing?.notUndone ?? [],
    error: stop === null ? undefined : asError(stop.error),
    reason: stop?.reason,
    durationMs: run.startedAt === 0 ? 0 : (run.over ? run.endedAt : run.now) - run.startedAt,
  };
}

/** All fields always: objects of one shape cost half. */
function stepOutcome(unit: Unit): StepOutcome {
  const { state, result, error, undoError, items, startedAt, endedAt } = unit;
  return {
    state,
    result,
    error: error === undefined || state === "COMPLETED" ? undefined : asError(error),
    undoError: undoError === undefined ? undefined : asError(undoError),
    attempts: items === null ? unit.attempts : items.reduce((sum, item) => sum + item.attempts, 0),
    startedAt,
    durationMs: endedAt === undefined || startedAt === undefined ? undefined : endedAt - startedAt,
  };
}
