/**
 * What keeping state on disk costs: a flush of 1 % of 128 MiB (time of the main thread, longest turn, disk), recovery of 128 MiB, get and set with and
 * without persistence, and messages between threads while flushes run and while they do not. The last two in turns, so that a machine that grows slower
 * meanwhile is no finding. Beside it a plain write and fdatasync of as many bytes: what the disk takes by itself. On Linux, with `-A`, time on a
 * processor is given too, which leaves out while other programs had it.
 *
 * ```sh
 * deno run --allow-read --allow-write bench/persistence.ts                    # 15 pairs in a temporary folder
 * deno run --allow-read --allow-write bench/persistence.ts --pairs 31 --folder state/ --only flush,recovery
 * deno run --allow-read --allow-write --allow-ffi bench/persistence.ts --native   # with the library of deno task build:native
 * ```
 */
import { setImmediate } from "node:timers";
import { parseArgs } from "node:util";
import { SystemClock } from "../core/base/clock.ts";
import workerText from "../core/agent_worker.bundle.js" with { type: "text" };
import { startCollector } from "../core/collector_thread.ts";
import { plainCodec } from "../core/bus/codec.ts";
import { CollectedPart } from "../core/memory/collected_part.ts";
import { type Kernels, portableKernels } from "../core/memory/kernels.ts";
import { openLibrary } from "../core/memory/kernels_native.ts";
import { type Layout, planLayout } from "../core/memory/layout.ts";
import { libraryName } from "../core/memory/library_place.ts";
import { MemoryStore } from "../core/memory/memory_store.ts";
import { choosingKernels } from "../core/memory/native_kernels.ts";
import { type PersistenceDisk, systemDisk } from "../core/memory/persistence_file.ts";
import { PortablePersistence } from "../core/memory/portable_persistence.ts";
import { allocateMemory, type SharedMemory } from "../core/memory/shared_memory.ts";
import { StorePart } from "../core/memory/store_part.ts";
import { UltraFastAgentManager } from "../mod.ts";
import { Undisturbed } from "./undisturbed.ts";

const PARTS = ["flush", "recovery", "operations", "messages"] as const;
const { values: given } = parseArgs({
  args: Deno.args,
  options: {
    pairs: { type: "string", default: "15" },
    folder: { type: "string" },
    only: { type: "string", default: PARTS.join(",") },
    native: { type: "boolean", default: false },
  },
});
const pairs = Number(given.pairs);
const folder = given.folder ?? await Deno.makeTempDir();
const library = decodeURIComponent(new URL(`../native/build/${libraryName()}`, import.meta.url).pathname);
const native = given.native ? { library } : false;
const kernels: Kernels = native ? choosingKernels(openLibrary(library), new SystemClock(0)).kernels : portableKernels;
const MIB = 2 ** 20;
/** 128 MiB of blocks of 256 bytes, in a store that does not evict them. */
const [STORE_BYTES, ENTRIES] = [256 * MIB, 128 * MIB / 256];
const VALUE = "v".repeat(200);

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const ms = (value: number): string => Number.isNaN(value) ? "not measured" : `${value.toFixed(2)} ms`;

/** Time on a processor so far: of this thread, and of all the others. The system counts it when a thread has paused. NaN where it does not say, or may not be asked. */
function processorMs(): { main: number; others: number } {
  const read = (path: string): number => Number(Deno.readTextFileSync(`${path}/schedstat`).split(" ")[0]) / 1e6;
  try {
    const main = read("/proc/thread-self");
    return {
      main,
      others: [...Deno.readDirSync("/proc/self/task")].reduce((sum, { name }) => sum + read(`/proc/self/task/${name}`), -main),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.NotFound) return { main: NaN, others: NaN };
    throw error;
  }
}

const pause = (forMs: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, forMs));

/** Counts the time in which the main thread waits, and the longest in which it does not. */
class Watch {
  waitedMs = 0;
  syncMs = 0;
  turnMsMax = 0;
  #at = 0;

  begin(): void {
    this.waitedMs = this.syncMs = this.turnMsMax = 0;
    this.#at = performance.now();
  }

