import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { InvalidArgumentError, isKernelError, PayloadNotCloneableError } from "../../core/base/errors.ts";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
import type { ScannedEntry } from "../../core/memory/store_walk.ts";
import { assertExact, storeArena } from "../support/store_arena.ts";

/** All pages of a scan. */
function scanAll(store: MemoryStore, namespace: string, options: { prefix?: string; limit?: number } = {}): ScannedEntry[] {
  const found: ScannedEntry[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = store.scan(namespace, { ...options, after });
    assert(page.entries.length <= (options.limit ?? 256));
    found.push(...page.entries);
    after = page.next;
  }
  return found;
}

Deno.test("every change has a version of its own, seen by all handles, never twice for a key", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  assertEquals(one.getEntry("n", "k"), undefined);
  const seen = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const store = i % 2 ? one : two;
    store.set("n", "k", { i });
    const entry = one.getEntry("n", "k");
    assertEquals(two.getEntry("n", "k"), entry);
    assertEquals(entry?.value, { i });
    assert(!seen.has(entry!.version) && entry!.version > Math.max(0, ...seen));
    seen.add(entry!.version);
    assertEquals(one.getEntry("n", "k"), entry, "from the cache");
    // Another key takes over the freed entry in between.
    if (i % 3 === 0) {
      one.delete("n", "k");
      two.set("n", `other ${i % 5}`, i);
    }
    if (i % 50 === 0) one.clear();
  }
});

Deno.test("versions go on beyond 2^32", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  one.set("n", "k", "before");
  arena.setSequence(2 ** 32 - 2);
  const versions = [];
  for (let i = 0; i < 4; i++) {
    one.set("n", "k", i);
    const entry = two.getEntry("n", "k");
    versions.push(entry?.version);
    assertEquals([entry?.value, one.getEntry("n", "k")], [i, entry]);
    assertEquals(two.getEntry("n", "k"), entry);
    assertEquals(two.compareAndSet("n", "k", entry!.version % 2 ** 32 + 2 ** 33, "wrong"), false, "the high bits count");
  }
  assertEquals(versions, [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 32 + 2]);
  assertEquals(two.compareAndSet("n", "k", 2 ** 32 + 2, "right"), true);
});

Deno.test("compareAndSet sets only over the version that was read", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  assertEquals(one.compareAndSet("n", "k", 7, "x"), false);
  assertEquals(one.stats().namespaces, [], "a refused one leaves no namespace behind");
  assertEquals(one.compareAndSet("n", "k", 0, "first"), true);
  assertEquals(two.compareAndSet("n", "k", 0, "second"), false);
  const { version } = two.getEntry("n", "k")!;
  assertEquals(one.compareAndSet("n", "k", version, "third"), true);
  assertEquals(two.compareAndSet("n", "k", version, "fourth"), false);
  assertEquals(two.get("n", "k"), "third");
  one.delete("n", "k");
  assertEquals(one.compareAndSet("n", "k", version, "x"), false);
  assertEquals(one.compareAndSet("n", "k", 0, "again"), true);
  for (const wrong of [-1, 0.5, NaN, "1" as unknown as number, undefined as unknown as number]) {
    assertThrows(() => one.compareAndSet("n", "k", wrong, 1), InvalidArgumentError, "expectedVersion");
  }
  assertThrows(() => one.compareAndSet("n", "k", 0, undefined), InvalidArgumentError, "value");
  assertThrows(() => one.compareAndSet("n", "k", 0, () => 1), PayloadNotCloneableError);
  const small = storeArena(256 << 10).open(0);
  const error = assertThrows(() => small.compareAndSet("n", "k", 0, "x".repeat(300_000)));
  assert(isKernelError(error) && error.code === "STORE_FULL", String(error));
});

Deno.test("getBatch answers in the order of its keys", () => {
  const store = storeArena(1 << 20).open(0);
  store.setBatch("n", [{ key: "a", value: 1 }, { key: "b", value: [2] }]);
  assertEquals(store.getBatch("n", ["b", "none", "a", "b"]), [[2], undefined, 1, [2]]);
  assertEquals(store.getBatch("nowhere", ["b"]), [undefined]);
  assertThrows(() => store.getBatch("n", "b" as unknown as string[]), InvalidArgumentError, "keys");
  assertThrows(() => store.getBatch("n", ["b", ""]), InvalidArgumentError, "key");
});

