/**
 * Judges a scenario: every figure of the document beside ours, and what must not have happened.
 *
 * @module
 */
import type { Holdings, LoadMeasured } from "./load_run.ts";
import { COORDINATOR_BYTES_MAX, messagesOf, TYPICAL_P99_MS } from "./plans.ts";

/** One figure against its bound. */
export interface Figure {
  /** What it is. */
  readonly name: string;
  /** Unit of `bound` and `actual`. */
  readonly unit: string;
  /** As the document has it; null when the bound is our own. */
  readonly document: string | null;
  /** How `actual` must stand to `bound`. */
  readonly comparison: "<" | "<=" | ">" | ">=" | "=";
  /** See `comparison`. */
  readonly bound: number;
  /** As measured; null = not measured, which fails. */
  readonly actual: number | null;
  /** Whether it holds. */
  readonly met: boolean;
}

/** A handler that nobody enters for so long while messages wait is stuck: what the kernel itself calls a stalled thread. */
const STANDSTILL_MS_MAX = 1_000;
/**
 * Resident memory may differ by so much: rings and slabs count when they are first touched, and threads empty their heaps when they please. With 10,000
 * messages on their way it rises by about 125 MB within two million messages and stays there for four million more; with 1,000 it does not rise at all.
 * One in eight messages of `extreme` that were kept would be more.
 */
const RSS_GROWTH_BYTES_MAX = 128 * 1024 * 1024;

const HOLDS: Readonly<Record<Figure["comparison"], (actual: number, bound: number) => boolean>> = {
  "<": (actual, bound) => actual < bound,
  "<=": (actual, bound) => actual <= bound,
  ">": (actual, bound) => actual > bound,
  ">=": (actual, bound) => actual >= bound,
  "=": (actual, bound) => actual === bound,
};

type Row = [name: string, unit: string, document: string | null, comparison: Figure["comparison"], bound: number, actual: number | null];

/** All figures of a scenario. */
export function judgeLoad(measured: LoadMeasured): Figure[] {
  return [...speed(measured), ...integrity(measured), ...leaks(measured)].map(figureOf);
}

/** Memory of the process with so many agents. */
export function judgeMemory(memory: readonly { readonly agents: number; readonly rssBytes: number }[]): Figure[] {
  return memory.map(({ agents, rssBytes }) =>
    figureOf([`memory of a coordinator of ${agents} agents`, "MB", "50–200", "<", COORDINATOR_BYTES_MAX / 1e6, rssBytes / 1e6])
  );
}

function figureOf([name, unit, document, comparison, bound, actual]: Row): Figure {
  return { name, unit, document, comparison, bound, actual, met: actual !== null && HOLDS[comparison](actual, bound) };
}

function speed({ plan, closed, open }: LoadMeasured): Row[] {
  const { document: said, throughputFloor } = plan;
  const { average, p99, max } = open.latency;
  return [
    ["throughput, closed loop", "messages/s", said.throughputText, ">", said.messagesPerSecond, closed.messagesPerSecond],
    ...(throughputFloor === undefined
      ? []
      : [["throughput that we promise", "messages/s", null, ">=", throughputFloor, closed.messagesPerSecond] satisfies Row]),
    ["duration of all messages", "ms", `~${said.durationMs}`, "<", said.durationMs, closed.durationMs],
    ["latency mean at the document's rate", "ms", String(said.meanMs), "<", said.meanMs, average],
    ["latency p99 at the document's rate", "ms", String(said.p99Ms), "<", Math.min(said.p99Ms, TYPICAL_P99_MS), p99],
    ["latency max at the document's rate", "ms", String(said.maxMs), "<", said.maxMs, max],
  ];
}

function integrity({ plan, agentsAlive, closed, open, hostsDied, agentsFailed }: LoadMeasured): Row[] {
  const { successPercent } = plan.document;
  const oldest = closed.oldestMessageMs === null || open.oldestMessageMs === null
    ? null
    : Math.max(closed.oldestMessageMs, open.oldestMessageMs);
  return [
    ["messages delivered", "messages", String(messagesOf(plan)), "=", messagesOf(plan), closed.delivered],
    ["success", "%", String(successPercent), "=", 100, 100 * intact(closed) / closed.scheduled],
    ["delivered at the document's rate", "messages", null, "=", open.scheduled, intact(open)],
    ["agents at the same time", "agents", String(plan.agents), "=", plan.agents, agentsAlive],
    ["crashes: threads that died, agents that failed", "", "0", "=", 0, hostsDied + agentsFailed],
    ["deadlock: age of the oldest message", "ms", "none", "<", 2 * STANDSTILL_MS_MAX, oldest],
    ["deadlock: longest time without a delivery", "ms", "none", "<", STANDSTILL_MS_MAX, Math.max(closed.standstillMs, open.standstillMs)],
    ["order: messages that came after a later one", "messages", "kept", "=", 0, closed.disordered + open.disordered],
    ["messages refused or damaged", "messages", null, "=", 0, closed.refused + closed.damaged + open.refused + open.damaged],
  ];
}

function intact({ delivered, damaged }: { delivered: number; damaged: number }): number {
  return delivered - damaged;
}

function leaks({ before, after }: LoadMeasured): Row[] {
  const grown = (name: keyof Holdings): number => after[name] - before[name];
  return [
    ["leak: agent slots after − before", "slots", "none", "=", 0, grown("slots")],
    ["leak: ring bytes after − before", "bytes", "none", "=", 0, grown("ringBytes")],
    ["leak: slabs after − before", "slabs", "none", "=", 0, grown("slabs")],
    ["leak: resident memory after − before", "MB", "none", "<", RSS_GROWTH_BYTES_MAX / 1e6, grown("rssBytes") / 1e6],
  ];
}
