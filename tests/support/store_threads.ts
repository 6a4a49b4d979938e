/** Threads that torture one store, and what must hold when they have ended: for memory_store_threads_test.ts and memory_store_torture.ts. */
import { assert, assertEquals } from "@std/assert";
import { Worker } from "node:worker_threads";
import { STORE_BUCKETS } from "../../core/memory/layout.ts";
import { StoreScratch } from "../../core/memory/store_scratch.ts";
import { type StoreArena, storeArena } from "./store_arena.ts";
import { sumOf, type TortureOrder, type TortureReport } from "./store_torture.ts";

/** Most of the keys share a bucket, so that readers walk chains that writers are changing. */
const [ROOT, ...CHAINED] = sameBucket(17);
/** Set before any thread starts and never deleted. */
export const PINNED = CHAINED.slice(0, 4);
/** Set and deleted at random. */
export const KEYS = [ROOT, ...CHAINED.slice(4), ..."abcdefgh"];
/** Longest block of a torture value. */
export const BLOCK_BYTES_MAX = 4_224;

/** A started thread: resolves `running` after its first operations and `report` at its end; an ended one never reports. */
export interface Thread {
  running: Promise<void>;
  report: Promise<TortureReport>;
  end(): Promise<void>;
}

/** What differs from thread to thread. */
export type ThreadOptions = Pick<TortureOrder, "operations" | "yields" | "diesAfter" | "seed"> & Partial<TortureOrder>;

/** Starts a thread on a store. */
export function start(arena: StoreArena, host: number, options: ThreadOptions): Thread {
  arena.setState(host, 2);
  const shared = { memory: arena.memory.memory, layout: arena.layout, keys: KEYS, pinned: PINNED };
  const workerData: TortureOrder = { ...shared, host, ...options, seed: options.seed + host };
  const worker = new Worker(new URL("./store_torture_worker.ts", import.meta.url), { workerData });
  const running = Promise.withResolvers<void>();
  const report = Promise.withResolvers<TortureReport>();
  worker.on("message", (message: "running" | TortureReport) => message === "running" ? running.resolve() : report.resolve(message));
  worker.on("error", (error) => {
    running.reject(error);
    report.reject(error);
  });
  return { running: running.promise, report: report.promise, end: async () => void await worker.terminate() };
}

/** Waits for a thread's end; it must have found nothing wrong. */
export async function finish(thread: Thread): Promise<TortureReport> {
  const report = await thread.report;
  await thread.end();
  assertEquals([report.error, report.torn, report.stale, report.missed], [undefined, [], [], []]);
  return report;
}

/** A store with its pinned keys. */
export function seeded(storeBytes: number, hosts: number): StoreArena {
  const arena = storeArena(storeBytes, hosts);
  const values = PINNED.map((key) => ({ key, host: 0, sequence: 0, pad: "" }));
  arena.open(0).setBatch("torture", values.map((value) => ({ key: value.key, value: { ...value, sum: sumOf(value) } })));
  return arena;
}

/** All counters agree with a walk, every checksum is right, and every byte comes back when everything is deleted. */
export function assertAccounted(arena: StoreArena, bytesLostMax: number): void {
  const store = arena.open(0);
  const found = store.audit();
  assertEquals([found.entries, found.bytesUsed], [store.stats().entries, store.stats().bytesUsed]);
  assertEquals(store.verify(), { checked: found.entries, damaged: 0, corrupt: [] });
  assert(found.bytesLost >= 0 && found.bytesLost <= bytesLostMax, `${found.bytesLost} bytes lost`);
  for (const { namespace } of store.stats().namespaces) store.clear(namespace);
  assertEquals([store.stats().entries, store.stats().bytesUsed], [0, 0]);
  store.clear();
  assertEquals(store.audit().bytesLost, 0);
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
