/**
 * Waiting: on a clock, and no longer than a signal allows.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

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

/** What `promise` comes to, or a rejection with the signal's reason if that comes first. */
export function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    promise.then((value) => {
      signal.removeEventListener("abort", stop);
      resolve(value);
    }, (error) => {
      signal.removeEventListener("abort", stop);
      reject(error);
    });
  });
}
