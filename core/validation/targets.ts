/**
 * The judge: measurements and the plan of their scenario in, targets and violations out. Pure. The bounds are the same for every scenario and
 * never loosened as the load grows; what was not measured fails.
 *
 * @module
 */
import { DELIVERY_P95_MS_MAX, MEMORY_PERCENT_MAX, SPAWN_P95_MS_MAX } from "../base/limits.ts";
import { samplesNeeded } from "../metrics/histogram.ts";
import { holds } from "../metrics/performance_validator.ts";
import type { Cleanup, Measured, MessageCounts, Percentiles, Target } from "./result.ts";
import type { ScenarioPlan } from "./scenarios.ts";

/** Least share of what was scheduled (messages, churn) or sent (deliveries) that must have happened, in percent. */
export const CARRIED_PERCENT_MIN = 99;
/** Least share of the messages that must have crossed threads, in percent. */
export const CROSS_THREAD_PERCENT_MIN = 50;

/** What the judge found. */
export interface Verdict {
  /** Every target, held or not. */
  targets: Target[];
  /** One sentence for each that does not hold. */
  violations: string[];
}

/** A figure with its bound and what to say when the bound does not hold. */
interface Check {
  name: string;
  unit: string;
  comparison: Target["comparison"];
  target: number;
  actual: number | null;
  /** Where the figure stands in a result: the key of its reason in `notMeasured`. */
  path: string;
  /** Said when the bound does not hold. */
  broken: (actual: number) => string;
  /** Said when the figure is null and `notMeasured` has no reason. */
  why?: string;
}

/** Judges one scenario. */
export function judge(measured: Measured, plan: ScenarioPlan): Verdict {
  const checks = [...limits(measured), ...loadChecks(measured, plan), ...countChecks(measured)];
  const verdict: Verdict = { targets: [], violations: [] };
  for (const check of checks) {
    const { name, unit, comparison, target, actual } = check;
    // What is bounded from above takes time or room: of that nothing takes none, whatever a histogram says.
    const impossible = comparison === "<" && actual === 0;
    const passing = actual !== null && holds(actual, comparison, target) && !impossible;
    verdict.targets.push({ name, unit, comparison, target, actual, passing });
    if (passing) continue;
    if (impossible) verdict.violations.push(`${name}: 0 ${unit} was measured, which nothing takes: the measuring is broken`);
    else {verdict.violations.push(
        actual === null ? `${name}: not measured (${reason(measured, check)})` : `${name}: ${check.broken(actual)}`,
      );}
  }
  return verdict;
}

/** The three bounds of the document. */
function limits({ metrics }: Measured): Check[] {
  const above = (unit: string, bound: number) => (actual: number): string => `${format(actual)} ${unit}, must be below ${bound} ${unit}`;
  return [
    {
      ...{ name: "spawnTimeP95", unit: "ms", comparison: "<", target: SPAWN_P95_MS_MAX, actual: metrics.spawnTime.p95 },
      ...{ path: "metrics.spawnTime.p95", broken: above("ms", SPAWN_P95_MS_MAX), why: tooFew(metrics.spawnTime) },
    },
    {
      ...{ name: "communicationLatencyP95", unit: "ms", comparison: "<", target: DELIVERY_P95_MS_MAX },
      ...{ actual: metrics.communicationLatency.p95, path: "metrics.communicationLatency.p95" },
      ...{ broken: above("ms", DELIVERY_P95_MS_MAX), why: tooFew(metrics.communicationLatency) },
    },
    {
      ...{ name: "memoryUsagePercent", unit: "%", comparison: "<", target: MEMORY_PERCENT_MAX, actual: metrics.stability.memoryUsage },
      ...{ path: "metrics.stability.memoryUsage", broken: above("% of the memory budget", MEMORY_PERCENT_MAX) },
    },
  ];
}

/** Whether the load was as promised: agents held, messages and churn carried, threads crossed. */
function loadChecks({ metrics, durationMs, threads }: Measured, plan: ScenarioPlan): Check[] {
  const { concurrentAgents, messages, agents } = metrics;
  const seconds = durationMs / 1_000;
  const rate = (count: number): string => format(count / seconds);
  return [
    {
      ...{ name: "concurrentAgents", unit: "agents", comparison: ">=", target: plan.agents, actual: concurrentAgents.minimum },
      path: "metrics.concurrentAgents.minimum",
      broken: (actual) => `${actual} agents alive at the fewest, ${plan.agents} must be held through the run`,
    },
    {
      ...{ name: "messagesOfferedPercent", unit: "%", comparison: ">=", target: CARRIED_PERCENT_MIN },
      ...{ actual: percent(messages.sent, messages.scheduled), path: "metrics.messages.scheduled", why: "no message was scheduled" },
      broken: () => `the machine carried ${rate(messages.sent)} of ${rate(messages.scheduled)} messages/s`,
    },
    {
      ...{ name: "messagesDeliveredPercent", unit: "%", comparison: ">=", target: CARRIED_PERCENT_MIN },
      ...{ actual: percent(messages.delivered, messages.sent), path: "metrics.messages.sent", why: "no message was sent" },
      broken: () => `${messages.delivered} of ${messages.sent} messages sent were delivered (${undelivered(messages)})`,
    },
    {
      ...{ name: "crossThreadPercent", unit: "%", comparison: ">=", target: CROSS_THREAD_PERCENT_MIN },
      ...{ actual: percent(messages.crossThread, messages.delivered), path: "metrics.messages.crossThread" },
      why: "no message was delivered",
      broken: (actual) =>
        `${format(actual)} % of the messages crossed threads, at least ${CROSS_THREAD_PERCENT_MIN} % must (threads: ${threads})`,
    },
    {
      ...{ name: "churnPercent", unit: "%", comparison: ">=", target: CARRIED_PERCENT_MIN },
      ...{ actual: percent(agents.churned, agents.churnScheduled), path: "metrics.agents.churnScheduled", why: "no churn was scheduled" },
      broken: () => `${rate(agents.churned)} of ${rate(agents.churnScheduled)} agents/s were replaced`,
    },
  ];
}

