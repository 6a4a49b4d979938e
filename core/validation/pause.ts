/**
 * Waiting on the main thread, by a clock that nobody has tampered with.
 *
 * @module
 */
import { SystemClock } from "../base/clock.ts";
import { pause as pauseOn } from "../base/pause.ts";

const TIMER = new SystemClock(0);

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return pauseOn(TIMER, ms, signal);
}
