/**
 * From what a scenario counted to the figures of its result. Pure: the same counts give the same figures.
 *
 * @module
 */
import { type Counts, zeroCounts } from "../metrics/counters.ts";
import { Histogram } from "../metrics/histogram.ts";
import type { LoadReport, ReportedTimes } from "./load_agent.ts";
import { spareAgents } from "./load_director.ts";
import type { Observation } from "./observer.ts";
import { type Measured, type MessageCounts, percentilesOf, type ScenarioMetrics } from "./result.ts";
import type { ScenarioPlan } from "./scenarios.ts";

/** Everything that a scenario counted. What it did not come to is null. */
export interface Evidence {
  /** The plan. */
  readonly plan: ScenarioPlan;
  /** Worker threads. */
  readonly threads: number;
  /** More threads than cores. */
  readonly oversubscribed: boolean;
  /** Cores of the machine. */
  readonly cores: number;
  /** Memory that counts as 100 %. */
  readonly budgetBytes: number;
  /** How long the load ran. */
  readonly loadMs: number;
  /** Processor time of the process under load. */
  readonly cpuMs: number;
  /** Under load. */
  readonly spawnTime: Histogram;
  /** Under load. */
  readonly taskTime: Histogram;
  /** Peers. */
  readonly spawned: number;
  /** Peers replaced. */
  readonly churned: number;
  /** Replacements due. */
  readonly churnScheduled: number;
  /** Tasks with the right result. */
  readonly tasksDone: number;
  /** Tasks without. */
  readonly tasksFailed: number;
  /** See `Observer`. */
  readonly observation: Observation;
  /** The kernel's counts before the load. */
  readonly before: { counts: Counts; requests: number };
  /** The kernel's counts after it. */
  readonly after: { counts: Counts; requests: number } | null;
  /** What the threads' load counted. */
  readonly reports: readonly LoadReport[] | null;
  /** What was left in shared memory after clean-up. */
  readonly cleared: { agentsLeft: number; slotsInUse: number; ringBytesInUse: number; slabsInUse: number; rssBytesEnd: number } | null;
}

const NO_TIMES: ReportedTimes = { pairs: [], maxUs: null };

/** The figures. */
export function measurements(evidence: Evidence): Measured {
  const { plan, threads, oversubscribed, loadMs, reports, observation } = evidence;
  const notMeasured: Record<string, string> = {};
  const load = sumReports(reports ?? []);
  if (reports === null) notMeasured["metrics"] = "the threads did not report their counts";
  if (evidence.cleared === null) notMeasured["metrics.cleanup"] = "the clean-up did not end";
  const started = reports === null ? null : load.started;
  const concurrent = concurrency(observation, started === null ? null : started - evidence.churned - spareAgents(plan), notMeasured);
  const metrics: ScenarioMetrics = {
    spawnTime: percentilesOf(evidence.spawnTime),
    communicationLatency: percentilesOf(fromReports(reports, (report) => report.latency)),
    taskTime: percentilesOf(evidence.taskTime),
    storeTime: percentilesOf(fromReports(reports, (report) => report.storeTime)),
    generatorLag: percentilesOf(fromReports(reports, (report) => report.lag)),
    throughput: throughput(evidence, load),
    stability: stability(evidence, load),
    concurrentAgents: { target: plan.agents, ...concurrent },
    agents: { spawned: evidence.spawned, started: started ?? 0, churnScheduled: evidence.churnScheduled, churned: evidence.churned },
    messages: messages(evidence, load),
    clock: { negatives: load.early },
    memory: {
      rssBytesStart: observation.rssBytesStart,
      rssBytesPeak: observation.rssBytesPeak,
      rssBytesEnd: evidence.cleared?.rssBytesEnd ?? null,
      regions: observation.regions,
    },
    cleanup: cleanup(evidence),
  };
  return { durationMs: Math.round(loadMs), threads, oversubscribed, metrics, notMeasured };
}

/** The figures of a scenario that was never begun: nothing was measured. */
export function notRun(plan: ScenarioPlan, threads: number, oversubscribed: boolean): Measured {
  const zero = { counts: zeroCounts(), requests: 0 };
  return measurements({
    ...{ plan, threads, oversubscribed, cores: 1, budgetBytes: 1, loadMs: 0, cpuMs: 0, spawned: 0, churned: 0, churnScheduled: 0 },
    ...{ spawnTime: Histogram.private(), taskTime: Histogram.private(), tasksDone: 0, tasksFailed: 0, before: zero, after: null },
    ...{ reports: null, cleared: null },
    observation: { rssBytesStart: 0, rssBytesPeak: 0, agentsMin: null, agentsMax: null, regions: [] },
  });
}

