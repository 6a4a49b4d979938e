/**
 * Puts recovered values into a store as they were: the bytes that were encoded then, and the version that they had.
 *
 * @module
 */
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { StoreBlocks } from "./store_blocks.ts";
import { StoreCounts } from "./store_counts.ts";
import { StoreEntries } from "./store_entries.ts";
import { StoreEviction } from "./store_eviction.ts";
import { StoreJournal } from "./store_journal.ts";
import { STORE, storeParts } from "./store_layout.ts";
import { StoreLock } from "./store_lock.ts";
import { StoreMarks } from "./store_marks.ts";
import { StoreNamespaces } from "./store_namespaces.ts";
import { StoreScratch, type ValueCodec } from "./store_scratch.ts";
import { ANY_VERSION, StoreWriter } from "./store_writer.ts";

/** Values arrive as the bytes that they are stored as. */
const AS_THEY_ARE: ValueCodec = {
  encode(value, target, at, limit) {
    const bytes = value as Uint8Array;
    if (at + bytes.length > limit) return -1;
    target.bytes.set(bytes, at);
    return at + bytes.length;
  },
  decode: (source, at, end) => source.bytes.slice(at, end),
};

/** What became of a value: `older` than one of the same key that is there already, or without room. */
export type Restored = "restored" | "older" | "full";

/** Fills a store before anybody uses it. */
export class StoreRestore {
  readonly #floats: Float64Array;
  readonly #sequence: number;
  readonly #entries: StoreEntries;
  readonly #namespaces: StoreNamespaces;
  readonly #writer: StoreWriter;
  readonly #counts: StoreCounts;
  readonly #scratch = new StoreScratch();
  #newest = 0;

  /** `memory` holds a store that is empty, or was filled by this. */
  constructor(memory: SharedMemory, layout: Layout) {
    this.#floats = memory.floats;
    this.#sequence = (storeParts(layout).control + STORE.sequence) >>> 3;
    const lock = new StoreLock(memory, layout, 0);
    const marks = new StoreMarks(memory, layout, 0);
    const journal = new StoreJournal(memory, layout);
    const blocks = new StoreBlocks(memory, layout, lock);
    const namespaces = this.#namespaces = new StoreNamespaces(memory, layout, blocks);
    const entries = this.#entries = new StoreEntries(memory, layout, blocks, namespaces, journal);
    const counts = this.#counts = new StoreCounts(memory, layout, 0);
    const eviction = new StoreEviction(memory, layout, blocks, entries, marks, counts);
    this.#writer = new StoreWriter({ lock, blocks, namespaces, journal, entries, marks, counts, eviction });
    this.#newest = this.#floats[this.#sequence];
  }

  /** Sets a key to what `value`'s bytes decode to, with the version that it had. */
  put(namespace: string, key: string, value: Uint8Array, version: number): Restored {
    const scratch = this.#scratch;
    const image = scratch.writeKey(0, key);
    const keyHash = image.hash;
    scratch.writeValue(image, value, AS_THEY_ARE);
    this.#writer.enter();
    try {
      const id = this.#namespaces.find(namespace);
      if (id >= 0) {
        scratch.claim(image, id);
        const known = this.#entries.find(scratch, image);
        if (known >= 0 && this.#entries.at(known) && this.#entries.wholeVersion >= version) return "older";
        image.hash = keyHash; // the writer makes it the namespace's once more
      }
      // The change that follows takes the next number: this one's own.
      this.#floats[this.#sequence] = version - 1;
      return this.#writer.write(scratch, image, namespace, (image.end + 7) & ~7, -1, ANY_VERSION) >= 0 ? "restored" : "full";
    } finally {
      this.#newest = Math.max(this.#newest, version);
      this.#floats[this.#sequence] = this.#newest;
      this.#writer.leave();
    }
  }

  /** Versions go on above this one. */
  continueAbove(version: number): void {
    this.#newest = this.#floats[this.#sequence] = Math.max(this.#newest, version);
  }

  /** Values that gave way to others because the store is smaller than it was. */
  get evictions(): number {
    return this.#counts.totals().evictions;
  }
}
