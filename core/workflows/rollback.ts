/**
 * Undoing what an execution has done: the last first, one after the other, each tried again when it fails. What cannot be undone is named, and the rest is
 * undone all the same.
 *
 * @module
 */
import { backoffMs, checkedBackoff } from "../base/backoff.ts";
import { COMPENSATION_RETRIES } from "../base/limits.ts";
import { stepTimeout } from "./errors.ts";
import { inputOf } from "./gates.ts";
import type { Run } from "./run.ts";
import type { Undoing } from "./run_parts.ts";
import { StepContext } from "./step_context.ts";
import { undoCompleted } from "./stopping.ts";
import type { Unit } from "./unit.ts";

const BACKOFF = checkedBackoff();

/** Undoes all that has not been undone yet; a promise when that takes time. */
export function rollBack(run: Run, undoing: Undoing): Promise<void> | undefined {
  const { done } = undoing;
  run.lines.reserve(2 * done.length + 1);
  for (let at = done.length - 1; at >= 0 && !run.host.closed; at--) {
    const wait = undoUnit(run, done[at], undoing);
    if (wait !== undefined) return rollBackOn(run, undoing, at, wait);
  }
  return undefined;
}

async function rollBackOn(run: Run, undoing: Undoing, at: number, wait: Promise<void>): Promise<void> {
  await wait;
  while (--at >= 0 && !run.host.closed) await undoUnit(run, undoing.done[at], undoing);
}

function undoUnit(run: Run, unit: Unit, undoing: Undoing): Promise<void> | undefined {
  if (unit.undo === "done" || unit.undo === "failed") return undefined;
  if (unit.child !== null) return undoChild(run, unit, undoing);
  if (unit.step.undo !== null) return undoStep(run, unit, undoing);
  undoNothing(run, unit, undoing);
  return undefined;
}

/** An irreversible step: what threw says that it did nothing. */
function undoNothing(run: Run, unit: Unit, { notUndone }: Undoing): void {
  if (unit.outcome === "failed") return;
  unit.undo = "failed";
  notUndone.push(unit.id);
  run.note("undo-failed", unit.id);
}

/** A sub-workflow that failed or was cancelled has undone itself; a completed one is undone now. */
async function undoChild(run: Run, unit: Unit, { compensated, notUndone }: Undoing): Promise<void> {
  const child = unit.child!;
  const isCompleted = unit.state === "COMPLETED" || child.state === "COMPLETED"; // killed in between, one of them is not
  if (isCompleted) run.note("undo-started", unit.id);
  if (child.state === "COMPLETED") await undoCompleted(child);
  if (run.host.closed) return;
  const left = child.undoing?.notUndone ?? [];
  unit.undo = left.length === 0 ? "done" : "failed";
  if (left.length > 0) {
    for (const id of left) notUndone.push(`${unit.id}/${id}`);
    run.note("undo-failed", unit.id, { left });
  } else if (isCompleted) {
    compensated.push(unit.id);
    if (unit.state === "COMPLETED") unit.state = "COMPENSATED";
    run.note("undone", unit.id);
  }
}

/** Nothing is awaited where nothing has to be: most compensations take no time, and a promise for each would cost more than they do. */
function undoStep(run: Run, unit: Unit, undoing: Undoing): Promise<void> | undefined {
  unit.undo = "started";
  run.note("undo-started", unit.id);
  try {
    const wait = callUndo(run, unit, 1);
    if (wait !== undefined) return undoOn(run, unit, undoing, wait);
  } catch (error) {
    return undoOn(run, unit, undoing, Promise.reject(error));
  }
  undone(run, unit, undoing);
  return undefined;
}

async function undoOn(run: Run, unit: Unit, undoing: Undoing, wait: Promise<void>): Promise<void> {
  for (let tried = 1;; tried++) {
    try {
      await (tried === 1 ? wait : callUndo(run, unit, tried));
      break;
    } catch (error) {
      if (run.host.closed) return;
      run.tick();
      unit.undoError = error;
      if (tried > COMPENSATION_RETRIES) {
        unit.undo = "failed";
        undoing.notUndone.push(unit.id);
        return run.note("undo-failed", unit.id, { error });
      }
      await pause(run, backoffMs(BACKOFF, tried, run.host.random.next()));
    }
  }
  undone(run, unit, undoing);
}

function undone(run: Run, unit: Unit, { compensated }: Undoing): void {
  run.tick();
  unit.undo = "done";
  unit.undoError = undefined;
  if (unit.state === "COMPLETED") unit.state = "COMPENSATED";
  compensated.push(unit.id);
  run.note("undone", unit.id);
}

/** One try; a promise when it takes time. */
function callUndo(run: Run, unit: Unit, tried: number): Promise<void> | undefined {
  const { timeoutMs } = unit.step;
  const ctx = new StepContext(run, unit, tried, run.now + timeoutMs);
  ctx.undoing = { result: unit.result, outcome: unit.outcome };
  unit.input ??= inputOf(run, unit); // it is not in the journal
  const returned = unit.step.undo!(unit.result, unit.input, ctx);
  if (typeof (returned as PromiseLike<unknown> | null | undefined)?.then !== "function") return undefined;
  return new Promise((resolve, reject) => {
    const deadline = run.host.deadlines.addAt(ctx.deadlineMs, () => {
      const error = stepTimeout(`${unit.id} (compensation)`, timeoutMs);
      ctx.abort(error);
      reject(error);
    });
    (returned as PromiseLike<unknown>).then(() => {
      run.host.deadlines.remove(deadline);
      resolve();
    }, (error) => {
      run.host.deadlines.remove(deadline);
      reject(error);
    });
  });
}

function pause(run: Run, ms: number): Promise<void> {
  return new Promise((resolve) => run.host.deadlines.addAt(run.now + ms, resolve));
}
