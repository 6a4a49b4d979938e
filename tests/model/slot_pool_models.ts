/**
 * Models of core/memory/slot_pool.ts. A state word is a generation and a "taken" bit: even is free, odd is taken, and each change adds one. The
 * word beside it is written plainly by the owner only; finding it written on claiming means two owners.
 *
 * @module
 */
import { add, load, store } from "../../core/memory/atomics.ts";
import type { SharedMemory } from "../../core/memory/shared_memory.ts";
import { SlotPool } from "../../core/memory/slot_pool.ts";
import type { Model, Outcome } from "./model.ts";

const CURSOR = 16;
const FIRST = 32;
const STRIDE = 16;
/** A claim that found another owner in the slot. */
const SHARED = 99;
const NONE = -1;

function generations(memory: SharedMemory, count: number): SlotPool {
  return new SlotPool({ words: memory.words, first: FIRST, stride: STRIDE, count, cursor: CURSOR, isFree: (word) => (word & 1) === 0 });
}

/** Claims a slot and signs it; the slot, −1 when there was none, 99 when it has another owner. */
function claim(pool: Pick<SlotPool, "tryClaim">, words: Int32Array, me: number): { slot: number; word: number; result: number } {
  let word = 0;
  const slot = pool.tryClaim((free) => word = free + 1);
  if (slot < 0) return { slot, word, result: NONE };
  const result = words[FIRST + slot * STRIDE + 1] === 0 ? slot : SHARED;
  words[FIRST + slot * STRIDE + 1] = me + 1;
  return { slot, word, result };
}

/** Takes the signature off and gives the slot back. */
function release(pool: SlotPool, words: Int32Array, claimed: { slot: number; word: number }): boolean {
  words[FIRST + claimed.slot * STRIDE + 1] = 0;
  return pool.release(claimed.slot, claimed.word, claimed.word + 1);
}

const TWO_OWNERS: Outcome = { is: /.*99.*/, verdict: "FORBIDDEN", why: "a slot had two owners at the same time" };

/** Every thread claims once and keeps what it got. */
function claimOnce(pool: (memory: SharedMemory) => Pick<SlotPool, "tryClaim">): Model["prepare"] {
  return (me, memory) => {
    const slots = pool(memory);
    return () => [claim(slots, memory.words, me).result];
  };
}

const oneSlot: Model = {
  name: "slot pool: three threads, one slot",
  threads: ["a", "b", "c"],
  orders: "every",
  prepare: claimOnce((memory) => generations(memory, 1)),
  outcome: (seen) => seen.flat().sort((a, b) => a - b).join(" "),
  table: [
    { is: /-1 -1 0/, verdict: "ACCEPTABLE", why: "exactly one thread got it" },
    { is: /-1 -1 -1/, verdict: "FORBIDDEN", why: "there was a free slot and nobody got it" },
    TWO_OWNERS,
  ],
};

const twoSlots: Model = {
  ...oneSlot,
  name: "slot pool: two threads, two slots, one already taken",
  threads: ["a", "b"],
  reset: (words) => void (words[FIRST] = 1),
  prepare: claimOnce((memory) => generations(memory, 2)),
  table: [
    { is: /-1 1/, verdict: "ACCEPTABLE", why: "exactly one thread got the free slot" },
    { is: /-1 -1/, verdict: "FORBIDDEN", why: "there was a free slot and nobody got it" },
    TWO_OWNERS,
  ],
};

const reuse: Model = {
  ...oneSlot,
  name: "slot pool: claim, release and claim again on one slot",
  threads: ["a", "b"],
  prepare(me, memory) {
    const pool = generations(memory, 1);
    return () => {
      const seen: number[] = [];
      for (let turn = 0; turn < 2; turn++) {
        const claimed = claim(pool, memory.words, me);
        seen.push(claimed.result);
        if (claimed.slot >= 0 && !release(pool, memory.words, claimed)) seen.push(-2);
      }
      return seen;
    };
  },
  outcome: (seen, words) => `${seen.map((one) => one.join(" ")).join(", ")}; generation ${words[FIRST] >> 1}, ${words[FIRST] & 1} taken`,
  table: [
    TWO_OWNERS,
    { is: /.*-2.*/, verdict: "FORBIDDEN", why: "an owner could not give its slot back" },
    { is: /0 0, 0 0; generation 4, 0 taken/, verdict: "ACCEPTABLE", why: "they took turns; each claim has its own generation" },
    { is: /(0 0, (-1 0|0 -1)|(-1 0|0 -1), 0 0); generation 3, 0 taken/, verdict: "ACCEPTABLE", why: "one found it taken once" },
    {
      is: /(0 0, -1 -1|-1 -1, 0 0|-1 0, 0 -1|0 -1, -1 0|0 -1, 0 -1|-1 0, -1 0); generation 2, 0 taken/,
      verdict: "ACCEPTABLE",
      why: "found taken twice",
    },
    { is: /(0 -1, -1 -1|-1 -1, 0 -1); .*/, verdict: "FORBIDDEN", why: "the slot was given back and then refused though it was free" },
  ],
};