Deno.test("a cell follows its key through set, delete and clear, by whomever", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  const cell = one.cell("n", "k");
  assertEquals([cell.get(), cell.version], [undefined, 0]);
  two.set("n", "k", { a: 1 });
  assertEquals(cell.get(), { a: 1 });
  assertStrictEquals(cell.get(), cell.get());
  assertEquals(cell.version, two.getEntry("n", "k")!.version);
  assertEquals(cell.set({ a: 2 }), true);
  assertEquals([two.get("n", "k"), cell.get(), cell.version], [{ a: 2 }, { a: 2 }, two.getEntry("n", "k")!.version]);
  two.delete("n", "k");
  assertEquals([cell.get(), cell.version], [undefined, 0]);
  cell.set(new Map([["x", 1]]));
  assertEquals(cell.get(), new Map([["x", 1]]));
  assert(cell.get() !== cell.get(), "what can be changed though frozen is a private copy");
  two.clear();
  assertEquals([cell.get(), cell.version], [undefined, 0]);
  assertThrows(() => one.cell("n", ""), InvalidArgumentError, "key");
  assertThrows(() => one.cell("", "k"), InvalidArgumentError, "namespace");
});

Deno.test("a scan meets each key once, in pages, also by prefix", () => {
  const store = storeArena(1 << 20).open(0);
  const keys = ["é", "😀", "\ud83d", "__proto__", ...Array.from({ length: 700 }, (_, i) => `key ${i}`)];
  keys.forEach((key, i) => {
    store.set("n", key, { i });
    store.set("other", `key ${i}`, i);
  });
  for (const limit of [1, 7, 256, 10_000]) {
    const found = scanAll(store, "n", { limit });
    assertEquals(found.map(({ key }) => key).sort(), [...keys].sort());
    for (const { key, value, version } of found) assertEquals(store.getEntry("n", key), { value, version });
    assert(found.every(({ value }) => Object.isFrozen(value)));
  }
  assertEquals(scanAll(store, "n", { prefix: "key 69" }).length, 11);
  assertEquals(scanAll(store, "n", { prefix: "\ud83d" }).map(({ key }) => key), ["\ud83d"]);
  assertEquals(scanAll(store, "nowhere"), []);
  assertThrows(() => store.scan("n", { limit: 0 }), InvalidArgumentError, "limit");
  assertThrows(() => store.scan("n", { after: -1 }), InvalidArgumentError, "after");
  assertThrows(() => store.scan("n", { prefix: 7 as unknown as string }), InvalidArgumentError, "prefix");
});

Deno.test("a scan during changes meets each key that stays exactly once", () => {
  const arena = storeArena(1 << 20);
  const [store, other] = [arena.open(0), arena.open(1)];
  for (let i = 0; i < 600; i++) store.set("n", `stays ${i}`, i);
  const found: string[] = [];
  for (let after: number | undefined = 0, round = 0; after !== undefined; round++) {
    const page = store.scan("n", { after, limit: 20 });
    found.push(...page.entries.map(({ key }) => key));
    after = page.next;
    for (let i = 0; i < 30; i++) {
      other.set("n", `passes ${round} ${i}`, "x".repeat(i * 10));
      other.set("n", `stays ${(round * 37 + i) % 600}`, -i);
      if (i % 2) other.delete("n", `passes ${round} ${i}`);
    }
  }
  const stays = found.filter((key) => key.startsWith("stays"));
  assertEquals([stays.length, new Set(stays).size], [600, 600]);
});

Deno.test("clear of a namespace leaves the others", () => {
  const store = storeArena(1 << 20).open(0);
  for (let i = 0; i < 1_000; i++) store.set(i % 2 ? "odd" : "even", `key ${i}`, i);
  store.clear("odd");
  store.clear("nowhere");
  assertEquals([store.get("odd", "key 1"), store.get("even", "key 2")], [undefined, 2]);
  const { namespaces, entries, deletes } = store.stats();
  assertEquals([entries, deletes, namespaces.map(({ namespace, entries }) => [namespace, entries])], [500, 500, [["even", 500], [
    "odd",
    0,
  ]]]);
  assertExact(store);
});

Deno.test("stats count what all threads did", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  one.set("a", "k", 1);
  two.set("b", "k", "x".repeat(1_000));
  two.set("b", "k", "y".repeat(1_000));
  for (let i = 0; i < 100; i++) one.get("a", "k");
  one.getEntry("a", "k");
  two.get("a", "none");
  two.get("nowhere", "k");
  one.delete("b", "k");
  one.delete("b", "k");
  const { hits, misses, sets, setsFailed, deletes, evictions, entries, bytesUsed, bytesCapacity, percentUsed, namespaces } = one.stats();
  assertEquals({ hits, misses, sets, setsFailed, deletes, evictions, entries }, {
    ...{ hits: 101, misses: 2, sets: 3, setsFailed: 0, deletes: 1, evictions: 0, entries: 1 },
  });
  assertEquals([bytesUsed, percentUsed], [64, 100 * 64 / bytesCapacity]);
  assertEquals(namespaces, [{ namespace: "a", entries: 1, bytesUsed: 64 }, { namespace: "b", entries: 0, bytesUsed: 0 }]);
});
