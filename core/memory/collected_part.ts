/**
 * The store's share of the log as the main thread sees it while another thread collects it (store_collector.ts). When that thread dies or hangs, the flush
 * under way fails, everything is written anew, and from then on the main thread collects by itself.
 *
 * @module
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import { COLLECTOR_SILENCE_MS_MAX } from "../base/limits.ts";
import type { BatchProgress, LogBatch } from "./log_batch.ts";
import { DelegatedPart } from "./log_part.ts";
import type { FromCollector, ToCollector } from "./store_collector.ts";
import type { StorePart } from "./store_part.ts";

/** A thread that collects. */
export interface CollectorThread {
  /** Says something to it; nothing when it has died. */
  post(order: ToCollector): void;
  /** Gives it up: it is dead to everybody, which `onDeath` tells. Nobody waits for its end. */
  abandon(why: string): void;
  /** Ends it. */
  end(): Promise<void>;
}

/** What it tells. */
export interface CollectorEvents {
  /** It has said something. */
  readonly onSaid: (said: FromCollector) => void;
  /** It has died; told once. */
  readonly onDeath: (why: string) => void;
}

/** Starts it. */
export type OpenCollector = (events: CollectorEvents) => CollectorThread;

interface Collecting {
  readonly batch: LogBatch;
  /** Blocks that are being written, one message after another. */
  writing: Promise<void>;
  /** Whether it has said all that it has to say. */
  isTold: boolean;
  readonly done: PromiseWithResolvers<BatchProgress>;
}

/** See the module. */
export class CollectedPart extends DelegatedPart {
  #thread: CollectorThread | null = null;
  #death: Error | null = null;
  #isFar = true;
  #collecting: Collecting | null = null;
  #patience: Cancel | null = null;

  /** The thread is started by the first flush. */
  constructor(private readonly store: StorePart, private readonly clock: Clock, private readonly open: OpenCollector) {
    super(store);
  }

  /** Keys that were restored. */
  get restored(): number {
    return this.store.restored;
  }

  /** See `LogPart`; there is none when its thread has died, and that was told. */
  override get collectFar(): ((batch: LogBatch, all: boolean) => Promise<void>) | undefined {
    return this.#isFar ? (batch, all) => this.#collect(batch, all) : undefined;
  }

  /** See `LogPart`. */
  override kept(): void {
    if (this.#isFar) this.#thread?.post({ do: "kept" });
    else super.kept();
  }

  /** See `LogPart`. Throws when its thread has died: nobody knows what it had taken. */
  override undo(): void {
    const death = this.#death;
    if (death !== null) {
      [this.#isFar, this.#death] = [false, null];
      throw death;
    }
    if (!this.#isFar) super.undo();
    else this.#thread?.post({ do: "undo", sequence: this.#sequence });
  }

  /** See `LogPart`. */
  override async close(): Promise<void> {
    await this.#thread?.end();
    this.#thread = null;
  }

  #sequence = 0;

  async #collect(batch: LogBatch, all: boolean): Promise<void> {
    if (this.#death !== null) throw this.#death;
    await batch.write();
    const { salt, sequence, progress } = batch;
    this.#sequence = sequence;
    const thread = this.#thread ??= this.#start();
    const collecting = this.#collecting = {
      batch,
      writing: Promise.resolve(),
      isTold: false,
      done: Promise.withResolvers<BatchProgress>(),
    };
    thread.post({ do: "collect", all, salt, sequence, progress });
    this.#expect();
    try {
      const last = await collecting.done.promise;
      await collecting.writing;
      batch.continueFrom(last);
    } finally {
      this.#collecting = null;
      this.#expectNothing();
      // What was begun to be written is written before anything else is done to the file.
      await collecting.writing.catch(() => undefined); // told above, or by what failed before it
    }
  }

  #start(): CollectorThread {
    try {
      return this.open({ onSaid: (said) => this.#hear(said), onDeath: (why) => this.#died(why) });
    } catch (error) {
      this.#died(`it cannot be started: ${asError(error).message}`);
      throw error;
    }
  }

  #hear(said: FromCollector): void {
    const collecting = this.#collecting;
    if (collecting === null || said.sequence !== collecting.batch.sequence) return;
    const { batch, done } = collecting;
    this.#expectNothing();
    collecting.isTold = !("blocks" in said);
    if ("done" in said) done.resolve(said.done);
    else if ("failed" in said) {
      done.reject(new Error(`what has changed could not be collected: ${said.failed}`));
    } else {
      collecting.writing = collecting.writing.then(() => batch.append(said.blocks)).then(() => {
        this.#thread?.post({ do: "more" });
        if (this.#collecting === collecting && !collecting.isTold) this.#expect();
      });
      collecting.writing.catch(done.reject);
    }
  }

  /** It has something to say soon. It has not while the disk is slow, for then it waits for us. */
  #expect(): void {
    this.#expectNothing();
    this.#patience = this.clock.schedule(COLLECTOR_SILENCE_MS_MAX, () => {
      this.#thread?.abandon(`it has said nothing for ${COLLECTOR_SILENCE_MS_MAX / 1_000} s`);
    });
  }

  #expectNothing(): void {
    this.#patience?.();
    this.#patience = null;
  }

  #died(why: string): void {
    this.#death = new Error(`the thread that collects what has changed has died: ${why}`);
    this.#collecting?.done.reject(this.#death);
  }
}
