/**
 * Whether the targets are kept to: figures in, verdicts out. What was not measured does not pass.
 *
 * @module
 */
import type { PerformanceTargets } from "../base/config.ts";
import type { TimeFigures } from "./performance.ts";

/** How a figure stands to its bound when it passes. */
export type Comparison = "<" | ">=" | "=";

/** One target. */
export interface TargetVerdict {
  /** The bound. */
  readonly target: number;
  /** What was measured; null when there is too little to say. */
  readonly actual: number | null;
  /** False also when nothing was measured. */
  readonly passing: boolean;
  /** How many measurements stand behind `actual`. */
  readonly samples: number;
}

/** All targets. Times in ms. */
export interface PerformanceValidation {
  /** Below `maxSpawnTimeMs`; 200 samples needed. */
  readonly spawnTimeP95: TargetVerdict;
  /** Below `maxCommunicationLatencyMs`; 200 samples needed, and one delivery in sixteen is timed. */
  readonly communicationLatencyP95: TargetVerdict;
  /** Most agents that were seen alive at once, at least `maxConcurrentAgents`: that so many fit is shown by having had them. */
  readonly concurrentAgents: TargetVerdict;
  /** Resident memory now, below `alertThresholds.memoryUsagePercent` of the budget. */
  readonly memoryUsagePercent: TargetVerdict;
  /** Processor time since the start, below `alertThresholds.cpuUsagePercent` of all cores. */
  readonly cpuUsagePercent: TargetVerdict;
}

/** What has been measured since the start. */
export interface MeasuredPerformance {
  /** Times of spawns. */
  readonly spawnTime: Pick<TimeFigures, "p95" | "samples">;
  /** Times of deliveries. */
  readonly communicationLatency: Pick<TimeFigures, "p95" | "samples">;
  /** Most agents seen alive at once; null when nobody has looked. */
  readonly agentsPeak: number | null;
  /** Of the budget. */
  readonly memoryPercent: number | null;
  /** Of all cores. */
  readonly cpuPercent: number | null;
}

/** Judges figures by targets. */
export class PerformanceValidator {
  /** The bounds. */
  constructor(readonly targets: PerformanceTargets) {}

  /** The verdicts. */
  validate({ spawnTime, communicationLatency, agentsPeak, memoryPercent, cpuPercent }: MeasuredPerformance): PerformanceValidation {
    const { targets } = this;
    return {
      spawnTimeP95: verdict(spawnTime.p95, "<", targets.spawnP95Ms, spawnTime.samples),
      communicationLatencyP95: verdict(communicationLatency.p95, "<", targets.deliveryP95Ms, communicationLatency.samples),
      concurrentAgents: verdict(agentsPeak, ">=", targets.agents),
      memoryUsagePercent: verdict(memoryPercent, "<", targets.memoryPercent),
      cpuUsagePercent: verdict(cpuPercent, "<", targets.cpuPercent),
    };
  }
}

/** Whether a figure keeps to its bound. */
export function holds(actual: number, comparison: Comparison, target: number): boolean {
  return comparison === "<" ? actual < target : comparison === ">=" ? actual >= target : actual === target;
}

function verdict(actual: number | null, comparison: Comparison, target: number, samples = actual === null ? 0 : 1): TargetVerdict {
  return { target, actual, passing: actual !== null && holds(actual, comparison, target), samples };
}