const reuseByThree: Model = {
  ...reuse,
  name: "slot pool: three threads claim and release on one slot",
  threads: ["a", "b", "c"],
  prepare(me, memory) {
    const pool = generations(memory, 1);
    return () => {
      const claimed = claim(pool, memory.words, me);
      return claimed.slot >= 0 && !release(pool, memory.words, claimed) ? [-2] : [claimed.result];
    };
  },
  table: [
    TWO_OWNERS,
    { is: /.*-2.*/, verdict: "FORBIDDEN", why: "an owner could not give its slot back" },
    { is: /-1, -1, -1; .*/, verdict: "FORBIDDEN", why: "there was a free slot and nobody got it" },
    { is: /0, 0, 0; generation 3, 0 taken/, verdict: "ACCEPTABLE", why: "they took turns; each claim has its own generation" },
    { is: /(-1, 0, 0|0, -1, 0|0, 0, -1); generation 2, 0 taken/, verdict: "ACCEPTABLE", why: "one found it taken" },
    { is: /(0, -1, -1|-1, 0, -1|-1, -1, 0); generation 1, 0 taken/, verdict: "ACCEPTABLE", why: "two found it taken" },
  ],
};

/** Thread a gives its slot back twice, the second time with the id that it had then. */
function staleRelease(name: string, mutant: boolean, freed: (claimed: number) => number): Model {
  return {
    ...oneSlot,
    ...{ name, mutant, threads: ["a", "b", "c"] },
    prepare(me, memory) {
      const pool = new SlotPool({
        words: memory.words,
        first: FIRST,
        stride: STRIDE,
        count: 1,
        cursor: CURSOR,
        isFree: (word) => (word & 1) === 0,
      });
      if (me > 0) return () => [claim(pool, memory.words, me).result];
      return () => {
        const mine = claim(pool, memory.words, me);
        if (mine.slot < 0) return [mine.result];
        memory.words[FIRST + 1] = 0;
        pool.release(mine.slot, mine.word, freed(mine.word));
        return [mine.result, pool.release(mine.slot, mine.word, freed(mine.word)) ? 50 : 51];
      };
    },
    outcome: (seen) => seen.map((one) => one.join(" ")).join(", "),
    table: [
      TWO_OWNERS,
      { is: /.*50.*/, verdict: "FORBIDDEN", why: "a stale release was taken for a real one" },
      {
        is: /0 51, (-1, 0|0, -1|-1, -1)/,
        verdict: "ACCEPTABLE",
        why: "the second release was refused; at most one of the others got the slot in between or after",
      },
      { is: /-1, (0, -1|-1, 0)/, verdict: "ACCEPTABLE", why: "another thread was first, and kept it" },
    ],
  };
}

const stale = staleRelease("slot pool: a second release with a stale generation", false, (claimed) => claimed + 1);
const staleMutant = staleRelease("slot pool: a second release without generations", true, (claimed) => claimed - 1);

/** What the pool would be with load and store in place of compare-and-exchange. */
class HastyPool {
  constructor(private readonly words: Int32Array, private readonly count: number) {}

  tryClaim(claimed: (word: number) => number): number {
    for (let probe = 0; probe < this.count; probe++) {
      const slot = (add(this.words, CURSOR, 1) >>> 0) % this.count;
      const word = load(this.words, FIRST + slot * STRIDE);
      if ((word & 1) !== 0) continue;
      store(this.words, FIRST + slot * STRIDE, claimed(word));
      return slot;
    }
    return -1;
  }
}

const hasty: Model = {
  ...oneSlot,
  name: "slot pool: load and store in place of compare-and-exchange",
  threads: ["a", "b"],
  mutant: true,
  prepare: claimOnce((memory) => new HastyPool(memory.words, 1)),
  table: [{ is: /-1 0/, verdict: "ACCEPTABLE", why: "exactly one thread got it" }, TWO_OWNERS],
};

/** In the order in which they are explored. */
export const SLOT_POOL_MODELS: readonly Model[] = [oneSlot, twoSlots, reuse, reuseByThree, stale, staleMutant, hasty];
