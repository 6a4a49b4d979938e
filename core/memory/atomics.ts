/**
 * The only file that says `Atomics.`. One door, so that model tests can swap it (`deno test --import-map`) for a turnstile that parks each
 * real worker before each atomic step while a scheduler enumerates the orders. Measured: the wrapper costs nothing.
 *
 * JavaScript's atomics are sequentially consistent. Plain accesses are not ordered among themselves: publish plain data by one atomic store
 * after it, read it after one atomic load.
 *
 * @module
 */

/** Reads a shared word. */
export function load(words: Int32Array, index: number): number {
  return Atomics.load(words, index);
}

/** Writes a shared word; all that this thread wrote before it is seen by whoever loads it. */
export function store(words: Int32Array, index: number, value: number): void {
  Atomics.store(words, index, value);
}

/** Adds to a shared word and returns what it was. */
export function add(words: Int32Array, index: number, value: number): number {
  return Atomics.add(words, index, value);
}

/** Replaces `expected` by `value` and returns what was there: equal to `expected` when it was replaced. */
export function compareExchange(words: Int32Array, index: number, expected: number, value: number): number {
  return Atomics.compareExchange(words, index, expected, value);
}

/** Replaces a shared word and returns what was there. */
export function exchange(words: Int32Array, index: number, value: number): number {
  return Atomics.exchange(words, index, value);
}

/** Wakes at most `count` waiters of a word. */
export function notify(words: Int32Array, index: number, count: number): number {
  return Atomics.notify(words, index, count);
}

/** Blocks the thread while the word is `expected`, `timeoutMs` at most. Never call it without a time-out: a hung thread cannot be ended. */
export function wait(words: Int32Array, index: number, expected: number, timeoutMs: number): "ok" | "not-equal" | "timed-out" {
  return Atomics.wait(words, index, expected, timeoutMs);
}

/** Waits without blocking while the word is `expected`; `null` when it already differs. */
export function waitAsync(words: Int32Array, index: number, expected: number): Promise<unknown> | null {
  const result = Atomics.waitAsync(words, index, expected);
  return result.async ? result.value : null;
}
