/**
 * The seven scenarios as rows of data, how a name finds its row, and the load that follows from a row. The targets are not here: they are
 * the same for all (targets.ts).
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";

/** One scenario as the document lists it. */
export interface Scenario {
  /** Kebab name. */
  readonly name: string;
  /** Name in the document's tables. */
  readonly displayName: string;
  /** Agents alive at the same time. */
  readonly agents: number;
  /** How long the load runs. */
  readonly durationMs: number;
}

/** A scenario with the load that it puts on the kernel. */
export interface ScenarioPlan extends Scenario {
  /** Messages offered a second, over all agents. */
  readonly messagesPerSecond: number;
  /** Agents terminated and spawned anew a second. */
  readonly churnPerSecond: number;
}

/** What may be different from the row. */
export interface PlanOverrides {
  /** Agents instead of the row's. */
  readonly agents?: number;
  /** Duration instead of the row's; not divided by `quick`. */
  readonly durationMs?: number;
  /** A twentieth of the row's duration. */
  readonly quick?: boolean;
}

/** The scenarios, in the document's order. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "baseline-performance", displayName: "Baseline", agents: 100, durationMs: 60_000 },
  { name: "spawn-time-validation", displayName: "Spawn Time", agents: 500, durationMs: 90_000 },
  { name: "communication-latency-validation", displayName: "Communication Intensive", agents: 200, durationMs: 120_000 },
  { name: "high-concurrency-validation", displayName: "High Concurrency", agents: 1_000, durationMs: 180_000 },
  { name: "peak-load-validation", displayName: "Peak Load", agents: 5_000, durationMs: 240_000 },
  { name: "ultra-high-load-validation", displayName: "Ultra High Load", agents: 10_000, durationMs: 300_000 },
  { name: "memory-stability-validation", displayName: "Memory Stability", agents: 2_000, durationMs: 200_000 },
];

/** What `quick` divides a duration by. */
export const QUICK_DIVISOR = 20;

const MESSAGES_PER_AGENT_SECOND = 10;
const MESSAGES_PER_SECOND_MIN = 10_000;
const MESSAGES_PER_SECOND_MAX = 100_000;
/** A tenth of the agents is replaced each second. */
const CHURN_SHARE = 0.1;
/** So many spawns in every run that a p99 of them stands on more than a hundred … */
const CHURN_SPAWNS = 12_000;
/** … but not for the sake of a short run more a second than the largest scenario replaces … */
const CHURN_PER_SECOND = 1_000;
/** … unless there would be too few for a p99 at all. */
const CHURN_SPAWNS_MIN = 1_200;

/**
 * The load of the busiest scenario before the first, so that none measures the compiler, which has most to do in the first ten seconds and needs the cores
 * that the threads run on. Its times are not judged, its counts are. Of a short run a part; on fewer agents, which have nothing of their own to compile.
 */
const WARM_UP = { agentsMax: 1_000, msMax: 10_000, share: 0.15 } as const;

/** The row with its load; the load follows from the agents and the duration, so that an override changes it too. */
export function planScenario(scenario: Scenario, overrides: PlanOverrides = {}): ScenarioPlan {
  const agents = overrides.agents ?? scenario.agents;
  const durationMs = overrides.durationMs ?? (overrides.quick ? scenario.durationMs / QUICK_DIVISOR : scenario.durationMs);
  const seconds = durationMs / 1_000;
  return {
    name: scenario.name,
    displayName: scenario.displayName,
    agents,
    durationMs,
    messagesPerSecond: Math.min(MESSAGES_PER_SECOND_MAX, Math.max(MESSAGES_PER_SECOND_MIN, MESSAGES_PER_AGENT_SECOND * agents)),
    churnPerSecond: Math.max(agents * CHURN_SHARE, Math.min(CHURN_SPAWNS / seconds, CHURN_PER_SECOND), CHURN_SPAWNS_MIN / seconds),
  };
}

/** What runs before the first of several scenarios: see `WARM_UP`. */
export function warmUpPlan(plans: readonly ScenarioPlan[]): ScenarioPlan {
  const busiest = plans.reduce((most, plan) => plan.messagesPerSecond > most.messagesPerSecond ? plan : most);
  const { messagesPerSecond } = busiest;
  const agents = Math.min(busiest.agents, WARM_UP.agentsMax);
  const durationMs = Math.min(WARM_UP.msMax, WARM_UP.share * plans.reduce((sum, plan) => sum + plan.durationMs, 0));
  return { ...planScenario(busiest, { agents, durationMs }), messagesPerSecond };
}

/**
 * The scenario of a kebab name, a display name, or any prefix of either that fits only one; case does not matter, nor whether words are
 * joined by `-`, `_` or spaces. Throws `InvalidArgumentError` that lists what would have been accepted; `field` is named in it.
 */
export function resolveScenario(nameOrPrefix: string, field = "scenario", rows: readonly Scenario[] = SCENARIOS): Scenario {
  const wanted = normalize(nameOrPrefix);
  const exact = rows.filter((row) => namesOf(row).includes(wanted));
  if (exact.length === 1) return exact[0];
  const matches = wanted === "" ? [] : rows.filter((row) => namesOf(row).some((name) => name.startsWith(wanted)));
  if (matches.length === 1) return matches[0];
  const list = (found: readonly Scenario[]): string => found.map((row) => `${row.name} ("${row.displayName}")`).join(", ");
  throw new InvalidArgumentError(
    field,
    nameOrPrefix,
    matches.length > 1
      ? `it is a prefix of several scenarios, give more of one: ${list(matches)}.`
      : `no scenario has this name; give one of these or an unambiguous prefix: ${list(rows)}.`,
  );
}

function namesOf(row: Scenario): string[] {
  return [normalize(row.name), normalize(row.displayName)];
}

function normalize(name: string): string {
  return name.trim().toLowerCase().replace(/[\s_-]+/g, "-");
}
