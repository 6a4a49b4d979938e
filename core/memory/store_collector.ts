/**
 * The store's share of a flush, collected in a thread of its own: finds what has changed, copies it, sums it up, and hands finished blocks to the main
 * thread, which writes them. So the threads that run agents, and main, never wait for more of a flush than its writing.
 *
 * @module
 */
import { asError } from "../base/errors.ts";
import { nap } from "./doorbell.ts";
import { type BatchProgress, type Checksum, LogBatch, type Salt } from "./log_batch.ts";
import { BLOCK_BYTES } from "./log_layout.ts";
import type { LogPart } from "./log_part.ts";
import { privateWindow } from "./shared_memory.ts";

/** What the main thread says; in this order, and one batch after another. */
export type ToCollector =
  | {
    readonly do: "collect";
    readonly all: boolean;
    readonly salt: Salt;
    /** Of the batch. */
    readonly sequence: number;
    /** Where its blocks go on. */
    readonly progress: BatchProgress;
  }
  /** One message of blocks has been written. */
  | { readonly do: "more" }
  /** See `LogPart`. */
  | { readonly do: "kept" }
  /** See `LogPart`; a batch up to this one that is being collected is given up. */
  | { readonly do: "undo"; readonly sequence: number };

/** What the collector says of a batch: blocks, and at last that these were all, or why there are no more. */
export type FromCollector =
  & { readonly sequence: number }
  & ({ readonly blocks: Uint8Array<ArrayBuffer> } | { readonly done: BatchProgress } | { readonly failed: string });

/** Blocks are handed over so many bytes at a time: each message costs the main thread some 0.2 ms, with its writing. */
const CHUNK_BYTES = 1 << 20;
/** Messages of blocks on their way to the main thread: it has one to write while the next is built. */
const UNDERWAY_MAX = 2;

/** After some 0.2 ms of work it sleeps for a moment: where threads share a core, a message is not to wait for more than that. */
const SLICES_PER_NAP = 8;
const NAP_MS = 0.05;

/** Nobody wants the batch any more. */
class GivenUp extends Error {}

/** What runs in the thread. */
export class StoreCollector {
  readonly #window = privateWindow(2 * BLOCK_BYTES);
  #jobs: Promise<void> = Promise.resolve();
  #chunk: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #chunkBytes = 0;
  #underway = 0;
  #givenUp = 0;
  #wake: () => void = () => {};

  /** `post` hands over what is said, and the buffer of its blocks. */
  constructor(
    private readonly part: LogPart,
    private readonly checksum: Checksum,
    private readonly post: (said: FromCollector, blocks?: ArrayBuffer) => void,
  ) {}

  /** Hears the main thread. An `undo` that cannot be done rejects, which ends the thread: then everything is written anew. */
  take(order: ToCollector): void {
    if (order.do === "more") this.#underway--;
    else {
      if (order.do === "undo") this.#givenUp = order.sequence;
      this.#jobs = this.#jobs.then(() => this.#do(order));
    }
    this.#wake();
  }

  #do(order: Exclude<ToCollector, { do: "more" }>): Promise<void> | void {
    if (order.do === "kept") return this.part.kept();
    if (order.do === "undo") return this.part.undo();
    return this.#collect(order);
  }

  async #collect({ all, salt, sequence, progress }: ToCollector & { do: "collect" }): Promise<void> {
    this.#underway = this.#chunkBytes = 0;
    const sink = { write: (_at: number, blocks: Uint8Array<ArrayBufferLike>) => this.#add(sequence, blocks) };
    const batch = new LogBatch(sink, 0, salt, sequence, this.checksum, this.#window);
    batch.continueFrom(progress);
    try {
      let slices = 0;
      for (const _slice of this.part.collect(batch, all)) {
        if (batch.isFull) await batch.write();
        if (++slices % SLICES_PER_NAP === 0) nap(NAP_MS);
      }
      await batch.write();
      await this.#send(sequence, 0);
      this.post({ sequence, done: batch.progress });
    } catch (error) {
      if (!(error instanceof GivenUp)) this.post({ sequence, failed: asError(error).message });
    }
  }

  async #add(sequence: number, blocks: Uint8Array<ArrayBufferLike>): Promise<number> {
    if (this.#chunkBytes + blocks.length > this.#chunk.length) await this.#send(sequence, Math.max(CHUNK_BYTES, blocks.length));
    this.#chunk.set(blocks, this.#chunkBytes);
    this.#chunkBytes += blocks.length;
    return blocks.length;
  }

  /** Hands over what there is, and makes room for `nextBytes`. */
  async #send(sequence: number, nextBytes: number): Promise<void> {
    const blocks = this.#chunk.subarray(0, this.#chunkBytes);
    while (blocks.length > 0 && this.#underway >= UNDERWAY_MAX && this.#givenUp < sequence) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#givenUp >= sequence) throw new GivenUp();
    [this.#chunk, this.#chunkBytes] = [new Uint8Array(nextBytes), 0];
    if (blocks.length === 0) return;
    this.#underway++;
    this.post({ sequence, blocks }, blocks.buffer);
  }
}