  end(): void {
    this.turnMsMax = Math.max(this.turnMsMax, performance.now() - this.#at);
  }

  async wait<T>(promise: Promise<T>, isSync = false): Promise<T> {
    this.end();
    const from = performance.now();
    try {
      return await promise;
    } finally {
      this.#at = performance.now();
      this.waitedMs += this.#at - from;
      if (isSync) this.syncMs += this.#at - from;
    }
  }
}

const watch = new Watch();
const disk: PersistenceDisk = {
  ...systemDisk,
  async open(path, empty) {
    const file = await systemDisk.open(path, empty);
    return {
      ...{ size: () => file.size(), truncate: (bytes: number) => file.truncate(bytes), tryLock: () => file.tryLock() },
      ...{
        isAt: (name: string) => file.isAt(name),
        close: () => file.close(),
        read: (at: number, into: Uint8Array) => file.read(at, into),
      },
      write: (at: number, bytes: Uint8Array) => watch.wait(file.write(at, bytes)),
      sync: () => watch.wait(file.sync(), true),
    };
  },
};

/** `far`: another thread collects what a flush writes, as in a manager that has threads. */
async function openStore(path: string, far = false): Promise<{ store: MemoryStore; persistence: PortablePersistence }> {
  const layout = planLayout({ hosts: 2, agentSlots: 16, sharedBufferBytes: 32 * MIB, storeBytes: STORE_BYTES });
  const memory = allocateMemory(layout.totalBytes);
  const persistence = await PortablePersistence.open({
    ...{ path, intervalMs: 1_000, disk, kernels, clock: new SystemClock(0) },
    parts: [far ? farPart(memory, layout) : new StorePart(memory, layout, 0)],
    turn: () => watch.wait(new Promise<void>((resolve) => void setImmediate(resolve))),
    emit: (event, data) => console.log(event, data),
  });
  return { store: new MemoryStore(memory, layout, 0, plainCodec), persistence };
}

function farPart(memory: SharedMemory, layout: Layout): CollectedPart {
  const plan = { workerText, memory, layout, library: native ? library : null };
  return new CollectedPart(new StorePart(memory, layout, 0), new SystemClock(0), (events) => startCollector(plan, events));
}

async function benchFlush(path: string): Promise<void> {
  for (const far of [true, false]) {
    console.log(far ? "a manager with threads: another thread collects" : "a manager without threads: the main thread does all");
    await benchFlushes(far ? `${path}.far` : path, far);
  }
}

async function benchFlushes(path: string, far: boolean): Promise<void> {
  const { store, persistence } = await openStore(path, far);
  for (let i = 0; i < ENTRIES; i++) store.set("bench", `key:${i}`, VALUE);
  console.log(`store: ${(store.stats().bytesUsed / MIB).toFixed(0)} MiB in ${store.stats().entries} entries`);
  const whole = performance.now();
  await persistence.flush();
  console.log(`flush of everything: ${ms(performance.now() - whole)}`);
  const found: Record<string, number[]> = { main: [], processor: [], others: [], turn: [], sync: [], wall: [], raw: [] };
  for (let round = 0; round < 2 * pairs; round++) {
    for (let i = 0; i < ENTRIES / 100; i++) store.set("bench", `key:${Math.imul(i + round * 5_003, 40_503) >>> 0 & (ENTRIES - 1)}`, VALUE);
    const before = persistence.status.bytes;
    await pause(5); // what came before is counted then
    const processor = processorMs();
    const from = performance.now();
    watch.begin();
    await persistence.flush();
    watch.end();
    const { main, others } = processorMs();
    found.processor.push(main - processor.main);
    found.others.push(others - processor.others);
    const wall = performance.now() - from;
    found.main.push(wall - watch.waitedMs);
    found.turn.push(watch.turnMsMax);
    found.sync.push(watch.syncMs);
    found.wall.push(wall);
    const bytes = persistence.status.bytes - before;
    found.raw.push(await rawWrite(bytes));
    if (round === 0) console.log(`1 % changed: ${(bytes / MIB).toFixed(2)} MiB a flush`);
  }
  const say = (name: string): string => `${ms(median(found[name]))} (worst ${ms(Math.max(...found[name]))})`;
  console.log(`flush of 1 %: main thread ${say("processor")} of a processor, other threads ${say("others")}`);
  if (!far) console.log(`  main thread ${say("main")} without what it waits, longest turn ${say("turn")}`);
  console.log(`  fdatasync ${say("sync")}, wall ${say("wall")}`);
  console.log(`write and fdatasync of as many bytes by themselves: ${say("raw")}`);
  await persistence.close();
}

async function rawWrite(bytes: number): Promise<number> {
  using file = await Deno.open(`${folder}/raw`, { write: true, create: true, append: true });
  const data = new Uint8Array(bytes).fill(7);
  const from = performance.now();
  await file.write(data);
  await file.syncData();
  return performance.now() - from;
}

async function benchRecovery(path: string): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const processor = processorMs().main;
    const from = performance.now();
    const { store, persistence } = await openStore(path);
    const took = performance.now() - from;
    console.log(
      `recovery: ${ms(took)} (${
        ms(processorMs().main - processor)
      } of this thread on a processor) for ${store.stats().entries} entries out of a log of ${
        (persistence.status.bytes / MIB).toFixed(0)
      } MiB ` +
        `(lost ${persistence.recovery.lost.records}, damaged ${round === 0 ? store.verify().damaged : "not looked at again"})`,
    );
    await persistence.abandon();
  }
  const log = await Deno.readFile(path);
  const from = performance.now();
  kernels.crc32c(log);
  console.log(`checksum of as many bytes by itself, ${kernels.name}: ${ms(performance.now() - from)}`);
}

