/**
 * Pausing an execution, and all that runs within it.
 *
 * @module
 */
import type { Run } from "./run.ts";

/** No step begins until it is resumed; those that run go on. */
export function pause(run: Run): void {
  if (run.state !== "RUNNING" || run.stop !== null) return;
  run.tick();
  run.become("PAUSED");
  run.note("paused");
  for (const child of children(run)) pause(child);
}

/** It goes on. */
export function resume(run: Run): void {
  if (run.state !== "PAUSED" || run.stop !== null) return;
  run.tick();
  run.become("RUNNING");
  run.note("resumed");
  for (const child of children(run)) resume(child);
  run.pump();
}

function children({ units }: Run): Run[] {
  const all = units.flatMap((unit) => [unit, ...unit.items ?? []]).map(({ child }) => child);
  return all.filter((child) => child !== null).filter(({ over }) => !over);
}
