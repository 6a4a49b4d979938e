/**
 * The store's share of the log: its entries by their indices, each as the block that it is, and the names of its namespaces.
 *
 * A changed entry is marked under the store's lock, after its value was published. The flusher takes marks under that lock, some hundred at a time, and
 * reads the values without it: a value that changes meanwhile is marked again. So what was set when a flush begins is in it, and no thread waits for a
 * flush longer than for another thread's set.
 *
 * An entry that was marked and holds nothing was deleted or evicted. A key that was deleted and set again may be met at both of its indices, or at
 * neither; then its deletion is what was flushed of it. Of two the one with the higher version is right.
 *
 * @module
 */
import { ConfigError } from "../base/errors.ts";
import type { Layout } from "./layout.ts";
import type { LogBatch } from "./log_batch.ts";
import { LOG_PART } from "./log_layout.ts";
import type { LogPart } from "./log_part.ts";
import type { LogRecord } from "./log_reader.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { StoreAdoption } from "./store_adoption.ts";
import { StoreBlocks, wordsOfBlock } from "./store_blocks.ts";
import { StoreEntries } from "./store_entries.ts";
import { StoreFetch } from "./store_fetch.ts";
import { LOW_RANGE, StoreJournal } from "./store_journal.ts";
import { STORE_KEY_BITS, STORE_NAMESPACES_MAX, STORE_UNIT_BYTES, storeParts } from "./store_layout.ts";
import { StoreLock } from "./store_lock.ts";
import { StoreNamespaces } from "./store_namespaces.ts";
import { StoreScratch } from "./store_scratch.ts";

/** Entries whose marks are looked at together and taken under one lock: some 5 µs if all are set, as long as a batch of sets holds it. */
const SLICE_ENTRIES = 2_048;
/** Words of four marks that are looked at as one; a slice is so many of these. */
const GROUP_WORDS = 4;
/** Slices without any mark that are passed in a row: some 10 µs. */
const SLICES_PER_STEP = 32;
/** Entries that are copied in a row. */
const ENTRIES_PER_STEP = 32;
/** Names of namespaces that each batch repeats, if there are no more: a few hundred bytes. */
const NAMES_REPEATED_MAX = 16;
/** Copies of an entry that is being changed all the time before the lock is taken. */
const LOOKS_MAX = 8;
/** What versions skip at each start: whatever number was given to a change that never reached the disk is not given to another one. */
const VERSIONS_SKIPPED = LOW_RANGE;
/** Bytes of a store for each byte of its entries: they fill three quarters of it, and its tables take a third more. */
const ROOM_PER_BYTE = 4 / 3 * 4 / 3;
const MIB = 1 << 20;
/** Bytes of a record's head beside its block, for the estimate. */
const HEAD_BYTES = 24;

/** One kernel's store, for its log. */
export class StorePart implements LogPart {
  /** See `LogPart`. */
  readonly early: readonly number[] = [LOG_PART.storeNamespace];
  /** See `LogPart`. */
  readonly keyed: readonly number[] = [LOG_PART.storeSequence, LOG_PART.storeEntry];
  /** See `LogPart`. */
  readonly listed: readonly number[] = [];
  readonly #words: Int32Array;
  readonly #changed: number;
  readonly #count: number;
  readonly #lock: StoreLock;
  readonly #blocks: StoreBlocks;
  readonly #namespaces: StoreNamespaces;
  readonly #entries: StoreEntries;
  readonly #journal: StoreJournal;
  readonly #adoption: StoreAdoption;
  readonly #fetch: StoreFetch;
  /** Entries of the batch under way. */
  #taken = new Uint32Array(SLICE_ENTRIES);
  #takenEnd = 0;
  #namesKept = 0;
  #namesTaken = 0;
  /** While entries are restored: the highest version, how many are there, and where one goes whose index is taken. */
  #version = 0;
  #restored = 0;
  #spare = 0;
  #moved = false;
  #unitsMissing = 0;