/** Median time of one operation, in ns. */
function perOperation(store: MemoryStore, write: boolean): number {
  const times: number[] = [];
  for (let block = 0; block < 40; block++) {
    const from = performance.now();
    for (let i = 0; i < 5_000; i++) {
      if (write) store.set("bench", `key:${i & 1_023}`, i);
      else store.get("bench", `key:${i & 1_023}`);
    }
    times.push((performance.now() - from) * 1e6 / 5_000);
  }
  return median(times);
}

async function benchOperations(path: string): Promise<void> {
  const options = { threads: 0, enablePerformanceMonitoring: false, native };
  await using plain = new UltraFastAgentManager(options);
  await using kept = new UltraFastAgentManager({ ...options, persistence: { path } });
  await Promise.all([plain.initialize(), kept.initialize()]);
  const ratios = { set: [] as number[], get: [] as number[] };
  const figures: number[][] = [];
  for (let pair = 0; pair <= pairs; pair++) {
    const order = pair % 2 === 0 ? [plain, kept] : [kept, plain];
    const set = new Map(order.map((manager) => [manager, perOperation(manager.memoryStore, true)]));
    const get = new Map(order.map((manager) => [manager, perOperation(manager.memoryStore, false)]));
    await pause(50); // its flushes come in between, as in a program
    if (pair === 0) continue; // warm-up
    ratios.set.push(set.get(kept)! / set.get(plain)!);
    ratios.get.push(get.get(kept)! / get.get(plain)!);
    figures.push([set.get(plain)!, set.get(kept)!, get.get(plain)!, get.get(kept)!]);
  }
  const [setPlain, setKept, getPlain, getKept] = [0, 1, 2, 3].map((at) => median(figures.map((row) => row[at])).toFixed(0));
  console.log(`set: ${setPlain} ns without, ${setKept} ns with persistence: ×${median(ratios.set).toFixed(3)} (median of ${pairs} pairs)`);
  console.log(`get: ${getPlain} ns without, ${getKept} ns with persistence: ×${median(ratios.get).toFixed(3)}`);
}

