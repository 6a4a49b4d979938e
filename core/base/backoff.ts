/**
 * How long to wait before trying again.
 *
 * @module
 */
import { checkedDelay } from "./deadlines.ts";
import { InvalidArgumentError } from "./errors.ts";
import { BACKOFF_BASE_MS, BACKOFF_MS_MAX } from "./limits.ts";

/** Waiting times that grow by a factor up to a bound, and are spread so that those who failed together do not come back together. */
export interface BackoffRule {
  /** Before the second try. Default 100. */
  readonly baseMs?: number;
  /** From one wait to the next. Default 2. */
  readonly factor?: number;
  /** Longest wait. Default 30,000. */
  readonly maxMs?: number;
  /** Share of the wait that is drawn by lot, 0…1. Default 0.5. */
  readonly jitter?: number;
}

/** All of it filled in. */
export type Backoff = Required<BackoffRule>;

/** Fills in the defaults. Throws `InvalidArgumentError` that names the field. */
export function checkedBackoff(rule: BackoffRule = {}, path = "backoff"): Backoff {
  const { baseMs = BACKOFF_BASE_MS, factor = 2, maxMs = BACKOFF_MS_MAX, jitter = 0.5 } = rule;
  checkedDelay(`${path}.baseMs`, baseMs);
  checkedDelay(`${path}.maxMs`, maxMs);
  if (!(factor >= 1 && factor <= 100)) throw new InvalidArgumentError(`${path}.factor`, factor, "use a number from 1 to 100.");
  if (!(jitter >= 0 && jitter <= 1)) throw new InvalidArgumentError(`${path}.jitter`, jitter, "use a number from 0 to 1.");
  return { baseMs, factor, maxMs, jitter };
}

/** The wait after try `tried` (from 1) has failed; `random` in [0, 1). */
export function backoffMs({ baseMs, factor, maxMs, jitter }: Backoff, tried: number, random: number): number {
  return Math.min(maxMs, baseMs * factor ** (tried - 1)) * (1 - jitter * random);
}
