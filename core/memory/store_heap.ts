/**
 * Room for the store's blocks: runs of 64-byte units, a buddy system. A free run is 2^order units long, begins at a multiple of its length and stands in
 * the list of its order; `orders` has a byte a unit that says where free runs begin.
 *
 * A block takes exactly the units that it needs: it is cut from the front of the smallest run that holds it and the rest is given back at once, so at
 * most 63 bytes of a block are unused. What is freed merges with its free buddies at once. What remains is the fragmentation of every buddy system: a
 * block of 2^k units needs an aligned free run of that length.
 *
 * Only the holder of the store's lock calls this; the bytes of a free run are its list links.
 *
 * @module
 */
import { assert } from "../base/errors.ts";
import { type Layout, STORE, STORE_ORDER_MAX, STORE_RUN, STORE_UNIT_BYTES, storeParts } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";

const RUN_NEXT = STORE_RUN.next >>> 2;
const RUN_PREVIOUS = STORE_RUN.previous >>> 2;
const UNIT_WORDS = STORE_UNIT_BYTES >>> 2;
/** Marks the first unit of a block in use while `rebuild` runs; no order reaches it. */
const MARKED = 0xff;

/** The free units of the store. */
export class StoreHeap {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #freeRuns: number;
  readonly #orders: number;
  readonly #units: number;
  readonly #count: number;

  /** A view on the heap; every thread makes its own. */
  constructor(memory: SharedMemory, layout: Layout) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#bytes = memory.bytes;
    this.#freeRuns = (parts.control + STORE.freeRuns) >>> 2;
    this.#orders = parts.orders;
    this.#units = parts.units >>> 2;
    this.#count = parts.count;
  }

  /** Index of the first word of a unit. */
  wordOf(unit: number): number {
    return this.#units + unit * UNIT_WORDS;
  }

  /** First unit of a fresh block of `units`, or −1 when no free run is long enough. */
  allocate(units: number): number {
    for (let order = orderAbove(units); order <= STORE_ORDER_MAX; order++) {
      const unit = this.#words[this.#freeRuns + order] - 1;
      if (unit < 0) continue;
      this.#unlink(unit, order);
      this.free(unit + units, unit + (1 << order));
      return unit;
    }
    return -1;
  }

  /** Gives back the units from `from` up to `to`, which need not be one block. */
  free(from: number, to: number): void {
    while (from < to) {
      const longest = Math.min(STORE_ORDER_MAX, 31 - Math.clz32(to - from));
      const order = from === 0 ? longest : Math.min(longest, 31 - Math.clz32(from & -from));
      this.#freeRun(from, order);
      from += 1 << order;
    }
  }

  /** Forgets all runs; `mark` every block in use, then call `sweep`. */
  beginRebuild(): void {
    this.#words.fill(0, this.#freeRuns, this.#freeRuns + STORE_ORDER_MAX + 1);
    this.#bytes.fill(0, this.#orders, this.#orders + this.#count);
  }

  /** Says that a block in use begins here. False when it is marked already. */
  mark(unit: number): boolean {
    const marked = this.#bytes[this.#orders + unit] === MARKED;
    this.#bytes[this.#orders + unit] = MARKED;
    return !marked;
  }

  /** Makes all that is not part of a marked block free. */
  sweep(unitsOf: (unit: number) => number): void {
    let free = 0;
    for (let unit = 0; unit < this.#count;) {
      if (this.#bytes[this.#orders + unit] !== MARKED) {
        unit++;
        continue;
      }
      this.#bytes[this.#orders + unit] = 0;
      this.free(free, unit);
      unit = free = unit + unitsOf(unit);
    }
    this.free(free, this.#count);
  }

  /** Free units, counted one by one; throws when the lists contradict the map. For tests and reports. */
  audit(): number {
    let units = 0;
    for (let order = 0; order <= STORE_ORDER_MAX; order++) {
      let previous = 0;
      for (let link = this.#words[this.#freeRuns + order]; link !== 0;) {
        assert(this.#bytes[this.#orders + link - 1] === order + 1, `free run ${link - 1} is listed under order ${order}`);
        assert(this.#words[this.wordOf(link - 1) + RUN_PREVIOUS] === previous, `free run ${link - 1} has a wrong previous run`);
        units += 1 << order;
        assert(units <= this.#count, "more units are free than there are");
        previous = link;
        link = this.#words[this.wordOf(link - 1) + RUN_NEXT];
      }
    }
    return units;
  }

  #freeRun(unit: number, order: number): void {
    while (order < STORE_ORDER_MAX) {
      const buddy = unit ^ (1 << order);
      if (buddy >= this.#count || this.#bytes[this.#orders + buddy] !== order + 1) break;
      this.#unlink(buddy, order);
      unit &= ~(1 << order);
      order++;
    }
    this.#link(unit, order);
  }

  #link(unit: number, order: number): void {
    const words = this.#words;
    const at = this.wordOf(unit);
    const next = words[this.#freeRuns + order];
    words[at + RUN_NEXT] = next;
    words[at + RUN_PREVIOUS] = 0;
    if (next !== 0) words[this.wordOf(next - 1) + RUN_PREVIOUS] = unit + 1;
    words[this.#freeRuns + order] = unit + 1;
    this.#bytes[this.#orders + unit] = order + 1;
  }

  #unlink(unit: number, order: number): void {
    const words = this.#words;
    const at = this.wordOf(unit);
    const next = words[at + RUN_NEXT];
    const previous = words[at + RUN_PREVIOUS];
    if (next !== 0) words[this.wordOf(next - 1) + RUN_PREVIOUS] = previous;
    if (previous !== 0) words[this.wordOf(previous - 1) + RUN_NEXT] = next;
    else words[this.#freeRuns + order] = next;
    this.#bytes[this.#orders + unit] = 0;
  }
}

/** Smallest order whose runs hold `units`. */
function orderAbove(units: number): number {
  return 32 - Math.clz32(units - 1);
}
