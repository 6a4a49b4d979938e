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

/** Undoes all that has not been undone yet. */
export async function rollBack(run: Run, undoing: Undoing): Promise<void> {
  const { done } = undoing;
  for (let at = done.length - 1; at >= 0 && !run.host.closed; at--) {
    const unit = done[at];
    if (unit.undo === "done" || unit.undo === "failed") continue;
    if (unit.child !== null) await undoChild(run, unit, undoing);
    else if (unit.step.undo === null) undoNothing(run, unit, undoing);
    else await undoStep(run, unit, undoing);
  }
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

async function undoStep(run: Run, unit: Unit, { compensated, notUndone }: Undoing): Promise<void> {
  unit.undo = "started";
  run.note("undo-started", unit.id);
  for (let tried = 1;; tried++) {
    try {
      const wait = callUndo(run, unit, tried);
      if (wait !== undefined) await wait;
      break;
    } catch (error) {
      if (run.host.closed) return;
      run.tick();
      unit.undoError = error;
      if (tried > COMPENSATION_RETRIES) {
        unit.undo = "failed";
        notUndone.push(unit.id);
        return run.note("undo-failed", unit.id, { error });
      }
      await pause(run, backoffMs(BACKOFF, tried, run.host.random.next()));
    }
  }
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
