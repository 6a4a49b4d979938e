/**
 * What is written down of executions, so that they can go on after the process has died.
 *
 * @module
 */

import type { WorkflowDefinition } from "./workflow.ts";

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
  | "spent"
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
  /** A number that no other use of this journal has had; it stands in the ids of executions. */
  readonly session: number;
  /** Keeps a definition, once; returns the key that `started` lines hold, 0 for one that cannot be kept. */
  define(definition: WorkflowDefinition): number;
  /** The definition of a key; undefined when it could not be kept, since it held functions or other values that are no JSON. */
  definition(key: number): WorkflowDefinition | undefined;
  /** Takes a line. Throws when its data cannot be kept, and then has not taken it. */
  append(entry: JournalEntry): void;
  /** Calls back once all lines so far are durable, in the order of the calls; with the error when they could not be written. */
  whenDurable(callback: (error?: unknown) => void): void;
  /** All lines of an execution that are still kept, in order. */
  read(executionId: string): JournalEntry[];
  /** Lines by execution of all that have not ended when the journal was opened, and of their sub-workflows. */
  unfinished(): Map<string, JournalEntry[]>;
  /** Writes what is left and lets go of the file. */
  close(): void;
}
