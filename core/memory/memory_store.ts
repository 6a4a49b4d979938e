/**
 * The store: keys and values in shared memory, seen at once by every thread of the kernel.
 *
 * Reading takes no lock. A hot key is served from this thread's cache after one atomic load of its version; another is looked up, its bytes are copied
 * out, and the copy counts only if the version has not moved meanwhile and its checksum is right. Writing takes the store's one lock for about 150 ns:
 * the block is built before, in a private buffer. How a holder that dies is survived: store_lock.ts and store_entries.ts.
 *
 * @module
 */
import { ConfigError, InvalidArgumentError, KernelError } from "../base/errors.ts";
import { WATCHES_MAX } from "../base/limits.ts";
import { HOSTS_MAX, type Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { StoreBlocks } from "./store_blocks.ts";
import { KeyCell, type StoreCell } from "./store_cell.ts";
import { StoreCounts } from "./store_counts.ts";
import { StoreEntries } from "./store_entries.ts";
import { StoreEviction } from "./store_eviction.ts";
import { StoreJournal } from "./store_journal.ts";
import { STORE_UNIT_BYTES, storeParts } from "./store_layout.ts";
import { StoreLock } from "./store_lock.ts";
import { StoreMarks } from "./store_marks.ts";
import { StoreNamespaces } from "./store_namespaces.ts";
import { StoreReader } from "./store_reader.ts";
import { StoreSampler } from "./store_sampler.ts";
import { notKept } from "./store_errors.ts";
import { type BlockImage, StoreScratch, type ValueCodec } from "./store_scratch.ts";
import { type ScanOptions, type ScanPage, type StoreCheck, StoreWalk } from "./store_walk.ts";
import { type StoreChange, StoreWatch, type WatchFilter, type WatchOptions } from "./store_watch.ts";
import { ANY_VERSION, CHANGED, StoreWriter } from "./store_writer.ts";

export type { ValueCodec } from "./store_scratch.ts";

/** Entries of a batch that are written under one lock: some 5 µs, about the waiting that one thread may cause another. */
const BATCH_PER_LOCK = 32;

/** What the store holds, and what was done with it on all threads. */
export interface StoreStats {
  /** Keys with a value. */
  readonly entries: number;
  /** Bytes of their blocks: header, key and value, in whole units of 64. */
  readonly bytesUsed: number;
  /** Bytes that blocks can take, names of namespaces included. */
  readonly bytesCapacity: number;
  /** `bytesUsed` of `bytesCapacity`. From 80 on entries are evicted. */
  readonly percentUsed: number;
  /** Reads that found a value. */
  readonly hits: number;
  /** Reads that found none. */
  readonly misses: number;
  /** Values set. */
  readonly sets: number;
  /** Sets refused because the store was full. */
  readonly setsFailed: number;
  /** Keys deleted, those of a cleared namespace included. */
  readonly deletes: number;
  /** Entries dropped to make room. */
  readonly evictions: number;
  /** What each namespace holds. */
  readonly namespaces: readonly { readonly namespace: string; readonly entries: number; readonly bytesUsed: number }[];
}

/** A value with its version. */
export interface StoreEntry {
  /** The value, read-only. */
  readonly value: unknown;
  /** The number of the change that set it, among all changes of the store: no key ever has the same one twice. */
  readonly version: number;
}

/** One thread's handle on the store. Every thread makes its own over the same arena. */
export class MemoryStore {
  readonly #blocks: StoreBlocks;
  readonly #journal: StoreJournal;
  readonly #namespaces: StoreNamespaces;
  readonly #entries: StoreEntries;
  readonly #counts: StoreCounts;
  readonly #sampler: StoreSampler;
  readonly #reader: StoreReader;
  readonly #writer: StoreWriter;
  readonly #bytesCapacity: number;
  readonly #watches = new Set<StoreWatch>();
  #walk: StoreWalk | undefined;
  /** Absent while a write uses it: a getter of the value being encoded may write to the store itself. */
  #scratch: StoreScratch | undefined = new StoreScratch();
  readonly #writingCodec: ValueCodec;

  /**
   * `host` is the index of this thread; `codec` turns values into bytes and must be the same on all threads; `keep` puts what is in the store on the disk,
   * where it is kept on one.
   */
  constructor(
    memory: SharedMemory,
    layout: Layout,
    host: number,
    private readonly codec: ValueCodec,
    private readonly keep: () => Promise<void> = () => Promise.reject(notKept("this store is kept in memory only")),
  ) {
    if (!Number.isInteger(host) || host < 0 || host >= Math.min(layout.hosts, HOSTS_MAX)) {
      throw new InvalidArgumentError("host", host, `give the index of this thread, 0 to ${layout.hosts - 1}.`);
    }
    this.#writingCodec = codec.writingInto?.(this.#scratch!.window) ?? codec;
    const { count } = storeParts(layout);
    if (count < 1) throw new ConfigError("memoryStoreSize", `${layout.store.bytes} bytes hold no entry; give at least 65536.`);
    this.#bytesCapacity = count * STORE_UNIT_BYTES;
    const lock = new StoreLock(memory, layout, host);
    const marks = new StoreMarks(memory, layout, host);
    const journal = this.#journal = new StoreJournal(memory, layout);
    const blocks = this.#blocks = new StoreBlocks(memory, layout, lock);
    const namespaces = this.#namespaces = new StoreNamespaces(memory, layout, blocks);
    const entries = this.#entries = new StoreEntries(memory, layout, blocks, namespaces, journal);
    const counts = this.#counts = new StoreCounts(memory, layout, host);
    const sampler = this.#sampler = new StoreSampler(marks, counts, host);
    const eviction = new StoreEviction(memory, layout, blocks, entries, marks, counts);
    this.#writer = new StoreWriter({ lock, blocks, namespaces, journal, entries, marks, counts, eviction });
    this.#reader = new StoreReader({ entries, namespaces, marks, counts, sampler, codec, locked: (fn) => this.#locked(fn) });
  }

  /**
   * The value of a key, `undefined` when there is none. Plain objects and arrays are frozen and may be the same object as last time; what holds a Map,
   * Set, Date or binary data is a private copy. Throws `CORRUPT_VALUE` when its bytes are not those that were written.
   */
  get(namespace: string, key: string): unknown {
    return this.#reader.get(namespace, key);
  }

  /** The value of a key and its version, or `undefined`. */
  getEntry(namespace: string, key: string): StoreEntry | undefined {
    const reading = this.#reader.read(namespace, key);
    return reading && { value: reading.value, version: reading.version };
  }

  /** The values of several keys, in their order, each as `get` returns it: not of one moment. */
  getBatch(namespace: string, keys: readonly string[]): unknown[] {
    if (!Array.isArray(keys)) throw new InvalidArgumentError("keys", keys, "give an array of strings.");
    return keys.map((key) => this.get(namespace, key));
  }

  /** Whether a key has a value. */
  has(namespace: string, key: string): boolean {
    return this.#reader.has(namespace, key);
  }

  /** A handle that reads and sets one key without looking it up. */
  cell(namespace: string, key: string): StoreCell {
    this.#reader.image(namespace, key);
    const source = {
      ...{ entries: this.#entries, sampler: this.#sampler },
      read: (namespace: string, key: string) => this.#reader.read(namespace, key),
      set: (namespace: string, key: string, value: unknown) => this.set(namespace, key, value),
    };
    return new KeyCell(source, namespace, key);
  }

  /**
   * Sets a value; every thread sees it when this returns. False when the store is full: what it could evict was not enough, and the key has its old value.
   * The value is copied, neither frozen nor kept. From 80 % of the store's bytes on, entries that nobody uses give way. Throws `INVALID_ARGUMENT`,
   * `VALUE_TOO_LARGE`, `STORE_BUSY`, and what the codec throws for a value that cannot be copied.
   */
  set(namespace: string, key: string, value: unknown): boolean {
    return this.#set(namespace, key, value, ANY_VERSION) >= 0;
  }

  /**
   * Sets a value if the key still has this version; 0: if it has no value. False when it has another. Throws like `set`, and `STORE_FULL` when there is no
   * room.
   */
  compareAndSet(namespace: string, key: string, expectedVersion: number, value: unknown): boolean {
    if (!Number.isSafeInteger(expectedVersion) || expectedVersion < 0) {
      throw new InvalidArgumentError(
        "expectedVersion",
        expectedVersion,
        "give the version that getEntry returned, or 0 for an absent key.",
      );
    }
    const entry = this.#set(namespace, key, value, expectedVersion);
    if (entry >= 0 || entry === CHANGED) return entry >= 0;
    throw new KernelError(
      "STORE_FULL",
      "there is no room for the value, also not after eviction. Store less, or raise memoryStoreSize.",
      { bytesCapacity: this.#bytesCapacity },
    );
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
        scratch.writeValue(image, value, this.#writingCodec);
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
    const image = this.#reader.image(namespace, key);
    return image !== undefined && this.#writer.remove(this.#reader.probe, image);
  }

  /**
   * Removes all keys, one after another for those who read meanwhile; of one namespace if it is given. Keys of that namespace which are set while this runs
   * may stay.
   */
  clear(namespace?: string): void {
    if (namespace === undefined) return this.#writer.clear();
    const id = this.#namespaces.find(namespace);
    if (id >= 0) this.#writer.clearNamespace(id);
  }

  /**
   * Changes of a namespace from now on, by whichever thread: of one key, of `{ prefix }`, or of all. Bounded however slowly they are taken: of each key the
   * latest change is reported, with how many were skipped. Ends when `signal` is aborted, without an error. Does not hold the event loop open.
   */
  watch(
    namespace: string,
    keys?: string | { readonly prefix: string },
    options: WatchOptions = {},
  ): AsyncIterableIterator<StoreChange, undefined> {
    this.#namespaces.find(namespace);
    const filter: WatchFilter = typeof keys === "string" ? { key: keys } : { prefix: keys?.prefix ?? "" };
    if (filter.key !== undefined) this.#reader.probe.writeKey(0, filter.key);
    else if (typeof filter.prefix !== "string") throw new InvalidArgumentError("keys", keys, "give a key, or { prefix } with a string.");
    if (this.#watches.size >= WATCHES_MAX) {
      throw new KernelError("WATCH_LIMIT", `this thread has ${WATCHES_MAX} watches already. End some, or watch a prefix.`, {
        watchesMax: WATCHES_MAX,
      });
    }
    const source = {
      journal: this.#journal,
      namespaceId: () => this.#namespaces.find(namespace),
      read: (key: string) => this.#reader.read(namespace, key),
      page: (after: number, prefix: string) => this.scan(namespace, { after, prefix }),
      mayLock: () => this.#writer.mayEnter(),
      locked: <T>(fn: (version: number) => T) => this.#locked(() => fn(this.#entries.sequence)),
      onEnd: (watch: StoreWatch) => this.#watches.delete(watch),
    };
    const watch = new StoreWatch(source, filter, options.signal);
    if (!options.signal?.aborted) this.#watches.add(watch);
    return watch;
  }

  /** A page of a namespace's entries. A key that is there all the while is on exactly one page of a scan. */
  scan(namespace: string, options?: ScanOptions): ScanPage {
    return this.#walker().page(namespace, options);
  }

  /** Checks every entry against its checksum: about 0.5 µs each, and no thread waits. */
  verify(): StoreCheck {
    return this.#walker().verify();
  }

  /**
   * Resolves when everything that was set or deleted before the call, by whichever thread, is on the disk: it then survives `kill -9` and a loss of power. The
   * same holds for messages of durable queues. Rejects with `PERSISTENCE_WRITE` when the disk fails (the store goes on in memory, and the next flush tries
   * again), and with `PERSISTENCE_OFF` without the option `persistence`.
   */
  flush(): Promise<void> {
    return this.keep();
  }

  /** What the store holds now; exact when nobody writes, but for the last hits of other threads, up to 14 of each. */
  stats(): StoreStats {
    this.#sampler.flush();
    const { entries, units } = this.#entries.counts();
    const namespaces = this.#namespaces.names().map((namespace, id) => {
      const counts = this.#namespaces.counts(id);
      return { namespace, entries: counts.entries, bytesUsed: counts.units * STORE_UNIT_BYTES };
    });
    const [bytesUsed, bytesCapacity] = [units * STORE_UNIT_BYTES, this.#bytesCapacity];
    const percentUsed = 100 * bytesUsed / bytesCapacity;
    return { entries, bytesUsed, bytesCapacity, percentUsed, ...this.#counts.totals(), namespaces };
  }

  /**
   * Walks everything under the lock: entries and bytes as found, the bytes of names, of free runs, and those that belong to nobody (a lost writer's).
   * Throws when a structure contradicts itself. For tests and reports.
   */
  audit(): { entries: number; bytesUsed: number; bytesNames: number; bytesFree: number; bytesLost: number } {
    return this.#locked(() => {
      const { entries, units } = this.#entries.audit();
      const [bytesUsed, bytesNames, bytesFree] = [units, this.#namespaces.units(), this.#blocks.heap.audit()].map((n) =>
        n * STORE_UNIT_BYTES
      );
      return { entries, bytesUsed, bytesNames, bytesFree, bytesLost: this.#bytesCapacity - bytesUsed - bytesNames - bytesFree };
    });
  }

  /** Wakes the watches of all threads: a thread that died may have changed something and not told them. */
  wakeWatches(): void {
    this.#journal.ringAlways();
  }

  /** Ends this thread's watches. Everything else stays usable. */
  close(): void {
    for (const watch of this.#watches) watch.return();
  }

  #locked<T>(fn: () => T): T {
    this.#writer.enter();
    try {
      return fn();
    } finally {
      this.#writer.leave();
    }
  }

  #set(namespace: string, key: string, value: unknown, expected: number): number {
    this.#namespaces.find(namespace);
    const scratch = this.#takeScratch();
    try {
      const image = scratch.writeKey(0, key);
      scratch.writeValue(image, value, this.#writingCodec);
      this.#writer.enter();
      try {
        return this.#write(scratch, image, namespace, key, align(image.end), expected);
      } finally {
        this.#writer.leave();
      }
    } finally {
      this.#scratch = scratch;
    }
  }

  /** Under the lock. `free` is where `scratch` has room. */
  #write(scratch: StoreScratch, image: BlockImage, namespace: string, key: string, free: number, expected: number): number {
    const slot = this.#reader.slotOf(namespace, key);
    const entry = this.#writer.write(scratch, image, namespace, free, this.#reader.knownEntry(slot), expected);
    if (entry !== CHANGED) this.#counts.set(entry >= 0);
    if (entry >= 0) this.#reader.note(slot, namespace, key, entry);
    return entry;
  }

  #writeAll(scratch: StoreScratch, images: readonly BlockImage[], namespace: string, keys: readonly string[], free: number): boolean[] {
    const results: boolean[] = [];
    while (results.length < images.length) {
      this.#locked(() => {
        const end = Math.min(images.length, results.length + BATCH_PER_LOCK);
        for (let i = results.length; i < end; i++) {
          results.push(this.#write(scratch, images[i], namespace, keys[i], free, ANY_VERSION) >= 0);
        }
      });
    }
    return results;
  }

  #takeScratch(): StoreScratch {
    const scratch = this.#scratch ?? new StoreScratch();
    this.#scratch = undefined;
    return scratch;
  }

  #walker(): StoreWalk {
    return this.#walk ??= new StoreWalk({
      ...{ entries: this.#entries, blocks: this.#blocks, namespaces: this.#namespaces, codec: this.codec },
      locked: (fn) => this.#locked(fn),
    });
  }
}

function align(offset: number): number {
  return (offset + 7) & ~7;
}
