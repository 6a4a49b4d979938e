import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ConfigError, InvalidArgumentError, isKernelError, PayloadNotCloneableError } from "../../core/base/errors.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import { MemoryStore } from "../../core/memory/memory_store.ts";
import { assertExact, storeArena } from "../support/store_arena.ts";

function assertCode(code: string, fn: () => unknown): void {
  const error = assertThrows(fn);
  assert(isKernelError(error), String(error));
  assertEquals(error.code, code);
}

Deno.test("a value set on one handle is seen at once by all", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  assertEquals(two.get("n", "k"), undefined);
  assertEquals(one.set("n", "k", { a: 1 }), true);
  assertEquals(two.get("n", "k"), { a: 1 });
  assertEquals(two.set("n", "k", [1, "zwei", null]), true);
  assertEquals(one.get("n", "k"), [1, "zwei", null]);
  assert(one.has("n", "k"));
  assertEquals(one.get("other", "k"), undefined);
  assertEquals(one.delete("n", "k"), true);
  assertEquals(one.delete("n", "k"), false);
  assertEquals([two.get("n", "k"), two.has("n", "k")], [undefined, false]);
  assertExact(one);
});

Deno.test("falsy values are values", () => {
  const store = storeArena(1 << 20).open(0);
  for (const value of [null, false, 0, -0, NaN, "", 0n, [], {}]) {
    store.set("n", "k", value);
    assertEquals(store.get("n", "k"), value);
    assert(store.has("n", "k"));
  }
});

Deno.test("plain data is frozen and served from the cache, what can change though frozen is a private copy", () => {
  const arena = storeArena(1 << 20);
  const store = arena.open(0);
  const mine = { list: [{ deep: 1 }] };
  store.set("n", "plain", mine);
  mine.list[0].deep = 2;
  assert(!Object.isFrozen(mine));
  const read = store.get("n", "plain") as typeof mine;
  assertEquals(read, { list: [{ deep: 1 }] });
  assert(Object.isFrozen(read) && Object.isFrozen(read.list) && Object.isFrozen(read.list[0]));
  assertStrictEquals(store.get("n", "plain"), read);
  for (
    const value of [new Map([["a", 1]]), new Set([1]), new Date(5), new Uint8Array([1, 2, 3]), new Uint8Array([7]).buffer, { m: new Map() }]
  ) {
    store.set("n", "private", value);
    const [first, second] = [store.get("n", "private"), store.get("n", "private")];
    assertEquals(first, value);
    assertEquals(second, value);
    assertNotStrictEquals(first, second);
  }
  store.set("n", "private", new Uint8Array([1, 2, 3]));
  const bytes = store.get("n", "private") as Uint8Array;
  bytes[0] = 9;
  assertEquals(store.get("n", "private"), new Uint8Array([1, 2, 3]));
  store.get("n", "plain");
  assertEquals(bytes, new Uint8Array([9, 2, 3]));
});

Deno.test("deep values and values that contain themselves are frozen without overflow", () => {
  const store = storeArena(1 << 20).open(0);
  const ring: Record<string, unknown> = { name: "ring" };
  ring.self = ring;
  store.set("n", "ring", ring);
  const read = store.get("n", "ring") as typeof ring;
  assertStrictEquals(read.self, read);
  assert(Object.isFrozen(read));
});

Deno.test("keys: odd names, lone surrogates, 64 KiB", () => {
  const store = storeArena(4 << 20).open(0);
  const keys = [
    ...[
      "__proto__",
      "constructor",
      "toString",
      " ",
      "\0",
      "\u0000a",
      "é",
      "€",
      "漢字",
      "😀",
      "\ud83d",
      "\ude00",
      "\ud83d\ud83d",
      "\ude00\ud83d",
    ],
    ...[
      "\ufffd",
      "a\ud83d",
      "\ud83da",
      "x".repeat(65_536),
      "x".repeat(65_535),
      "é".repeat(32_768),
      "€".repeat(21_845),
      "😀".repeat(16_384),
    ],
    ..."0123456789".split("").map((digit) => "12345678901234567890".slice(0, Number(digit) + 1)),
  ];
  keys.forEach((key, i) => assertEquals(store.set("n", key, i), true));
  keys.forEach((key, i) => assertEquals(store.get("n", key), i, key.slice(0, 10)));
  assertEquals(store.stats().entries, new Set(keys).size);
  keys.forEach((key) => assertEquals(store.delete("n", key), true));
  assertEquals([store.stats().entries, store.stats().bytesUsed], [0, 0]);
  assertExact(store);
});

