/**
 * From the lines of a journal back to an execution, and on from there: completed steps are not run again, one that was under way is when its effect allows
 * it, and asks otherwise.
 *
 * @module
 */
import { isRetryable } from "./errors.ts";
import type { JournalEntry } from "./journal.ts";
import { childIdOf, delay, makeItems } from "./gates.ts";
import type { Run } from "./run.ts";
import type { Undoing } from "./run_parts.ts";
import { leave, overdue, resolve, watchDeadline, withParent } from "./stopping.ts";
import { tryStep } from "./tries.ts";
import type { Unit } from "./unit.ts";
import type { WorkflowState } from "./workflow_lifecycle.ts";

/** What a `started` line holds. */
export interface StartNote {
  readonly workflowId: string;
  readonly version: number;
  readonly definitionKey: number;
  readonly input: unknown;
  readonly budget: Readonly<Record<string, number>>;
  readonly deadlineAt: number;
  readonly timeoutMs: number;
  readonly parentId: string | undefined;
}

/** Steps that were under way when the lines end, by unit. */
const underWay = new WeakSet<Unit>();

/** Puts an execution into the state that its lines lead to. The same lines lead to the same state. */
export function replay(run: Run, entries: readonly JournalEntry[]): void {
  let state: WorkflowState = "QUEUED";
  const early: string[] = [];
  for (const entry of entries) {
    run.now = entry.at;
    const unit = entry.stepId === undefined ? undefined : findUnit(run, entry.stepId);
    if (unit !== undefined) replayStep(run, unit, entry, early);
    else state = replayWhole(run, entry, state, early);
  }
  for (const unit of run.units) {
    unit.missing = unit.step.dependencies.filter((place) => !run.units[place].ended).length;
    unit.led = unit.step.dependencies.length === 0 || unit.step.dependencies.some((place) => run.units[place].state === "COMPLETED");
  }
  if (entries.length === 1 && run.parent === null) state = "QUEUED"; // it had not had its turn
  run.machine.restore({ states: [state], history: [] });
}

function replayWhole(run: Run, { kind, at, data }: JournalEntry, state: WorkflowState, early: string[]): WorkflowState {
  switch (kind) {
    case "started":
      run.startedAt = at;
      return "RUNNING";
    case "paused":
      return "PAUSED";
    case "resumed":
      return "RUNNING";
    case "spent":
      run.budget.restore(data as Record<string, number>);
      return state;
    case "signal": {
      const { name, data: value } = data as { name: string; data: unknown };
      early.push(name);
      run.waits.keep(name, value);
      return state;
    }
    case "failed":
    case "cancelled": {
      const { reason, compensate, error } = data as { reason: string; compensate: boolean; error: unknown };
      run.stop = { kind, reason, compensate, error };
      for (const unit of allUnits(run)) if (unit.state === "WAITING" && unit.attempts > 0) leave(run, unit, "FAILED");
      return kind === "failed" ? "FAILED" : state;
    }
    case "ended":
      run.over = true;
      run.endedAt = at;
      return data as WorkflowState;
    default:
      return state;
  }
}

function replayStep(run: Run, unit: Unit, { kind, at, data }: JournalEntry, early: string[]): void {
  switch (kind) {
    case "step-started":
      unit.attempts = data as number;
      unit.startedAt ??= at;
      unit.state = "RUNNING";
      unit.passed = true;
      underWay.add(unit);
      return;
    case "step-failed":
      unit.attempts = (data as { attempt: number }).attempt;
      unit.passed = true;
      unit.error = (data as { error: unknown }).error;
      unit.outcome = (data as { outcome: Unit["outcome"] }).outcome;
      unit.state = "WAITING";
      underWay.delete(unit);
      if (run.stop !== null) leave(run, unit, "CANCELLED");
      return;
    case "step-completed":
      if (unit.step.kind === "signal" && unit.state !== "RUNNING" && early.includes(unit.step.signal)) run.waits.take(unit.step.signal);
      unit.result = data;
      unit.state = "COMPLETED";
      unit.outcome = "completed";
      unit.endedAt = at;
      underWay.delete(unit);
      if (unit.parent !== null) unit.parent.open--;
      if (unit.step.tracked && unit.items === null) run.track(unit);
      return;
    case "step-skipped":
      unit.state = "SKIPPED";
      unit.endedAt = at;
      return;
    case "step-expanded":
      unit.state = "RUNNING";
      unit.startedAt = at;
      return makeItems(unit, data as unknown[]);
    case "waiting":
      unit.state = "WAITING";
      unit.startedAt = at;
      unit.result = data; // how long a delay is to be; gone when it completes
      return;
    case "signal":
      unit.state = "RUNNING"; // its completion follows
      return;
    case "approved": {
      const { by } = data as { by: string };
      unit.approvedBy ??= [];
      if (!unit.approvedBy.includes(by)) unit.approvedBy.push(by);
      return;
    }
    case "undo-started":
      unit.undo = "started";
      return;
    case "undone":
      unit.undo = "done";
      if (unit.state === "COMPLETED") unit.state = "COMPENSATED";
      undoingOf(run).compensated.push(unit.id);
      return;
    case "undo-failed":
      unit.undo = "failed";
      undoingOf(run).notUndone.push(...(data as { left?: string[] } | undefined)?.left?.map((id) => `${unit.id}/${id}`) ?? [unit.id]);
      return;
  }
}

