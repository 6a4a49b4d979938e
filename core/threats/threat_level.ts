/**
 * How bad things are: six words in order, and what they come to when several incidents follow each other.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";

/** From nothing to the worst. */
export type ThreatLevel = "NONE" | "LOW" | "MEDIUM" | "HIGH" | "CRITICAL" | "CATASTROPHIC";

/** In order. */
export const THREAT_LEVELS: readonly ThreatLevel[] = ["NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL", "CATASTROPHIC"];

/** Its place in the order, from 0. */
export function rankOf(level: ThreatLevel): number {
  return THREAT_LEVELS.indexOf(level);
}

/** The level so many steps above another, CATASTROPHIC at the most. */
export function raised(level: ThreatLevel, steps: number): ThreatLevel {
  return THREAT_LEVELS[Math.min(THREAT_LEVELS.length - 1, rankOf(level) + steps)];
}

/** Throws `InvalidArgumentError` unless it is a level that an incident can have. */
export function checkedSeverity(level: unknown, path: string): ThreatLevel {
  if (level !== "NONE" && THREAT_LEVELS.includes(level as ThreatLevel)) return level as ThreatLevel;
  throw new InvalidArgumentError(path, level, `use one of ${THREAT_LEVELS.slice(1).join(", ")}.`);
}

/** Incidents of one level within `decayMs` that make the level one higher. */
const RAISED_BY = 3;

/** The level of a whole system: that of its worst recent incident, one more when there are several of them, one less each quiet while. */
export class LevelGauge {
  #rank = 0;
  #since = 0;
  #count = 0;

  /** A level falls by one step after `decayMs` without an incident of at least that level. */
  constructor(private readonly decayMs: number) {}

  /** The level at a time, which must not go backwards. */
  at(now: number): ThreatLevel {
    while (this.#rank > 0 && now - this.#since >= this.decayMs) {
      this.#rank--;
      this.#since += this.decayMs;
      this.#count = 0;
    }
    return THREAT_LEVELS[this.#rank];
  }

  /** An incident has begun; returns the level after it. */
  raise(severity: ThreatLevel, now: number): ThreatLevel {
    this.at(now);
    const rank = rankOf(severity);
    if (rank < this.#rank) return THREAT_LEVELS[this.#rank];
    this.#since = now;
    this.#count = rank > this.#rank ? 1 : this.#count + 1;
    this.#rank = rank;
    if (this.#count >= RAISED_BY && rank < THREAT_LEVELS.length - 1) {
      this.#rank++;
      this.#count = 0;
    }
    return THREAT_LEVELS[this.#rank];
  }
}
