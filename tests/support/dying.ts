/**
 * A thread that dies at an atomic step, wherever that is: from then on every step throws, so that no `finally` can put anything right.
 *
 * @module
 */

const STEPS = ["load", "store", "add", "compareExchange", "exchange", "notify", "wait"];

/** Repeats `act` until the thread has died in it, after so many atomic steps. For a thread that does nothing else afterwards. */
export function dieAfter(steps: number, act: () => void): void {
  for (const name of STEPS) {
    const original = Reflect.get(Atomics, name) as (...args: unknown[]) => unknown;
    Reflect.set(Atomics, name, (...args: unknown[]) => {
      if (steps-- > 0) return original(...args);
      throw new Error("died");
    });
  }
  try {
    for (;;) act();
  } catch (error) {
    if (!(error instanceof Error) || error.message !== "died") throw error;
  }
}
