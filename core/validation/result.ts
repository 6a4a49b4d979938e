/**
 * What a scenario measured and what was judged of it: plain data, the document's `ValidationResult` with the figures that make it checkable.
 *
 * Times are in ms (fields ending in `Us`: µs), `memoryUsage` and `cpuUsage` in percent 0…100, `errorRate` a fraction 0…1. What was not
 * measured is `null`, never 0, with the reason in `notMeasured` under the dotted path of the field; it fails the target that needs it.
 *
 * @module
 */
import type { RegionUse } from "../memory/inspection.ts";
import type { Histogram } from "../metrics/histogram.ts";
import { type TimeFigures, timeFigures } from "../metrics/performance.ts";

export type { RegionUse, TimeFigures };

/** Durations of one kind, in ms. A percentile is null below its number of samples (p50 1, p95 200, p99 1,000). */
export interface Percentiles extends TimeFigures {
  /** Buckets that hold something: exclusive upper bound in µs, count. */
  readonly histogram: [upperBoundUs: number, count: number][];
}

/** Rates over the measured part of the scenario. */
export interface Throughput {
  /** Agents whose `onStart` ran, a second. */
  agentSpawnsPerSecond: number | null;
  /** Messages whose handler was entered, a second. */
  messagesPerSecond: number | null;
  /** What the plan of the scenario asks for; never lowered to what the machine carries. */
  offeredMessagesPerSecond: number;
  /** Tasks completed a second. */
  tasksPerSecond: number | null;
  /** Reads and writes of the store a second. */
  storeOperationsPerSecond: number | null;
}

/** How steadily it ran. */
export interface Stability {
  /** Peak resident memory, in percent of the printed budget. */
  memoryUsage: number | null;
  /** Percent of all cores, the load generator not included. */
  cpuUsage: number | null;
  /** The load generator's own percent of all cores. */
  generatorCpuUsage: number | null;
  /** Handlers and tasks that threw, as a fraction of those that ran. */
  errorRate: number | null;
}

/** Agents alive while the load ran. */
export interface ConcurrentAgents {
  /** The scenario's number. */
  target: number;
  /** Fewest alive at any look. */
  minimum: number | null;
  /** Most alive at any look. */
  maximum: number | null;
}

/** Agents started and replaced. */
export interface AgentCounts {
  /** `spawnAgent` calls that resolved. */
  spawned: number;
  /** Agents whose `onStart` ran, counted by the agents themselves. */
  started: number;
  /** Agents that the plan says should have been replaced so far. */
  churnScheduled: number;
  /** Agents terminated and spawned anew under load. */
  churned: number;
  /** Agents made again on another thread, since theirs died. */
  restarted: number;
}

/** Work asked of the team, and its answers compared with what they must be. */
export interface TeamCounts {
  /** Asks. */
  asked: number;
  /** Answers that were right. */
  correct: number;
  /** Answers that were wrong, and errors. */
  wrong: number;
  /** Asks whose asker or agent died with its thread before the answer. */
  interrupted: number;
}

/** A thread that died while the scenario ran, and what became of its agents and messages. */
export interface Incident {
  /** From the start of the load. */
  atMs: number;
  /** Its index. */
  host: number;
  /** What is known of its end. */
  why: string;
  /** Agents that lived on elsewhere. */
  agentsMoved: number;
  /** Agents that could not be made again. */
  agentsLost: number;
  /** Messages that were handled elsewhere. */
  messagesMoved: number;
  /** Messages whose handler had been entered: delivered, and kept as dead letters. */
  messagesInterrupted: number;
  /** From the death being noticed to the last agent being ready; null when that never came. */
  durationMs: number | null;
}

/** Every message, once. `sent = delivered + deadLettered + expired + shed + inFlight + lost`. */
export interface MessageCounts {
  /** Messages that the plan says should have been sent so far. */
  scheduled: number;
  /** Accepted by the bus. */
  sent: number;
  /** Handler entered, as the kernel counts. */
  delivered: number;
  /** Kept with their reason, because they could not be delivered. */
  deadLettered: number;
  /** Past their deadline. */
  expired: number;
  /** Given up under pressure. */
  shed: number;
  /** Still on their way when the scenario had ended and drained. */
  inFlight: number;
  /** Unaccounted for. */
  lost: number;
  /** Delivered ones whose sender ran on another thread. */
  crossThread: number;
  /** Handler entered, as the handlers themselves count. */
  received: number;
  /** Of those, not as they were sent. */
  damaged: number;
}

