import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError, isKernelError } from "../../core/base/errors.ts";
import { WATCHES_MAX } from "../../core/base/limits.ts";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
import { STORE } from "../../core/memory/store_layout.ts";
import type { StoreChange } from "../../core/memory/store_watch.ts";
import { damage, type StoreArena, storeArena } from "../support/store_arena.ts";

type StoreWatch = ReturnType<MemoryStore["watch"]>;

/** The next `count` changes, without their versions. */
async function take(watch: StoreWatch, count: number): Promise<unknown[]> {
  const changes: unknown[] = [];
  while (changes.length < count) changes.push(withoutVersion(await next(watch)));
  return changes;
}

async function next(watch: StoreWatch): Promise<StoreChange> {
  const { value, done } = await watch.next();
  assert(!done, "the watch has ended");
  return value;
}

function withoutVersion(change: StoreChange): unknown {
  const { version: _version, ...rest } = change;
  return rest;
}

function watches(arena: StoreArena): number {
  return arena.memory.words[(arena.layout.store.offset + STORE.watches) >>> 2];
}

Deno.test("a watch sees what any handle changes, in order, and only what it asked for", async () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  one.set("n", "before", 1);
  const [all, some, exact] = [one.watch("n"), one.watch("n", { prefix: "us" }), two.watch("n", "user")];
  two.set("n", "user", { a: 1 });
  one.set("other", "user", 0);
  one.set("n", "use", 2);
  one.delete("n", "before");
  one.set("n", "x", 3);
  const user = { kind: "set", key: "user", value: { a: 1 }, skipped: 0 };
  assertEquals(await take(all, 4), [
    user,
    { kind: "set", key: "use", value: 2, skipped: 0 },
    { kind: "delete", key: "before", skipped: 0 },
    { kind: "set", key: "x", value: 3, skipped: 0 },
  ]);
  assertEquals(await take(some, 2), [user, { kind: "set", key: "use", value: 2, skipped: 0 }]);
  assertEquals(await take(exact, 1), [user]);
  two.set("n", "user", "again");
  const change = await next(exact);
  assert(change.kind === "set");
  assertEquals([change.value, change.version], ["again", one.getEntry("n", "user")!.version]);
  for (const store of [one, two]) store.close();
  assertEquals(watches(arena), 0);
  assertEquals(await exact.next(), { done: true, value: undefined });
});

Deno.test("a waiting watch wakes: also of a namespace that does not exist yet", async () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  const watch = one.watch("later");
  const waiting = next(watch);
  await Promise.resolve();
  two.set("elsewhere", "k", 1);
  two.set("later", "k", 2);
  // The other handle's bell is heard through shared memory; this handle's own rings at once.
  one.wakeWatches();
  assertEquals(withoutVersion(await waiting), { kind: "set", key: "k", value: 2, skipped: 0 });
  await watch.return?.();
});

Deno.test("changes that come faster than they are taken are told as the latest, with how many were skipped", async () => {
  const store = storeArena(1 << 20).open(0);
  const watch = store.watch("n");
  for (let i = 0; i < 10; i++) {
    store.set("n", "counter", i);
    store.set("n", `key ${i % 2}`, i);
  }
  store.delete("n", "key 1");
  assertEquals(await take(watch, 3), [
    { kind: "set", key: "counter", value: 9, skipped: 9 },
    { kind: "set", key: "key 0", value: 8, skipped: 4 },
    { kind: "delete", key: "key 1", skipped: 5 },
  ]);
  for (let i = 0; i < 3; i++) store.set("n", "counter", i);
  store.clear();
  store.set("n", "counter", "after");
  assertEquals(await take(watch, 2), [{ kind: "clear", skipped: 3 }, { kind: "set", key: "counter", value: "after", skipped: 0 }]);
  await watch.return?.();
});

Deno.test("an overtaken watch says so and goes on with the present", async () => {
  const store = storeArena(1 << 20).open(0);
  for (let i = 0; i < 50; i++) store.set("n", `old ${i}`, i);
  const watch = store.watch("n");
  for (let i = 0; i < 5_000; i++) store.set("n", `key ${i % 300}`, i);
  store.delete("n", "old 7");
  const gap = await next(watch);
  assertEquals(withoutVersion(gap), { kind: "gap", skipped: 5_001 });
  store.set("n", "key 5", "newer");
  const seen = new Map<string, unknown>();
  for (let i = 0; i < 300; i++) {
    const change = await next(watch);
    assert(change.kind === "set" && !seen.has(change.key), Deno.inspect(change));
    seen.set(change.key, change.value);
  }
  assertEquals(seen.get("key 5"), "newer");
  assertEquals(seen.get("key 6"), 4_806);
  assertEquals([...seen.keys()].filter((key) => !key.startsWith("key")), []);
  store.set("n", "last", 1);
  assertEquals(await take(watch, 1), [{ kind: "set", key: "last", value: 1, skipped: 0 }]);
  await watch.return?.();
});

