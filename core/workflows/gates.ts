/**
 * What stands between a step and its first try: conditions, approval, a list to run over, something to wait for.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { MAP_ITEMS_MAX } from "../base/limits.ts";
import { subWorkflowFailed } from "./errors.ts";
import type { Run } from "./run.ts";
import { tryStep } from "./tries.ts";
import { Unit } from "./unit.ts";

/** Takes a step as far as it may go now. */
export function passGates(run: Run, unit: Unit): void {
  const { step } = unit;
  try {
    if (!unit.led || (step.when !== null && !step.when(run.view(unit)))) return skip(run, unit);
    if (step.approval !== null && !run.waits.isApproved(unit)) return run.waits.forApproval(unit);
    if (step.map !== null) return expand(run, unit, step.map(run.view(unit)));
  } catch (error) {
    return run.giveUp(unit, error);
  }
  unit.passed = true;
  if (step.kind === "delay") delay(run, unit, step.delayMs);
  else if (step.kind === "signal") run.waits.forSignal(unit);
  else if (step.kind === "approval") run.conclude(unit, { approvedBy: unit.approvedBy });
  else tryStep(run, unit);
}

function skip(run: Run, unit: Unit): void {
  unit.state = "SKIPPED";
  unit.endedAt = run.now;
  run.note("step-skipped", unit.id);
  run.advance(unit);
}

/** Waits. */
export function delay(run: Run, unit: Unit, delayMs: number): void {
  unit.state = "WAITING";
  unit.startedAt = run.now;
  run.note("waiting", unit.id, { delayMs });
  unit.timer = run.host.deadlines.addAt(run.now + delayMs, () => {
    unit.timer = null;
    run.tick();
    run.conclude(unit, undefined);
  });
}

/** Makes a step of each item. */
function expand(run: Run, unit: Unit, list: unknown): void {
  if (!Array.isArray(list) || list.length > MAP_ITEMS_MAX) {
    throw new InvalidArgumentError(`${unit.id}.map`, list, `it must lead to a list of at most ${MAP_ITEMS_MAX} items.`);
  }
  unit.state = "RUNNING";
  unit.startedAt = run.now;
  run.note("step-expanded", unit.id, list);
  makeItems(unit, list);
  if (list.length === 0) return run.conclude(unit, []);
  for (const item of unit.items!.slice(0, unit.step.concurrency)) run.push(item);
}

/** The items of a map. */
export function makeItems(unit: Unit, list: readonly unknown[]): void {
  unit.passed = true;
  unit.items = list.map((item, index) => new Unit(unit.step, unit, index, item));
  for (const item of unit.items) item.passed = true;
  unit.open = list.length;
}

/** An item has ended: the next one begins, or the map has ended too. */
export function itemEnded(run: Run, map: Unit): void {
  const items = map.items!;
  map.open--;
  const next = items.length - map.open + map.step.concurrency - 1;
  if (map.open === 0) {
    if (run.stop === null) run.conclude(map, items.map(({ result }) => result));
  } else if (next < items.length) {
    run.push(items[next]);
  }
}

/** What a step is called with. */
export function inputOf(run: Run, unit: Unit): unknown {
  const { step } = unit;
  if (step.input !== null) return step.input(run.view(unit));
  if (step.constant !== undefined) return step.constant;
  return unit.parent === null ? run.input : unit.item;
}

/** Each try of a step that is a workflow is an execution of its own. */
export function childIdOf(run: Run, { id, attempts }: Unit): string {
  return `${run.id}/${id}${attempts > 1 ? `#${attempts}` : ""}`;
}

/** Begins the workflow that a step stands for; resolves to its output. */
export function startChild(run: Run, unit: Unit): Promise<unknown> {
  const id = childIdOf(run, unit);
  const child = unit.child = unit.adopts ? unit.child! : run.host.startChild(unit.step.child!, id, unit, run);
  unit.adopts = false;
  return new Promise((resolve, reject) => {
    child.whenEnded(() => {
      if (child.state === "COMPLETED") resolve(child.output());
      else reject(subWorkflowFailed(id, child.state, child.stop?.error));
    });
  });
}
