/**
 * What the load test counts, in shared memory of its own: one page a thread, with that thread as its one writer. A sender sees there how many of its
 * messages have been handled, without a message back.
 *
 * @module
 */
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { HOSTS_MAX } from "../../core/memory/layout.ts";
import { allocateMemory, attachMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";
import { Histogram } from "../../core/metrics/histogram.ts";

/** Most agents of one test. */
export const MEMBERS_MAX = 128;

/** Names of the counts of a page, in order. */
export const MESH_COUNTS = [
  ...["sent", "sentElsewhere", "delivered", "damaged", "disordered", "refused", "blocked", "scheduled"] as const,
  /** Arena times of the first send and the last handler of a round. */
  ...["firstSentAt", "lastDeliveredAt"] as const,
] as const;

/** Name of a count. */
export type MeshCount = typeof MESH_COUNTS[number];

/** Place of each count in `MeshPage.counts`. */
export const COUNT: Readonly<Record<MeshCount, number>> = Object.fromEntries(MESH_COUNTS.map((name, place) => [name, place])) as Record<
  MeshCount,
  number
>;

const COUNTS_FLOATS = 16;
const FROM_BYTES = 8 * (COUNTS_FLOATS + MEMBERS_MAX);
const PAGE_BYTES = FROM_BYTES + 2 * 4 * Histogram.WORDS;

/** One thread's counts. */
export class MeshPage {
  /** See `COUNT`. */
  readonly counts: Float64Array;
  /** Messages of each sender that were handled here, by its number. */
  readonly deliveredFrom: Float64Array;
  /** From the send (closed loop) or the instant at which it was due (open loop) to the handler's first line, in µs. */
  readonly latency: Histogram;
  /** From the instant at which a message was due to its send, in µs. */
  readonly lag: Histogram;

  /** The page of `host`. */
  constructor({ memory, floats }: SharedMemory, host: number) {
    const at = host * PAGE_BYTES;
    const words = (index: number): Uint32Array<ArrayBufferLike> =>
      new Uint32Array(memory.buffer, at + FROM_BYTES + index * 4 * Histogram.WORDS, Histogram.WORDS);
    this.counts = floats.subarray(at >> 3, (at >> 3) + MESH_COUNTS.length);
    this.deliveredFrom = floats.subarray((at >> 3) + COUNTS_FLOATS, (at >> 3) + COUNTS_FLOATS + MEMBERS_MAX);
    this.latency = new Histogram(words(0));
    this.lag = new Histogram(words(1));
  }

  /** Only while its thread counts nothing. */
  reset(): void {
    this.counts.fill(0);
    this.deliveredFrom.fill(0);
    this.latency.reset();
    this.lag.reset();
  }
}

function pagesOf(memory: SharedMemory): MeshPage[] {
  return Array.from({ length: HOSTS_MAX }, (_, host) => new MeshPage(memory, host));
}

/** All pages, as the main thread sees them. */
export class MeshLedger {
  /** Under which threads that start from now on find it. */
  readonly key: string;
  /** By host. */
  readonly pages: readonly MeshPage[];
  static #opened = 0;

  /** Empty. */
  constructor() {
    const memory = allocateMemory(HOSTS_MAX * PAGE_BYTES);
    this.key = `stage3-mesh-${++MeshLedger.#opened}`;
    this.pages = pagesOf(memory);
    setEnvironmentData(this.key, memory.memory);
  }

  /** Threads that start later do not find it any more. */
  close(): void {
    setEnvironmentData(this.key, undefined);
  }

  /** Between measurements. */
  reset(): void {
    for (const page of this.pages) page.reset();
  }

  /** A count over all threads. */
  sum(name: MeshCount): number {
    return this.pages.reduce((total, { counts }) => total + counts[COUNT[name]], 0);
  }

  /** Times of a round begin anew. */
  resetTimes(): void {
    for (const { counts } of this.pages) counts[COUNT.firstSentAt] = counts[COUNT.lastDeliveredAt] = 0;
  }

  /** From the first send of a round to its last handler; 0 when there was none. */
  get roundMs(): number {
    const firsts = this.pages.map(({ counts }) => counts[COUNT.firstSentAt]).filter((at) => at > 0);
    const last = Math.max(...this.pages.map(({ counts }) => counts[COUNT.lastDeliveredAt]));
    return firsts.length === 0 ? 0 : Math.max(0, last - Math.min(...firsts));
  }

  /** A histogram over all threads. */
  merged(which: "latency" | "lag"): Histogram {
    const merged = Histogram.private();
    for (const page of this.pages) merged.mergeFrom(page[which]);
    return merged;
  }
}

/** On a thread: all pages of the ledger `key`. */
export function openPages(key: string): MeshPage[] {
  return pagesOf(attachMemory(getEnvironmentData(key) as unknown as WebAssembly.Memory));
}
