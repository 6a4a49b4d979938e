import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { SlotPool } from "../../core/memory/slot_pool.ts";

const CURSOR = 0;
const FIRST = 16;
const STRIDE = 4;

/** A pool of `count` slots whose cursor begins at `cursor`. State words: a generation above a "taken" bit. */
function makePool(count: number, cursor = 0): { words: Int32Array; pool: SlotPool } {
  const words = new Int32Array(new SharedArrayBuffer((FIRST + count * STRIDE) * 4));
  words[CURSOR] = cursor;
  return { words, pool: new SlotPool({ words, first: FIRST, stride: STRIDE, count, cursor: CURSOR, isFree: (word) => (word & 1) === 0 }) };
}

const taken = (word: number): number => word + 1;

Deno.test("every slot is claimed once, then there is none", () => {
  const { pool } = makePool(5);
  const slots = Array.from({ length: 5 }, () => pool.tryClaim(taken));
  assertEquals([...slots].sort(), [0, 1, 2, 3, 4]);
  assertEquals(pool.inUse(), 5);
  assertEquals(pool.tryClaim(taken), -1);
});

Deno.test("a slot that was given back is taken again only after all others", () => {
  const { words, pool } = makePool(4);
  const first = pool.tryClaim(taken);
  pool.release(first, 1, 2);
  const next = [1, 2, 3].map(() => pool.tryClaim(taken));
  assertEquals(next.includes(first), false);
  assertEquals(pool.tryClaim(taken), first);
  assertEquals(words[FIRST + first * STRIDE], 3, "the second claim has its own generation");
});

Deno.test("a release with an old state word is refused and changes nothing", () => {
  const { words, pool } = makePool(1);
  const slot = pool.tryClaim(taken);
  assertEquals(pool.release(slot, 1, 2), true);
  assertEquals(pool.release(slot, 1, 2), false);
  pool.tryClaim(taken);
  assertEquals(pool.release(slot, 1, 2), false, "it is another claim's now");
  assertEquals(words[FIRST], 3);
});

Deno.test("a refused claim leaves no trace in the state words", () => {
  const { words, pool } = makePool(3);
  for (let slot = 0; slot < 3; slot++) words[FIRST + slot * STRIDE] = 7;
  assertEquals(pool.tryClaim(taken), -1);
  assertEquals([0, 1, 2].map((slot) => words[FIRST + slot * STRIDE]), [7, 7, 7]);
});

Deno.test("zero is free when nothing else is said", () => {
  const words = new Int32Array(new SharedArrayBuffer(64));
  const pool = new SlotPool({ words, first: 4, stride: 1, count: 2, cursor: CURSOR });
  const slot = pool.tryClaim(() => 42);
  assertEquals(words[4 + slot], 42);
  assertNotEquals(pool.tryClaim(() => 42), slot);
});

Deno.test("any mix of claims and releases behaves like a set of free slots", () => {
  const steps = fc.array(fc.oneof(fc.constant(-1), fc.nat(40)), { maxLength: 200 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 17 }), fc.nat(2 ** 31 - 1), steps, (count, cursor, wanted) => {
    const { words, pool } = makePool(count, cursor);
    const held: number[] = [];
    for (const step of wanted) {
      if (step < 0) {
        const slot = pool.tryClaim(taken);
        assertEquals(slot >= 0, held.length < count, "a claim succeeds exactly while a slot is free");
        assertEquals(held.includes(slot), false, "a slot with two owners");
        if (slot >= 0) held.push(slot);
      } else if (held.length > 0) {
        const [slot] = held.splice(step % held.length, 1);
        const word = words[FIRST + slot * STRIDE];
        assertEquals(pool.release(slot, word, word + 1), true);
        assertEquals(pool.release(slot, word, word + 1), false);
      }
      assertEquals(pool.inUse(), held.length);
    }
  }));
});

Deno.test("the only free slot is found wherever the cursor stands, also across 2³²", () => {
  for (let before = 0; before <= 6; before++) {
    for (let free = 0; free < 3; free++) {
      const { words, pool } = makePool(3, -before);
      for (let slot = 0; slot < 3; slot++) words[FIRST + slot * STRIDE] = slot === free ? 0 : 1;
      assertEquals(pool.tryClaim(taken), free, `cursor ${before} before 2³², slot ${free} free`);
    }
  }
});
