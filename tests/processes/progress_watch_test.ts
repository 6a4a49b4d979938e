import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Cancel } from "../../core/base/clock.ts";
import { type ProcessSettings, readSettings } from "../../core/processes/process_settings.ts";
import { ProgressWatch, type TreeWork } from "../../core/processes/progress_watch.ts";
import { FakeClock } from "../../core/testing.ts";

/** Counts the timers that stand. */
class CountingClock extends FakeClock {
  standing = 0;
  standingMax = 0;

  override schedule(delayMs: number, callback: () => void): Cancel {
    let stands = true;
    const end = (): void => {
      if (stands) this.standing--;
      stands = false;
    };
    this.standingMax = Math.max(this.standingMax, ++this.standing);
    const cancel = super.schedule(delayMs, () => (end(), callback()));
    return () => (end(), cancel());
  }
}

/** A watch on a clock that is moved in steps, so that looks have their turn. */
class Watched {
  readonly clock = new CountingClock(0);
  readonly notes: string[] = [];
  readonly ended: [atMs: number, reason: string][] = [];
  looks = 0;
  work: TreeWork | null = { cpuMs: 0, movedBytes: 0 };
  readonly watch: ProgressWatch;

  constructor(given: Partial<ProcessSettings> = {}, firstTimeoutMs?: number) {
    const settings = readSettings(given);
    this.watch = new ProgressWatch({
      ...{ clock: this.clock, settings, firstTimeoutMs: firstTimeoutMs ?? settings.initialTimeoutMs },
      look: () => {
        this.looks++;
        return Promise.resolve(this.work);
      },
      onEnd: (reason) => this.ended.push([this.clock.now(), reason]),
      onNote: (text) => this.notes.push(text),
    });
  }

  /** Moves on; `each` is called once a step. */
  async pass(ms: number, each: () => void = () => undefined, stepMs = 250): Promise<void> {
    for (let passed = 0; passed < ms && this.ended.length === 0; passed += stepMs) {
      this.clock.advance(stepMs);
      each();
      for (let turn = 0; turn < 20; turn++) await Promise.resolve(); // a look takes some
    }
  }
}

Deno.test("a silent agent has its first deadline, to the millisecond", async () => {
  const agent = new Watched();
  await agent.pass(300_000);
  assertEquals(agent.ended, [[60_000, "PROGRESSIVE_TIMEOUT"]]);
  assertEquals([agent.watch.extensions, agent.notes], [0, ["WARNING: no output for 45000 ms"]]);
});

Deno.test("one that prints gets more time near each deadline, up to the longest", async () => {
  const agent = new Watched();
  await agent.pass(300_000, () => agent.watch.output());
  assertEquals(agent.ended, [[240_000, "PROGRESSIVE_TIMEOUT"]]);
  assertEquals([agent.watch.extensions, agent.watch.timeoutMs], [3, 240_000]);
});

Deno.test("one burst is no progress, and a print in many pieces is one burst", async () => {
  const agent = new Watched();
  await agent.pass(40_000);
  for (let piece = 0; piece < 100; piece++) agent.watch.output();
  await agent.pass(300_000);
  assertEquals(agent.ended, [[60_000, "PROGRESSIVE_TIMEOUT"]]);
});

Deno.test("one that prints nothing but computes, or reads and writes, makes progress", async () => {
  const busy = [
    (work: TreeWork) => ({ ...work, cpuMs: work.cpuMs + 125 }),
    (work: TreeWork) => ({ ...work, movedBytes: work.movedBytes + 50_000 }),
  ];
  for (const step of busy) {
    const agent = new Watched({ maxTimeoutMs: 1_000_000, heartbeatTimeoutMs: 90_000 });
    await agent.pass(1_200_000, () => agent.work = step(agent.work!));
    assertEquals(agent.ended, [[1_000_000, "PROGRESSIVE_TIMEOUT"]]);
  }
});

Deno.test("one that idles in its timers does not", async () => {
  const agent = new Watched({ initialTimeoutMs: 500_000, maxTimeoutMs: 500_000 });
  await agent.pass(600_000, () => agent.work = { cpuMs: agent.work!.cpuMs + 0.5, movedBytes: agent.work!.movedBytes + 10 });
  assertEquals(agent.ended, [[90_000, "HEARTBEAT_TIMEOUT"]]);
});