const PINGER = `data:text/javascript,${
  encodeURIComponent(
    `const late = [];
     export default Object.defineProperty({
       async onMessage({ payload }, ctx) {
         if (payload.to !== undefined) {
           const until = ctx.clock.now() + payload.ms;
           while (ctx.clock.now() < until) {
             for (let n = 0; n < 10; n++) ctx.send(payload.to, { at: ctx.clock.now() });
             await new Promise((resolve) => setTimeout(resolve, 1));
           }
           return ctx.reply(0);
         }
         if (payload.at !== undefined) return void late.push(ctx.clock.now() - payload.at);
         ctx.reply(late.splice(0).sort((a, b) => a - b));
       }
     }, Symbol.for("@stage3/kernel.behavior"), { value: true });`,
  )
}`;

async function benchMessages(path: string): Promise<void> {
  await using manager = new UltraFastAgentManager({
    ...{ threads: 2, memoryStoreSize: STORE_BYTES, enablePerformanceMonitoring: false, behaviors: { pinger: PINGER } },
    native,
    persistence: { path, intervalMs: 3_600_000 },
  });
  await manager.initialize();
  const { memoryStore } = manager;
  for (let i = 0; i < ENTRIES; i++) memoryStore.set("bench", `key:${i}`, VALUE);
  await memoryStore.flush();
  const [from, to] = [await manager.spawnAgent("pinger", { host: 1 }), await manager.spawnAgent("pinger", { host: 2 })];
  /** p99 of one window: 1 % is set anew four times in both kinds, and flushed in one of them. */
  const run = async (flushes: boolean): Promise<{ p50: number; p99: number; count: number }> => {
    const pinging = manager.ask(from, { to, ms: 800 });
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < ENTRIES / 100; i++) {
        memoryStore.set("bench", `key:${Math.imul(i + round * 5_003, 40_503) >>> 0 & (ENTRIES - 1)}`, VALUE);
      }
      if (flushes) await memoryStore.flush();
      await pause(150);
    }
    await pinging;
    const late = await manager.ask<number[]>(to, {});
    await memoryStore.flush();
    return { p50: late[late.length >> 1], p99: late[Math.floor(late.length * 0.99)], count: late.length };
  };
  const found: { without: number; with: number }[] = [];
  let count = 0;
  const undisturbed = new Undisturbed();
  const inTurn = async (order: readonly boolean[]): Promise<{ without: number; with: number }> => {
    const seen = new Map<boolean, number>();
    for (const flushes of order) {
      const window = await run(flushes);
      seen.set(flushes, window.p99);
      count += window.count;
    }
    return { without: seen.get(false)!, with: seen.get(true)! };
  };
  await inTurn([false, true]); // warm-up
  for (let pair = 0; pair < pairs; pair++) {
    found.push(await undisturbed.figure(() => inTurn(pair % 2 === 0 ? [false, true] : [true, false])));
  }
  const ratios = found.map((pair) => pair.with / pair.without).sort((a, b) => a - b);
  // Of the median, whatever the distribution: the number of pairs below it is binomial.
  const [low, high] = [-1, 1].map((side) => {
    const rank = (ratios.length - 1) / 2 + side * 0.98 * Math.sqrt(ratios.length);
    return ratios[Math.max(0, Math.min(ratios.length - 1, side < 0 ? Math.floor(rank) : Math.ceil(rank)))].toFixed(2);
  });
  const [without, withFlushes] = [median(found.map((pair) => pair.without)), median(found.map((pair) => pair.with))];
  console.log(
    `messages, p99 of one way: ${ms(without)} without flushes, ${ms(withFlushes)} while 1 % of 128 MiB is flushed 5 times a second: ` +
      `×${median(ratios).toFixed(2)} (with 95 % certainty ×${low} to ×${high}; ${pairs} pairs, ${count} messages)`,
  );
  console.log(`  ${undisturbed}`);
}

const only = given.only.split(",");
const benches = { flush: benchFlush, recovery: benchRecovery, operations: benchOperations, messages: benchMessages };
console.log(`${kernels.name} loops, ${pairs} pairs`);
try {
  // A recovery reads what the flushes left.
  for (const part of PARTS) if (only.includes(part)) await benches[part](`${folder}/${part === "recovery" ? "flush" : part}`);
} finally {
  if (given.folder === undefined) await Deno.remove(folder, { recursive: true });
}
