import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { isKernelError } from "../../core/base/errors.ts";
import { addWords, endSum } from "../../core/memory/store_checksum.ts";
import { storeParts } from "../../core/memory/store_layout.ts";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
import { assertExact, damage, placeOf, storeArena } from "../support/store_arena.ts";

function assertCorrupt(store: MemoryStore, key: string): void {
  for (const call of [() => store.get("n", key), () => store.getEntry("n", key), () => store.getBatch("n", [key]), () => store.scan("n")]) {
    const error = assertThrows(call);
    assert(isKernelError(error), String(error));
    assertEquals([error.code, error.data.namespace, error.data.key], ["CORRUPT_VALUE", "n", key]);
  }
}

Deno.test("a damaged value is an error that names it, until it is set or deleted", () => {
  const arena = storeArena(1 << 20);
  const [store, other] = [arena.open(0), arena.open(1)];
  for (let i = 0; i < 50; i++) store.set("n", `key ${i}`, { text: `value number ${i}.` });
  assertEquals(store.verify(), { checked: 50, damaged: 0, corrupt: [] });
  assertEquals(other.get("n", "key 7"), { text: "value number 7." });
  damage(arena, "value number 7.", 3);
  assertCorrupt(store, "key 7");
  assertEquals(other.get("n", "key 7"), { text: "value number 7." }, "decoded before");
  assertEquals(store.verify(), { checked: 50, damaged: 1, corrupt: [{ namespace: "n", key: "key 7" }] });
  assertEquals(store.set("n", "key 7", "mended"), true);
  assertEquals([store.get("n", "key 7"), store.verify().damaged], ["mended", 0]);
  damage(arena, "value number 8.");
  assertEquals(store.delete("n", "key 8"), true);
  assertEquals(store.verify(), { checked: 49, damaged: 0, corrupt: [] });
  assertExact(store);
});

Deno.test("a scan goes on behind a damaged entry", () => {
  const arena = storeArena(1 << 20);
  const store = arena.open(0);
  for (let i = 0; i < 20; i++) store.set("n", `key ${i}`, `value number ${i}.`);
  damage(arena, "value number 5.");
  const error = assertThrows(() => store.scan("n"));
  assert(isKernelError(error) && typeof error.data.next === "number");
  assertEquals(store.scan("n", { after: error.data.next }).entries.length, 14);
});

Deno.test("a damaged key and a damaged length are found by verify and break nothing else", () => {
  const arena = storeArena(1 << 20);
  const store = arena.open(0);
  for (let i = 0; i < 20; i++) store.set("n", `the key ${i}.`, `value number ${i}.`);
  damage(arena, "the key 3.");
  assertEquals(store.get("n", "the key 3."), undefined);
  assertEquals(store.verify().corrupt, [{ namespace: "n", key: "dhe key 3." }]);
  // The length of a value: the second word of its block.
  const { units } = storeParts(arena.layout);
  const place = placeOf(arena, "value number 4.");
  const at = ((place - (place - units) % 64) >>> 2) + 1;
  const was = arena.memory.words[at];
  arena.memory.words[at] = -5;
  assertEquals(store.verify().damaged, 2);
  assertThrows(() => store.get("n", "the key 4."), Error, "checksum");
  arena.memory.words[at] = was;
  store.clear("n");
  assertExact(store);
  assertEquals(store.stats().entries, 0);
});

Deno.test("the checksum finds every change of one word, and is not that of zeros", () => {
  assertNotEquals(endSum(addWords(0, new Int32Array(64), 0, 64), 0), 0);
  assertNotEquals(endSum(addWords(0, new Int32Array(0), 0, 0), 0), 0);
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 1, maxLength: 70 }),
      fc.nat(),
      fc.integer().filter((n) => n !== 0),
      (list, at, change) => {
        const words = Int32Array.from(list);
        const before = endSum(addWords(1, words, 0, words.length), 2);
        words[at % words.length] ^= change;
        assertNotEquals(endSum(addWords(1, words, 0, words.length), 2), before);
      },
    ),
  );
});
