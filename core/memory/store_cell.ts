/**
 * A handle on one key: reads it without looking it up.
 *
 * @module
 */
import { NOT_DECODED } from "./store_cache.ts";
import { ABSENT, type StoreEntries } from "./store_entries.ts";
import type { Reading } from "./store_reader.ts";
import type { StoreSampler } from "./store_sampler.ts";

/** One key of the store. Hold it as long as you like: it follows the key through set and delete. */
export interface StoreCell {
  /** Where the key stands. */
  readonly namespace: string;
  /** The key. */
  readonly key: string;
  /** The version of the value now; 0 when there is none. */
  readonly version: number;
  /** The value now, or `undefined`: as `MemoryStore.get`. */
  get(): unknown;
  /** Sets the value: as `MemoryStore.set`. */
  set(value: unknown): boolean;
}

/** What a cell needs of its store. */
export interface CellSource {
  readonly entries: StoreEntries;
  readonly sampler: StoreSampler;
  read(namespace: string, key: string): Reading | undefined;
  set(namespace: string, key: string, value: unknown): boolean;
}

/** The cell of one thread. */
export class KeyCell implements StoreCell {
  #entry = ABSENT;
  #low = 0;
  #version = 0;
  #value: unknown = NOT_DECODED;
  readonly #entries: StoreEntries;
  readonly #sampler: StoreSampler;

  /** Made by `MemoryStore.cell`. */
  constructor(private readonly source: CellSource, readonly namespace: string, readonly key: string) {
    this.#entries = source.entries;
    this.#sampler = source.sampler;
  }

  /** The value now, or `undefined`: as `MemoryStore.get`. */
  get(): unknown {
    if (this.#value === NOT_DECODED || !this.#entries.isStill(this.#entry, this.#low)) return this.#read();
    this.#sampler.hit(this.#entry);
    return this.#value;
  }

  /** Sets the value: as `MemoryStore.set`. */
  set(value: unknown): boolean {
    return this.source.set(this.namespace, this.key, value);
  }

  /** The version of the value now; 0 when there is none. */
  get version(): number {
    if (this.#entry < 0 || !this.#entries.isStill(this.#entry, this.#low)) this.#read();
    return this.#version;
  }

  #read(): unknown {
    const reading = this.source.read(this.namespace, this.key);
    this.#entry = reading === undefined ? ABSENT : reading.entry;
    this.#version = reading === undefined ? 0 : reading.version;
    this.#low = this.#version | 0;
    this.#value = reading?.isShared ? reading.value : NOT_DECODED;
    return reading?.value;
  }
}
