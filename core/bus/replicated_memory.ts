/**
 * The store as named spaces with versions, changes and compare-and-set: what agents and callers share. On one node, every thread sees one memory; what a
 * space promises is chosen so that it can be kept across nodes too.
 *
 * @module
 */
import type { MemoryStore, StoreEntry } from "../memory/memory_store.ts";
import type { ScannedEntry } from "../memory/store_walk.ts";
import type { StoreChange, WatchOptions } from "../memory/store_watch.ts";

/** One namespace of the store. */
export interface MemorySpace {
  /** Its namespace. */
  readonly name: string;
  /** The value of a key, read-only, or undefined. */
  get(key: string): unknown;
  /** The value and its version, or undefined. */
  getEntry(key: string): StoreEntry | undefined;
  /** Sets a value; false when there is no room for it. */
  set(key: string, value: unknown): boolean;
  /** Removes a key; whether it was there. */
  delete(key: string): boolean;
  /** Sets the value if the key still has this version (0: no value); false when it has another. */
  compareAndSet(key: string, expectedVersion: number, value: unknown): boolean;
  /** Changes from now on: of one key, of `{ prefix }`, or of all. See `StoreChange`. */
  watch(keys?: string | { readonly prefix: string }, options?: WatchOptions): AsyncIterableIterator<StoreChange, undefined>;
  /** All entries, one after another, in no particular order: each key that is there all the while once. */
  scan(options?: { readonly prefix?: string }): IterableIterator<ScannedEntry>;
}

/** Memory that is shared by name. */
export class ReplicatedMemory {
  /** On one thread's view of the store. */
  constructor(private readonly store: MemoryStore) {}

  /** The space of this name; every call gives a handle on the same one. */
  space(name: string): MemorySpace {
    const { store } = this;
    // Throws when the name cannot be one.
    store.scan(name, { limit: 1 });
    return {
      name,
      get: (key) => store.get(name, key),
      getEntry: (key) => store.getEntry(name, key),
      set: (key, value) => store.set(name, key, value),
      delete: (key) => store.delete(name, key),
      compareAndSet: (key, expectedVersion, value) => store.compareAndSet(name, key, expectedVersion, value),
      watch: (keys, options) => store.watch(name, keys, options),
      scan: (options) => scanAll(store, name, options?.prefix),
    };
  }
}

function* scanAll(store: MemoryStore, name: string, prefix?: string): IterableIterator<ScannedEntry> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = store.scan(name, { prefix, after });
    yield* page.entries;
    after = page.next;
  }
}
