/**
 * What the executor costs a task, beside bare promises: 20,000 of them in each run of `deno bench`; `deno run bench/executor_bench.ts` prints medians of interleaved rounds, of the wall time and
 * of the processor time that this process took. Compare the ratios of one run, not figures of two.
 */
import process from "node:process";
import { SystemClock } from "../core/base/clock.ts";
import type { ModelConnection, ProviderReply } from "../core/models/model_provider.ts";
import { ModelDesk } from "../core/models/model_desk.ts";
import { Resilience } from "../core/tasks/resilience.ts";
import { Random } from "../core/base/random.ts";
import { TaskExecutor } from "../core/tasks/executor.ts";

const ROUNDS = 15;
const TASKS = 20_000;
const BATCH = 1_000;
const clock = new SystemClock(0);
const executor = new TaskExecutor({ clock, concurrency: 20, waitingMax: TASKS, run: () => Promise.resolve("done") });
const cached = new TaskExecutor({ clock, concurrency: 20, run: () => Promise.resolve("done") });
const retrying = new Resilience({ clock, random: new Random(1), retriesMax: 4, runningMax: 10, waitingMax: 10_000 });
const reply: ProviderReply = { text: "done", toolCalls: [], stopReason: "end", model: "none", usage: { inputTokens: 1, outputTokens: 1 } };
const connection: ModelConnection = { send: () => Promise.resolve(reply), isUsable: () => true, close: () => undefined };
const nothing = {
  ...{ name: "none", defaultModel: "none", isLocal: true, reportsUsage: true, startsProcess: false, priceList: "free" as const },
  ...{ check: () => undefined, open: () => Promise.resolve(connection) },
};
const desk = new ModelDesk({
  ...{ clock, retrying, providers: [nothing], routes: [], models: {}, prices: {} },
  pool: { min: 2, max: 10, acquireTimeoutMs: 30_000, idleTimeoutMs: 30_000, evictionIntervalMs: 10_000 },
  agents: { find: () => undefined, about: () => undefined, isAlive: () => false },
});
const asking = new TaskExecutor({
  ...{ clock, concurrency: 20, waitingMax: TASKS },
  run: (agentId, { objective }, { signal }) => desk.ask({ agentId, request: { prompt: objective }, signal, isTimed: true }),
});
async function inBatches(by: TaskExecutor): Promise<void> {
  for (let at = 0; at < TASKS; at += BATCH) await by.executeBatch(Array.from({ length: BATCH }, (_, index) => task(at + index)), 1);
}

const task = (at: number) => ({ id: `task ${at}`, objective: "Say hello." });
const again = { id: "again", objective: "Say hello.", input: { name: "world", times: 3 }, cache: true };
await cached.executeTask(again, 1);

const WORK: Record<string, () => Promise<void>> = {
  "bare promise, awaited one by one": async () => {
    const run = (): Promise<string> => Promise.resolve("done");
    for (let at = 0; at < TASKS; at++) await run();
  },
  "executeTask, awaited one by one": async () => {
    for (let at = 0; at < TASKS; at++) await executor.executeTask(task(at), 1);
  },
  "executeBatch of 1,000, 20 at a time": async () => await inBatches(executor), // async: deno bench awaits no other function
  "executeTask, a kept result": async () => {
    for (let at = 0; at < TASKS; at++) await cached.executeTask(again, 1);
  },
  "the same through desk, retries, pool and an idle provider": async () => await inBatches(asking), // async: deno bench awaits no other function
};

for (const [name, fn] of Object.entries(WORK)) {
  Deno.bench({ name: `${TASKS} × ${name}`, group: "tasks", baseline: name.startsWith("bare"), n: 5, warmup: 1, fn });
}

if (import.meta.main) await printMedians();

/** Interleaved, so that what else the machine does falls on all alike. */
async function printMedians(): Promise<void> {
  const times: Record<string, { wall: number[]; cpu: number[] }> = Object.fromEntries(
    Object.keys(WORK).map((name) => [name, { wall: [], cpu: [] }]),
  );
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, work] of Object.entries(WORK)) {
      const startedAt = performance.now();
      const used = process.cpuUsage();
      await work();
      if (round === 0) continue; // it warms up
      const { user, system } = process.cpuUsage(used);
      times[name].wall.push((performance.now() - startedAt) * 1_000 / TASKS);
      times[name].cpu.push((user + system) / TASKS);
    }
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];
  const bare = median(times["bare promise, awaited one by one"].cpu);
  console.log(`${"".padEnd(64)}  wall µs   cpu µs   × bare`);
  for (const [name, { wall, cpu }] of Object.entries(times)) {
    const [wallUs, cpuUs] = [median(wall), median(cpu)];
    console.log(
      `${name.padEnd(64)} ${wallUs.toFixed(2).padStart(8)} ${cpuUs.toFixed(2).padStart(8)} ${(cpuUs / bare).toFixed(0).padStart(8)}`,
    );
  }
  for (const one of [executor, cached, asking]) one.close();
  desk.close();
}
