/**
 * Waiting on a clock.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

/** Resolves after `ms` of the clock, or as soon as the signal aborts. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.schedule(ms, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}

/** What the promise comes to, or `undefined` when it has not settled within `ms`. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | undefined> {
  const settled = new AbortController();
  try {
    return await Promise.race([promise, pause(clock, ms, settled.signal).then(() => undefined)]);
  } finally {
    settled.abort();
  }
}