/** Prepares a replayed execution to go on; nothing begins before `proceed`. */
export function goOn(run: Run): void {
  if (run.over) return;
  run.tick();
  const parts = allUnits(run);
  const failed = parts.find(isSpent);
  if (run.stop === null && failed !== undefined) {
    resolve(run, { kind: "failed", error: failed.error, reason: `step ${failed.id} failed`, compensate: true });
    leave(run, failed, "FAILED");
  } else if (run.stop === null && run.deadlineAt <= run.now) {
    resolve(run, overdue(run));
  }
  if (run.stop !== null) return goOnStopping(run, parts);
  watchDeadline(run);
  for (const unit of parts) {
    if (unit.ended || unit.missing > 0) continue;
    if (unit.parent === null) goOnWith(run, unit);
    else if (unit.attempts > 0 || unit.itemIndex < unit.parent.step.concurrency + ended(unit.parent)) goOnWith(run, unit);
  }
}

/** A step that failed for good, though the journal did not come to say what follows. */
function isSpent({ state, attempts, step, error }: Unit): boolean {
  return state === "WAITING" && attempts > 0 && (attempts > step.retries || !isRetryable(error));
}

/** Begins what may begin, once all have been prepared: what fails at once stops its sub-workflows. */
export function proceed(run: Run): void {
  if (run.over) return;
  for (const unit of run.stop === null ? run.units : []) {
    if (unit.items !== null && !unit.ended && unit.open === 0) run.conclude(unit, unit.items.map(({ result }) => result));
  }
  run.pump();
}

function goOnWith(run: Run, unit: Unit): void {
  const { step } = unit;
  if (unit.items !== null) {
    return; // its items go on
  } else if (unit.child?.id === childIdOf(run, unit) && underWay.has(unit)) {
    unit.adopts = true;
    unit.attempts--;
    run.push(unit);
  } else if (underWay.has(unit) && step.kind === "workflow") {
    unit.attempts--; // whether it had begun, the journal cannot say: it begins by the same name, so that its steps have the same keys
    run.push(unit);
  } else if (underWay.has(unit) && (step.effect === "compensable" || step.effect === "irreversible")) {
    unit.outcome = "unknown";
    run.waits.forDecision(unit);
  } else if (step.kind === "delay" && unit.state === "WAITING") {
    const { delayMs } = unit.result as { delayMs: number };
    delay(run, unit, Math.min(delayMs, Math.max(0, unit.startedAt! + delayMs - run.now)));
  } else {
    if (unit.state === "WAITING" && unit.attempts === 0) unit.result = undefined;
    run.push(unit);
  }
}

/** A rollback goes on: what was under way may have happened. */
function goOnStopping(run: Run, parts: readonly Unit[]): void {
  for (const unit of parts) {
    if (unit.state === "WAITING" || (unit.items !== null && unit.state === "RUNNING")) leave(run, unit, "CANCELLED");
    if (!underWay.has(unit)) continue;
    if (unit.child !== null && !unit.child.over) {
      unit.adopts = true;
      unit.attempts--;
      tryStep(run, unit);
      if (unit.child.stop === null) resolve(unit.child, withParent(run, run.stop!.error)); // it goes on after this, and then winds up
    } else {
      unit.outcome = "unknown";
      leave(run, unit, "CANCELLED");
    }
  }
}

/** There may be none yet: of a step that was under way it is known only later that it matters. */
function undoingOf(run: Run): Undoing {
  return run.undoing ??= { done: [], compensated: [], notUndone: [] };
}

function allUnits(run: Run): Unit[] {
  return run.units.flatMap((unit) => [unit, ...unit.items ?? []]);
}

function ended({ items }: Unit): number {
  return items!.filter((item) => item.ended).length;
}

/** The unit of an id such as `a` or `m[3]`. */
export function findUnit(run: Run, id: string): Unit | undefined {
  const [, name, index] = /^([^]*?)(?:\[(\d+)\])?$/.exec(id)!;
  const unit = run.units[run.plan.byId.get(name)?.index ?? -1];
  return index === undefined ? unit : unit?.items?.[Number(index)];
}
