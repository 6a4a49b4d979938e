/**
 * The entries of the store: bucket heads, chains of records, a version an entry, and a block of key and value that is never changed in place.
 *
 * ```
 * heads[hash] ─► record { next, block, hash, origin } ─► next record …          versions[entry]
 *                               └────► block { identity, value bytes, checksum, owner, key, value }
 * ```
 * One word publishes: `record.block`. Set fills a fresh block and stores its number there, delete stores 0. Then the version changes, and only then is
 * the old block freed, so a reader that finds the version unchanged after its copy has copied one whole value. A version is the change's number among
 * all changes of the store, so no key ever has the same one twice: 32 bits of it stand in `versions`, the rest in `origin`.
 *
 * All else (chains, free entries, free runs, counts) follows from the records, so a holder of the lock that vanishes in the middle is repaired by
 * building it anew: `ensureWhole`. It also turns the zeroed arena into an empty store.
 *
 * Only the holder of the lock changes anything. Anyone may call `find`, `copyValue`, `isUnchanged`, `versionOf` and `counts`.
 *
 * @module
 */
import { assert } from "../base/errors.ts";
import { add, compareExchange, load, store } from "./atomics.ts";
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { StoreBlocks } from "./store_blocks.ts";
import { CHANGE, LOW_RANGE, type StoreJournal } from "./store_journal.ts";
import { STORE, STORE_KEY_BITS, STORE_ORIGIN_BITS, STORE_RECORD, STORE_RECORD_BYTES, storeParts } from "./store_layout.ts";
import type { StoreNamespaces } from "./store_namespaces.ts";
import type { BlockImage, StoreScratch } from "./store_scratch.ts";

const RECORD_WORDS = STORE_RECORD_BYTES >>> 2;
const BLOCK = STORE_RECORD.block >>> 2;
const HASH = STORE_RECORD.hash >>> 2;
const ORIGIN = STORE_RECORD.origin >>> 2;
const ORIGIN_MASK = (1 << STORE_ORIGIN_BITS) - 1;

/** There is no such entry, or no room for one. */
export const ABSENT = -1;
/** `find`: the chains changed under the reader; look again. */
export const UNSURE = -2;

/** One thread's view on the entries. */
export class StoreEntries {
  /** After `find`, `put` or `at`: the version of the entry when its block was seen or stored, low 32 bits and the rest. */
  version = 0;
  versionHigh = 0;
  /** The same: its block. */
  block = ABSENT;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #changed: number;
  readonly #floats: Float64Array;
  readonly #heads: number;
  readonly #bucketMask: number;
  readonly #versions: number;
  readonly #records: number;
  readonly #control: number;

