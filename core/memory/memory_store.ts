/**
 * The store: keys and values in shared memory, seen at once by every thread of the kernel.
 *
 * Reading takes no lock. A hot key is served from this thread's cache after one atomic load of its version; another is looked up, its bytes are copied
 * out, and the copy counts only if the version has not moved meanwhile. Writing takes the store's one lock for about 150 ns: the block is built
 * before, in a private buffer. How a holder that dies is survived: store_lock.ts and store_entries.ts.
 *
 * @module
 */
import { ConfigError, InvalidArgumentError } from "../base/errors.ts";
import { HOSTS_MAX, type Layout, STORE_UNIT_BYTES, storeParts } from "./layout.ts";
import { freezePlain } from "./read_only.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { StoreBlocks } from "./store_blocks.ts";
import { NOT_DECODED, type Remembered, StoreCache } from "./store_cache.ts";
import { ABSENT, StoreEntries, UNSURE } from "./store_entries.ts";
import { StoreLock } from "./store_lock.ts";
import { StoreNamespaces } from "./store_namespaces.ts";
import { type BlockImage, StoreScratch, type ValueCodec } from "./store_scratch.ts";

export type { ValueCodec } from "./store_scratch.ts";

/** Looks without the lock before a reader takes it: each fails only if a writer touched the same key or chain in those 200 ns. */
const LOOKS_MAX = 8;
/** Entries of a batch that are written under one lock: some 5 µs, about the waiting that one thread may cause another. */
const BATCH_PER_LOCK = 32;

/** What the store holds. */
export interface StoreStats {
  /** Keys with a value. */
  readonly entries: number;
  /** Bytes of their blocks: header, key and value, in whole units of 64. */
  readonly bytesUsed: number;
  /** Bytes that blocks can take, names of namespaces included. */
  readonly bytesCapacity: number;
  /** Entries dropped to make room. */
  readonly evictions: number;
}

/** One thread's handle on the store. Every thread makes its own over the same arena. */
export class MemoryStore {
  readonly #cache = new StoreCache();
  readonly #lock: StoreLock;
  readonly #blocks: StoreBlocks;
  readonly #namespaces: StoreNamespaces;
  readonly #entries: StoreEntries;
  readonly #bytesCapacity: number;
  readonly #probe = new StoreScratch();
  /** Absent while a write uses it: a getter of the value being encoded may write to the store itself. */
  #scratch: StoreScratch | undefined = new StoreScratch();

  /** `host` is the index of this thread; `codec` turns values into bytes and must be the same on all threads. */
  constructor(memory: SharedMemory, layout: Layout, host: number, private readonly codec: ValueCodec) {
    if (!Number.isInteger(host) || host < 0 || host >= Math.min(layout.hosts, HOSTS_MAX)) {
      throw new InvalidArgumentError("host", host, `give the index of this thread, 0 to ${layout.hosts - 1}.`);
    }
    const { count } = storeParts(layout);
    if (count < 1) throw new ConfigError("memoryStoreSize", `${layout.store.bytes} bytes hold no entry; give at least 65536.`);
    this.#bytesCapacity = count * STORE_UNIT_BYTES;
    this.#lock = new StoreLock(memory, layout, host);
    this.#blocks = new StoreBlocks(memory, layout, this.#lock);
    this.#namespaces = new StoreNamespaces(memory, layout, this.#blocks);
    this.#entries = new StoreEntries(memory, layout, this.#blocks, this.#namespaces);
  }

  /**
   * The value of a key, `undefined` when there is none. Plain objects and arrays are frozen and may be the same object as last time; what holds a Map,
   * Set, Date or binary data is a private copy.
   */
  get(namespace: string, key: string): unknown {
    const known = this.#cache.find(namespace, key);
    if (known !== undefined && known.value !== NOT_DECODED && this.#entries.versionOf(known.entry) === known.version) {
      known.used = true;
      return known.value;
    }
    return this.#read(namespace, key, known);
  }

