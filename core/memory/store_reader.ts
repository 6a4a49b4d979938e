/**
 * The reading side of the store: this thread's cache, and behind it the search without the lock.
 *
 * @module
 */
import { freezePlain } from "./read_only.ts";
import { NO_SLOT, NOT_DECODED, SLOT_ENTRY, SLOT_VALUE, SLOT_VERSION, StoreCache } from "./store_cache.ts";
import type { StoreCounts } from "./store_counts.ts";
import { corruptValue } from "./store_errors.ts";
import { ABSENT, type StoreEntries, UNSURE } from "./store_entries.ts";
import { LOW_RANGE } from "./store_journal.ts";
import type { StoreMarks } from "./store_marks.ts";
import type { StoreNamespaces } from "./store_namespaces.ts";
import type { StoreSampler } from "./store_sampler.ts";
import { type BlockImage, StoreScratch, type ValueCodec } from "./store_scratch.ts";

/** Looks without the lock before a reader takes it: each fails only if a writer touched the same key or chain in those 200 ns. */
const LOOKS_MAX = 8;

/** What is known of a value that was read. */
export interface Reading {
  /** The value. */
  readonly value: unknown;
  /** Its version. */
  readonly version: number;
  /** Index of its entry. */
  readonly entry: number;
  /** Whether the value may be handed out again. */
  readonly isShared: boolean;
}

/** What a reader needs of the store. */
export interface ReaderParts {
  readonly entries: StoreEntries;
  readonly namespaces: StoreNamespaces;
  readonly marks: StoreMarks;
  readonly counts: StoreCounts;
  readonly sampler: StoreSampler;
  readonly codec: ValueCodec;
  /** Runs a function under the lock. */
  locked<T>(fn: () => T): T;
}

/** One thread's reading eye. */
export class StoreReader {
  /** Where a key is made into an image; nothing in it outlives a call. */
  readonly probe = new StoreScratch();
  readonly #cache = new StoreCache();
  readonly #entries: StoreEntries;
  readonly #sampler: StoreSampler;

  /** Made of the other parts. */
  constructor(private readonly parts: ReaderParts) {
    this.#entries = parts.entries;
    this.#sampler = parts.sampler;
  }

  /** The value of a key, or undefined. */
  get(namespace: string, key: string): unknown {
    const cache = this.#cache;
    const slot = cache.find(namespace, key);
    if (slot >= 0) {
      const slots = cache.slots;
      const value = slots[slot + SLOT_VALUE];
      const entry = slots[slot + SLOT_ENTRY] as number;
      if (value !== NOT_DECODED && this.#entries.isStill(entry, slots[slot + SLOT_VERSION] as number)) {
        if (this.#sampler.hit(entry)) cache.use(slot);
        return value;
      }
    }
    return this.#readAnew(namespace, key, slot)?.value;
  }

  /** As `get`, with all that is known. */
  read(namespace: string, key: string): Reading | undefined {
    const slot = this.#cache.find(namespace, key);
    const value = slot < 0 ? NOT_DECODED : this.#cache.slots[slot + SLOT_VALUE];
    if (value === NOT_DECODED || !this.#isCurrent(slot)) return this.#readAnew(namespace, key, slot);
    const entry = this.#cache.slots[slot + SLOT_ENTRY] as number;
    const low = this.#cache.slots[slot + SLOT_VERSION] as number;
    if (this.#sampler.hit(entry)) this.#cache.use(slot);
    return { entry, version: this.#cache.versionHigh(slot) * LOW_RANGE + (low >>> 0), value, isShared: true };
  }

  /** Whether a key has a value. */
  has(namespace: string, key: string): boolean {
    if (this.#isCurrent(this.#cache.find(namespace, key))) return true;
    const image = this.image(namespace, key);
    return image !== undefined && this.#look(image, false, namespace, key) >= 0;
  }

  /** Where this thread remembers a key: for `knownEntry` and `note`, until anything else is read or set. */
  slotOf(namespace: string, key: string): number {
    return this.#cache.find(namespace, key);
  }

  /** For the holder of the lock: the entry of a key if this thread remembers it rightly, else `ABSENT`. */
  knownEntry(slot: number): number {
    return this.#isCurrent(slot) ? this.#cache.slots[slot + SLOT_ENTRY] as number : ABSENT;
  }

  /** Remembers what was just set. */
  note(slot: number, namespace: string, key: string, entry: number): void {
    const { version, versionHigh } = this.#entries;
    this.#cache.note(slot, namespace, key, entry, version, versionHigh, NOT_DECODED, 0);
  }

  /** The key as an image in `probe`; undefined when its namespace has never been written to. Throws when either cannot be one. */
  image(namespace: string, key: string): BlockImage | undefined {
    const id = this.parts.namespaces.find(namespace);
    const image = this.probe.writeKey(0, key);
    if (id < 0) return undefined;
    this.probe.claim(image, id);
    return image;
  }

  #isCurrent(slot: number): boolean {
    if (slot === NO_SLOT) return false;
    const { slots } = this.#cache;
    return this.#entries.isStill(slots[slot + SLOT_ENTRY] as number, slots[slot + SLOT_VERSION] as number);
  }

  #readAnew(namespace: string, key: string, slot: number): Reading | undefined {
    const { counts, codec, marks } = this.parts;
    const image = this.image(namespace, key);
    const entry = image === undefined ? ABSENT : this.#look(image, true, namespace, key);
    if (image === undefined || entry < 0) {
      counts.miss();
      return undefined;
    }
    if (!this.probe.isIntact(image)) throw corruptValue(namespace, key);
    const { version, versionHigh, wholeVersion } = this.#entries;
    const value = codec.decode(this.probe.window, image.valueAt, image.end);
    const isShared = freezePlain(value);
    const remembered = isShared ? value : NOT_DECODED;
    this.#cache.note(slot, namespace, key, entry, version, versionHigh, remembered, image.end - image.valueAt);
    counts.hits(1);
    marks.mark(entry);
    return { entry, version: wholeVersion, value, isShared };
  }

  /** Finds an entry, and its value when `copy`: without the lock, unless writers are always faster. */
  #look(image: BlockImage, copy: boolean, namespace: string, key: string): number {
    for (let look = 0; look < LOOKS_MAX; look++) {
      const entry = this.#entries.find(this.probe, image);
      if (entry === ABSENT) return ABSENT;
      if (entry === UNSURE) continue;
      if (copy ? this.#entries.copyValue(entry, this.probe, image) : this.#entries.isUnchanged(entry)) return entry;
    }
    return this.parts.locked(() => {
      const entry = this.#entries.find(this.probe, image);
      if (entry >= 0 && copy && !this.#entries.copyValue(entry, this.probe, image)) throw corruptValue(namespace, key);
      return entry;
    });
  }
}
