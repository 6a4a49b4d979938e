import { assert, assertEquals } from "@std/assert";
import { Worker } from "node:worker_threads";
import { STORE_BUCKETS } from "../../core/memory/layout.ts";
import { StoreScratch } from "../../core/memory/store_scratch.ts";
import { type StoreArena, storeArena } from "../support/store_arena.ts";
import { testWith } from "../support/permissions.ts";
import { sumOf, type TortureOrder, type TortureReport } from "../support/store_torture.ts";

/** Most of the keys share a bucket, so that readers walk chains that writers are changing. */
const [ROOT, ...CHAINED] = sameBucket(17);
const PINNED = CHAINED.slice(0, 4);
const KEYS = [ROOT, ...CHAINED.slice(4), ..."abcdefgh"];
const SEED = 20_240_607;

/** A started thread: resolves `running` after its first operations and `report` at its end; an ended one never reports. */
interface Thread {
  running: Promise<void>;
  report: Promise<TortureReport>;
  end(): Promise<void>;
}

function start(arena: StoreArena, host: number, order: Pick<TortureOrder, "operations" | "yields" | "diesAfter">): Thread {
  arena.setState(host, 2);
  const shared = { memory: arena.memory.memory, layout: arena.layout, keys: KEYS, pinned: PINNED };
  const workerData: TortureOrder = { ...shared, host, seed: SEED + host, ...order };
  const worker = new Worker(new URL("../support/store_torture_worker.ts", import.meta.url), { workerData });
  const running = Promise.withResolvers<void>();
  const report = Promise.withResolvers<TortureReport>();
  worker.on("message", (message: "running" | TortureReport) => message === "running" ? running.resolve() : report.resolve(message));
  worker.on("error", (error) => {
    running.reject(error);
    report.reject(error);
  });
  return { running: running.promise, report: report.promise, end: async () => void await worker.terminate() };
}

async function finish(thread: Thread): Promise<TortureReport> {
  const report = await thread.report;
  await thread.end();
  assertEquals([report.error, report.torn, report.stale, report.missed], [undefined, [], [], []], `seed ${SEED}`);
  return report;
}

/** Keys whose entries stand in one chain of the first namespace. */
function sameBucket(count: number): string[] {
  const scratch = new StoreScratch();
  const bucketOf = (key: string) => {
    const image = scratch.writeKey(0, key);
    scratch.claim(image, 0);
    return image.hash & (STORE_BUCKETS - 1);
  };
  const keys = ["root"];
  for (let i = 0; keys.length < count; i++) if (bucketOf(`key ${i}`) === bucketOf("root")) keys.push(`key ${i}`);
  return keys;
}

/** A store with its pinned keys. */
function seeded(storeBytes: number, hosts: number): StoreArena {
  const arena = storeArena(storeBytes, hosts);
  const values = PINNED.map((key) => ({ key, host: 0, sequence: 0, pad: "" }));
  arena.open(0).setBatch("torture", values.map((value) => ({ key: value.key, value: { ...value, sum: sumOf(value) } })));
  return arena;
}

/** All counters agree with a walk, and every byte comes back when everything is deleted. */
function assertAccounted(arena: StoreArena, bytesLostMax: number): void {
  const store = arena.open(0);
  const found = store.audit();
  assertEquals([found.entries, found.bytesUsed], [store.stats().entries, store.stats().bytesUsed]);
  assert(found.bytesLost >= 0 && found.bytesLost <= bytesLostMax, `${found.bytesLost} bytes lost`);
  for (const key of [...KEYS, ...PINNED]) store.delete("torture", key);
  assertEquals([store.stats().entries, store.stats().bytesUsed], [0, 0]);
  store.clear();
  assertEquals(store.audit().bytesLost, 0);
}

testWith({ read: true }, "three threads write the same few keys: nothing torn, nothing stale, everything accounted for", async () => {
  const arena = seeded(1 << 20, 4);
  const threads = [1, 2, 3].map((host) => start(arena, host, { operations: 100_000 }));
  const reports = await Promise.all(threads.map(finish));
  assertEquals(reports.map(({ operations, refused }) => [operations, refused]), [[100_000, 0], [100_000, 0], [100_000, 0]]);
  assertAccounted(arena, 0);
});

testWith({ read: true }, "in a store that is nearly always full sets are refused and nothing breaks", async () => {
  const arena = seeded(8 << 10, 4);
  const reports = await Promise.all([1, 2].map((host) => finish(start(arena, host, { operations: 60_000 }))));
  assert(reports.every(({ refused }) => refused > 0));
  assertAccounted(arena, 0);
});

testWith({ read: true }, "threads are terminated while they write and the others go on", async () => {
  const arena = seeded(1 << 20, 12);
  const steady = [1, 2].map((host) => start(arena, host, { operations: 100_000 }));
  for (let host = 3; host < 11; host++) {
    const victim = start(arena, host, { operations: Infinity, yields: true });
    await victim.running;
    await victim.end();
    arena.setState(host, 4);
  }
  await Promise.all(steady.map(finish));
  assertAccounted(arena, 8 * 4_160);
});

testWith({ read: true }, "threads die at random steps in the middle of a change and the others go on", async () => {
  const arena = seeded(1 << 20, 14);
  const steady = [1, 2].map((host) => start(arena, host, { operations: 100_000 }));
  for (let host = 3; host < 13; host++) {
    const victim = start(arena, host, { operations: Infinity, diesAfter: 500 });
    await finish(victim);
    arena.setState(host, 4);
  }
  await Promise.all(steady.map(finish));
  assertAccounted(arena, 10 * 4_160);
});
