/**
 * What a room of the kernel must do to be kept in the log: say what has changed, and take it back at the next start.
 *
 * @module
 */
import type { LogBatch } from "./log_batch.ts";
import type { LogRecord } from "./log_reader.ts";

/** One room's share of the log. */
export interface LogPart {
  /** Numbers of its records that are shown before all others, one of each key, in order of the keys. All records of such a key are the same. */
  readonly early: readonly number[];
  /** Numbers of its records (`LOG_PART`) of which only the last of each key counts: no other is shown to `restore`, and none that says "gone". */
  readonly keyed: readonly number[];
  /** Numbers of its records that are all shown, in order. */
  readonly listed: readonly number[];
  /** Writes what has changed since it was called last, or everything. Yields often: whoever runs it lets others have a turn then. */
  collect(batch: LogBatch, all: boolean): Generator<void, void, void>;
  /** The same in another thread, where there is one that does it: resolves when the batch has it all. */
  readonly collectFar?: (batch: LogBatch, all: boolean) => Promise<void>;
  /** The batch is on the disk. */
  kept(): void;
  /** The batch is not: what it held counts as changed again. */
  undo(): void;
  /** Bytes that `collect` would write if everything was asked for, roughly. */
  liveBytes(): number;
  /** Before the first record is shown. */
  beginRestore(): void;
  /** Takes back one record. False when it has no room, or cannot be used. */
  restore(record: LogRecord): boolean;
  /** After the last one. Returns how many it had to give up in the end, after all; throws `ConfigError` when an option must be changed first. */
  endRestore(): number;
  /** After `endRestore`: whether the log's keys no longer fit what is in memory, so that nothing may be appended before all is written anew. */
  readonly mustRewrite: boolean;
  /** Gives back what it holds: nothing is collected any more. */
  close?(): Promise<void>;
}

/** Does as another part does. */
export class DelegatedPart implements LogPart {
  /** The other part. */
  constructor(protected readonly part: LogPart) {}

  /** See `LogPart`. */
  get early(): readonly number[] {
    return this.part.early;
  }

  /** See `LogPart`. */
  get keyed(): readonly number[] {
    return this.part.keyed;
  }

  /** See `LogPart`. */
  get listed(): readonly number[] {
    return this.part.listed;
  }

  /** See `LogPart`. */
  get mustRewrite(): boolean {
    return this.part.mustRewrite;
  }

  /** See `LogPart`. */
  get collectFar(): LogPart["collectFar"] {
    return this.part.collectFar;
  }

  /** See `LogPart`. */
  collect(batch: LogBatch, all: boolean): Generator<void, void, void> {
    return this.part.collect(batch, all);
  }

  /** See `LogPart`. */
  kept(): void {
    this.part.kept();
  }

  /** See `LogPart`. */
  undo(): void {
    this.part.undo();
  }

  /** See `LogPart`. */
  liveBytes(): number {
    return this.part.liveBytes();
  }

  /** See `LogPart`. */
  beginRestore(): void {
    this.part.beginRestore();
  }

  /** See `LogPart`. */
  restore(record: LogRecord): boolean {
    return this.part.restore(record);
  }

  /** See `LogPart`. */
  endRestore(): number {
    return this.part.endRestore();
  }

  /** See `LogPart`. */
  async close(): Promise<void> {
    await this.part.close?.();
  }
}