  /** A view; every thread makes its own. */
  constructor(
    memory: SharedMemory,
    layout: Layout,
    private readonly blocks: StoreBlocks,
    private readonly namespaces: StoreNamespaces,
    private readonly journal: StoreJournal,
  ) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#bytes = memory.bytes;
    this.#changed = parts.changed;
    this.#floats = memory.floats;
    this.#heads = parts.heads >>> 2;
    this.#bucketMask = parts.buckets - 1;
    this.#versions = parts.versions >>> 2;
    this.#records = parts.records >>> 2;
    this.#control = parts.control;
  }

  /** The version of an entry now, its low 32 bits: one atomic load. */
  versionOf(entry: number): number {
    return load(this.#words, this.#versions + entry);
  }

  /**
   * Whether an entry still has a version, by a plain read: Atomics.load is a call, 10 ns, and with keys at random it keeps the processor from fetching the
   * next one meanwhile. Only for a reader that has its value already and reads nothing else from shared memory: seen late, it is the value of a moment
   * ago, never another. Who was told of a change (by a message, a lock, any atomic load) reads after that and sees it.
   */
  isStill(entry: number, version: number): boolean {
    return this.#words[this.#versions + entry] === version;
  }

  /** After `find`, `put` or `at`: the whole version. */
  get wholeVersion(): number {
    return this.versionHigh * LOW_RANGE + (this.version >>> 0);
  }

  /** Changes so far, for the holder of the lock: the version of the latest. */
  get sequence(): number {
    return this.#floats[(this.#control + STORE.sequence) >>> 3];
  }

  /** Entries that were ever used: no other index holds a value. */
  get end(): number {
    return load(this.#words, this.#field(STORE.entriesEnd));
  }

  /** Looks at an entry by its index: whether it holds a value, then `block` and the version are those of this moment. */
  at(entry: number): boolean {
    const record = this.#record(entry);
    this.version = this.versionOf(entry);
    this.block = load(this.#words, record + BLOCK) - 1;
    this.versionHigh = this.#words[record + ORIGIN] >>> STORE_ORIGIN_BITS;
    return this.block >= 0;
  }

  /** The number of the namespace that an entry with a value belongs to. */
  namespaceOf(entry: number): number {
    return this.#words[this.#record(entry) + ORIGIN] & ORIGIN_MASK;
  }

  /** The entry of a key, `ABSENT`, or (never to the holder of the lock) `UNSURE`. */
  find(scratch: StoreScratch, image: BlockImage): number {
    const words = this.#words;
    const chains = this.#field(STORE.chains);
    const before = load(words, chains);
    let steps = load(words, this.#field(STORE.entriesEnd));
    // Links are loaded atomically: the loads stay in order, so the check of `chains` comes after all of them.
    let entry = load(words, this.#heads + (image.hash & this.#bucketMask)) - 1;
    while (entry >= 0) {
      const record = this.#record(entry);
      if (words[record + HASH] === image.hash) {
        if (this.at(entry)) {
          if (this.blocks.holds(this.block, scratch, image)) return entry;
          // Another key of the same hash, or ours, whose block was replaced and reused between the two loads and the comparison.
          if (!this.isUnchanged(entry)) return UNSURE;
        }
      }
      if (--steps < 0) return UNSURE;
      entry = load(words, record) - 1;
    }
    return (before & 1) === 0 && load(words, chains) === before ? ABSENT : UNSURE;
  }

  /** Copies the value that `find` has just seen behind the key in `scratch`; false when it changed meanwhile. */
  copyValue(entry: number, scratch: StoreScratch, image: BlockImage): boolean {
    return this.blocks.copyValue(this.block, scratch, image) && this.isUnchanged(entry);
  }

  /**
   * Whether the entry still has the version that `find` saw. A read-modify-write, because an atomic load alone would not keep the plain reads before
   * it from being done after it (it is an acquire; ARM does reorder so).
   */
  isUnchanged(entry: number): boolean {
    return compareExchange(this.#words, this.#versions + entry, this.version, this.version) === this.version;
  }

  /** Sets a value: its entry, or `ABSENT` when there is no room. `found` is what `find` returned for the key. */
  put(scratch: StoreScratch, image: BlockImage, found: number): number {
    const words = this.#words;
    const old = found < 0 ? ABSENT : words[this.#record(found) + BLOCK] - 1;
    words[this.#field(STORE.whole)] = 0;
    const unit = this.blocks.write(scratch, image);
    const entry = unit < 0 ? ABSENT : found < 0 ? this.#link(this.#claimEntry(), image.hash) : found;
    if (unit >= 0) {
      this.blocks.own(unit, entry);
      const namespaceId = scratch.words[image.word] >>> STORE_KEY_BITS;
      this.#nextVersion(entry, namespaceId);
      if (this.journal.isRead) this.#note(CHANGE.set, namespaceId, unit);
      store(words, this.#record(entry) + BLOCK, unit + 1);
      store(words, this.#versions + entry, this.version);
      this.#bytes[this.#changed + entry] = 1;
      this.blocks.settle();
      const grown = this.blocks.unitsOf(unit) - (old < 0 ? 0 : this.blocks.free(old));
      if (old < 0 || grown !== 0) this.#count(namespaceId, old < 0 ? 1 : 0, grown);
      words[this.#field(STORE.changing)] = 0;
    }
    words[this.#field(STORE.whole)] = 1;
    return entry;
  }

  /** Removes an entry that holds a value; `kind` is `CHANGE.delete` or `CHANGE.evict`. Returns the units of its block. */
  remove(entry: number, kind: number): number {
    const words = this.#words;
    const record = this.#record(entry);
    const old = words[record + BLOCK] - 1;
    const namespaceId = words[record + ORIGIN] & ORIGIN_MASK;
    let link = this.#heads + (words[record + HASH] & this.#bucketMask);
    while (words[link] !== entry + 1) link = this.#record(words[link] - 1);
    this.blocks.assertHeld();
    words[this.#field(STORE.whole)] = 0;
    this.#nextVersion(entry, namespaceId);
    if (this.journal.isRead) this.#note(kind, namespaceId, old);
    store(words, record + BLOCK, 0);
    store(words, link, words[record]);
    // By two, for odd means that the chains are being rebuilt; and before `next` changes: a reader that stands on this record must find out.
    add(words, this.#field(STORE.chains), 2);
    store(words, this.#versions + entry, this.version);
    this.#bytes[this.#changed + entry] = 1;
    this.#freeEntry(entry);
    const units = this.blocks.free(old);
    this.#count(namespaceId, -1, -units);
    words[this.#field(STORE.changing)] = 0;
    words[this.#field(STORE.whole)] = 1;
    return units;
  }

  /** Removes all entries. Namespaces keep their numbers, which other threads remember. */
  removeAll(): void {
    const words = this.#words;
    this.blocks.assertHeld();
    words[this.#field(STORE.whole)] = 0;
    words[this.#field(STORE.changing)] = -1;
    const end = words[this.#field(STORE.entriesEnd)];
    for (let entry = 0; entry < end; entry++) {
      if (words[this.#record(entry) + BLOCK] !== 0) store(words, this.#record(entry) + BLOCK, 0);
    }
    this.blocks.settle();
    this.#rebuild(CHANGE.clear);
  }

  /**
   * Makes chains, free lists and counts anew from the records, if a holder of the lock left them unfinished or nobody made them yet. What it was
   * changing gets a new version then: it is not known whether the value was published without one.
   */
  ensureWhole(): void {
    if (this.#words[this.#field(STORE.whole)] !== 1) this.#rebuild(CHANGE.lost);
  }

  /** `kind` is what the watches are told. */
  #rebuild(kind: number): void {
    const words = this.#words;
    const chains = this.#field(STORE.chains);
    const odd = load(words, chains) | 1;
    store(words, chains, odd);
    words.fill(0, this.#heads, this.#heads + this.#bucketMask + 1);
    for (const field of [STORE.freeEntry, STORE.entries, STORE.unitsUsed]) words[this.#field(field)] = 0;
    this.namespaces.forgetCounts();
    this.blocks.beginRebuild();
    this.namespaces.keepBlocks();
    const end = words[this.#field(STORE.entriesEnd)];
    const changing = words[this.#field(STORE.changing)];
    for (let entry = 0; entry < end; entry++) {
      const record = this.#record(entry);
      const unit = words[record + BLOCK] - 1;
      const namespaceId = words[record + ORIGIN] & ORIGIN_MASK;
      if (changing === -1 || changing === entry + 1) {
        this.#nextVersion(entry, namespaceId);
        store(words, this.#versions + entry, this.version);
        this.#bytes[this.#changed + entry] = 1;
      }
      if (unit < 0) this.#freeEntry(entry);
      else {
        this.blocks.keep(unit);
        this.#link(entry, words[record + HASH]);
        this.#count(namespaceId, 1, this.blocks.unitsOf(unit));
      }
    }
    this.blocks.sweep();
    store(words, chains, (odd + 1) | 0);
    words[this.#field(STORE.changing)] = 0;
    if (this.journal.isRead) this.journal.append(kind, 0, this.#nextSequence(), words, 0, 0);
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
    for (let bucket = 0; bucket <= this.#bucketMask; bucket++) {
      for (let link = words[this.#heads + bucket]; link !== 0; link = words[this.#record(link - 1)]) {
        const record = this.#record(link - 1);
        assert((words[record + HASH] & this.#bucketMask) === bucket && words[record + BLOCK] !== 0, `entry ${link - 1} is misplaced`);
        assert(++entries <= words[this.#field(STORE.entriesEnd)], "a chain has no end");
        units += this.blocks.unitsOf(words[record + BLOCK] - 1);
      }
    }
    return { entries, units };
  }

  /** Hash of namespace and key of an entry with a value. */
  hashOf(entry: number): number {
    return this.#words[this.#record(entry) + HASH];
  }

  /** This entry is to be kept on disk again. For the holder of the lock. */
  markChanged(entry: number): true {
    this.#bytes[this.#changed + entry] = 1;
    return true;
  }

  /**
   * Puts a block that was kept on disk at an index, in a store that nobody uses yet: false when there is no room. Of a key that stands at two indices the
   * higher version stays. `settleAdopted` must follow.
   */
  adopt(entry: number, version: number, hash: number, from: Int32Array, word: number, count: number): boolean {
    const words = this.#words;
    const twin = this.#twinOf(hash, from, word);
    if (twin >= 0 && this.at(twin)) {
      if (version < this.wholeVersion) return this.markChanged(entry);
      this.remove(twin, CHANGE.delete);
    }
    const unit = this.blocks.adopt(from, word, count);
    if (unit < 0) return false;
    const namespaceId = from[word] >>> STORE_KEY_BITS;
    this.blocks.own(unit, entry);
    const record = this.#record(this.#link(entry, hash));
    words[record + BLOCK] = unit + 1;
    words[record + ORIGIN] = namespaceId | (Math.floor(version / LOW_RANGE) << STORE_ORIGIN_BITS);
    words[this.#versions + entry] = version | 0;
    if (words[this.#field(STORE.entriesEnd)] <= entry) words[this.#field(STORE.entriesEnd)] = entry + 1;
    this.#count(namespaceId, 1, this.blocks.unitsOf(unit));
    return true;
  }

  /** All that was kept is in its place: what lies between is free, and versions go on above `sequence`. */
  settleAdopted(sequence: number): void {
    const words = this.#words;
    words[this.#field(STORE.freeEntry)] = 0;
    for (let entry = words[this.#field(STORE.entriesEnd)] - 1; entry >= 0; entry--) {
      if (words[this.#record(entry) + BLOCK] === 0) this.#freeEntry(entry);
    }
    this.#floats[(this.#control + STORE.sequence) >>> 3] = Math.max(this.sequence, sequence);
  }

  #twinOf(hash: number, from: Int32Array, word: number): number {
    const words = this.#words;
    for (let link = words[this.#heads + (hash & this.#bucketMask)]; link !== 0; link = words[this.#record(link - 1)]) {
      const record = this.#record(link - 1);
      if (words[record + HASH] === hash && this.blocks.hasKey(words[record + BLOCK] - 1, from, word)) return link - 1;
    }
    return ABSENT;
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
    const head = this.#heads + (hash & this.#bucketMask);
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

  /** Takes the next version for an entry and says that it is being changed; who publishes the change stores `version`. */
  #nextVersion(entry: number, namespaceId: number): void {
    this.#words[this.#field(STORE.changing)] = this.#words[this.#field(STORE.changing)] === -1 ? -1 : entry + 1;
    const sequence = this.#nextSequence();
    this.version = sequence | 0;
    this.versionHigh = sequence < LOW_RANGE ? 0 : Math.floor(sequence / LOW_RANGE);
    this.#words[this.#record(entry) + ORIGIN] = namespaceId | (this.versionHigh << STORE_ORIGIN_BITS);
  }

  #nextSequence(): number {
    return ++this.#floats[(this.#control + STORE.sequence) >>> 3];
  }

  #note(kind: number, namespaceId: number, unit: number): void {
    const { keyBytes, word } = this.blocks.keyOf(unit);
    this.journal.append(kind, namespaceId, this.wholeVersion, this.#words, word, keyBytes);
  }

  #count(namespaceId: number, entries: number, units: number): void {
    const words = this.#words;
    words[this.#field(STORE.entries)] += entries;
    words[this.#field(STORE.unitsUsed)] += units;
    this.namespaces.count(namespaceId, entries, units);
  }

  #record(entry: number): number {
    return this.#records + entry * RECORD_WORDS;
  }

  #field(field: number): number {
    return (this.#control + field) >>> 2;
  }
}
