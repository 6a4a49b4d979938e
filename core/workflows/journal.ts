/**
 * What is written down of executions, so that they can go on after the process has died.
 *
 * @module
 */

/** What happened. */
export type JournalKind =
  | "started"
  | "paused"
  | "resumed"
  | "step-started"
  | "step-completed"
  | "step-failed"
  | "step-skipped"
  | "step-expanded"
  | "waiting"
  | "signal"
  | "approved"
  | "failed"
  | "cancelled"
  | "undo-started"
  | "undone"
  | "undo-failed"
  | "ended";

/** One line. */
export interface JournalEntry {
  /** Of the execution. */
  readonly executionId: string;
  /** From 0, without gaps. */
  readonly sequence: number;
  /** Time of the clock in ms. */
  readonly at: number;
  /** What happened. */
  readonly kind: JournalKind;
  /** To which step. */
  readonly stepId?: string;
  /** What belongs to it: a result, an error, a signal's data. */
  readonly data?: unknown;
}

/** Keeps lines. */
export interface Journal {
  /** Takes a line. It is durable when what was handed to the next `whenDurable` is called. */
  append(entry: JournalEntry): void;
  /** Calls back once all lines so far are durable, in the order of the calls; with the error when they could not be written. */
  whenDurable(callback: (error?: unknown) => void): void;
  /** All lines of an execution, in order. */
  read(executionId: string): JournalEntry[];
  /** The lines of every execution that has not ended, sub-workflows before what holds them last. */
  unfinished(): JournalEntry[][];
  /** A number that no execution of this journal has had. */
  nextNumber(): number;
  /** Writes what is left and lets go of the file. */
  close(): void;
}
