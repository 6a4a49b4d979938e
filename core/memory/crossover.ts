/**
 * From which size on the library is faster: a call into C costs some tens of nanoseconds, and a byte much less than in TypeScript. Measured on the
 * machine itself, in a millisecond or two, once the loop has been in use: before, the runtime has not compiled either way yet, and the figures would
 * be those of its interpreter.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { CROSSOVER_MS_MAX } from "../base/limits.ts";

/** One size at which both ways are timed. */
export interface Trial {
  /** Bytes or ranges. */
  readonly size: number;
  /** Calls that make a sample: together a few microseconds, so that the clock's own time does not count. */
  readonly calls: number;
  /** Once in TypeScript. */
  portable(): unknown;
  /** Once in C. */
  native(): unknown;
}

/** Rounds only to warm up, and those of which the best counts: whatever disturbs makes a time longer. */
const WARM_ROUNDS = 4;
const ROUNDS = 12;
/** Enough to go by when the machine is busy. */
const ROUNDS_MIN = 4;
/** The library must win by so much. */
const LEAD = 1.25;

/**
 * The smallest size (of trials in ascending order) from which on `native` was faster at all of them; Infinity when it was not even at the largest. Null
 * when the machine was too busy to say.
 */
export function crossover(trials: readonly Trial[], clock: Clock): number | null {
  const until = clock.now() + CROSSOVER_MS_MAX;
  const best = trials.map(() => ({ portable: Infinity, native: Infinity }));
  for (let round = -WARM_ROUNDS; round < ROUNDS; round++) {
    for (const [at, trial] of trials.entries()) {
      const [before, between, after] = timed(trial, clock);
      if (round < 0) continue;
      best[at].portable = Math.min(best[at].portable, between - before);
      best[at].native = Math.min(best[at].native, after - between);
    }
    if (clock.now() > until && round < ROUNDS_MIN) return null;
    if (clock.now() > until) break;
  }
  const lost = best.findLastIndex((times) => times.native * LEAD > times.portable);
  return trials[lost + 1]?.size ?? Infinity;
}

function timed(trial: Trial, clock: Clock): [before: number, between: number, after: number] {
  const before = clock.now();
  for (let call = 0; call < trial.calls; call++) trial.portable();
  const between = clock.now();
  for (let call = 0; call < trial.calls; call++) trial.native();
  return [before, between, clock.now()];
}
