/**
 * The figures that `getPerformanceMetrics()` gives: percentiles of spawning and delivery, and the counts of all threads.
 *
 * @module
 */
import type { Counts } from "./counters.ts";
import type { Histogram } from "./histogram.ts";
import type { Moment } from "./moments.ts";

/** Percentiles in ms; `null` where there are too few samples to say. */
export interface TimeFigures {
  /** Median. */
  readonly p50: number | null;
  /** 95th percentile. */
  readonly p95: number | null;
  /** 99th percentile. */
  readonly p99: number | null;
  /** Longest. */
  readonly max: number | null;
  /** Mean. */
  readonly average: number | null;
  /** How many were measured. */
  readonly samples: number;
}

/** What the kernel knows of its own performance. */
export interface PerformanceMetrics {
  /** From the call of a spawn to the agent being ready. */
  readonly spawnTime: TimeFigures;
  /** From the send of a message to its handler being entered, sampled. */
  readonly communicationLatency: TimeFigures;
  /** Agents alive. */
  readonly agents: number;
  /** Counts of all threads since the start. */
  readonly counts: Counts;
  /** sent − delivered − deadLettered − expired: committed and not yet handled. */
  readonly inFlight: number;
}

/** Puts the figures of a look together. */
export function performanceMetrics({ spawnTime, delivery, agents, counts }: Moment): PerformanceMetrics {
  const inFlight = counts.sent - counts.delivered - counts.deadLettered - counts.expired;
  return { spawnTime: timeFigures(spawnTime), communicationLatency: timeFigures(delivery), agents, counts, inFlight };
}

/** The percentiles of a histogram in ms. */
export function timeFigures(histogram: Histogram): TimeFigures {
  const ms = (us: number | null): number | null => us === null ? null : us / 1_000;
  return {
    p50: ms(histogram.quantileUs(0.5)),
    p95: ms(histogram.quantileUs(0.95)),
    p99: ms(histogram.quantileUs(0.99)),
    max: ms(histogram.maxUs),
    average: ms(histogram.meanUs),
    samples: histogram.count,
  };
}
