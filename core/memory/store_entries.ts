/**
 * The entries of the store: 16,384 bucket heads, chains of records, a version an entry, and a block of key and value that is never changed in place.
 *
 * ```
 * buckets[hash] ─► record { next, block, hash } ─► next record …          versions[entry]
 *                               └────► block { identity, value bytes, key, value }
 * ```
 * One word publishes: `record.block`. Set fills a fresh block and stores its number there, delete stores 0. Then the version goes up, and only then is
 * the old block freed, so a reader that finds the version unchanged after its copy has copied one whole value. Versions are never reset.
 *
 * All else (chains, free entries, free runs, counts) follows from the records, so a holder of the lock that vanishes in the middle is repaired by
 * building it anew: `rebuild`. It also turns the zeroed arena into an empty store.
 *
 * Only the holder of the lock changes anything. Anyone may call `find`, `copyValue`, `isUnchanged`, `versionOf` and `counts`.
 *
 * @module
 */
import { assert } from "../base/errors.ts";
import { add, compareExchange, load, store } from "./atomics.ts";
import { type Layout, STORE, STORE_BUCKETS, STORE_RECORD, STORE_RECORD_BYTES, storeParts } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { StoreBlocks } from "./store_blocks.ts";
import type { StoreNamespaces } from "./store_namespaces.ts";
import type { BlockImage, StoreScratch } from "./store_scratch.ts";

const RECORD_WORDS = STORE_RECORD_BYTES >>> 2;
const BLOCK = STORE_RECORD.block >>> 2;
const HASH = STORE_RECORD.hash >>> 2;

/** There is no such entry, or no room for one. */
export const ABSENT = -1;
/** `find`: the chains changed under the reader; look again. */
export const UNSURE = -2;

/** One thread's view on the entries. */
export class StoreEntries {
  /** After `find` or `put`: the version of the entry when its block was seen or stored. */
  version = 0;
  readonly #words: Int32Array;
  readonly #heads: number;
  readonly #versions: number;
  readonly #records: number;
  readonly #control: number;
  #block = ABSENT;
  #previous = ABSENT;