Deno.test("silence ends an agent after its last sign of life, also where processes cannot be looked at", async () => {
  for (const work of [null, { cpuMs: 0, movedBytes: 0 }]) {
    const agent = new Watched({ initialTimeoutMs: 500_000, maxTimeoutMs: 500_000 });
    agent.work = work;
    await agent.pass(30_000, () => agent.watch.output());
    await agent.pass(600_000);
    assertEquals(agent.ended, [[120_000, "HEARTBEAT_TIMEOUT"]]);
    assertEquals(agent.watch.silenceWarnings, 1);
  }
});

Deno.test("each silence is warned of once", async () => {
  const agent = new Watched({ initialTimeoutMs: 900_000, maxTimeoutMs: 900_000 });
  for (let silence = 0; silence < 3; silence++) {
    agent.watch.output();
    await agent.pass(60_000);
  }
  assertEquals(agent.watch.silenceWarnings, 3);
});

Deno.test("after its end nothing is looked at, and no timer stands", async () => {
  const agent = new Watched();
  await agent.pass(10_000);
  agent.watch.stop();
  const { looks } = agent;
  await agent.pass(600_000);
  assertEquals([agent.ended, agent.looks, agent.clock.standing], [[], looks, 0]);
});

Deno.test("six hours of work: looked at every 15 s, one deadline, no drift, no timer too many", async () => {
  const hours = 6 * 3_600_000;
  const agent = new Watched({ initialTimeoutMs: hours, maxTimeoutMs: hours });
  await agent.pass(hours + 60_000, () => agent.watch.output(), 1_000);
  assertEquals(agent.ended, [[hours, "PROGRESSIVE_TIMEOUT"]]);
  assertEquals(Math.abs(agent.looks - hours / 15_000) <= 2, true, `${agent.looks} looks`);
  assertEquals([agent.clock.standingMax, agent.clock.standing], [2, 0]); // the watch's own, and that of a look
});

Deno.test("six hours, granted minute by minute to one that works in bursts, with a silence in each hour: the last deadline is on the ms", async () => {
  const [minute, hour] = [60_000, 3_600_000];
  const agent = new Watched({ maxTimeoutMs: 6 * hour });
  await agent.pass(7 * hour, () => {
    const silent = agent.clock.now() % hour < minute;
    if (!silent && agent.clock.now() % 7_000 === 0) agent.watch.output();
    if (silent) agent.work = { cpuMs: agent.work!.cpuMs + 500, movedBytes: 0 };
  }, 1_000);
  assertEquals(agent.ended, [[6 * hour, "PROGRESSIVE_TIMEOUT"]]);
  assertEquals([agent.watch.extensions, agent.watch.silenceWarnings], [6 * 60 - 1, 6]);
  assertEquals([agent.clock.standingMax, agent.clock.standing], [2, 0]);
});

Deno.test("whatever an agent does, it ends between its first and its longest deadline, or after a silence", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("print", "compute", "nothing"), { minLength: 1, maxLength: 60 }), async (acts) => {
      const agent = new Watched({ initialTimeoutMs: 20_000, maxTimeoutMs: 50_000, timeoutExtensionMs: 7_000, heartbeatTimeoutMs: 15_000 });
      let step = 0;
      await agent.pass(60_000, () => {
        const act = acts[Math.floor(step++ / 4) % acts.length];
        if (act === "print") agent.watch.output();
        if (act === "compute") agent.work = { ...agent.work!, cpuMs: agent.work!.cpuMs + 100 };
      });
      const [[atMs, reason]] = agent.ended;
      assertEquals([agent.ended.length, agent.clock.standing], [1, 0]);
      if (reason === "PROGRESSIVE_TIMEOUT") {
        assertEquals(atMs >= 20_000 && atMs <= 50_000 && atMs === agent.watch.timeoutMs, true, `${atMs}`);
      } else assertEquals(atMs >= 15_000, true, `${atMs}`);
    }),
    { numRuns: 50 },
  );
});