/** Counts that must agree, and things that must not be. */
function countChecks({ metrics, incidents }: Measured): Check[] {
  const { messages, agents, clock, cleanup, team } = metrics;
  const none = (name: string, unit: string, actual: number | null, path: string, broken: string): Check => ({
    ...{ name, unit, comparison: "=", target: 0, actual, path, broken: (count) => `${format(count)} ${broken}` },
  });
  return [
    none("messagesLost", "messages", messages.lost, "metrics.messages.lost", "messages lost"),
    none("messagesInFlight", "messages", messages.inFlight, "metrics.messages.inFlight", "messages still on their way after draining"),
    none("messagesDamaged", "messages", messages.damaged, "metrics.messages.damaged", "messages arrived damaged"),
    {
      ...{ name: "messagesReceived", unit: "messages", comparison: "=", target: messages.delivered, actual: messages.received },
      path: "metrics.messages.received",
      broken: (actual) => `handlers counted ${actual} messages, the kernel ${messages.delivered}`,
    },
    {
      ...{ name: "agentsStarted", unit: "agents", comparison: "=", target: agents.spawned, actual: agents.started },
      path: "metrics.agents.started",
      broken: (actual) => `onStart ran for ${actual} of ${agents.spawned} agents spawned`,
    },
    {
      ...{ name: "team", unit: "answers", comparison: "=", target: team.asked - team.interrupted },
      ...{ actual: team.asked === 0 ? null : team.correct, path: "metrics.team", why: "the team was asked nothing" },
      broken: (actual) => `${actual} of ${team.asked - team.interrupted} answers of the team were right, ${team.wrong} were wrong`,
    },
    none(
      "agentsLost",
      "agents",
      incidents.reduce((sum, { agentsLost }) => sum + agentsLost, 0),
      "incidents",
      "agents lost with their thread",
    ),
    none("clockNegatives", "durations", clock.negatives, "metrics.clock.negatives", "durations were negative: a clock ran backwards"),
    none("cleanup", "leftovers", leftovers(cleanup), "metrics.cleanup", `things left after clean-up (${describeCleanup(cleanup)})`),
  ];
}

/** The reason of a null: under its own path or that of the block it stands in. */
function reason({ notMeasured }: Measured, { path, why }: Check): string {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    if (notMeasured[at] !== undefined) return notMeasured[at];
  }
  return why ?? "no reason given";
}

function tooFew({ samples }: Percentiles): string {
  return `${samples} samples, p95 needs ${samplesNeeded(0.95)}`;
}

function percent(part: number, whole: number): number | null {
  return whole > 0 ? 100 * part / whole : null;
}

/** Leftovers in all; null when one kind could not be counted, 1 when the runner found something that the counts do not show. */
function leftovers(cleanup: Cleanup): number | null {
  const { agentsLeft, slotsInUse, ringBytesInUse, slabsInUse, clean } = cleanup;
  if (agentsLeft === null || slotsInUse === null || ringBytesInUse === null || slabsInUse === null) return null;
  return Math.max(agentsLeft + slotsInUse + ringBytesInUse + slabsInUse, clean ? 0 : 1);
}

function describeCleanup(cleanup: Cleanup): string {
  const { agentsLeft, slotsInUse, ringBytesInUse, slabsInUse } = cleanup;
  return `${agentsLeft} agents, ${slotsInUse} slots, ${ringBytesInUse} ring bytes, ${slabsInUse} slabs`;
}

function undelivered({ deadLettered, expired, shed, inFlight, lost }: MessageCounts): string {
  return `${deadLettered} dead letters, ${expired} expired, ${shed} shed, ${inFlight} in flight, ${lost} lost`;
}

/** Two digits after the point are enough to see by how much a bound was missed, more below 1. */
function format(value: number): string {
  return String(Math.abs(value) < 1 ? Number(value.toPrecision(3)) : Math.round(value * 100) / 100);
}
