/**
 * The writing side of the store: what happens under its one lock, and in which order.
 *
 * @module
 */
import type { StoreBlocks } from "./store_blocks.ts";
import type { StoreCounts } from "./store_counts.ts";
import { ABSENT, type StoreEntries } from "./store_entries.ts";
import type { StoreEviction } from "./store_eviction.ts";
import { CHANGE, type StoreJournal } from "./store_journal.ts";
import type { StoreLock } from "./store_lock.ts";
import type { StoreMarks } from "./store_marks.ts";
import type { StoreNamespaces } from "./store_namespaces.ts";
import { type BlockImage, blockUnits, type StoreScratch } from "./store_scratch.ts";

/** The store's parts as one thread holds them. */
export interface WriterParts {
  readonly lock: StoreLock;
  readonly blocks: StoreBlocks;
  readonly namespaces: StoreNamespaces;
  readonly journal: StoreJournal;
  readonly entries: StoreEntries;
  readonly marks: StoreMarks;
  readonly counts: StoreCounts;
  readonly eviction: StoreEviction;
}

/** `write`: there is no room, also not after eviction. */
export const FULL = -1;
/** `write`: the version is not the expected one. */
export const CHANGED = -2;
/** `write`: whatever the version. */
export const ANY_VERSION = -1;

/** Entries that one hold of the lock looks at when a namespace is cleared: some 30 µs. */
const CLEARED_PER_LOCK = 256;

/** One thread's writing hand. */
export class StoreWriter {
  /** All parts, whoever needs one. */
  constructor(private readonly parts: WriterParts) {}

  /** Takes the lock and repairs what a holder that died left unfinished. Throws `STORE_BUSY`, `STORE_CLOSED`. */
  enter(): void {
    this.parts.lock.acquire();
    this.parts.entries.ensureWhole();
  }

  /** Whether `enter` would not have to wait for a living holder. */
  mayEnter(): boolean {
    return this.parts.lock.isFree();
  }

  /** Gives the lock back, then wakes the watches: they would find it taken otherwise. */
  leave(): void {
    this.parts.lock.release();
    this.parts.journal.ring();
  }

  /**
   * Under the lock: sets a value; its entry, `FULL`, or `CHANGED` when the key's version is not `expected`. `free` is where `scratch` has room, `known`
   * the key's entry if the caller knows it, else `ABSENT`.
   */
  write(scratch: StoreScratch, image: BlockImage, namespace: string, free: number, known: number, expected: number): number {
    const { entries, eviction, namespaces } = this.parts;
    if (expected > 0 && namespaces.find(namespace) < 0) return CHANGED;
    let id = namespaces.add(namespace, scratch, free);
    if (id < 0 && eviction.clearRun(blockUnits(4 * namespace.length, 0), ABSENT)) id = namespaces.add(namespace, scratch, free);
    if (id < 0) return FULL;
    scratch.claim(image, id);
    const found = known >= 0 ? known : entries.find(scratch, image);
    if (expected !== ANY_VERSION) {
      if (found >= 0) entries.at(found);
      if ((found < 0 ? 0 : entries.wholeVersion) !== expected) return CHANGED;
    }
    const units = blockUnits(image.keyBytes, image.end - image.valueAt);
    if (!eviction.couldHold(units)) return FULL;
    eviction.relieve(units, found);
    let entry = entries.put(scratch, image, found);
    if (entry === ABSENT && eviction.clearRun(units, found)) entry = entries.put(scratch, image, found);
    if (entry === ABSENT) return FULL;
    // A new entry is on probation: the hand comes to it when it has been everywhere else, and by then it has been used or not.
    if (found >= 0) this.parts.marks.mark(entry);
    return entry;
  }

  /** Removes a key; whether it was there. */
  remove(scratch: StoreScratch, image: BlockImage): boolean {
    this.enter();
    try {
      const entry = this.parts.entries.find(scratch, image);
      if (entry < 0) return false;
      this.parts.entries.remove(entry, CHANGE.delete);
      this.parts.counts.deleted();
      return true;
    } finally {
      this.leave();
    }
  }

  /** Removes all keys at once. */
  clear(): void {
    this.enter();
    try {
      this.parts.entries.removeAll();
    } finally {
      this.leave();
    }
  }

  /** Removes the keys of a namespace, a few at a time. */
  clearNamespace(id: number): void {
    const { entries, counts } = this.parts;
    for (let from = 0; from < entries.end; from += CLEARED_PER_LOCK) {
      this.enter();
      try {
        const end = Math.min(entries.end, from + CLEARED_PER_LOCK);
        for (let entry = from; entry < end; entry++) {
          if (!entries.at(entry) || entries.namespaceOf(entry) !== id) continue;
          entries.remove(entry, CHANGE.delete);
          counts.deleted();
        }
      } finally {
        this.leave();
      }
    }
  }
}
