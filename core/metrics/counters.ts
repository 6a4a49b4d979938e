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

/** All counts of a host, or of several added up. A class, so that counting and publishing are plain field accesses. */
export class Counts {
  /** Messages committed to a ring; an ask counts two, with its reply. */
  sent = 0;
  /** Of them, to another thread. */
  sentElsewhere = 0;
  /** Handlers entered, and replies that were awaited. */
  delivered = 0;
  /** Of them, handlers that threw. */
  failed = 0;
  /** Kept as dead letters. */
  deadLettered = 0;
  /** Too late to be handled. */
  expired = 0;
  /** Agents made. */
  spawned = 0;
  /** Agents ended. */
  terminated = 0;
  /** Of `delivered`, tasks. */
  tasks = 0;
  /** Messages that wait for room or for a busy agent, now. */
  pending = 0;
  /** Turns of the drain loop. */
  turns = 0;
  /** Messages that took slabs. */
  slabMessages = 0;
  /** Logs and failures that were not told to the main thread. */
  notesDropped = 0;
  /** Sends that found no room in time. */
  refused = 0;
}

/** Name of a count. */
export type CounterName = keyof Counts;

/** What a host counts, in the order of the block. */
export const COUNTERS: readonly CounterName[] = Object.keys(new Counts()) as CounterName[];

/** Reads that meet a writer try again; a publish takes well under a microsecond, so this many in a row mean the writer died in it. */
const READ_ATTEMPTS_MAX = 1_000;

/** One host's block. */
export class HostMetrics {
  /** Counts so far; the owner adds to them. */
  readonly counts: Counts = new Counts();
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

  /** Owner: shows the counts to readers. Written out field by field: a loop over names looked each of them up anew, every turn. */
  publish(): void {
    const { counts } = this;
    const floats = this.#floats;
    const version = load(this.#words, this.#version);
    store(this.#words, this.#version, version + 1);
    floats[0] = counts.sent;
    floats[1] = counts.sentElsewhere;
    floats[2] = counts.delivered;
    floats[3] = counts.failed;
    floats[4] = counts.deadLettered;
    floats[5] = counts.expired;
    floats[6] = counts.spawned;
    floats[7] = counts.terminated;
    floats[8] = counts.tasks;
    floats[9] = counts.pending;
    floats[10] = counts.turns;
    floats[11] = counts.slabMessages;
    floats[12] = counts.notesDropped;
    floats[13] = counts.refused;
    store(this.#words, this.#version, version + 2);
  }

  /** Anybody: the counts as last published. */
  read(): Counts {
    const counts = new Counts();
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
  const sum = new Counts();
  for (const part of parts) for (const name of COUNTERS) sum[name] += part[name];
  return sum;
}