  /** A view; every thread makes its own. */
  constructor(memory: SharedMemory, layout: Layout, private readonly blocks: StoreBlocks, private readonly namespaces: StoreNamespaces) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#heads = layout.buckets.offset >>> 2;
    this.#versions = parts.versions >>> 2;
    this.#records = parts.records >>> 2;
    this.#control = parts.control;
  }

  /** The version of an entry now: one atomic load. */
  versionOf(entry: number): number {
    return load(this.#words, this.#versions + entry);
  }

  /** The entry of a key, `ABSENT`, or (never to the holder of the lock) `UNSURE`. */
  find(scratch: StoreScratch, image: BlockImage): number {
    const words = this.#words;
    const chains = this.#field(STORE.chains);
    const before = load(words, chains);
    let steps = load(words, this.#field(STORE.entriesEnd));
    this.#previous = ABSENT;
    // Links are loaded atomically: the loads stay in order, so the check of `chains` comes after all of them.
    let entry = load(words, this.#heads + (image.hash & (STORE_BUCKETS - 1))) - 1;
    while (entry >= 0) {
      const record = this.#record(entry);
      if (words[record + HASH] === image.hash) {
        this.version = load(words, this.#versions + entry);
        this.#block = load(words, record + BLOCK) - 1;
        if (this.#block >= 0) {
          if (this.blocks.holds(this.#block, scratch, image)) return entry;
          // Another key of the same hash, or ours, whose block was replaced and reused between the two loads and the comparison.
          if (!this.isUnchanged(entry)) return UNSURE;
        }
      }
      if (--steps < 0) return UNSURE;
      this.#previous = entry;
      entry = load(words, record) - 1;
    }
    return (before & 1) === 0 && load(words, chains) === before ? ABSENT : UNSURE;
  }

  /** Copies the value that `find` has just seen behind the key in `scratch`; false when it changed meanwhile. */
  copyValue(entry: number, scratch: StoreScratch, image: BlockImage): boolean {
    return this.blocks.copyValue(this.#block, scratch, image) && this.isUnchanged(entry);
  }

  /**
   * Whether the entry still has the version that `find` saw. A read-modify-write, because an atomic load alone would not keep the plain reads before
   * it from being done after it (it is an acquire; ARM does reorder so).
   */
  isUnchanged(entry: number): boolean {
    return compareExchange(this.#words, this.#versions + entry, this.version, this.version) === this.version;
  }

  /** Sets a value: its entry, or `ABSENT` when there is no room. `known` is the entry when the caller knows it, else `ABSENT`. */
  put(scratch: StoreScratch, image: BlockImage, known: number): number {
    const words = this.#words;
    let entry = known >= 0 ? known : this.find(scratch, image);
    const old = entry < 0 ? ABSENT : words[this.#record(entry) + BLOCK] - 1;
    words[this.#field(STORE.whole)] = 0;
    const unit = this.blocks.write(scratch, image);
    if (unit >= 0) {
      if (entry < 0) entry = this.#link(this.#claimEntry(), image.hash);
      store(words, this.#record(entry) + BLOCK, unit + 1);
      this.version = (add(words, this.#versions + entry, 1) + 1) | 0;
      this.blocks.settle();
      this.#count(old < 0 ? 1 : 0, this.blocks.unitsOf(unit) - (old < 0 ? 0 : this.blocks.free(old)));
    }
    words[this.#field(STORE.whole)] = 1;
    return unit < 0 ? ABSENT : entry;
  }

  /** Removes the entry that `find` has just returned to the holder of the lock. */
  remove(entry: number): void {
    const words = this.#words;
    const record = this.#record(entry);
    const old = words[record + BLOCK] - 1;
    const link = this.#previous < 0 ? this.#heads + (words[record + HASH] & (STORE_BUCKETS - 1)) : this.#record(this.#previous);
    this.blocks.assertHeld();
    words[this.#field(STORE.whole)] = 0;
    store(words, record + BLOCK, 0);
    store(words, link, words[record]);
    // By two, for odd means that the chains are being rebuilt; and before `next` changes: a reader that stands on this record must find out.
    add(words, this.#field(STORE.chains), 2);
    add(words, this.#versions + entry, 1);
    this.#freeEntry(entry);
    this.#count(-1, -this.blocks.free(old));
    words[this.#field(STORE.whole)] = 1;
  }

  /** Removes all entries. Namespaces keep their numbers, which other threads remember. */
  removeAll(): void {
    const words = this.#words;
    this.blocks.assertHeld();
    words[this.#field(STORE.whole)] = 0;
    const end = words[this.#field(STORE.entriesEnd)];
    for (let entry = 0; entry < end; entry++) {
      if (words[this.#record(entry) + BLOCK] !== 0) store(words, this.#record(entry) + BLOCK, 0);
    }
    this.blocks.settle();
    this.ensureWhole();
  }

  /**
   * Makes chains, free lists and counts anew from the records, if a holder of the lock left them unfinished or nobody made them yet. Every version
   * goes up then: it is not known which value was published without its new version.
   */
  ensureWhole(): void {
    const words = this.#words;
    if (words[this.#field(STORE.whole)] === 1) return;
    const chains = this.#field(STORE.chains);
    const odd = load(words, chains) | 1;
    store(words, chains, odd);
    words.fill(0, this.#heads, this.#heads + STORE_BUCKETS);
    for (const field of [STORE.freeEntry, STORE.entries, STORE.unitsUsed]) words[this.#field(field)] = 0;
    this.blocks.beginRebuild();
    this.namespaces.keepBlocks();
    const end = words[this.#field(STORE.entriesEnd)];
    for (let entry = 0; entry < end; entry++) {
      const unit = words[this.#record(entry) + BLOCK] - 1;
      add(words, this.#versions + entry, 1);
      if (unit < 0) this.#freeEntry(entry);
      else {
        this.blocks.keep(unit);
        this.#link(entry, words[this.#record(entry) + HASH]);
        this.#count(1, this.blocks.unitsOf(unit));
      }
    }
    this.blocks.sweep();
    store(words, chains, (odd + 1) | 0);
    words[this.#field(STORE.whole)] = 1;
  }

  /** Entries that hold a value, and the units of their blocks. */
  counts(): { entries: number; units: number } {
    return { entries: load(this.#words, this.#field(STORE.entries)), units: load(this.#words, this.#field(STORE.unitsUsed)) };
  }

  /** Walks every chain: what `counts` must say. Throws when an entry stands in a wrong place. */
  audit(): { entries: number; units: number } {
    const words = this.#words;
    let [entries, units] = [0, 0];
    for (let bucket = 0; bucket < STORE_BUCKETS; bucket++) {
      for (let link = words[this.#heads + bucket]; link !== 0; link = words[this.#record(link - 1)]) {
        const record = this.#record(link - 1);
        assert((words[record + HASH] & (STORE_BUCKETS - 1)) === bucket && words[record + BLOCK] !== 0, `entry ${link - 1} is misplaced`);
        assert(++entries <= words[this.#field(STORE.entriesEnd)], "a chain has no end");
        units += this.blocks.unitsOf(words[record + BLOCK] - 1);
      }
    }
    return { entries, units };
  }

  #claimEntry(): number {
    const words = this.#words;
    const free = words[this.#field(STORE.freeEntry)] - 1;
    if (free >= 0) {
      words[this.#field(STORE.freeEntry)] = words[this.#record(free)];
      return free;
    }
    // There is one: each entry has a block of at least one unit, and there are as many entries as units.
    const fresh = words[this.#field(STORE.entriesEnd)];
    store(words, this.#field(STORE.entriesEnd), fresh + 1);
    return fresh;
  }

  /** Puts an entry at the head of its bucket. Until its block is stored readers pass it by. */
  #link(entry: number, hash: number): number {
    const words = this.#words;
    const record = this.#record(entry);
    const head = this.#heads + (hash & (STORE_BUCKETS - 1));
    words[record + HASH] = hash;
    store(words, record, words[head]);
    store(words, head, entry + 1);
    return entry;
  }

  #freeEntry(entry: number): void {
    const words = this.#words;
    store(words, this.#record(entry), words[this.#field(STORE.freeEntry)]);
    words[this.#field(STORE.freeEntry)] = entry + 1;
  }

  #count(entries: number, units: number): void {
    const words = this.#words;
    words[this.#field(STORE.entries)] += entries;
    words[this.#field(STORE.unitsUsed)] += units;
  }

  #record(entry: number): number {
    return this.#records + entry * RECORD_WORDS;
  }

  #field(field: number): number {
    return (this.#control + field) >>> 2;
  }
}
