/**
 * What the load counts, in shared memory that belongs to the run: one page a thread, with that thread as its one writer. So nothing that was
 * counted is lost with a thread that dies, and nobody need be asked for it.
 *
 * @module
 */
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { HOSTS_MAX } from "../memory/layout.ts";
import { allocateMemory, attachMemory, type SharedMemory } from "../memory/shared_memory.ts";
import { Histogram } from "../metrics/histogram.ts";

/** Name of a count. */
export type LoadCount =
  | "scheduled"
  | "sent"
  | "sentElsewhere"
  | "received"
  | "damaged"
  | "blocked"
  | "failed"
  | "started"
  | "stopped"
  | "tasks"
  | "early"
  | "storeOperations"
  | "generatorCpuMs"
  | "teamAsked"
  | "teamCorrect"
  | "teamWrong"
  | "teamCut"
  | "ownAsked"
  | "ownAnswered";

/** In the order of a page. */
export const LOAD_COUNTS: readonly LoadCount[] = [
  ...["scheduled", "sent", "sentElsewhere", "received", "damaged", "blocked", "failed", "started", "stopped"] as const,
  ...["tasks", "early", "storeOperations", "generatorCpuMs"] as const,
  ...["teamAsked", "teamCorrect", "teamWrong", "teamCut", "ownAsked", "ownAnswered"] as const,
];

/** Place of each count in `LedgerPage.counts`. */
export const COUNT: Readonly<Record<LoadCount, number>> = Object.fromEntries(LOAD_COUNTS.map((name, place) => [name, place])) as Record<
  LoadCount,
  number
>;

const HISTOGRAMS = 3;
const COUNTS_BYTES = 256;
const PAGE_BYTES = COUNTS_BYTES + HISTOGRAMS * 4 * Histogram.WORDS;

/** One thread's counts and durations. */
export class LedgerPage {
  /** See `COUNT`. */
  readonly counts: Float64Array;
  /** From the scheduled instant to the handler's first line, in µs. */
  readonly latency: Histogram;
  /** From the scheduled instant to the send, in µs. */
  readonly lag: Histogram;
  /** One store read or write, in µs. */
  readonly storeTime: Histogram;

  /** The page of `host`. */
  constructor(memory: SharedMemory, host: number) {
    const at = host * PAGE_BYTES;
    this.counts = memory.floats.subarray(at >> 3, (at >> 3) + LOAD_COUNTS.length);
    const words = (index: number): Uint32Array<ArrayBufferLike> =>
      new Uint32Array(memory.words.buffer, at + COUNTS_BYTES + index * 4 * Histogram.WORDS, Histogram.WORDS);
    this.latency = new Histogram(words(0));
    this.lag = new Histogram(words(1));
    this.storeTime = new Histogram(words(2));
  }

  /** Only while its thread counts nothing. */
  reset(): void {
    this.counts.fill(0);
    for (const histogram of [this.latency, this.lag, this.storeTime]) histogram.reset();
  }
}

/** What one thread has counted. */
export interface LoadReport {
  /** The thread. */
  readonly host: number;
  /** By name. */
  readonly counts: Readonly<Record<LoadCount, number>>;
  /** See `LedgerPage`. */
  readonly latency: Histogram;
  /** See `LedgerPage`. */
  readonly lag: Histogram;
  /** See `LedgerPage`. */
  readonly storeTime: Histogram;
}

/** All pages, as the main thread sees them. */
export class LoadLedger {
  /** Under which threads that start from now on find it. */
  readonly key: string;
  /** By host. Pages of threads that never were are all zero. */
  readonly pages: readonly LedgerPage[];
  static #opened = 0;

  /** Empty. */
  constructor() {
    const memory = allocateMemory(HOSTS_MAX * PAGE_BYTES);
    this.key = `stage3-load-${++LoadLedger.#opened}`;
    this.pages = Array.from({ length: HOSTS_MAX }, (_, host) => new LedgerPage(memory, host));
    setEnvironmentData(this.key, memory.memory);
  }

  /** Threads that start later do not find it any more. */
  close(): void {
    setEnvironmentData(this.key, undefined);
  }

  /** Between scenarios. */
  reset(): void {
    for (const page of this.pages) page.reset();
  }

  /** What each thread that has counted anything has counted so far; `isPast` says which died before: one that was given up may turn once more. */
  read(isPast: (host: number) => boolean): LoadReport[] {
    return this.pages.flatMap(({ counts, latency, lag, storeTime }, host) =>
      isPast(host) || counts.every((count) => count === 0) ? [] : [{
        host,
        counts: Object.fromEntries(LOAD_COUNTS.map((name) => [name, counts[COUNT[name]]])) as Record<LoadCount, number>,
        ...{ latency: latency.copy(), lag: lag.copy(), storeTime: storeTime.copy() },
      }]
    );
  }

  /** A count over all threads. */
  sum(name: LoadCount): number {
    return this.pages.reduce((total, page) => total + page.counts[COUNT[name]], 0);
  }
}

/** On a thread: its own page of the ledger `key`. */
export function openPage(key: string, host: number): LedgerPage {
  return new LedgerPage(attachMemory(getEnvironmentData(key) as unknown as WebAssembly.Memory), host);
}
