/**
 * Counts of one host in shared memory: one writer, any reader. The host counts right there, by plain additions: what it had counted when its thread died
 * is not lost with it, and nothing need be published. A 64-bit number on its own boundary is written whole by the processors that this runs on;
 * counts that belong together may be read a message apart.
 *
 * ```
 * count f64 … in the order of COUNTERS │ histogram words …
 * ```
 *
 * @module
 */
import { type Layout, METRICS_BLOCK_BYTES, metricsAt } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { Histogram } from "./histogram.ts";

/** Places of the counts in a block. */
export const COUNT = {
  /** Messages committed to a ring; an ask counts two, with its reply. */
  sent: 0,
  /** Of them, to another thread. */
  sentElsewhere: 1,
  /** Handlers entered, and replies that were awaited. */
  delivered: 2,
  /** Of them, handlers that threw. */
  failed: 3,
  /** Kept as dead letters. */
  deadLettered: 4,
  /** Too late to be handled. */
  expired: 5,
  /** Agents made. */
  spawned: 6,
  /** Agents ended. */
  terminated: 7,
  /** Of `delivered`, tasks. */
  tasks: 8,
  /** Messages that wait for room or for a busy agent, now. */
  pending: 9,
  /** Turns of the drain loop. */
  turns: 10,
  /** Messages that took slabs. */
  slabMessages: 11,
  /** Logs and failures that were not told to the main thread. */
  notesDropped: 12,
  /** Sends that found no room in time. */
  refused: 13,
  /** Of `pending`, messages that found no slab to wait in: they would die with the thread. */
  parkedAside: 14,
  /** Dead letters kept now, in its private memory. */
  lettersKept: 15,
} as const satisfies Record<CounterName, number>;

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
  | "refused"
  | "parkedAside"
  | "lettersKept";

/** What a host counts, in the order of the block. */
export const COUNTERS: readonly CounterName[] = Object.keys(COUNT) as CounterName[];

/** All counts of a host, or of several added up. */
export type Counts = Record<CounterName, number>;

/** One host's block. */
export class HostMetrics {
  /** Counts so far, by `COUNT`; only the owner adds to them. */
  readonly counts: Float64Array;
  /** One-way delivery time, sampled. Single writer: the host. */
  readonly delivery: Histogram;

  /** The block of `host`. */
  constructor(memory: SharedMemory, layout: Layout, host: number) {
    const at = metricsAt(layout, host);
    const histogramAt = at + 8 * COUNTERS.length;
    if (histogramAt + 4 * Histogram.WORDS > at + METRICS_BLOCK_BYTES) throw new RangeError("metrics block is too small for its fields");
    this.counts = memory.floats.subarray(at >> 3, (at >> 3) + COUNTERS.length);
    this.delivery = new Histogram(new Uint32Array(memory.words.buffer, histogramAt, Histogram.WORDS));
  }

  /** Anybody: the counts now. */
  read(): Counts {
    return Object.fromEntries(COUNTERS.map((name) => [name, this.counts[COUNT[name]]])) as Counts;
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
