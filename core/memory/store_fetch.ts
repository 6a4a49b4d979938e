/**
 * Has the processor bring from memory what the next steps will read, all at once and not one miss after another: an entry's version, its record and its
 * block lie at random, and each atomic operation on one of them lets nothing behind it begin. Plain reads of which nothing is used: they may see any
 * moment, and what counts is read again.
 *
 * @module
 */
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { STORE_RECORD, STORE_RECORD_BYTES, STORE_UNIT_BYTES, storeParts } from "./store_layout.ts";

const RECORD_WORDS = STORE_RECORD_BYTES >>> 2;
const BLOCK = STORE_RECORD.block >>> 2;
/** Words of a unit, which is a cache line. */
const LINE_WORDS = STORE_UNIT_BYTES >>> 2;
/** Of a block so much is brought: what is behind it the processor reads ahead by itself. */
const BLOCK_WORDS = 4 * LINE_WORDS;

/** A thread's reading ahead. */
export class StoreFetch {
  readonly #words: Int32Array;
  readonly #versions: number;
  readonly #records: number;
  readonly #units: number;
  readonly #unitsEnd: number;
  /** What was read; kept, or the compiler would leave the reading out. */
  #seen = 0;

  /** Of one store. */
  constructor({ words }: SharedMemory, layout: Layout) {
    const parts = storeParts(layout);
    this.#words = words;
    this.#versions = parts.versions >>> 2;
    this.#records = parts.records >>> 2;
    this.#units = parts.units >>> 2;
    this.#unitsEnd = this.#units + parts.count * LINE_WORDS;
  }

  /** What reading these entries takes. */
  entries(entries: Uint32Array, from: number, to: number): void {
    const words = this.#words;
    let seen = 0;
    for (let index = from; index < to; index++) {
      seen ^= words[this.#versions + entries[index]] ^ words[this.#records + entries[index] * RECORD_WORDS + BLOCK];
    }
    for (let index = from; index < to; index++) {
      const at = this.#units + (words[this.#records + entries[index] * RECORD_WORDS + BLOCK] - 1) * LINE_WORDS;
      if (at < this.#units || at + BLOCK_WORDS > this.#unitsEnd) continue;
      seen ^= words[at] ^ words[at + LINE_WORDS] ^ words[at + 2 * LINE_WORDS] ^ words[at + 3 * LINE_WORDS];
    }
    this.#seen = seen;
  }
}
