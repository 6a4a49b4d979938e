import { assertEquals, assertRejects } from "@std/assert";
import { parseTable, type ProcessTable } from "../../core/processes/process_table.ts";
import { LOOKS_MAX, processesOf, StraySweep } from "../../core/processes/stray_processes.ts";
import { FakeClock } from "../../core/testing.ts";
import { testWith } from "../support/permissions.ts";
import { until } from "../support/until.ts";

const NOW_MS = 1_000_000_000;
/** Above the greatest number that Linux gives: ended without harm. */
const NOBODY = 5_000_000;
/** Seconds for which the system has run; a process of age 10 started at `NOW_MS` − 10 s. */
const UPTIME = 5_000;

/** A table of processes: number, parent, group, age in seconds, marker, state. */
function table(
  ...rows: readonly [pid: number, parent: number, group: number, age: number, marker?: string, state?: string][]
): ProcessTable {
  const stats = rows.map(([pid, parent, group, age, , state = "S"]) =>
    `${pid} (a) ${state} ${parent} ${group} ${group} 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 ${(UPTIME - age) * 100} 0 0`
  );
  const markers = rows.flatMap(([pid, , , , marker]) => marker ? [`/proc/${pid}/environ:SWARM_ATTEMPT=${marker}`] : []);
  return parseTable(`${UPTIME}.00 1.0\n${stats.join("\n")}\n\n\n\n${markers.join("\n")}`);
}

const ATTEMPT = { requestId: "r", fileName: "r.json", attempted: true, marker: "r/c", pid: 10, startedAtMs: NOW_MS - 60_000 };

function found(processes: ProcessTable): number[] {
  return processesOf(processes, ATTEMPT, NOW_MS).map(({ pid }) => pid).sort((a, b) => a - b);
}

Deno.test("what carries the marker is the attempt's, with its descendants and the group of its first process", () => {
  assertEquals(found(table([10, 1, 10, 60, "r/c"], [11, 10, 10, 50], [12, 11, 12, 40], [13, 1, 10, 30], [14, 1, 14, 20, "r/c"])), [
    10,
    11,
    12,
    13,
    14,
  ]);
  assertEquals(found(table([20, 1, 20, 60, "r/c deeper/d"], [21, 1, 21, 60, "r/other"], [22, 1, 22, 60])), [20]);
});

Deno.test("a first process that cleared its environment is known by its start", () => {
  assertEquals(found(table([10, 1, 10, 61], [11, 10, 10, 50])), [10, 11]);
});

Deno.test("another process that was given the number is left alone, with its group", () => {
  assertEquals(found(table([10, 1, 10, 30], [11, 10, 10, 20])), []);
  assertEquals(found(table([10, 1, 10, 90], [11, 10, 10, 20])), []);
});

Deno.test("a group without its first process is the attempt's only if somebody in it carries the marker", () => {
  assertEquals(found(table([11, 1, 10, 50], [12, 1, 10, 50])), []);
  assertEquals(found(table([11, 1, 10, 50, "r/c"], [12, 1, 10, 50])), [11, 12]);
});

Deno.test("what has ended is nobody's", () => {
  assertEquals(found(table([10, 1, 10, 60, "r/c", "Z"])), []);
});

/** A sweep whose looks see, one after the other, what `seen` says, and at last nothing. */
function sweepOf(seen: (ProcessTable | Error)[]): { sweep: StraySweep; clock: FakeClock; looks: () => number } {
  const clock = new FakeClock();
  let looks = 0;
  const sweep = new StraySweep(clock, () => {
    const next = seen[looks++] ?? table();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  });
  return { sweep, clock, looks: () => looks };
}

Deno.test("a sweep looks for ends that come together, a second time to be sure, and again when a look fails", async () => {
  const { sweep, clock, looks } = sweepOf([new Error("no more processes")]);
  for (let i = 0; i < 5; i++) sweep.ended(`r-${i}/c`);
  clock.advance(10_000);
  await sweep.finish();
  assertEquals([looks(), sweep.found], [3, 0]);
  await sweep.finish();
  assertEquals(looks(), 3);
});

testWith({ run: true }, "what the first look does not show, for it was becoming another program, the second one finds", async () => {
  const { sweep } = sweepOf([table(), table([NOBODY, 1, NOBODY, 5, "r/c"])]);
  sweep.ended("r/c");
  await sweep.finish();
  assertEquals(sweep.found, 1);
});

Deno.test("who waits for the end of all is told once, after the look that makes it sure, and again when it could not take it", async () => {
  const { sweep, looks } = sweepOf([]);
  const told: number[] = [];
  sweep.ended("r/c", () => {
    told.push(looks());
    if (told.length === 1) throw new Error("no space left");
  });
  await assertRejects(() => sweep.finish(), Error, "no space left");
  await sweep.finish();
  await sweep.finish();
  assertEquals(told, [2, 3]);
});

testWith({ run: true }, "what does not end by being killed is not looked at for ever", async () => {
  const { sweep, clock, looks } = sweepOf(Array.from({ length: 40 }, () => table([NOBODY, 1, NOBODY, 5, "r/c"])));
  sweep.ended("r/c");
  clock.advance(500);
  await until(() => looks() === LOOKS_MAX);
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
  clock.advance(60_000);
  assertEquals(looks(), LOOKS_MAX);
  await sweep.finish();
  assertEquals(looks(), 2 * LOOKS_MAX);
});

Deno.test("the look that confirms comes by itself, also when no other agent ends", async () => {
  const { sweep, clock, looks } = sweepOf([]);
  sweep.ended("r/c");
  clock.advance(500);
  await until(() => {
    clock.advance(500);
    return looks() === 2;
  });
  await sweep.finish();
  assertEquals(looks(), 2);
});
