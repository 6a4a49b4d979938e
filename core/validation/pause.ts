/**
 * Waiting on the main thread.
 *
 * @module
 */
import { SystemClock } from "../base/clock.ts";

const TIMER = new SystemClock(0);

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = TIMER.schedule(ms, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
