/**
 * Room for the store's blocks: runs of 64-byte units, a buddy system. A free run is 2^order units long, begins at a multiple of its length and stands in
 * the list of its order; `orders` has a byte a unit that says what begins there.
 *
 * A block takes exactly the units that it needs: it is cut from the front of the smallest run that holds it and the rest is given back at once, so at
 * most 63 bytes of a block are unused. What is freed merges with its free buddies at once, but for a few small blocks of each size that are kept as they
 * are: setting a key again and again would otherwise split and merge the same runs each time. What remains is the fragmentation of every buddy
 * system: a block of 2^k units needs an aligned free run of that length. Since every block begins at the front of such a run, none lies across the
 * border of a run that is at least as long as itself.
 *
 * Only the holder of the store's lock calls this; the bytes of a free run are its list links.
 *
 * @module
 */
import { assert } from "../base/errors.ts";
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { STORE, STORE_KEPT_UNITS_MAX, STORE_ORDER, STORE_ORDER_MAX, STORE_RUN, STORE_UNIT_BYTES, storeParts } from "./store_layout.ts";

const RUN_NEXT = STORE_RUN.next >>> 2;
const RUN_PREVIOUS = STORE_RUN.previous >>> 2;
const UNIT_WORDS = STORE_UNIT_BYTES >>> 2;
/** Kept blocks of one size: enough for the sets and deletes of a few threads in turn, few enough to be merged in some 50 µs when room runs short. */
const KEPT_MAX = 64;

/** The free units of the store. */
export class StoreHeap {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #freeRuns: number;
  readonly #kept: number;
  readonly #keptCounts: number;
  readonly #orders: number;
  readonly #units: number;
  readonly #count: number;

  /** A view on the heap; every thread makes its own. */
  constructor(memory: SharedMemory, layout: Layout) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#bytes = memory.bytes;
    this.#freeRuns = (parts.control + STORE.freeRuns) >>> 2;
    this.#kept = ((parts.control + STORE.keptBlocks) >>> 2) - 1;
    this.#keptCounts = ((parts.control + STORE.keptCounts) >>> 2) - 1;
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
    let unit = units <= STORE_KEPT_UNITS_MAX ? this.#takeKept(units) : -1;
    if (unit < 0) unit = this.#cut(units);
    if (unit < 0 && this.#mergeKept()) unit = this.#cut(units);
    if (unit >= 0) this.#bytes[this.#orders + unit] = STORE_ORDER.used;
    return unit;
  }

