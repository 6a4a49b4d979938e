/**
 * Makes room in a store that holds too much. From 80 % of its bytes on, each set lets the hand of a clock advance a little and evicts what no thread has
 * used since the hand was there last, until 75 % are left: so the work is spread over many sets, and none stops for long.
 *
 * When a block still finds no run that is long enough (the store filled faster than the hand went round, or is in pieces), one run is cleared of
 * whatever stands in it, by its place. Only the holder of the lock evicts.
 *
 * @module
 */
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { StoreBlocks } from "./store_blocks.ts";
import type { StoreCounts } from "./store_counts.ts";
import type { StoreEntries } from "./store_entries.ts";
import { orderAbove } from "./store_heap.ts";
import { CHANGE } from "./store_journal.ts";
import { STORE, STORE_ORDER, STORE_ORDER_MAX, storeParts } from "./store_layout.ts";
import { ENTRIES_PER_MARKS, type StoreMarks } from "./store_marks.ts";

/** Evicts from here on, as a share of the store's bytes … */
const BEGIN_SHARE = 0.80;
/** … until so much is left. */
const END_SHARE = 0.75;
/** Evictions of one set, unless its value is larger than they are: some 5 µs, and many times the one entry that it adds. */
const EVICTIONS_PER_SET = 16;
/** Words of marks that one set looks at, 32 entries each: some 10 µs when all are marked, and a round of the hand takes a few hundred sets. */
const MARKS_PER_SET = 64;
/** One word more for so many units of a large value: it finds what it takes also where three of four entries are marked. */
const UNITS_PER_MARKS = 8;
/** Runs to choose from when one is cleared. */
const RUNS_COMPARED = 8;
/** A marked unit weighs as much as so many that nobody used. */
const MARKED_WEIGHT = 8;

/** One thread's hand in it. */
export class StoreEviction {
  readonly #words: Int32Array;
  readonly #control: number;
  readonly #count: number;

  /** Made of the other parts. */
  constructor(
    memory: SharedMemory,
    layout: Layout,
    private readonly blocks: StoreBlocks,
    private readonly entries: StoreEntries,
    private readonly marks: StoreMarks,
    private readonly counts: StoreCounts,
  ) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#control = parts.control;
    this.#count = parts.count;
  }

  /** Whether a store of this size could hold a block of `units` if nothing else stood in it. */
  couldHold(units: number): boolean {
    const order = orderAbove(units);
    return order <= STORE_ORDER_MAX && this.#count >>> order > 0;
  }

  /** Before `units` are taken: evicts a few entries if the store holds too much. `spared` is not touched. */
  relieve(units: number, spared: number): void {
    const words = this.#words;
    const evicting = this.#field(STORE.evicting);
    const used = words[this.#field(STORE.unitsUsed)] + units;
    if (used <= this.#count * END_SHARE) words[evicting] = 0;
    else if (used > this.#count * BEGIN_SHARE) words[evicting] = 1;
    if (words[evicting] === 0) return;
    const indices = Math.ceil(this.entries.end / ENTRIES_PER_MARKS);
    for (let looks = Math.min(indices, MARKS_PER_SET + Math.floor(units / UNITS_PER_MARKS)), evicted = 0, freed = 0; looks > 0; looks--) {
      const index = words[this.#field(STORE.clockHand)] % indices;
      words[this.#field(STORE.clockHand)] = index + 1;
      const marks = this.marks.take(index);
      for (let bit = 0; bit < ENTRIES_PER_MARKS; bit++) {
        const entry = index * ENTRIES_PER_MARKS + bit;
        if (((marks >>> bit) & 1) === 1 || entry === spared || entry >= this.entries.end || !this.entries.at(entry)) continue;
        freed += this.#evict(entry);
        evicted++;
      }
      if (evicted >= EVICTIONS_PER_SET && freed >= units) return;
    }
  }

  /** Clears one run that holds `units`; false when there is none that could be. `spared` is not touched. */
  clearRun(units: number, spared: number): boolean {
    const order = orderAbove(units);
    const runs = this.#count >>> order;
    const hand = this.#field(STORE.roomHand);
    let [best, least] = [-1, Infinity];
    for (let look = 0, found = 0; look < runs && found < RUNS_COMPARED; look++) {
      const run = this.#words[hand] % runs;
      this.#words[hand] = run + 1;
      const begin = this.#wholeRun(run << order, order);
      const cost = this.#costOf(begin, Math.max(1 << order, this.blocks.heap.usedUnitsAt(begin)), spared);
      if (cost === Infinity) continue;
      found++;
      if (cost < least) [best, least] = [begin, cost];
    }
    if (best < 0) return false;
    const end = best + (1 << order);
    for (let unit = best; unit < end;) {
      const isUsed = this.blocks.heap.orderAt(unit) === STORE_ORDER.used;
      const length = this.#lengthAt(unit);
      if (isUsed) this.#evict(this.blocks.ownerOf(unit));
      unit += length;
    }
    return true;
  }

  /** Where the block begins that a run lies within, or the run itself. */
  #wholeRun(unit: number, order: number): number {
    if (this.blocks.heap.orderAt(unit) !== STORE_ORDER.inside) return unit;
    for (let above = order + 1; above <= STORE_ORDER_MAX; above++) {
      const begin = unit & ~((1 << above) - 1);
      if (begin !== unit && this.blocks.heap.orderAt(begin) !== STORE_ORDER.inside) return begin;
    }
    return unit;
  }

  /** What the eviction of all that begins in a run would cost; Infinity when something in it cannot be evicted. */
  #costOf(begin: number, length: number, spared: number): number {
    let cost = 0;
    for (let unit = begin; unit < begin + length;) {
      const order = this.blocks.heap.orderAt(unit);
      const units = this.#lengthAt(unit);
      if (order >= STORE_ORDER.used) {
        const owner = order === STORE_ORDER.used ? this.blocks.ownerOf(unit) : -1;
        if (owner < 0 || owner === spared || owner >= this.entries.end || !this.entries.at(owner) || this.entries.block !== unit) {
          return Infinity;
        }
        cost += this.marks.has(owner) ? units * MARKED_WEIGHT : units;
      }
      unit += units;
    }
    return cost;
  }

  #lengthAt(unit: number): number {
    const heap = this.blocks.heap;
    return heap.freeUnitsOf(heap.orderAt(unit)) || heap.usedUnitsAt(unit);
  }

  #evict(entry: number): number {
    this.counts.evicted();
    return this.entries.remove(entry, CHANGE.evict);
  }

  #field(field: number): number {
    return (this.#control + field) >>> 2;
  }
}