Deno.test("what cannot be a key, a namespace or a value is named", () => {
  const store = storeArena(4 << 20).open(0);
  const odd = (value: unknown) => value as string;
  for (const key of ["", odd(1), odd(undefined), odd(null), odd({}), "x".repeat(65_537), "é".repeat(32_769), "😀".repeat(16_385)]) {
    for (const call of [() => store.get("n", key), () => store.set("n", key, 1), () => store.delete("n", key), () => store.has("n", key)]) {
      assertEquals(assertThrows(call, InvalidArgumentError).field, "key");
    }
    assertThrows(() => store.setBatch("n", [{ key: "fine", value: 1 }, { key, value: 2 }]), InvalidArgumentError);
  }
  for (const namespace of ["", odd(7), odd(undefined), "n".repeat(1_025)]) {
    for (const call of [() => store.get(namespace, "k"), () => store.set(namespace, "k", 1), () => store.has(namespace, "k")]) {
      assertEquals(assertThrows(call, InvalidArgumentError).field, "namespace");
    }
  }
  assertThrows(() => store.set("n", "k", undefined), InvalidArgumentError, "delete");
  assertThrows(() => store.setBatch("n", odd({}) as unknown as []), InvalidArgumentError);
  assertThrows(() => store.setBatch("n", [odd(null) as unknown as { key: string; value: unknown }]), InvalidArgumentError);
  assertThrows(() => store.set("n", "k", { f: () => 1 }), PayloadNotCloneableError);
  assertThrows(() => store.setBatch("n", [{ key: "fine", value: 1 }, { key: "k", value: () => 1 }]), PayloadNotCloneableError);
  assertCode("VALUE_TOO_LARGE", () => store.set("n", "k", "x".repeat(1 << 20)));
  assertEquals(store.set("n", "k", "x".repeat((1 << 20) - 64)), true);
  assertEquals((store.get("n", "k") as string).length, (1 << 20) - 64);
  assertEquals(store.stats().entries, 1);
  assertThrows(() => new MemoryStore(storeArena(1 << 20).memory, storeArena(1 << 20).layout, 4, plainCodec), InvalidArgumentError);
  assertThrows(() => storeArena(64).open(0), ConfigError, "memoryStoreSize");
});

Deno.test("256 namespaces, known to every handle; the next one is refused and harms nothing", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  for (let i = 0; i < 256; i++) assertEquals((i % 2 ? one : two).set(`namespace ${i}`, "k", i), true);
  for (let i = 0; i < 256; i++) assertEquals([one.get(`namespace ${i}`, "k"), two.get(`namespace ${i}`, "k")], [i, i]);
  assertThrows(() => one.set("one more", "k", 1), InvalidArgumentError, "256");
  assertEquals(two.get("one more", "k"), undefined);
  assertEquals(two.set("namespace 7", "k", "still"), true);
  assertEquals(one.stats().entries, 256);
  assertExact(two);
});

Deno.test("what is freed grows together again", () => {
  const store = storeArena(256 << 10).open(0);
  for (let i = 0; i < 500; i++) store.set("n", `key ${i}`, "v".repeat(i % 300));
  for (let i = 0; i < 500; i++) store.delete("n", `key ${i}`);
  assertEquals(store.stats().bytesUsed, 0);
  assertEquals(store.set("n", "large", "x".repeat(100_000)), true);
  assertExact(store);
});

