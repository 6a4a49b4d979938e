/**
 * The store under real threads: they set, get, delete and count up, some are ended or die in the middle of a change, the store evicts, and a watch follows
 * it all. Each function resolves with what was done, and rejects with the first thing found wrong.
 *
 * ```
 * deno run --allow-read tests/memory/memory_store_torture.ts --operations 10000000 --seed 7
 * ```
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
import { type StoreArena, storeArena } from "../support/store_arena.ts";
import { assertAccounted, BLOCK_BYTES_MAX, finish, seeded, start } from "../support/store_threads.ts";

/** Three threads write the same few keys and count up one counter: nothing torn, nothing stale, no increment lost. */
export async function tortureKeys(operationsEach: number, seed: number): Promise<string> {
  const arena = seeded(1 << 20, 4);
  const threads = [1, 2, 3].map((host) => start(arena, host, { operations: operationsEach, seed, counter: "of all" }));
  const reports = await Promise.all(threads.map(finish));
  assertEquals(reports.map(({ operations, refused }) => [operations, refused]), reports.map(() => [operationsEach, 0]));
  const increments = reports.reduce((sum, report) => sum + report.increments, 0);
  assertEquals(arena.open(0).get("counters", "of all"), increments);
  assertAccounted(arena, 0);
  return `${3 * operationsEach} operations, ${increments} increments`;
}

/** The same keys in a store that holds a fraction of them: it evicts all the time, and refuses nothing that could fit. */
export async function tortureEviction(operationsEach: number, seed: number): Promise<string> {
  const arena = storeArena(128 << 10, 4);
  const keys = Array.from({ length: 1_000 }, (_, i) => `key ${i}`);
  const order = { operations: operationsEach, seed, keys, pinned: [] };
  const reports = await Promise.all([1, 2].map((host) => finish(start(arena, host, order))));
  const { evictions, setsFailed } = arena.open(0).stats();
  assertEquals([setsFailed, reports.map(({ refused }) => refused)], [0, [0, 0]]);
  assert(evictions > operationsEach / 100, `${evictions} evictions`);
  assertAccounted(arena, 0);
  return `${2 * operationsEach} operations, ${evictions} evictions`;
}

/** Two threads work on while others, ten at the most, die at random steps in the middle of a change. */
export async function tortureDeaths(operationsEach: number, deaths: number, seed: number): Promise<string> {
  const arena = seeded(1 << 20, 3 + deaths);
  const order = { operations: operationsEach, seed, counter: "of all" };
  const steady = [1, 2].map((host) => start(arena, host, order));
  const reports = [];
  for (let host = 3; host < 3 + deaths; host++) {
    reports.push(await finish(start(arena, host, { ...order, operations: Infinity, diesAfter: 500 })));
    arena.setState(host, 4);
  }
  reports.push(...await Promise.all(steady.map(finish)));
  const increments = reports.reduce((sum, report) => sum + report.increments, 0);
  assertEquals(arena.open(0).get("counters", "of all"), increments, "the dying die in a set or a delete");
  assertAccounted(arena, deaths * BLOCK_BYTES_MAX);
  return `${reports.reduce((sum, { operations }) => sum + operations, 0)} operations, ${deaths} deaths`;
}

/** A watch follows two writing threads, one of which may die: what it tells adds up to what the store holds. */
export async function tortureWatch(operationsEach: number, seed: number, diesAfter?: number): Promise<string> {
  const arena = seeded(4 << 20, 4);
  const store = arena.open(0);
  const mirror = new Map<string, unknown>();
  const ended = Promise.withResolvers<void>();
  const following = follow(store, mirror, () => ended.resolve());
  const threads = [1, 2].map((host) =>
    start(arena, host, { operations: operationsEach, seed, diesAfter: host === 1 ? diesAfter : undefined })
  );
  const first = finish(threads[0]).then(() => diesAfter === undefined || arena.setState(1, 4));
  await Promise.all([first, finish(threads[1])]);
  // A thread holds the event loop open until the watch has seen the last change: a watch does not.
  const holder = start(arena, 3, { operations: 0, seed, yields: true });
  store.set("torture", "end", seed);
  await ended.promise;
  await finish(holder);
  const counts = await following;
  const held = (store: MemoryStore) => store.scan("torture", { limit: 1_000 }).entries.map(({ key, value }) => [key, value] as const);
  const sorted = (entries: Iterable<readonly [string, unknown]>) => [...entries].sort(([a], [b]) => a < b ? -1 : 1);
  assertEquals(sorted(mirror), sorted(held(store)));
  assertAccounted(arena, BLOCK_BYTES_MAX);
  return `${counts.changes} changes told, ${counts.skipped} skipped, ${counts.gaps} gaps`;
}

async function follow(store: MemoryStore, mirror: Map<string, unknown>, onEnd: () => void) {
  const counts = { changes: 0, skipped: 0, gaps: 0 };
  const refill = () => {
    mirror.clear();
    for (const { key, value } of store.scan("torture", { limit: 1_000 }).entries) mirror.set(key, value);
  };
  const watch = store.watch("torture");
  refill();
  for await (const change of watch) {
    counts.changes++;
    counts.skipped += change.skipped;
    if (change.kind === "gap") counts.gaps++;
    if (change.kind === "set") mirror.set(change.key, change.value);
    else if (change.kind === "delete" || change.kind === "evict") mirror.delete(change.key);
    else refill();
    if (mirror.has("end")) break;
  }
  onEnd();
  return counts;
}

/** One thread polls by get for what another sets: the cached value must not be served for ever. */
export async function torturePolling(rounds: number, seed: number): Promise<string> {
  const arena: StoreArena = storeArena(1 << 20, 4);
  const polls = [1, 2].map((host) => start(arena, host, { operations: rounds, seed, keys: [], pinned: [], pollsWith: 3 - host }));
  await Promise.all(polls.map(finish));
  return `${rounds} rounds of two threads that wait for each other's value`;
}

function option(name: string, fallback: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(Deno.args[at + 1]);
}

if (import.meta.main) {
  const [operations, seed] = [option("operations", 10_000_000), option("seed", 1)];
  const startedMs = performance.now();
  const said = (text: string): void => console.log(`${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${text}`);
  said(await tortureKeys(Math.ceil(operations / 3), seed));
  said(await tortureEviction(Math.ceil(operations / 2), seed));
  for (let round = 0; round < 10; round++) said(await tortureDeaths(Math.ceil(operations / 20), 10, seed + 100 * round));
  said(await tortureWatch(Math.ceil(operations / 20), seed));
  for (let round = 0; round < 10; round++) said(await tortureWatch(Math.ceil(operations / 200), seed + 100 * round, 5_000));
  said(await torturePolling(Math.ceil(operations / 100), seed));
}