/** Memory of the process and of the arena. */
export interface MemoryUse {
  /** Resident before the first spawn. */
  rssBytesStart: number | null;
  /** Most resident at any look. */
  rssBytesPeak: number | null;
  /** Resident after clean-up. */
  rssBytesEnd: number | null;
  /** The arena, region by region, each at its fullest. */
  regions: RegionUse[];
}

/** What was left behind once every agent had been terminated. */
export interface Cleanup {
  /** Agents still alive. */
  agentsLeft: number | null;
  /** Agent slots not free. */
  slotsInUse: number | null;
  /** Bytes still in rings. */
  ringBytesInUse: number | null;
  /** Slabs not free. */
  slabsInUse: number | null;
  /** Whether all four are 0. */
  clean: boolean;
}

/** Everything measured in one scenario. */
export interface ScenarioMetrics {
  /** From the call of `spawnAgent` to the end of the agent's `onStart`. */
  spawnTime: Percentiles;
  /** One way: from the scheduled instant of the send to the entry of the handler on the receiver's thread. */
  communicationLatency: Percentiles;
  /** From `executeTask` to its result. */
  taskTime: Percentiles;
  /** One operation of the store. */
  storeTime: Percentiles;
  /** How late the load generator itself was. */
  generatorLag: Percentiles;
  /** Rates. */
  throughput: Throughput;
  /** Memory, processor, errors. */
  stability: Stability;
  /** Agents alive. */
  concurrentAgents: ConcurrentAgents;
  /** Agents started and replaced. */
  agents: AgentCounts;
  /** Messages. */
  messages: MessageCounts;
  /** Work of the team. */
  team: TeamCounts;
  /** Durations that came out negative: the clocks of two threads disagree, or one ran backwards. */
  clock: { negatives: number };
  /** Memory. */
  memory: MemoryUse;
  /** Leftovers. */
  cleanup: Cleanup;
}

/** One figure against its bound. */
export interface Target {
  /** Stable name, such as `spawnTimeP95`. */
  name: string;
  /** Unit of `target` and `actual`. */
  unit: string;
  /** How `actual` must stand to `target`. */
  comparison: "<" | ">=" | "=";
  /** The bound, the same in all scenarios unless it is the scenario's own number. */
  target: number;
  /** The measured figure; null = not measured, which fails. */
  actual: number | null;
  /** Whether it holds. */
  passing: boolean;
}

/** The document's result of one scenario, with sample counts, histograms and counts that can be checked against each other. */
export interface ValidationResult {
  /** Kebab name of the scenario. */
  scenario: string;
  /** Every target holds and nothing else went wrong. */
  success: boolean;
  /** How long the load ran. */
  durationMs: number;
  /** Worker threads. */
  threads: number;
  /** More threads (main included) than cores: latencies then contain the scheduler's waiting. */
  oversubscribed: boolean;
  /** What was measured. */
  metrics: ScenarioMetrics;
  /** What was judged. */
  targets: Target[];
  /** Threads that died under it. Its figures contain what that cost. */
  incidents: Incident[];
  /** Dotted path of a null → why it was not measured. */
  notMeasured: Record<string, string>;
  /** What failed, in words with figures. */
  violations: string[];
  /** What to change: figure, bound, option, suggested value. Empty on a clean run. */
  recommendations: string[];
}

/** The name that the document's `runValidation` uses. */
export type LoadTestResult = ValidationResult;

/** What is judged: a result before it has a verdict. */
export type Measured = Pick<ValidationResult, "durationMs" | "threads" | "oversubscribed" | "metrics" | "incidents" | "notMeasured">;

/** A histogram in µs as figures in ms, with its buckets. */
export function percentilesOf(histogram: Histogram): Percentiles {
  return { ...timeFigures(histogram), histogram: histogram.toPairs() };
}
