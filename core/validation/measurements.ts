/**
 * From what a scenario counted to the figures of its result. Pure: the same counts give the same figures.
 *
 * @module
 */
import { type Counts, zeroCounts } from "../metrics/counters.ts";
import { Histogram } from "../metrics/histogram.ts";
import { type OwnMessages, spareAgents } from "./load_director.ts";
import { LOAD_COUNTS, type LoadCount, type LoadReport } from "./load_ledger.ts";
import type { Observation } from "./observer.ts";
import { type Incident, type Measured, type MessageCounts, percentilesOf, type ScenarioMetrics } from "./result.ts";
import type { ScenarioPlan } from "./scenarios.ts";

/** Counts at one instant. */
export interface Moment {
  /** The kernel's. */
  readonly counts: Counts;
  /** Messages among them that are not the load's. */
  readonly own: OwnMessages;
}

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
  /** Spawns that a death cut off and that were tried again. */
  readonly spawnsRepeated: number;
  /** Peers made again on another thread. */
  readonly restarted: number;
  /** Threads that died. */
  readonly incidents: Incident[];
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
  readonly before: Moment;
  /** The kernel's counts after it. */
  readonly after: Moment | null;
  /** What the threads' load counted. */
  readonly reports: readonly LoadReport[] | null;
  /** What was left in shared memory after clean-up. */
  readonly cleared: { agentsLeft: number; slotsInUse: number; ringBytesInUse: number; slabsInUse: number; rssBytesEnd: number } | null;
}

type Load = Readonly<Record<LoadCount, number>>;

/** The figures. */
export function measurements(evidence: Evidence): Measured {
  const { plan, threads, oversubscribed, loadMs, reports, observation } = evidence;
  const notMeasured: Record<string, string> = {};
  const load = sumReports(reports ?? []);
  if (reports === null) notMeasured["metrics"] = "the threads did not report their counts";
  if (evidence.cleared === null) notMeasured["metrics.cleanup"] = "the clean-up did not end";
  const started = reports === null ? null : startedOnce(evidence, load);
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
    agents: {
      spawned: evidence.spawned,
      started: started ?? 0,
      churnScheduled: evidence.churnScheduled,
      churned: evidence.churned,
      restarted: evidence.restarted,
    },
    messages: messages(evidence, load),
    team: team(evidence, load),
    clock: { negatives: load.early },
    memory: {
      rssBytesStart: observation.rssBytesStart,
      rssBytesPeak: observation.rssBytesPeak,
      rssBytesEnd: evidence.cleared?.rssBytesEnd ?? null,
      regions: observation.regions,
    },
    cleanup: cleanup(evidence),
  };
  return { durationMs: Math.round(loadMs), threads, oversubscribed, metrics, incidents: evidence.incidents, notMeasured };
}

/** The figures of a scenario that was never begun: nothing was measured. */
export function notRun(plan: ScenarioPlan, threads: number, oversubscribed: boolean): Measured {
  const zero = { counts: zeroCounts(), own: { asked: 0, answered: 0 } };
  return measurements({
    ...{ plan, threads, oversubscribed, cores: 1, budgetBytes: 1, loadMs: 0, cpuMs: 0, spawned: 0, churned: 0, churnScheduled: 0 },
    ...{ spawnsRepeated: 0, restarted: 0, incidents: [] },
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

/** onStart calls of peers, less those of agents that were made again. */
function startedOnce({ spawned, spawnsRepeated, restarted }: Evidence, load: Load): number {
  const started = load.started - restarted;
  return started - Math.min(spawnsRepeated, Math.max(0, started - spawned)); // on the thread that died, too
}

/**
 * The load's messages: what the kernel counted less the runner's own. Of own asks without an answer (a death cut them off) nobody knows whether they were
 * handled, so as many messages as those are (a few) may be more than the load's.
 */
function messages({ before, after, reports }: Evidence, load: Load): MessageCounts {
  const grown = (name: keyof Counts): number => after === null ? 0 : after.counts[name] - before.counts[name];
  const own = after === null ? 0 : after.own.answered - before.own.answered;
  const cut = after === null ? 0 : after.own.asked - before.own.asked - own;
  const { sent, received } = load;
  const expired = grown("expired");
  const mostDelivered = Math.max(0, grown("delivered") - own);
  const delivered = mostDelivered - Math.min(cut, Math.max(0, mostDelivered - received));
  const cutLetters = cut - (mostDelivered - delivered);
  const deadLettered = grown("deadLettered") - Math.min(cutLetters, Math.max(0, delivered + grown("deadLettered") + expired - sent));
  const missing = sent - delivered - deadLettered - expired;
  const inFlight = Math.min(Math.max(0, missing), grown("pending"));
  // By the kernel's own books, own messages and all: they know no cut.
  const unaccounted = grown("sent") - grown("delivered") - grown("deadLettered") - expired - inFlight;
  const lost = missing - inFlight;
  return {
    ...{ scheduled: load.scheduled, sent, delivered, deadLettered, expired, shed: 0, inFlight },
    lost: reports === null ? 0 : Math.abs(unaccounted) > Math.abs(lost) ? unaccounted : lost,
    ...{ crossThread: load.sentElsewhere, received, damaged: load.damaged },
  };
}

/** Asks of a thread that died, and asks of agents whose thread died at work on them, have no answer. */
function team({ reports, incidents }: Evidence, load: Load): ScenarioMetrics["team"] {
  const { teamAsked: asked, teamCorrect: correct, teamWrong: wrong } = load;
  const dead = new Set(incidents.map(({ host }) => host));
  const open = (reports ?? []).filter(({ host }) => dead.has(host))
    .map(({ counts }) => counts.teamAsked - counts.teamCorrect - counts.teamWrong - counts.teamCut);
  return { asked, correct, wrong, interrupted: load.teamCut + sum(open) };
}

function throughput({ plan, loadMs, churned, tasksDone, reports }: Evidence, load: Load): ScenarioMetrics["throughput"] {
  const perSecond = (count: number): number | null => loadMs > 0 && reports !== null ? count / loadMs * 1_000 : null;
  return {
    agentSpawnsPerSecond: perSecond(churned),
    messagesPerSecond: perSecond(load.received),
    offeredMessagesPerSecond: plan.messagesPerSecond,
    tasksPerSecond: perSecond(tasksDone),
    storeOperationsPerSecond: perSecond(load.storeOperations),
  };
}

function stability(evidence: Evidence, load: Load): ScenarioMetrics["stability"] {
  const { observation, budgetBytes, loadMs, cores, cpuMs, reports, before, after, tasksDone, tasksFailed } = evidence;
  const percent = (ms: number): number | null => loadMs > 0 && reports !== null ? 100 * ms / (loadMs * cores) : null;
  const handled = load.received + tasksDone + tasksFailed;
  const failed = (after === null ? 0 : after.counts.failed - before.counts.failed) + tasksFailed + load.failed;
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

function fromReports(reports: readonly LoadReport[] | null, pick: (report: LoadReport) => Histogram): Histogram {
  const merged = Histogram.private();
  for (const report of reports ?? []) merged.mergeFrom(pick(report));
  return merged;
}

function sumReports(reports: readonly LoadReport[]): Load {
  return Object.fromEntries(LOAD_COUNTS.map((name) => [name, sum(reports.map(({ counts }) => counts[name]))])) as Load;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