Deno.test("setBatch returns one result each and needs no more room than its entries", () => {
  const store = storeArena(8 << 20).open(0);
  const entries = Array.from({ length: 1_000 }, (_, i) => ({ key: `key ${i % 900}`, value: { i } }));
  assertEquals(store.setBatch("n", entries), entries.map(() => true));
  assertEquals(store.get("n", "key 5"), { i: 905 });
  assertEquals(store.stats().entries, 900);
  const large = Array.from({ length: 4 }, (_, i) => ({ key: `large ${i}`, value: "x".repeat(1_000_000) }));
  assertEquals(store.setBatch("n", large), [true, true, true, true]);
  assertEquals(store.setBatch("n", []), []);
  assertExact(store);
});

Deno.test("a getter of the value may use the store", () => {
  const store = storeArena(1 << 20).open(0);
  const value = {
    get inner(): unknown {
      store.set("n", "inner", { from: "the getter" });
      return store.get("n", "inner");
    },
  };
  assertEquals(store.set("n", "outer", value), true);
  assertEquals(store.get("n", "outer"), { inner: { from: "the getter" } });
  assertEquals(store.get("n", "inner"), { from: "the getter" });
  assertExact(store);
});

Deno.test("clear empties, other handles see it, namespaces stay known", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [arena.open(0), arena.open(1)];
  for (let i = 0; i < 100; i++) one.set("n", `k${i}`, i);
  assertEquals(two.get("n", "k5"), 5);
  one.clear();
  assertEquals([two.get("n", "k5"), two.has("n", "k5"), two.stats().entries, two.stats().bytesUsed], [undefined, false, 0, 0]);
  assertEquals(two.set("n", "k5", "again"), true);
  assertEquals(one.get("n", "k5"), "again");
  assertExact(one);
});

Deno.test("more keys than a thread remembers", () => {
  const store = storeArena(32 << 20).open(0);
  const count = 70_000;
  for (let i = 0; i < count; i++) store.set("n", `key ${i}`, { i });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < count; i += 7) assertEquals((store.get("n", `key ${i}`) as { i: number }).i, i);
  }
  assertEquals(store.stats().entries, count);
  assertExact(store);
});

Deno.test("the store behaves like a Map", () => {
  const key = fc.constantFrom("a", "b", "c", "__proto__", "\ud800", "k".repeat(300));
  const namespace = fc.constantFrom("n", "m");
  const value = fc.oneof(fc.integer(), fc.string(), fc.jsonValue(), fc.string({ minLength: 200, maxLength: 3_000 }));
  const command = fc.oneof(
    fc.record({ op: fc.constant("set" as const), namespace, key, value }),
    fc.record({ op: fc.constant("get" as const), namespace, key }),
    fc.record({ op: fc.constant("has" as const), namespace, key }),
    fc.record({ op: fc.constant("delete" as const), namespace, key }),
    fc.record({ op: fc.constant("batch" as const), namespace, entries: fc.array(fc.record({ key, value }), { maxLength: 5 }) }),
    fc.record({ op: fc.constant("clear" as const) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), command), { maxLength: 60 }), (steps) => {
      const arena = storeArena(1 << 20);
      const stores = [0, 1, 2].map((host) => arena.open(host));
      const model = new Map<string, unknown>();
      for (const [host, step] of steps) {
        const store = stores[host];
        if (step.op === "clear") {
          store.clear();
          model.clear();
          continue;
        }
        const id = (key: string) => `${step.namespace}/${key}`;
        if (step.op === "set") {
          if (store.set(step.namespace, step.key, step.value)) model.set(id(step.key), step.value);
        } else if (step.op === "batch") {
          store.setBatch(step.namespace, step.entries).forEach((done, i) =>
            done && model.set(id(step.entries[i].key), step.entries[i].value)
          );
        } else if (step.op === "get") assertEquals(store.get(step.namespace, step.key), model.get(id(step.key)));
        else if (step.op === "has") assertEquals(store.has(step.namespace, step.key), model.has(id(step.key)));
        else assertEquals(store.delete(step.namespace, step.key), model.delete(id(step.key)));
        assertEquals(store.stats().entries, model.size);
      }
      assertExact(stores[0]);
    }),
    { numRuns: 300 },
  );
});
