/**
 * What the tables of the bus share: one lock for the rare changes, and a version word for each table, so that every thread notices a change by one read.
 *
 * @module
 */
import { load, store } from "../memory/atomics.ts";
import { BUS, type BusParts } from "../memory/bus_layout.ts";
import type { Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { StoreLock } from "../memory/store_lock.ts";

/** One thread's handle on the tables' lock and versions. */
export class BusTables {
  readonly #lock: StoreLock;
  readonly #words: Int32Array;

  /** `host` is the index of this thread. */
  constructor(memory: SharedMemory, layout: Layout, readonly parts: BusParts, host: number) {
    const { control } = parts;
    const place = { lock: control + BUS.lock, waiting: control + BUS.waiting, turns: control + BUS.turns, of: "bus" } as const;
    this.#lock = new StoreLock(memory, layout, host, place);
    this.#words = memory.words;
  }

  /** Runs `change` alone. Throws `BUS_BUSY` or `BUS_CLOSED`. Must not be nested. */
  change<T>(change: () => T): T {
    this.#lock.acquire();
    try {
      return change();
    } finally {
      this.#lock.release();
    }
  }

  /** One of the words of `BUS`. */
  read(field: keyof typeof BUS): number {
    return load(this.#words, (this.parts.control + BUS[field]) >> 2);
  }

  /** For the holder of the lock. */
  write(field: keyof typeof BUS, value: number): void {
    store(this.#words, (this.parts.control + BUS[field]) >> 2, value | 0);
  }
}
