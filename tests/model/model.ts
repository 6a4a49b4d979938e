/**
 * What a model is: a few threads with a short program each, and a table that says of every outcome whether it may be, with a sentence why (the way
 * agrona and jcstress do it). An outcome that is not in the table is forbidden.
 *
 * @module
 */
import type { SharedMemory } from "../../core/memory/shared_memory.ts";

/** A row of a model's table. */
export interface Outcome {
  /** The outcome's text must match the whole of it. */
  readonly is: RegExp;
  /** What is to be thought of it. */
  readonly verdict: "ACCEPTABLE" | "FORBIDDEN";
  /** Why. */
  readonly why: string;
}

/** A short program for each of 2 to 4 threads. */
export interface Model {
  /** Its name on the command line. */
  readonly name: string;
  /** What the threads are called in printed orders. */
  readonly threads: readonly string[];
  /**
   * `every`: all orders, and every ACCEPTABLE row must have been seen. A number: so many orders drawn from the seed.
   * A model with more than about a million orders takes the second form.
   */
  readonly orders: "every" | number;
  /** Takes minutes: only with `--long`. */
  readonly long?: boolean;
  /** A deliberately broken variant: the exploration MUST find a forbidden outcome, else the model proves nothing. */
  readonly mutant?: boolean;
  /** In turn, each number of steps after which thread 0 is killed; left out: nobody is killed. */
  readonly killThreadZeroAfter?: readonly number[];
  /** Bytes of the arena, if a kind of structure needs more than `ARENA_BYTES`. */
  readonly arenaBytes?: number;
  /** The arena's words before each run (all others are 0). */
  reset?(words: Int32Array): void;
  /** Thread `me` makes its objects (steps are not counted) and returns its program, which returns what it saw. */
  prepare(me: number, memory: SharedMemory): () => number[];
  /** One line about what the threads saw; for a run that did not finish the ending is its outcome. */
  outcome(seen: number[][], words: Int32Array): string;
  /** The rows, looked at in order. */
  readonly table: readonly Outcome[];
}

/** Bytes of a model's arena, unless it says otherwise. */
export const ARENA_BYTES = 65_536;
