import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { assertExact, storeArena } from "../support/store_arena.ts";

Deno.test("from 80 % on cold entries give way until 75 % are left; sets never fail and each evicts a few at most", () => {
  const store = storeArena(1 << 20).open(0);
  let [most, least, evictedAtOnce, evictions] = [0, 100, 0, 0];
  for (let i = 0; i < 50_000; i++) {
    assertEquals(store.set("n", `key ${i}`, "v".repeat(i % 150)), true);
    const now = store.stats();
    evictedAtOnce = Math.max(evictedAtOnce, now.evictions - evictions);
    evictions = now.evictions;
    most = Math.max(most, now.percentUsed);
    if (evictions > 0) least = Math.min(least, now.percentUsed);
  }
  assert(most > 79 && most < 81, `at most ${most} %`);
  assert(least > 74 && least < 76, `at least ${least} %`);
  assert(evictedAtOnce <= 16 + 32, `${evictedAtOnce} evictions in one set`);
  const { entries, sets, setsFailed } = store.stats();
  assertEquals([sets, setsFailed, entries + evictions], [50_000, 0, 50_000]);
  assertExact(store);
});

Deno.test("what is read stays: also when it is served from another thread's cache", () => {
  const arena = storeArena(1 << 20);
  const [writer, reader] = [arena.open(0), arena.open(1)];
  const hot = Array.from({ length: 20 }, (_, i) => `hot ${i}`);
  for (const key of hot) writer.set("n", key, { key });
  for (let i = 0; i < 40_000; i++) {
    writer.set("n", `cold ${i}`, i);
    // Every key some hundred times in a round of the hand.
    if (i % 4 === 0) { for (const key of hot) assertEquals(reader.get("n", key), { key }); }
  }
  assert(writer.stats().evictions > 20_000);
  assertEquals(hot.filter((key) => !writer.has("n", key)), []);
  assertExact(writer);
});

Deno.test("a value that needs a long run gets it, whatever stands there in pieces", () => {
  const store = storeArena(4 << 20).open(0);
  for (let i = 0; i < 60_000; i++) store.set("n", `small ${i}`, i);
  for (let round = 0; round < 60; round++) {
    assertEquals(store.set("n", `large ${round}`, "x".repeat(100_000 + round * 1_000)), true);
    assertEquals((store.get("n", `large ${round}`) as string).length, 100_000 + round * 1_000);
    assert(store.stats().percentUsed < 85, `${store.stats().percentUsed} %`);
  }
  assertEquals(store.set("n", "huge", "x".repeat(1_000_000)), true);
  assertEquals((store.get("n", "huge") as string).length, 1_000_000);
  assertEquals(store.stats().setsFailed, 0);
  assertExact(store);
});

Deno.test("false, and nothing evicted, for a value larger than the store; the key keeps its old value", () => {
  const store = storeArena(256 << 10).open(0);
  for (let i = 0; i < 100; i++) store.set("n", `key ${i}`, i);
  assertEquals(store.set("n", "key 5", "x".repeat(300_000)), false);
  assertEquals(store.setBatch("n", [{ key: "key 6", value: "x".repeat(300_000) }, { key: "key 7", value: "new" }]), [false, true]);
  assertEquals([store.get("n", "key 5"), store.get("n", "key 6"), store.get("n", "key 7")], [5, 6, "new"]);
  const { evictions, setsFailed, entries } = store.stats();
  assertEquals([evictions, setsFailed, entries], [0, 2, 100]);
});

Deno.test("an update never evicts the entry that it updates", () => {
  const store = storeArena(256 << 10).open(0);
  assertEquals(store.set("n", "key", "a".repeat(120_000)), true);
  // Old and new value do not fit at the same time: refused, and the old one stays.
  assertEquals(store.set("n", "key", "b".repeat(120_000)), false);
  assertEquals(store.get("n", "key"), "a".repeat(120_000));
  assertEquals(store.set("n", "key", "c".repeat(20_000)), true);
  assertEquals(store.get("n", "key"), "c".repeat(20_000));
  assertExact(store);
});

Deno.test("under pressure the store holds a part of what a Map would hold, and nothing else", () => {
  const operation = fc.record({
    key: fc.integer({ min: 0, max: 400 }),
    bytes: fc.integer({ min: 0, max: 3_000 }),
    host: fc.nat({ max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { minLength: 100, maxLength: 400 }), (operations) => {
      const arena = storeArena(128 << 10);
      const stores = [arena.open(0), arena.open(1)];
      const model = new Map<string, string>();
      for (const { key, bytes, host } of operations) {
        const [name, value] = [`key ${key}`, String.fromCharCode(97 + key % 26).repeat(bytes)];
        if (stores[host].set("n", name, value)) model.set(name, value);
        else assertEquals(stores[1 - host].get("n", name), model.get(name) ?? undefined);
      }
      let found = 0;
      for (const [name, value] of model) {
        const here = stores[0].get("n", name);
        assert(here === undefined || here === value, name);
        if (here !== undefined) found++;
      }
      const { entries, evictions } = stores[1].stats();
      assertEquals(found, entries);
      assert(evictions > 0 || entries === model.size);
      assertExact(stores[0]);
    }),
    { numRuns: 60 },
  );
});
