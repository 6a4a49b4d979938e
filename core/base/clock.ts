/**
 * The clock is passed in; nobody else reads the time. "Arena time" is in milliseconds, monotonic, the same on every thread of one
 * kernel, with its zero chosen so that it reads as Unix time at the moment the kernel was made.
 *
 * @module
 */

/** Cancels what was scheduled; harmless when it has already run. */
export type Cancel = () => void;

/** Time as the kernel sees it. Tests pass a fake one. */
export interface Clock {
  /** Arena time in ms, fractional, never backwards. */
  now(): number;
  /** Calls back once after `delayMs`; holds the event loop open unless `background`. */
  schedule(delayMs: number, callback: () => void, background?: boolean): Cancel;
}

/** Arena time minus `performance.now()` for the thread that makes the arena. */
export function epochOffsetMs(): number {
  return Date.now() - performance.now();
}

/** The system's monotonic clock, shifted into arena time. */
export class SystemClock implements Clock {
  /** `offsetMs` is what must be added to this thread's `performance.now()`. */
  constructor(private readonly offsetMs: number) {}

  /** Arena time in ms. */
  now(): number {
    return performance.now() + this.offsetMs;
  }

  /** A timer of the runtime. */
  schedule(delayMs: number, callback: () => void, background = false): Cancel {
    const id = setTimeout(callback, delayMs);
    if (background) Deno.unrefTimer(id);
    return () => clearTimeout(id);
  }
}
