/**
 * Takes the place of core/memory/atomics.ts in model runs (`--import-map=tests/model/import_map.json`): the same functions, each of which
 * waits for its turn first. On a thread without a baton they are the plain operations.
 *
 * @module
 */
import { type Baton, RunOver } from "./baton.ts";

let baton: Baton | undefined;

/** Puts this thread under a baton. */
export function holdBaton(given: Baton): void {
  baton = given;
}

/** A point where another thread may come between two plain accesses. */
export function moment(): void {
  baton?.step("moment", 0);
}

/** Reads a shared word. */
export function load(words: Int32Array, index: number): number {
  baton?.step("load", index);
  return Atomics.load(words, index);
}

/** Writes a shared word. */
export function store(words: Int32Array, index: number, value: number): void {
  baton?.step("store", index);
  Atomics.store(words, index, value);
}

/** Adds to a shared word and returns what it was. */
export function add(words: Int32Array, index: number, value: number): number {
  baton?.step("add", index);
  return Atomics.add(words, index, value);
}

/** Replaces `expected` by `value` and returns what was there. */
export function compareExchange(words: Int32Array, index: number, expected: number, value: number): number {
  baton?.step("compareExchange", index);
  return Atomics.compareExchange(words, index, expected, value);
}

/** Replaces a shared word and returns what was there. */
export function exchange(words: Int32Array, index: number, value: number): number {
  baton?.step("exchange", index);
  return Atomics.exchange(words, index, value);
}

/** Wakes those who wait in the model. */
export function notify(words: Int32Array, index: number, count: number): number {
  if (!baton?.playing) return Atomics.notify(words, index, count);
  baton.step("notify", index);
  return baton.wake(index, count);
}

/** Waits in the model; the time-out never fires. Comparing and parking is one step, as in the real operation. */
export function wait(words: Int32Array, index: number, expected: number, timeoutMs: number): "ok" | "not-equal" | "timed-out" {
  if (!baton?.playing) return Atomics.wait(words, index, expected, timeoutMs);
  baton.step("wait", index);
  if (Atomics.load(words, index) !== expected) return "not-equal";
  baton.park(index);
  return "ok";
}

/** Not part of the model: `wait` has the same epoch rule, and a thread of the model does not return to its event loop. */
export function waitAsync(): Promise<unknown> | null {
  throw new Error("waitAsync is not modelled; use blockUntilRung");
}

/**
 * Runs `part`; when the model kills the thread in it, goes on with `rescue` as if somebody else had found it dead. A model that uses this must give
 * the thread a `diesAfterSteps`.
 */
export function untilKilled(part: () => void, rescue: () => void): void {
  try {
    part();
  } catch (error) {
    if (!(error instanceof RunOver && error.killed)) throw error;
  }
  baton?.revive();
  rescue();
}
