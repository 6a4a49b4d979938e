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

/**
 * Times for trails, to the millisecond: a reading of `performance.now` costs as much as a transition or a step, a look at the date a fourth of it. So the
 * clock is read when the date has moved on, and not again within the same millisecond.
 */
class StampClock implements Clock {
  #date = NaN;
  #now = 0;

  /** `clock` is what is read, and what timers are set by. */
  constructor(private readonly clock: Clock) {}

  /** Arena time in ms, at most a millisecond ago; never backwards, also when the date is set back. */
  now(): number {
    const date = Date.now();
    if (date !== this.#date) {
      this.#date = date;
      this.#now = this.clock.now();
    }
    return this.#now;
  }

  /** A timer of the clock. */
  schedule(delayMs: number, callback: () => void, background?: boolean): Cancel {
    return this.clock.schedule(delayMs, callback, background);
  }
}

/** Times of a clock for a trail: of the system's to the millisecond, of any other as they are. */
export function stampsOf(clock: Clock): Clock {
  return clock instanceof SystemClock ? new StampClock(clock) : clock;
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
