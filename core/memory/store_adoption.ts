/**
 * Puts entries that were kept on disk back at their indices, in a store that nobody uses yet. For the holder of the lock.
 *
 * @module
 */
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { StoreBlocks } from "./store_blocks.ts";
import { ABSENT, type StoreEntries } from "./store_entries.ts";
import { CHANGE, LOW_RANGE } from "./store_journal.ts";
import { STORE, STORE_KEY_BITS, STORE_ORIGIN_BITS, STORE_RECORD, STORE_RECORD_BYTES, storeParts } from "./store_layout.ts";
import type { StoreNamespaces } from "./store_namespaces.ts";

const RECORD_WORDS = STORE_RECORD_BYTES >>> 2;
const NEXT = STORE_RECORD.next >>> 2;
const BLOCK = STORE_RECORD.block >>> 2;
const HASH = STORE_RECORD.hash >>> 2;
const ORIGIN = STORE_RECORD.origin >>> 2;

/** The store as recovery fills it. */
export class StoreAdoption {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #control: number;
  readonly #heads: number;
  readonly #bucketMask: number;
  readonly #versions: number;
  readonly #records: number;

  /** Beside the parts of the store that it fills. */
  constructor(
    memory: SharedMemory,
    layout: Layout,
    private readonly blocks: StoreBlocks,
    private readonly namespaces: StoreNamespaces,
    private readonly entries: StoreEntries,
  ) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#floats = memory.floats;
    this.#control = parts.control;
    this.#heads = parts.heads >>> 2;
    this.#bucketMask = parts.buckets - 1;
    this.#versions = parts.versions >>> 2;
    this.#records = parts.records >>> 2;
  }

  /**
   * Puts a block at an index: false when there is no room. Of a key that stands at two indices the higher version stays, and the other index is marked, so that
   * it leaves the log too. `settle` must follow.
   */
  put(entry: number, version: number, hash: number, from: Int32Array, word: number, count: number): boolean {
    const words = this.#words;
    const twin = this.#twinOf(hash, from, word);
    if (twin >= 0 && this.entries.at(twin)) {
      if (version < this.entries.wholeVersion) {
        this.entries.markChanged(entry);
        return true;
      }
      this.entries.remove(twin, CHANGE.delete);
    }
    const unit = this.blocks.adopt(from, word, count);
    if (unit < 0) return false;
    const namespaceId = from[word] >>> STORE_KEY_BITS;
    this.blocks.own(unit, entry);
    const record = this.#record(entry);
    const head = this.#heads + (hash & this.#bucketMask);
    words[record + HASH] = hash;
    words[record + NEXT] = words[head];
    words[head] = entry + 1;
    words[record + BLOCK] = unit + 1;
    words[record + ORIGIN] = namespaceId | (Math.floor(version / LOW_RANGE) << STORE_ORIGIN_BITS);
    words[this.#versions + entry] = version | 0;
    const units = this.blocks.unitsOf(unit);
    if (words[this.#field(STORE.entriesEnd)] <= entry) words[this.#field(STORE.entriesEnd)] = entry + 1;
    words[this.#field(STORE.entries)]++;
    words[this.#field(STORE.unitsUsed)] += units;
    this.namespaces.count(namespaceId, 1, units);
    return true;
  }

  /** All is in its place: what lies between is free, and versions go on above `sequence`. */
  settle(sequence: number): void {
    const words = this.#words;
    let free = 0;
    for (let entry = words[this.#field(STORE.entriesEnd)] - 1; entry >= 0; entry--) {
      const record = this.#record(entry);
      if (words[record + BLOCK] !== 0) continue;
      words[record + NEXT] = free;
      free = entry + 1;
    }
    words[this.#field(STORE.freeEntry)] = free;
    const at = (this.#control + STORE.sequence) >>> 3;
    this.#floats[at] = Math.max(this.#floats[at], sequence);
  }

  #twinOf(hash: number, from: Int32Array, word: number): number {
    const words = this.#words;
    for (let link = words[this.#heads + (hash & this.#bucketMask)]; link !== 0; link = words[this.#record(link - 1) + NEXT]) {
      const record = this.#record(link - 1);
      if (words[record + HASH] === hash && this.blocks.hasKey(words[record + BLOCK] - 1, from, word)) return link - 1;
    }
    return ABSENT;
  }

  #record(entry: number): number {
    return this.#records + entry * RECORD_WORDS;
  }

  #field(field: number): number {
    return (this.#control + field) >>> 2;
  }
}