  /** Gives back a block. */
  free(unit: number, units: number): void {
    this.#bytes[this.#orders + unit] = STORE_ORDER.inside;
    if (units > STORE_KEPT_UNITS_MAX || this.#words[this.#keptCounts + units] >= KEPT_MAX) return this.#freeUnits(unit, unit + units);
    this.#words[this.wordOf(unit) + RUN_NEXT] = this.#words[this.#kept + units];
    this.#words[this.#kept + units] = unit + 1;
    this.#words[this.#keptCounts + units]++;
    this.#bytes[this.#orders + unit] = STORE_ORDER.kept + units;
  }

  /** What begins at a unit, see `STORE_ORDER`. */
  orderAt(unit: number): number {
    return this.#bytes[this.#orders + unit];
  }

  /** Units from the beginning of a block to that of whatever stands behind it. */
  usedUnitsAt(unit: number): number {
    let end = unit + 1;
    while (end < this.#count && this.#bytes[this.#orders + end] === STORE_ORDER.inside) end++;
    return end - unit;
  }

  /** Units of the free run or kept block that begins with this byte of `orders`; 0 when it is neither. */
  freeUnitsOf(order: number): number {
    if (order === STORE_ORDER.inside || order >= STORE_ORDER.used) return 0;
    return order <= STORE_ORDER.freeMax ? 1 << (order - 1) : order - STORE_ORDER.kept;
  }

  /** Forgets all runs; `mark` every block in use, then call `sweep`. */
  beginRebuild(): void {
    this.#words.fill(0, this.#freeRuns, this.#freeRuns + STORE_ORDER_MAX + 1);
    this.#words.fill(0, this.#kept + 1, this.#kept + 1 + STORE_KEPT_UNITS_MAX);
    this.#words.fill(0, this.#keptCounts + 1, this.#keptCounts + 1 + STORE_KEPT_UNITS_MAX);
    this.#bytes.fill(STORE_ORDER.inside, this.#orders, this.#orders + this.#count);
  }

  /** Says what begins here: `STORE_ORDER.used`, or `lost`. False when something was said already. */
  mark(unit: number, order: number): boolean {
    if (this.#bytes[this.#orders + unit] !== STORE_ORDER.inside) return false;
    this.#bytes[this.#orders + unit] = order;
    return true;
  }

  /** Makes all that is not part of a marked block free. */
  sweep(unitsOf: (unit: number) => number): void {
    let free = 0;
    for (let unit = 0; unit < this.#count;) {
      // A fresh store has millions of units, and nothing in them.
      if ((unit & 3) === 0 && this.#words[(this.#orders + unit) >>> 2] === 0) {
        unit += 4;
        continue;
      }
      if (this.#bytes[this.#orders + unit] < STORE_ORDER.used) {
        unit++;
        continue;
      }
      this.#freeUnits(free, unit);
      // Never past the next block, whatever a damaged one says of its length.
      unit = free = Math.min(unit + Math.max(1, unitsOf(unit)), unit + this.usedUnitsAt(unit));
    }
    this.#freeUnits(free, this.#count);
  }

  /** Free units, counted one by one; throws when the lists contradict the map. For tests and reports. */
  audit(): number {
    let units = 0;
    const add = (unit: number, order: number): void => {
      assert(this.orderAt(unit) === order, `free run ${unit} is listed under ${order}`);
      units += this.freeUnitsOf(order);
      assert(units <= this.#count, "more units are free than there are");
    };
    for (let order = 0; order <= STORE_ORDER_MAX; order++) {
      let previous = 0;
      for (let link = this.#words[this.#freeRuns + order]; link !== 0;) {
        add(link - 1, order + 1);
        assert(this.#words[this.wordOf(link - 1) + RUN_PREVIOUS] === previous, `free run ${link - 1} has a wrong previous run`);
        previous = link;
        link = this.#words[this.wordOf(link - 1) + RUN_NEXT];
      }
    }
    for (let size = 1; size <= STORE_KEPT_UNITS_MAX; size++) {
      let count = 0;
      for (let link = this.#words[this.#kept + size]; link !== 0; link = this.#words[this.wordOf(link - 1) + RUN_NEXT]) {
        add(link - 1, STORE_ORDER.kept + size);
        count++;
      }
      assert(count === this.#words[this.#keptCounts + size], `${count} blocks of ${size} units are kept, and counted otherwise`);
    }
    return units;
  }

  #takeKept(units: number): number {
    const unit = this.#words[this.#kept + units] - 1;
    if (unit < 0) return unit;
    this.#words[this.#kept + units] = this.#words[this.wordOf(unit) + RUN_NEXT];
    this.#words[this.#keptCounts + units]--;
    return unit;
  }

  /** Merges all kept blocks; false when there were none. */
  #mergeKept(): boolean {
    let found = false;
    for (let units = 1; units <= STORE_KEPT_UNITS_MAX; units++) {
      for (let unit = this.#takeKept(units); unit >= 0; unit = this.#takeKept(units)) {
        this.#bytes[this.#orders + unit] = STORE_ORDER.inside;
        this.#freeUnits(unit, unit + units);
        found = true;
      }
    }
    return found;
  }

  #cut(units: number): number {
    for (let order = orderAbove(units); order <= STORE_ORDER_MAX; order++) {
      const unit = this.#words[this.#freeRuns + order] - 1;
      if (unit < 0) continue;
      this.#unlink(unit, order);
      this.#freeUnits(unit + units, unit + (1 << order));
      return unit;
    }
    return -1;
  }

  /** Makes free runs of the units from `from` up to `to`. */
  #freeUnits(from: number, to: number): void {
    while (from < to) {
      const longest = Math.min(STORE_ORDER_MAX, 31 - Math.clz32(to - from));
      const order = from === 0 ? longest : Math.min(longest, 31 - Math.clz32(from & -from));
      this.#freeRun(from, order);
      from += 1 << order;
    }
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
    this.#bytes[this.#orders + unit] = STORE_ORDER.inside;
  }
}

/** Smallest order whose runs hold `units`. */
export function orderAbove(units: number): number {
  return 32 - Math.clz32(units - 1);
}
