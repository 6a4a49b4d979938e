/**
 * Winding up: no step begins any more, those that run are told to stop, and what was done is undone when they have.
 *
 * @module
 */
import { STEP_GRACE_MS } from "../base/limits.ts";
import { stepStopped } from "./errors.ts";
import { rollBack } from "./rollback.ts";
import type { Run } from "./run.ts";
import type { Stop } from "./run_parts.ts";
import { tryStep } from "./tries.ts";
import type { Unit } from "./unit.ts";

/** Begins to wind up; the first reason counts. */
export function halt(run: Run, stop: Stop): void {
  if (run.stop !== null || run.over) return;
  run.stop = stop;
  run.note(stop.kind, undefined, { reason: stop.reason, compensate: stop.compensate, error: stop.error });
  if (stop.kind === "failed") run.become("FAILED", stop.reason);
  if (run.deadline !== null) run.host.deadlines.remove(run.deadline);
  run.closeWaits();
  for (const unit of run.units) {
    stopUnit(run, unit, stop);
    if (unit.items !== null) { for (const item of unit.items) stopUnit(run, item, stop); }
  }
  run.pump();
}

/** For an execution whose journal cannot be written: it stops, and goes on from what was written. */
export function unwritten(error: unknown): Stop {
  return { kind: "failed", error, reason: "the journal cannot be written", compensate: false };
}

function stopUnit(run: Run, unit: Unit, { kind, error, reason: because }: Stop): void {
  if (unit.adopts) tryStep(run, unit); // resumed, and its sub-workflow runs already
  const { attempt } = unit;
  if (unit.timer !== null) {
    run.host.deadlines.remove(unit.timer);
    unit.timer = null;
  }
  const begunBefore = unit.state === "PENDING" && unit.attempts > 0;
  if (begunBefore || unit.state === "WAITING" || (unit.items !== null && unit.state === "RUNNING")) leave(run, unit, "CANCELLED");
  if (attempt === null) return;
  const reason = kind === "cancelled" ? error : stepStopped(because); // made only now: an error costs as much as several steps
  attempt.abort(reason);
  if (unit.child !== null) return halt(unit.child, { kind: "cancelled", error: reason, reason: "its parent stops", compensate: true });
  if (attempt.after === null) return; // not begun yet: it will see that it need not
  run.host.timeouts.remove(attempt);
  attempt.at = Math.min(attempt.at, run.now + STEP_GRACE_MS);
  run.host.timeouts.insert(attempt, STEP_GRACE_MS);
}

/** A step will not complete. If it has begun it may have done something: a rollback looks at it. */
export function leave(run: Run, unit: Unit, state: "CANCELLED" | "FAILED"): void {
  unit.state = state;
  unit.endedAt = run.now;
  if (unit.step.tracked && unit.items === null && unit.attempts > 0 && unit.outcome !== "not-run") run.track(unit);
}

/** Undoes what is to be undone, and ends. */
export function windUp(run: Run): void {
  const { compensate, kind } = run.stop!;
  run.active = Infinity; // from here on nothing but the rollback goes on
  const finish = (): void => {
    const undone = compensate && (run.undoing?.notUndone.length ?? 0) === 0;
    run.end(kind === "cancelled" ? "CANCELLED" : undone ? "ROLLED_BACK" : "FAILED");
  };
  if (!compensate || run.undoing === null) return finish();
  const wait = rollBack(run, run.undoing);
  if (wait === undefined) finish();
  else void wait.then(finish);
}

/** Undoes a completed execution, when that which holds it has failed. */
export async function undoCompleted(run: Run): Promise<readonly string[]> {
  if (run.undoing !== null) await rollBack(run, run.undoing);
  run.tick();
  const notUndone = run.undoing?.notUndone ?? [];
  run.become(notUndone.length === 0 ? "ROLLED_BACK" : "FAILED", "what holds it has failed");
  run.note("ended", undefined, run.state);
  return notUndone;
}

/** Nothing more happens here: no compensation, no line in the journal. Whoever waits is told that it ended CANCELLED. */
export function abandon(run: Run, error: unknown): void {
  if (run.over) return;
  run.stop ??= { kind: "cancelled", error, reason: "the engine was closed", compensate: false };
  for (const unit of run.units) for (const part of [unit, ...unit.items ?? []]) part.attempt?.abort(error);
  run.over = true;
  run.active = Infinity;
  run.tick();
  run.endedAt = run.now;
  if (run.state !== "FAILED") run.become("CANCELLED", "the engine was closed");
  run.tell();
}
