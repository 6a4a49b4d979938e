/**
 * Counts of one host in shared memory: one writer, any reader. The writer counts in private memory and publishes once a turn under a
 * version word (odd while it writes), so a count costs an addition and a reader never sees half of a 64-bit number.
 *
 * ```
 * version i32 │ – │ count f64 … in the order of COUNTERS │ histogram words …
 * ```
 *
 * @module
 */
import { load, store } from "../memory/atomics.ts";
import { type Layout, METRICS_BLOCK_BYTES, metricsAt } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { Histogram } from "./histogram.ts";

/** Name of a count. */
export type CounterName =
  | "sent"
  | "sentElsewhere"
  | "delivered"
  | "failed"
  | "deadLettered"
  | "expired"
  | "spawned"
  | "terminated"
  | "tasks"
  | "pending"
  | "turns"
  | "slabMessages"
  | "notesDropped"
  | "refused";

/** What a host counts, in the order of the block. */
export const COUNTERS: readonly CounterName[] = [
  ...["sent", "sentElsewhere", "delivered", "failed", "deadLettered", "expired"] as const,
  ...["spawned", "terminated", "tasks", "pending", "turns", "slabMessages", "notesDropped", "refused"] as const,
];

/** All counts of a host, or of several added up. */
export type Counts = Record<CounterName, number>;

/** Reads that meet a writer try again; a publish takes well under a microsecond, so this many in a row mean the writer died in it. */
const READ_ATTEMPTS_MAX = 1_000;

/** One host's block. */
export class HostMetrics {
  /** Counts so far; the owner adds to them. */
  readonly counts: Counts = zeroCounts();
  /** One-way delivery time, sampled. Single writer: the host. */
  readonly delivery: Histogram;
  readonly #words: Int32Array;
  readonly #version: number;
  readonly #floats: Float64Array;

  /** The block of `host`. */
  constructor(memory: SharedMemory, layout: Layout, host: number) {
    const at = metricsAt(layout, host);
    const histogramAt = at + 8 + 8 * COUNTERS.length;
    if (histogramAt + 4 * Histogram.WORDS > at + METRICS_BLOCK_BYTES) throw new RangeError("metrics block is too small for its fields");
    this.#words = memory.words;
    this.#version = at >> 2;
    this.#floats = memory.floats.subarray((at + 8) >> 3, ((at + 8) >> 3) + COUNTERS.length);
    this.delivery = new Histogram(new Uint32Array(memory.words.buffer, histogramAt, Histogram.WORDS));
  }

  /** Owner: shows the counts to readers. */
  publish(): void {
    const version = load(this.#words, this.#version);
    store(this.#words, this.#version, version + 1);
    for (let index = 0; index < COUNTERS.length; index++) this.#floats[index] = this.counts[COUNTERS[index]];
    store(this.#words, this.#version, version + 2);
  }

  /** Anybody: the counts as last published. */
  read(): Counts {
    const counts = zeroCounts();
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const before = load(this.#words, this.#version);
      for (let index = 0; index < COUNTERS.length; index++) counts[COUNTERS[index]] = this.#floats[index];
      if ((before & 1) === 0 && load(this.#words, this.#version) === before) break;
    }
    return counts;
  }
}

/** Adds up counts. */
export function sumCounts(parts: readonly Counts[]): Counts {
  const sum = zeroCounts();
  for (const part of parts) for (const name of COUNTERS) sum[name] += part[name];
  return sum;
}

/** No counts yet. */
export function zeroCounts(): Counts {
  return Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counts;
}