  /** Whether a key has a value. */
  has(namespace: string, key: string): boolean {
    const known = this.#cache.find(namespace, key);
    if (known !== undefined && this.#entries.versionOf(known.entry) === known.version) return true;
    const image = this.#image(namespace, key);
    return image !== undefined && this.#look(image, false) >= 0;
  }

  /**
   * Sets a value; every thread sees it when this returns. False when the store is full: nothing has changed then. The value is copied, neither frozen
   * nor kept. Throws `INVALID_ARGUMENT`, `VALUE_TOO_LARGE`, `STORE_BUSY`, and what the codec throws for a value that cannot be copied.
   */
  set(namespace: string, key: string, value: unknown): boolean {
    this.#namespaces.find(namespace);
    const scratch = this.#takeScratch();
    try {
      const image = scratch.writeKey(0, key);
      scratch.writeValue(image, value, this.codec);
      this.#enter();
      try {
        return this.#write(scratch, image, namespace, key, align(image.end));
      } finally {
        this.#lock.release();
      }
    } finally {
      this.#scratch = scratch;
    }
  }

  /** Sets several; one result each, as `set` would return. Throws like `set`, and then none of them is set. */
  setBatch(namespace: string, entries: readonly { readonly key: string; readonly value: unknown }[]): boolean[] {
    this.#namespaces.find(namespace);
    if (!Array.isArray(entries)) throw new InvalidArgumentError("entries", entries, "give an array of { key, value }.");
    const scratch = this.#takeScratch();
    try {
      const images: BlockImage[] = [];
      const keys: string[] = [];
      let end = 0;
      for (const entry of entries) {
        if (typeof entry !== "object" || entry === null) {
          throw new InvalidArgumentError("entries", entry, "give an array of { key, value }.");
        }
        const { key, value } = entry;
        const image = scratch.writeKey(end, key);
        scratch.writeValue(image, value, this.codec);
        keys.push(key);
        images.push(image);
        end = align(image.end);
      }
      return this.#writeAll(scratch, images, namespace, keys, end);
    } finally {
      this.#scratch = scratch.grown ? new StoreScratch() : scratch;
    }
  }

  /** Removes a key; whether it was there. */
  delete(namespace: string, key: string): boolean {
    const image = this.#image(namespace, key);
    if (image === undefined) return false;
    this.#enter();
    try {
      const entry = this.#entries.find(this.#probe, image);
      if (entry >= 0) this.#entries.remove(entry);
      return entry >= 0;
    } finally {
      this.#lock.release();
    }
  }

  /** Removes all keys, one after another for those who read meanwhile. */
  clear(): void {
    this.#enter();
    try {
      this.#entries.removeAll();
    } finally {
      this.#lock.release();
    }
  }

  /** What the store holds now; exact when nobody writes. */
  stats(): StoreStats {
    const { entries, units } = this.#entries.counts();
    return { entries, bytesUsed: units * STORE_UNIT_BYTES, bytesCapacity: this.#bytesCapacity, evictions: 0 };
  }

  /**
   * Walks everything under the lock: entries and bytes as found, the bytes of names, of free runs, and those that belong to nobody (a lost writer's).
   * Throws when a structure contradicts itself. For tests and reports.
   */
  audit(): { entries: number; bytesUsed: number; bytesNames: number; bytesFree: number; bytesLost: number } {
    this.#enter();
    try {
      const { entries, units } = this.#entries.audit();
      const [bytesUsed, bytesNames, bytesFree] = [units, this.#namespaces.units(), this.#blocks.auditFree()].map((n) =>
        n * STORE_UNIT_BYTES
      );
      return { entries, bytesUsed, bytesNames, bytesFree, bytesLost: this.#bytesCapacity - bytesUsed - bytesNames - bytesFree };
    } finally {
      this.#lock.release();
    }
  }

  #read(namespace: string, key: string, known: Remembered | undefined): unknown {
    const image = this.#image(namespace, key);
    if (image === undefined) return undefined;
    const entry = this.#look(image, true);
    if (entry < 0) return undefined;
    const version = this.#entries.version;
    const value = this.codec.decode(this.#probe.window, image.valueAt, image.end);
    const shared = freezePlain(value);
    this.#cache.note(known, namespace, key, entry, version, shared ? value : NOT_DECODED, image.end - image.valueAt);
    return value;
  }

  /** The key as an image in `#probe`; undefined when its namespace has never been written to. Throws when either cannot be one. */
  #image(namespace: string, key: string): BlockImage | undefined {
    const id = this.#namespaces.find(namespace);
    const image = this.#probe.writeKey(0, key);
    if (id < 0) return undefined;
    this.#probe.claim(image, id);
    return image;
  }

  /** Finds an entry, and its value when `copy`: without the lock, unless writers are always faster. */
  #look(image: BlockImage, copy: boolean): number {
    for (let look = 0; look < LOOKS_MAX; look++) {
      const entry = this.#entries.find(this.#probe, image);
      if (entry === ABSENT) return ABSENT;
      if (entry === UNSURE) continue;
      if (copy ? this.#entries.copyValue(entry, this.#probe, image) : this.#entries.isUnchanged(entry)) return entry;
    }
    this.#enter();
    try {
      const entry = this.#entries.find(this.#probe, image);
      if (entry >= 0 && copy) this.#entries.copyValue(entry, this.#probe, image);
      return entry;
    } finally {
      this.#lock.release();
    }
  }

  #enter(): void {
    this.#lock.acquire();
    this.#entries.ensureWhole();
  }

  /** Under the lock. `free` is where `scratch` has room. */
  #write(scratch: StoreScratch, image: BlockImage, namespace: string, key: string, free: number): boolean {
    const id = this.#namespaces.add(namespace, scratch, free);
    if (id < 0) return false;
    scratch.claim(image, id);
    const known = this.#cache.find(namespace, key);
    const isCurrent = known !== undefined && this.#entries.versionOf(known.entry) === known.version;
    const entry = this.#entries.put(scratch, image, isCurrent ? known.entry : ABSENT);
    if (entry < 0) return false;
    this.#cache.note(known, namespace, key, entry, this.#entries.version, NOT_DECODED, 0);
    return true;
  }

  #writeAll(scratch: StoreScratch, images: readonly BlockImage[], namespace: string, keys: readonly string[], free: number): boolean[] {
    const results: boolean[] = [];
    while (results.length < images.length) {
      this.#enter();
      try {
        const end = Math.min(images.length, results.length + BATCH_PER_LOCK);
        for (let i = results.length; i < end; i++) results.push(this.#write(scratch, images[i], namespace, keys[i], free));
      } finally {
        this.#lock.release();
      }
    }
    return results;
  }

  #takeScratch(): StoreScratch {
    const scratch = this.#scratch ?? new StoreScratch();
    this.#scratch = undefined;
    return scratch;
  }
}

function align(offset: number): number {
  return (offset + 7) & ~7;
}
