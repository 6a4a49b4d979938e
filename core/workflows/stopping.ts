/**
 * Winding up: no step begins any more, those that run are told to stop, and what was done is undone when they have.
 *
 * @module
 */
import { STEP_GRACE_MS } from "../base/limits.ts";
import { stepStopped, workflowTimeout } from "./errors.ts";
import { rollBack } from "./rollback.ts";
import type { Run } from "./run.ts";
import type { Stop } from "./run_parts.ts";
import { tryStep } from "./tries.ts";
import type { Unit } from "./unit.ts";

/** Begins to wind up; the first reason counts. */
export function halt(run: Run, stop: Stop): void {
  if (run.stop !== null || run.over) return;
  resolve(run, stop);
  if (run.deadline !== null) run.host.deadlines.remove(run.deadline);
  run.closeWaits();
  for (const unit of run.units) {
    stopUnit(run, unit, stop);
    if (unit.items !== null) { for (const item of unit.items) stopUnit(run, item, stop); }
  }
  run.pump();
}

/** Takes note that it winds up; what would do it is not begun yet. */
export function resolve(run: Run, stop: Stop): void {
  run.note(stop.kind, undefined, { reason: stop.reason, compensate: stop.compensate, error: stop.error });
  run.stop = stop;
  if (stop.kind === "failed") run.become("FAILED", stop.reason);
}

/** Fails when the whole takes too long; at once when it already has, before anything begins. */
export function watchDeadline(run: Run): void {
  if (run.deadlineAt === Infinity) return;
  const expire = (): void => {
    run.tick();
    halt(run, overdue(run));
  };
  if (run.deadlineAt <= run.now) expire();
  else run.deadline = run.host.deadlines.addAt(run.deadlineAt, expire);
}

/** For an execution that has taken too long. */
export function overdue(run: Run): Stop {
  const error = workflowTimeout(run.plan.definition.id, run.timeoutMs);
  return { kind: "failed", error, reason: error.message, compensate: true };
}

/** All steps have ended well: it has completed, unless its output cannot be made. */
export function complete(run: Run): void {
  try {
    if (run.plan.output !== null) run.output();
  } catch (error) {
    return halt(run, { kind: "failed", error, reason: "its output could not be made", compensate: true });
  }
  run.end("COMPLETED");
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
  if (unit.child !== null) return halt(unit.child, withParent(run, reason));
  if (attempt.after === null) return; // not begun yet: it will see that it need not
  run.host.timeouts.remove(attempt);
  attempt.at = Math.min(attempt.at, run.now + STEP_GRACE_MS);
  run.host.timeouts.insert(attempt, STEP_GRACE_MS);
}

/** Why a sub-workflow stops; it is undone when what holds it is. */
export function withParent(run: Run, error: unknown): Stop {
  return { kind: "cancelled", error, reason: "its parent stops", compensate: run.stop!.compensate };
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
  const { undoing, host: { journal } } = run;
  if (!compensate || undoing === null) return finish();
  const undo = (): void => {
    const wait = rollBack(run, undoing);
    if (wait === undefined) finish();
    else void wait.then(finish);
  };
  if (journal === null) return undo();
  // Nothing is undone before the journal says that it will be: killed in between, it would go on with steps that are gone.
  journal.whenDurable((error) => {
    if (error === undefined) return undo();
    run.stop = unwritten(error);
    run.end("FAILED");
  });
}

/** Undoes a completed execution, when that which holds it has failed. */
export async function undoCompleted(run: Run): Promise<void> {
  if (run.undoing !== null) await rollBack(run, run.undoing);
  if (run.host.closed) return;
  run.tick();
  run.become((run.undoing?.notUndone ?? []).length === 0 ? "ROLLED_BACK" : "FAILED", "what holds it has failed");
  run.note("ended", undefined, run.state);
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
