/**
 * What to change when a target was missed: each names the figure, its bound, the option and a value for it. A target that no option can mend
 * (a lost message, a clock that ran backwards) gets none: that is a defect, not a setting. None on a clean run.
 *
 * @module
 */
import { HOSTS_MAX } from "../memory/layout.ts";
import type { Measured, Target } from "./result.ts";
import type { ScenarioPlan } from "./scenarios.ts";

/** What a recommendation is drawn from. */
interface Case {
  readonly measured: Measured;
  readonly plan: ScenarioPlan;
  readonly cores: number;
  /** The figure, its value and its bound, as each sentence begins. */
  readonly figure: string;
  readonly actual: number | null;
}

/** Fewer worker threads than two cannot send to each other. */
const THREADS_MIN = 2;
const MIB = 1024 * 1024;
/** A pool that is to last while it is refilled holds twice what is taken meanwhile. */
const POOL_RESERVE = 2;
const POOL_MIN = 10;
/** A region or budget so full makes spawns and sends wait. */
const REGION_FULL_SHARE = 0.85;

const ADVICE: Readonly<Record<string, (given: Case) => string | null>> = {
  spawnTimeP95: (given) => tooFewSamples(given, given.measured.metrics.spawnTime.samples) ?? threadsAdvice(given) ?? warmPoolAdvice(given),
  communicationLatencyP95: (given) =>
    tooFewSamples(given, given.measured.metrics.communicationLatency.samples) ?? threadsAdvice(given) ?? fewerAgents(given),
  memoryUsagePercent: ({ measured, figure, actual }) => {
    const peak = measured.metrics.memory.rssBytesPeak;
    if (actual === null || peak === null) return null;
    return `${figure}: give the process more memory; budgetBytes ${roundUpMiB(peak / 0.8)} would hold the peak of ${
      roundUpMiB(peak)
    } bytes.`;
  },
  concurrentAgents: ({ figure, plan, actual }) =>
    actual === null
      ? null
      : `${figure}: set maxConcurrentAgents to ${Math.ceil(plan.agents * 1.1)}, so that replacements fit beside those alive.`,
  messagesOfferedPercent: (given) => given.actual === null ? null : threadsAdvice(given) ?? fewerAgents(given),
  churnPercent: (given) => given.actual === null ? null : threadsAdvice(given) ?? warmPoolAdvice(given),
  crossThreadPercent: ({ figure, measured }) =>
    measured.threads >= THREADS_MIN
      ? null
      : `${figure}: set threads to ${THREADS_MIN}: agents of one thread cannot send to another thread's.`,
};

/** The recommendations for the targets that do not hold, without repeats. */
export function recommend(measured: Measured, plan: ScenarioPlan, targets: readonly Target[], cores: number): string[] {
  const missed = targets.filter((target) => !target.passing);
  const advice = missed.map((target) => {
    const value = target.actual === null ? "not measured" : `${Math.round(target.actual * 100) / 100} ${target.unit}`;
    const figure = `${target.name} is ${value} (bound: ${target.comparison} ${target.target} ${target.unit})`;
    return ADVICE[target.name]?.({ measured, plan, cores, figure, actual: target.actual }) ?? null;
  });
  return [...advice, ...(missed.length > 0 ? fullRegions(measured) : [])].filter((line): line is string => line !== null);
}

/** Too short a run for the percentile: null when that is not the trouble. */
function tooFewSamples({ figure, actual, plan }: Case, samples: number): string | null {
  if (actual !== null || samples === 0) return null;
  const durationMs = Math.ceil(plan.durationMs * 200 / samples / 1_000) * 1_000;
  return `${figure}: set durationMs to ${durationMs}, so that the 200 samples of a p95 come together.`;
}

/** A worker thread for every core besides main's; null when that is so already. */
function threadsAdvice({ figure, actual, measured, cores }: Case): string | null {
  const { threads, oversubscribed } = measured;
  const fitting = Math.min(HOSTS_MAX - 1, Math.max(THREADS_MIN, cores - 1));
  if (actual === null) return null;
  if (threads < fitting) return `${figure}: set threads to ${fitting}, so that every core works.`;
  if (threads > fitting) return `${figure}: set threads to ${fitting}: ${threads} worker threads and main share ${cores} cores.`;
  return oversubscribed
    ? `${figure}: give the process ${threads + 1} cores: threads is ${threads}, and with main they share ${cores}.`
    : null;
}

function warmPoolAdvice({ figure, actual, measured, plan }: Case): string | null {
  const spawnMs = measured.metrics.spawnTime.p95;
  if (actual === null || spawnMs === null) return null;
  const warm = Math.max(POOL_MIN, Math.ceil(plan.churnPerSecond * spawnMs / 1_000) * POOL_RESERVE);
  return `${figure}: set agentPoolConfig.preWarmPools to ${warm} for the type that is spawned: ` +
    `${Math.round(plan.churnPerSecond)} spawns/s drain what one refill brings.`;
}

/** All cores work and it is not enough: the load that they did carry. */
function fewerAgents({ figure, actual, measured, plan }: Case): string | null {
  const carried = measured.metrics.throughput.messagesPerSecond;
  if (actual === null || carried === null) return null;
  const agents = Math.max(1, Math.floor(plan.agents * Math.min(0.8, carried / plan.messagesPerSecond)));
  return `${figure}: on this machine set maxConcurrentAgents to ${agents} for each process, and divide the rest among more processes or cores.`;
}

/** Twice the option that a full region belongs to. The queues have half of `sharedBufferSize`, the store all of `memoryStoreSize`. */
function fullRegions({ metrics }: Measured): string[] {
  const { regions } = metrics.memory;
  const queueBytes = regions.find((region) => region.name === "queues")?.capacityBytes ?? 0;
  const full = regions.filter((region) => region.usedBytes > REGION_FULL_SHARE * region.capacityBytes);
  return full.flatMap((region) => {
    const share = Math.round(100 * region.usedBytes / region.capacityBytes);
    const figure = `region ${region.name} is ${share} % in use (bound: ${REGION_FULL_SHARE * 100} %)`;
    if (region.name === "store") return [`${figure}: set memoryStoreSize to ${2 * region.capacityBytes}.`];
    if (region.name === "queues" || region.name === "slabs") return [`${figure}: set sharedBufferSize to ${4 * queueBytes}.`];
    return [];
  });
}

function roundUpMiB(bytes: number): number {
  return Math.ceil(bytes / MIB) * MIB;
}
