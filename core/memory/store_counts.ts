/**
 * What each thread did with the store: a cache line of counts a host, one writer each, so that counting is a plain addition.
 *
 * @module
 */
import { load } from "./atomics.ts";
import { CACHE_LINE_BYTES, type Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { STORE_COUNT_BYTES, STORE_COUNTS, storeParts } from "./store_layout.ts";

/** Name of a count. */
export type StoreCountName = (typeof STORE_COUNTS)[number];

/** One thread's counts, and a look at everybody's. */
export class StoreCounts {
  readonly #words: Int32Array;
  readonly #first: number;
  readonly #own: number;
  readonly #hosts: number;

  /** `host` is the index of this thread. */
  constructor(memory: SharedMemory, layout: Layout, host: number) {
    this.#words = memory.words;
    this.#first = storeParts(layout).counts >>> 2;
    this.#own = this.#first + (host * CACHE_LINE_BYTES >>> 2);
    this.#hosts = layout.hosts;
  }

  /** Values were read. */
  hits(count: number): void {
    this.#count(0, count);
  }

  /** There was no value to read. */
  miss(): void {
    this.#count(1);
  }

  /** A set that succeeded, or did not. */
  set(succeeded: boolean): void {
    this.#count(succeeded ? 2 : 3);
  }

  /** A value was deleted. */
  deleted(): void {
    this.#count(4);
  }

  /** A value was evicted by this thread. */
  evicted(): void {
    this.#count(5);
  }

  /** All threads together. */
  totals(): Record<StoreCountName, number> {
    const totals: Record<StoreCountName, number> = { hits: 0, misses: 0, sets: 0, setsFailed: 0, deletes: 0, evictions: 0 };
    for (let host = 0; host < this.#hosts; host++) {
      STORE_COUNTS.forEach((name, index) =>
        totals[name] += this.#read(this.#first + (host * CACHE_LINE_BYTES + index * STORE_COUNT_BYTES >>> 2))
      );
    }
    return totals;
  }

  #count(index: number, count = 1): void {
    const words = this.#words;
    const at = this.#own + (index << 1);
    const low = (words[at] >>> 0) + count;
    // The high word first: a reader that sees the two apart reads again.
    if (low >= 2 ** 32) words[at + 1]++;
    words[at] = low | 0;
  }

  #read(at: number): number {
    for (;;) {
      const high = load(this.#words, at + 1);
      const low = load(this.#words, at) >>> 0;
      if (load(this.#words, at + 1) === high) return high * 2 ** 32 + low;
    }
  }
}
