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
}
