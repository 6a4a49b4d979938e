/**
 * STREAM: weighs traffic. Learns how much each source usually sends, scores what is out of line, and captures flows.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { CAPTURED_FLOWS_MAX, COLLECTIVE_KEYS_MAX, TEAM_ITEMS_MAX } from "../base/limits.ts";
import { isPlainObject, listAt, wholeAt } from "../team/input.ts";
import type { Effector } from "../threats/effector.ts";
import { RecentKeys } from "../threats/recent_keys.ts";
import { collectiveAgent, fields, type Handler } from "./contract.ts";
import { numberAt } from "./fields.ts";
import { measureCommands, standingOf, type WithMeasures, withMeasures } from "./measures.ts";
import { nameAt } from "./message.ts";

/** One flow. */
export interface Flow {
  /** From where. */
  readonly source: string;
  /** To where. */
  readonly destination: string;
  /** How much. */
  readonly bytes: number;
  /** Where it was seen. */
  readonly interface?: string;
}

/** What STREAM remembers. */
export interface StreamMemory extends WithMeasures {
  /** By source. */
  readonly usual: RecentKeys<UsualFlow>;
  /** The last flows that captures took. */
  readonly captured: Flow[];
  /** Flows that gave way. */
  forgotten: number;
}

type Command = Handler<StreamMemory>;

/** Weight of the newest flow. */
const ALPHA = 0.1;
/** Flows that only teach. */
const WARM_UP = 8;
/** In doublings: sources that always send the same may send a little more. */
const DEVIATION_MIN = 0.25;
/** Six deviations above the usual score 0.8, from where on the playbook for anomalous traffic begins. */
const HALF_AT = 1.5;
const ANOMALY_SCORE = 0.8;
const BYTES_MAX = 2 ** 50;
const TALKERS_MAX = 100;

/** How much a source usually sends: mean and deviation of the logarithm, moving (EWMA), since flows differ by factors. */
export class UsualFlow {
  #count = 0;
  #mean = 0;
  #variance = 0;
  /** Of all its flows. */
  bytes = 0;

  /** How far out of line a flow is, 0 to 1; it is learnt then. */
  score(bytes: number): number {
    const value = Math.log2(bytes + 1);
    const above = Math.max(0, value - this.#mean) / Math.max(DEVIATION_MIN, Math.sqrt(this.#variance));
    const score = this.#count < WARM_UP ? 0 : above / (above + HALF_AT);
    const weight = Math.max(ALPHA, 1 / (this.#count + 1));
    // What is out of line teaches little: a flood does not become the usual at once.
    const step = (value - this.#mean) * (score >= ANOMALY_SCORE ? weight / 10 : 1 * weight);
    this.#variance = (1 - weight) * (this.#variance + step * (value - this.#mean));
    this.#mean += step;
    this.bytes += bytes;
    this.#count++;
    return score;
  }
}

function flowAt(field: string, value: unknown): Flow {
  if (!isPlainObject(value)) throw new InvalidArgumentError(field, value, "give an object with source, destination and bytes.");
  nameAt(`${field}.source`, value.source);
  nameAt(`${field}.destination`, value.destination);
  numberAt(`${field}.bytes`, value.bytes, 0, BYTES_MAX);
  if (value.interface !== undefined) nameAt(`${field}.interface`, value.interface);
  return value as unknown as Flow;
}

const ingest: Command = (params, memory) => {
  const { flows } = fields(params, "flows");
  const checked = listAt("params.flows", flows, TEAM_ITEMS_MAX).map((flow, index) => flowAt(`params.flows[${index}]`, flow));
  const anomalies = checked.flatMap((flow) => {
    const score = memory.usual.get(flow.source, () => new UsualFlow()).score(flow.bytes);
    capture(flow, memory);
    if (score < ANOMALY_SCORE) return [];
    return [{ event_type: "traffic_anomaly", source_ip: flow.source, anomaly_score: score, bytes: flow.bytes }];
  });
  return { flows: checked.length, anomalies };
};

/** Keeps a flow when one of its ends, or its interface, is captured. */
function capture(flow: Flow, memory: StreamMemory): void {
  const ends = [flow.source, flow.destination, flow.interface];
  if (!ends.some((end) => end !== undefined && memory.standing.stands("capture_traffic", end))) return;
  memory.captured.push(flow);
  if (memory.captured.length <= CAPTURED_FLOWS_MAX) return;
  memory.captured.shift();
  memory.forgotten++;
}

const captures = measureCommands<StreamMemory>({
  capture_network_traffic: { measure: "capture_traffic", from: ["interface", "host", "source_ip"] },
  stop_capture: { measure: "capture_traffic", lifts: true, from: ["interface", "host", "source_ip"] },
});

const captured: Command = (params, memory) => {
  const { target } = fields(params, "target");
  const end = target === undefined ? undefined : nameAt("params.target", target);
  const flows = memory.captured.filter((flow) => end === undefined || [flow.source, flow.destination, flow.interface].includes(end));
  return { flows, forgotten: memory.forgotten };
};

const topTalkers: Command = (params, { usual }) => {
  const { count = 10 } = fields(params, "count");
  const most = wholeAt("params.count", count, 1, TALKERS_MAX);
  const talkers = usual.entries().map(([source, { bytes }]) => ({ source, bytes }));
  return { talkers: talkers.sort((a, b) => b.bytes - a.bytes).slice(0, most) };
};

/** STREAM, acting through `effector`; in memory without one. */
export function stream(effector?: Effector): AgentBehavior {
  return collectiveAgent<StreamMemory>({
    name: "STREAM",
    capabilities: ["traffic_analysis", "anomaly_scoring", "flow_tracking", "traffic_capture"],
    commands: { ingest, ...captures },
    queries: { captured, top_talkers: topTalkers, standing: standingOf() },
    memory: () => ({ usual: new RecentKeys(COLLECTIVE_KEYS_MAX), captured: [], forgotten: 0, ...withMeasures(effector) }),
  });
}
