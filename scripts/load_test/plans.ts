/**
 * The four load scenarios of the owner's document, with every figure that it gives for them.
 *
 * @module
 */

/** What the document reports of a scenario: the better end of each range, so that beating it beats all of it. */
export interface DocumentFigures {
  /** Percent. */
  readonly successPercent: number;
  /** As it is written. */
  readonly throughputText: string;
  /** Messages a second; also the rate at which our latencies are measured. */
  readonly messagesPerSecond: number;
  /** Mean latency. */
  readonly meanMs: number;
  /** 99th percentile. */
  readonly p99Ms: number;
  /** Longest. */
  readonly maxMs: number;
  /** Of all messages. */
  readonly durationMs: number;
}

/** One scenario. */
export interface LoadPlan {
  /** Its name on the command line. */
  readonly name: string;
  /** Agents that write to each other. */
  readonly agents: number;
  /** Messages of each agent in one round. */
  readonly messagesPerAgent: number;
  /** Repeated so often: then the document's total has been delivered. */
  readonly rounds: number;
  /** Messages of one agent that may be on their way at a time. */
  readonly concurrency: number;
  /** Text of each message. */
  readonly payloadBytes: number;
  /** See `DocumentFigures`. */
  readonly document: DocumentFigures;
  /** Messages a second that we promise besides; undefined where we promise none. */
  readonly throughputFloor?: number;
}

const ROUNDS = 10;

/** In the document's order. */
export const LOAD_PLANS: readonly LoadPlan[] = [
  {
    ...{ name: "low", agents: 5, messagesPerAgent: 100, rounds: ROUNDS, concurrency: 10, payloadBytes: 100 },
    document: {
      ...{ successPercent: 100, throughputText: "2,000–3,000", messagesPerSecond: 3_000 },
      ...{ meanMs: 0.075, p99Ms: 0.25, maxMs: 1, durationMs: 2_000 },
    },
  },
  {
    ...{ name: "medium", agents: 25, messagesPerAgent: 200, rounds: ROUNDS, concurrency: 20, payloadBytes: 256 },
    document: {
      ...{ successPercent: 99.95, throughputText: "5,000–8,000", messagesPerSecond: 8_000 },
      ...{ meanMs: 0.15, p99Ms: 1.5, maxMs: 10, durationMs: 8_000 },
    },
  },
  {
    ...{ name: "high", agents: 50, messagesPerAgent: 500, rounds: ROUNDS, concurrency: 50, payloadBytes: 512 },
    document: {
      ...{ successPercent: 99.8, throughputText: "8,000–12,000", messagesPerSecond: 12_000 },
      ...{ meanMs: 0.3, p99Ms: 5, maxMs: 50, durationMs: 25_000 },
    },
  },
  {
    ...{ name: "extreme", agents: 100, messagesPerAgent: 1_000, rounds: ROUNDS, concurrency: 100, payloadBytes: 1_024 },
    document: {
      ...{ successPercent: 99.5, throughputText: "10,000–15,000", messagesPerSecond: 15_000 },
      ...{ meanMs: 0.75, p99Ms: 10, maxMs: 100, durationMs: 90_000 },
    },
    throughputFloor: 500_000,
  },
];

/** The document's p99 of typical loads; it holds at its rates in all four. */
export const TYPICAL_P99_MS = 5;
/** Agents of one coordinator at which the document speaks of memory, and the most that it allows: "~50–200 MB per coordinator". */
export const COORDINATOR_AGENTS: readonly number[] = [20, 50, 100];
/** See `COORDINATOR_AGENTS`. */
export const COORDINATOR_BYTES_MAX = 200_000_000;

/** Messages of a scenario: the document's total. */
export function messagesOf({ agents, messagesPerAgent, rounds }: LoadPlan): number {
  return agents * messagesPerAgent * rounds;
}