/** Agents alive as the kernel says, but never more than said so themselves: an agent whose onStart did not run does not count. */
function concurrency(
  seen: Observation,
  started: number | null,
  notMeasured: Record<string, string>,
): { minimum: number | null; maximum: number | null } {
  if (seen.agentsMin === null || started === null) {
    notMeasured["metrics.concurrentAgents"] = "the load did not begin";
    return { minimum: null, maximum: null };
  }
  return { minimum: Math.min(seen.agentsMin, started), maximum: Math.min(seen.agentsMax ?? 0, started) };
}

/** The load's messages: what the kernel counted less the runner's own requests, two messages each. */
function messages({ before, after, reports }: Evidence, load: LoadReport): MessageCounts {
  const own = after === null ? 0 : 2 * (after.requests - before.requests);
  const grown = (name: keyof Counts): number => after === null ? 0 : after.counts[name] - before.counts[name];
  const delivered = Math.max(0, grown("delivered") - own);
  const deadLettered = grown("deadLettered");
  const expired = grown("expired");
  const missing = load.sent - delivered - deadLettered - expired;
  const inFlight = Math.min(Math.max(0, missing), grown("pending"));
  return {
    ...{ scheduled: load.scheduled, sent: load.sent, delivered, deadLettered, expired, shed: 0, inFlight },
    lost: reports === null ? 0 : missing - inFlight,
    crossThread: load.sentElsewhere,
    received: load.received,
    damaged: load.damaged,
  };
}

function throughput({ plan, loadMs, churned, tasksDone, reports }: Evidence, load: LoadReport): ScenarioMetrics["throughput"] {
  const perSecond = (count: number): number | null => loadMs > 0 && reports !== null ? count / loadMs * 1_000 : null;
  return {
    agentSpawnsPerSecond: perSecond(churned),
    messagesPerSecond: perSecond(load.received),
    offeredMessagesPerSecond: plan.messagesPerSecond,
    tasksPerSecond: perSecond(tasksDone),
    storeOperationsPerSecond: perSecond(load.storeOperations),
  };
}

function stability(evidence: Evidence, load: LoadReport): ScenarioMetrics["stability"] {
  const { observation, budgetBytes, loadMs, cores, cpuMs, reports, before, after, tasksDone, tasksFailed } = evidence;
  const percent = (ms: number): number | null => loadMs > 0 && reports !== null ? 100 * ms / (loadMs * cores) : null;
  const handled = load.received + tasksDone + tasksFailed;
  const failed = (after === null ? 0 : after.counts.failed - before.counts.failed) + tasksFailed + sum(Object.values(load.failed));
  return {
    memoryUsage: observation.rssBytesPeak > 0 ? 100 * observation.rssBytesPeak / budgetBytes : null,
    cpuUsage: percent(Math.max(0, cpuMs - load.generatorCpuMs)),
    generatorCpuUsage: percent(load.generatorCpuMs),
    errorRate: handled > 0 ? failed / handled : null,
  };
}

function cleanup({ cleared }: Evidence): ScenarioMetrics["cleanup"] {
  if (cleared === null) return { agentsLeft: null, slotsInUse: null, ringBytesInUse: null, slabsInUse: null, clean: false };
  const { agentsLeft, slotsInUse, ringBytesInUse, slabsInUse } = cleared;
  return { agentsLeft, slotsInUse, ringBytesInUse, slabsInUse, clean: agentsLeft + slotsInUse + ringBytesInUse + slabsInUse === 0 };
}

function fromReports(reports: readonly LoadReport[] | null, pick: (report: LoadReport) => ReportedTimes): Histogram {
  const merged = Histogram.private();
  for (const report of reports ?? []) {
    const { pairs, maxUs } = pick(report);
    merged.mergeFrom(Histogram.fromPairs(pairs, maxUs ?? undefined));
  }
  return merged;
}

function sumReports(reports: readonly LoadReport[]): LoadReport {
  const add = (pick: (report: LoadReport) => number): number => sum(reports.map(pick));
  const failed: Record<string, number> = {};
  for (const report of reports) for (const [code, count] of Object.entries(report.failed)) failed[code] = (failed[code] ?? 0) + count;
  return {
    scheduled: add((report) => report.scheduled),
    sent: add((report) => report.sent),
    sentElsewhere: add((report) => report.sentElsewhere),
    received: add((report) => report.received),
    damaged: add((report) => report.damaged),
    blocked: add((report) => report.blocked),
    failed,
    started: add((report) => report.started),
    stopped: add((report) => report.stopped),
    tasks: add((report) => report.tasks),
    early: add((report) => report.early),
    storeOperations: add((report) => report.storeOperations),
    generatorCpuMs: add((report) => report.generatorCpuMs),
    ...{ latency: NO_TIMES, lag: NO_TIMES, storeTime: NO_TIMES },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