  /** `host` is the index of this thread. */
  constructor(memory: SharedMemory, layout: Layout, host: number) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#changed = parts.changed >>> 2;
    this.#count = parts.count;
    this.#lock = new StoreLock(memory, layout, host);
    this.#blocks = new StoreBlocks(memory, layout, this.#lock);
    this.#namespaces = new StoreNamespaces(memory, layout, this.#blocks);
    this.#journal = new StoreJournal(memory, layout);
    this.#entries = new StoreEntries(memory, layout, this.#blocks, this.#namespaces, this.#journal);
    this.#adoption = new StoreAdoption(memory, layout, this.#blocks, this.#namespaces, this.#entries);
    this.#fetch = new StoreFetch(memory, layout);
  }

  /** Keys that were restored. */
  get restored(): number {
    return this.#restored;
  }

  /** See `LogPart.collect`. */
  *collect(batch: LogBatch, all: boolean): Generator<void, void, void> {
    this.#takenEnd = 0;
    // Whatever was set before the flush was asked for is visible behind this lock, and what a dead holder left is repaired and marked.
    const end = this.#locked(() => this.#entries.end);
    this.#namesTaken = this.#namespaces.size;
    if (all || this.#namesTaken > this.#namesKept) this.#writeNames(batch, all ? 0 : this.#namesKept);
    for (let from = 0, passed = 0; from < end; from += SLICE_ENTRIES) {
      const to = Math.min(end, from + SLICE_ENTRIES);
      if (!all && !this.#isMarked(from, to)) {
        if (++passed % SLICES_PER_STEP === 0) yield;
        continue;
      }
      const first = this.#takenEnd;
      this.#locked(() => this.#take(from, to, all));
      for (let index = first; index < this.#takenEnd; index += ENTRIES_PER_STEP) {
        const stop = Math.min(this.#takenEnd, index + ENTRIES_PER_STEP);
        this.#fetch.entries(this.#taken, index, stop);
        for (let at = index; at < stop; at++) {
          this.#write(batch, this.#taken[at], all);
          if (batch.isFull) yield;
        }
        yield;
      }
    }
    if (!all && this.#takenEnd === 0) return;
    // Again, in another block than above or in another batch: a name that is lost takes all keys of its namespace along.
    if (all || this.#namesTaken <= NAMES_REPEATED_MAX) {
      if (all) {
        batch.endBlock();
        yield;
      }
      this.#writeNames(batch, 0);
    }
    batch.add(LOG_PART.storeSequence, 0, 0, this.#locked(() => this.#entries.sequence));
  }

  /** See `LogPart.kept`. */
  kept(): void {
    this.#namesKept = this.#namesTaken;
    this.#takenEnd = 0;
  }

  /** See `LogPart.undo`. */
  undo(): void {
    this.#locked(() => {
      for (let index = 0; index < this.#takenEnd; index++) this.#entries.markChanged(this.#taken[index]);
    });
    this.#takenEnd = 0;
  }

  /** See `LogPart.liveBytes`. */
  liveBytes(): number {
    const { entries, units } = this.#entries.counts();
    return units * STORE_UNIT_BYTES + entries * HEAD_BYTES;
  }

  /** See `LogPart.beginRestore`. */
  beginRestore(): void {
    this.#lock.acquire();
    this.#entries.ensureWhole();
    this.#spare = this.#count - 1;
  }

  /** See `LogPart.restore`. */
  restore({ part, key, version, extra, bytes, at, window }: LogRecord): boolean {
    if (part === LOG_PART.storeSequence) {
      this.#version = Math.max(this.#version, version);
      return true;
    }
    if (part === LOG_PART.storeNamespace) return this.#restoreName(key, textOf(window.bytes.subarray(at, at + bytes)));
    const words = window.words as Int32Array;
    const word = at >>> 2;
    if (bytes < HEAD_BYTES || wordsOfBlock(words, word) !== bytes >>> 2) return false;
    this.#version = Math.max(this.#version, version);
    let entry = key;
    if (entry >= this.#count || this.#entries.at(entry)) {
      // A store of another size: its entries are given other indices, and the log is written anew.
      while (this.#spare >= 0 && this.#entries.at(this.#spare)) this.#spare--;
      if (this.#spare < 0) return this.#findsNoRoom(words, word);
      entry = this.#spare;
      this.#moved = true;
    }
    const namespaceId = words[word] >>> STORE_KEY_BITS;
    if (namespaceId >= STORE_NAMESPACES_MAX) return false;
    while (this.#namespaces.size <= namespaceId) if (!this.#addName(`$lost-${this.#namespaces.size}`)) return false;
    return this.#adoption.put(entry, version, extra, words, word, bytes >>> 2) || this.#findsNoRoom(words, word);
  }

  /** See `LogPart.endRestore`. */
  endRestore(): number {
    this.#restored = this.#entries.counts().entries;
    this.#adoption.settle(this.#version === 0 ? 0 : this.#version + VERSIONS_SKIPPED);
    this.#namesKept = this.#namespaces.size;
    this.#lock.release();
    if (this.#unitsMissing > 0) throw this.#tooSmall();
    return 0;
  }

  /** See `LogPart.mustRewrite`: entries stand at other indices now than in the log. */
  get mustRewrite(): boolean {
    return this.#moved;
  }

  #writeNames(batch: LogBatch, from: number): void {
    const names = this.#namespaces.names();
    for (let id = from; id < this.#namesTaken; id++) batch.put(LOG_PART.storeNamespace, id, textBytes(names[id]));
  }

  #restoreName(id: number, name: string): boolean {
    while (this.#namespaces.size < id) if (!this.#addName(`$lost-${this.#namespaces.size}`)) return false;
    return this.#namespaces.size === id && this.#addName(name);
  }

  #findsNoRoom(words: Int32Array, word: number): true {
    this.#unitsMissing += this.#blocks.unitsFor(words, word);
    return true;
  }

  /** What was kept is not thrown away because an option was lowered: somebody has to say so. */
  #tooSmall(): ConfigError {
    const units = this.#unitsMissing + this.#entries.counts().units;
    const neededBytes = Math.ceil(units * STORE_UNIT_BYTES * ROOM_PER_BYTE / MIB) * MIB;
    return new ConfigError(
      "memoryStoreSize",
      `is too small for what was kept; give at least ${neededBytes} bytes, or another persistence.path to start empty. Nothing was changed.`,
      { neededBytes },
    );
  }

  #addName(name: string): boolean {
    return this.#namespaces.add(name, this.#scratch ??= new StoreScratch(), 0) >= 0;
  }

  #scratch: StoreScratch | undefined;

  #isMarked(from: number, to: number): boolean {
    const end = this.#changed + ((to + 3) >>> 2);
    for (let at = this.#changed + (from >>> 2); at < end; at += GROUP_WORDS) if (this.#isGroupMarked(at)) return true;
    return false;
  }

  #isGroupMarked(at: number): boolean {
    const words = this.#words;
    return (words[at] | words[at + 1] | words[at + 2] | words[at + 3]) !== 0;
  }

  /**
   * Under the lock: takes the marks of a slice, of whole groups. So one of an entry at `to` or beyond, which another thread has begun to use since the flush
   * was asked for, is taken along: to take only its word would be to lose it.
   */
  #take(from: number, to: number, all: boolean): void {
    const words = this.#words;
    const taken = this.#roomToTake();
    let count = this.#takenEnd;
    const end = this.#changed + ((to + 3) >>> 2);
    for (let group = this.#changed + (from >>> 2); group < end; group += GROUP_WORDS) {
      if (!all && !this.#isGroupMarked(group)) continue;
      for (let at = group; at < group + GROUP_WORDS; at++) {
        const marks = words[at];
        if (marks !== 0) words[at] = 0;
        else if (!all) continue;
        for (let i = 0, entry = 4 * (at - this.#changed); i < 4; i++, entry++) {
          if (((marks >>> (8 * i)) & 0xff) !== 0 || (all && entry < to)) taken[count++] = entry;
        }
      }
    }
    this.#takenEnd = count;
  }

  /** Room for the entries of one more slice. */
  #roomToTake(): Uint32Array {
    if (this.#takenEnd + SLICE_ENTRIES <= this.#taken.length) return this.#taken;
    const grown = new Uint32Array(2 * this.#taken.length);
    grown.set(this.#taken);
    return this.#taken = grown;
  }

  #write(batch: LogBatch, entry: number, all: boolean): void {
    for (let look = 0; look < LOOKS_MAX; look++) if (this.#tryWrite(batch, entry, all)) return;
    this.#locked(() => this.#tryWrite(batch, entry, all));
  }

  /** False when the entry changed meanwhile; nothing was written then. */
  #tryWrite(batch: LogBatch, entry: number, all: boolean): boolean {
    const entries = this.#entries;
    if (!entries.at(entry)) {
      if (!entries.isUnchanged(entry)) return false;
      if (!all) batch.gone(LOG_PART.storeEntry, entry);
      return true;
    }
    const { block, wholeVersion } = entries;
    const count = this.#blocks.wordsOf(block);
    // Of a block whose lengths are damaged nothing can be kept; `verify` names its key.
    if (count < 0) return entries.isUnchanged(entry);
    const at = batch.add(LOG_PART.storeEntry, entry, count * 4, wholeVersion, entries.hashOf(entry));
    this.#blocks.copyOut(block, count, batch.window.words as Int32Array, at >>> 2);
    if (entries.isUnchanged(entry)) return true;
    batch.drop(at);
    return false;
  }

  #locked<T>(fn: () => T): T {
    this.#lock.acquire();
    try {
      this.#entries.ensureWhole();
      return fn();
    } finally {
      this.#lock.release();
      this.#journal.ring();
    }
  }
}

/** One UTF-16 unit after another: a name may hold what UTF-8 cannot. */
export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  const view = new DataView(bytes.buffer);
  for (let unit = 0; unit < text.length; unit++) view.setUint16(2 * unit, text.charCodeAt(unit), true);
  return bytes;
}

/** What `textBytes` made. */
export function textOf(bytes: Uint8Array<ArrayBufferLike>): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  for (let at = 0; at + 2 <= bytes.length; at += 2) text += String.fromCharCode(view.getUint16(at, true));
  return text;
}