Deno.test("too many keys waiting, and a key longer than the journal, are gaps too", async () => {
  const store = storeArena(64 << 20).open(0);
  const watch = store.watch("n");
  for (let i = 0; i < 5_000; i++) store.set("n", `key ${i}`, i);
  assertEquals((await next(watch)).kind, "gap");
  const seen = new Set<string>();
  for (let i = 0; i < 5_000; i++) {
    const change = await next(watch);
    assert(change.kind === "set");
    seen.add(change.key);
  }
  assertEquals(seen.size, 5_000);
  await watch.return?.();
  const small = storeArena(1 << 20).open(0);
  const second = small.watch("n");
  const long = "k".repeat(60_000);
  small.set("n", long, "v");
  assertEquals(await take(second, 2), [{ kind: "gap", skipped: 1 }, { kind: "set", key: long, value: "v", skipped: 0 }]);
  await second.return?.();
});

Deno.test("evictions are told", async () => {
  const store = storeArena(256 << 10).open(0);
  const watch = store.watch("n", { prefix: "key" });
  const evicted: string[] = [];
  for (let i = 0; i < 6_000; i++) {
    store.set("n", `key ${i}`, "v".repeat(40));
    // What the set evicted was evicted before it.
    for (let change = await next(watch); change.kind !== "set"; change = await next(watch)) {
      assert(change.kind === "evict" && !store.has("n", change.key), Deno.inspect(change));
      evicted.push(change.key);
    }
  }
  assertEquals([evicted.length, new Set(evicted).size], [store.stats().evictions, store.stats().evictions]);
  assert(evicted.length > 1_000);
  await watch.return?.();
});

Deno.test("a watch ends with its signal, its loop, or the store, and leaves nothing behind", async () => {
  const arena = storeArena(1 << 20);
  const store = arena.open(0);
  const controller = new AbortController();
  const watch = store.watch("n", "k", { signal: controller.signal });
  const waiting = watch.next();
  controller.abort();
  assertEquals(await waiting, { done: true, value: undefined });
  assertEquals(await store.watch("n", "k", { signal: controller.signal }).next(), { done: true, value: undefined });
  const looped = store.watch("n");
  store.set("n", "k", 1);
  for await (const change of looped) {
    assertEquals(change.kind, "set");
    break;
  }
  assertEquals(await looped.next(), { done: true, value: undefined });
  const closed = store.watch("n").next();
  store.close();
  assertEquals(await closed, { done: true, value: undefined });
  assertEquals(watches(arena), 0);
});

Deno.test("watches are bounded and their arguments checked", () => {
  const store = storeArena(1 << 20).open(0);
  assertThrows(() => store.watch(""), InvalidArgumentError, "namespace");
  assertThrows(() => store.watch("n", ""), InvalidArgumentError, "key");
  assertThrows(() => store.watch("n", { prefix: 1 as unknown as string }), InvalidArgumentError, "prefix");
  for (let i = 0; i < WATCHES_MAX; i++) store.watch("n");
  const error = assertThrows(() => store.watch("n"));
  assert(isKernelError(error) && error.code === "WATCH_LIMIT");
  store.close();
});

Deno.test("a damaged value is reported once, then the watch goes on", async () => {
  const arena = storeArena(1 << 20);
  const store = arena.open(0);
  const watch = store.watch("n");
  store.set("n", "k", "a text to be damaged");
  damage(arena, "a text to be damaged");
  const error = await assertRejects(() => watch.next());
  assert(isKernelError(error) && error.code === "CORRUPT_VALUE", String(error));
  store.set("n", "k", "fine");
  assertEquals(await take(watch, 1), [{ kind: "set", key: "k", value: "fine", skipped: 0 }]);
  await watch.return?.();
});

Deno.test("who applies what a watch tells has what the store has", async () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e".repeat(100));
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant("set" as const), key, value: fc.integer() }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("delete" as const), key }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("clear" as const) }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant("take" as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 150 }), async (steps) => {
      const arena = storeArena(128 << 10);
      const [one, two] = [arena.open(0), arena.open(1)];
      const watch = two.watch("n");
      const mirror = new Map<string, unknown>();
      let changes = 0;
      let told = 0;
      const apply = async () => {
        const change = await next(watch);
        told += change.kind === "gap" ? 0 : 1 + change.skipped;
        if (change.kind === "set") mirror.set(change.key, change.value);
        else if (change.kind === "delete" || change.kind === "evict") mirror.delete(change.key);
        else mirror.clear();
        if (change.kind === "gap") changes = told = NaN;
      };
      for (const step of steps) {
        if (step.op === "set") one.set("n", step.key, step.value);
        else if (step.op === "delete") changes += one.delete("n", step.key) ? 0 : -1;
        else if (step.op === "clear") one.clear();
        else if (told < changes) await apply();
        if (step.op !== "take") changes++;
      }
      one.set("n", "end", 1);
      changes++;
      while (!mirror.has("end") || told < changes) await apply();
      assertEquals(told, changes);
      assertEquals(sorted(mirror), sorted(new Map(contents(one))));
      await watch.return?.();
    }),
    { numRuns: 200 },
  );
});

function contents(store: MemoryStore): [string, unknown][] {
  return store.scan("n").entries.map(({ key, value }) => [key, value]);
}

function sorted(map: Map<string, unknown>): [string, unknown][] {
  return [...map].sort(([a], [b]) => a < b ? -1 : 1);
}
