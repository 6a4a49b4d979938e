/**
 * Patterns: which events, or how many of them in which time, are an incident, and what is to be done then.
 *
 * @module
 */
import { checkedDelay } from "../base/deadlines.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { THREAT_ALTERNATIVES_MAX, THREAT_COUNT_MAX, THREAT_KEY_CHARS_MAX, THREAT_KEYS_MAX, THREAT_NAME_CHARS_MAX } from "../base/limits.ts";
import type { WorkflowDefinition } from "../workflows/workflow.ts";
import type { AnomalyDetector } from "./anomaly.ts";
import { EventCounter } from "./event_counter.ts";
import { type CompiledMatch, compileMatch, type EventMatch, reader, type ThreatEvent } from "./event_match.ts";
import { RecentKeys } from "./recent_keys.ts";
import { checkedSeverity, type ThreatLevel } from "./threat_level.ts";

/** Which events count, and how many make an incident. */
export interface ThreatCondition {
  /** What an event must be like. */
  readonly match: EventMatch;
  /** So many matching events are an incident. Default 1. */
  readonly count?: number;
  /** ms within which they must have come. Needed with `count`. */
  readonly window?: number;
  /** Field whose values are counted apart, such as `source_ip`; of several events those without it do not count. Default: all together. */
  readonly key?: string;
}

/** A pattern, as plain data. */
export interface ThreatResponsePattern extends ThreatCondition {
  /** Unique. */
  readonly id: string;
  /** For people. */
  readonly name?: string;
  /** Other conditions that are the same incident. */
  readonly or?: readonly ThreatCondition[];
  /** How bad it is the first time; a key that comes again within the engine's `escalationMs` is one level worse each time. */
  readonly severity: ThreatLevel;
  /** What is to be done: started with `{ event, incident }` as input. Without one the incident is only kept and told. */
  readonly playbook?: WorkflowDefinition;
  /** The same key is no new incident for so long; it counts as a repetition. Default 300,000. */
  readonly cooldownMs?: number;
  /** Opens incidents, and says what their playbook would do, but does not start it. */
  readonly dryRun?: boolean;
  /** Opens a dry incident before `count` is reached, when it will be within so many ms if things go on as they do. */
  readonly forecastMs?: number;
}

/** What an event does to a pattern. */
export interface Verdict {
  /** The key it was counted under; empty without one. */
  readonly key: string;
  /** Events that made it up. */
  readonly count: number;
  /** Not yet reached, but coming. */
  readonly isForecast: boolean;
}

interface Alternative {
  readonly compiled: CompiledMatch;
  readonly count: number;
  readonly windowMs: number;
  readonly read: ((event: ThreatEvent) => unknown) | undefined;
  readonly counters: RecentKeys<EventCounter>;
  readonly detectors: RecentKeys<AnomalyDetector[]>;
}

const COOLDOWN_MS = 300_000;
const FIELDS = ["id", "name", "match", "count", "window", "key", "or", "severity", "playbook", "cooldownMs", "dryRun", "forecastMs"];

/** A registered pattern with what it remembers of the events. */
export class CompiledPattern {
  readonly id: string;
  readonly severity: ThreatLevel;
  readonly cooldownMs: number;
  readonly forecastMs: number;
  readonly #alternatives: readonly Alternative[];

  /** Throws `InvalidArgumentError` with the path to what is wrong. */
  constructor(readonly definition: ThreatResponsePattern) {
    if (typeof definition !== "object" || definition === null) {
      throw new InvalidArgumentError("pattern", definition, "give { id, match, severity }.");
    }
    const unknown = Object.keys(definition).find((field) => !FIELDS.includes(field));
    if (unknown !== undefined) {
      throw new InvalidArgumentError(
        `pattern.${unknown}`,
        definition[unknown as "id"],
        `there is no such field; use ${FIELDS.join(", ")}.`,
      );
    }
    const { id, severity, cooldownMs = COOLDOWN_MS, forecastMs, or = [], dryRun } = definition;
    if (typeof id !== "string" || id.length === 0 || id.length > THREAT_NAME_CHARS_MAX) {
      throw new InvalidArgumentError("pattern.id", id, `give a string of 1 to ${THREAT_NAME_CHARS_MAX} characters.`);
    }
    this.id = id;
    this.severity = checkedSeverity(severity, "pattern.severity");
    this.cooldownMs = cooldownMs === 0 ? 0 : checkedDelay("pattern.cooldownMs", cooldownMs);
    this.forecastMs = forecastMs === undefined ? 0 : checkedDelay("pattern.forecastMs", forecastMs);
    if (dryRun !== undefined && typeof dryRun !== "boolean") throw new InvalidArgumentError("pattern.dryRun", dryRun, "use true or false.");
    if (!Array.isArray(or) || or.length > THREAT_ALTERNATIVES_MAX) {
      throw new InvalidArgumentError("pattern.or", or, `give a list of at most ${THREAT_ALTERNATIVES_MAX} conditions.`);
    }
    this.#alternatives = [alternative(definition, "pattern"), ...or.map((one, at) => alternative(one, `pattern.or[${at}]`))];
  }

  /** The event types that can concern it; undefined when any may. */
  get eventTypes(): readonly string[] | undefined {
    const types = this.#alternatives.map(({ compiled }) => compiled.eventType);
    return types.includes(undefined) ? undefined : [...new Set(types as string[])];
  }

  /** Keys that it remembers, and those that gave way to others. */
  get keys(): { readonly known: number; readonly forgotten: number } {
    const counters = this.#alternatives.map((one) => one.counters);
    return {
      known: counters.reduce((sum, { size }) => sum + size, 0),
      forgotten: counters.reduce((sum, { forgotten }) => sum + forgotten, 0),
    };
  }

  /** Looks at an event: an incident, or none. Every alternative sees it, for each counts. */
  look(event: ThreatEvent, now: number): Verdict | undefined {
    let verdict: Verdict | undefined;
    for (const one of this.#alternatives) {
      const found = this.#lookAt(one, event, now);
      if (found !== undefined && (verdict === undefined || verdict.isForecast)) verdict = found;
    }
    return verdict;
  }

  #lookAt(one: Alternative, event: ThreatEvent, now: number): Verdict | undefined {
    if (!one.compiled.test(event)) return undefined;
    // One event alone needs no key to be counted under.
    const key = one.read === undefined ? "" : keyOf(one.read(event)) ?? (one.count === 1 ? "" : undefined);
    if (key === undefined || !isOutOfLine(one, event, key)) return undefined;
    if (one.count === 1) return { key, count: 1, isForecast: false };
    const counter = one.counters.get(key, () => new EventCounter(one.count, one.windowMs, now));
    if (counter.add(now)) return { key, count: one.count, isForecast: false };
    if (this.forecastMs === 0 || !counter.willReach(now, this.forecastMs)) return undefined;
    return { key, count: counter.countAt(now), isForecast: true };
  }
}

/** All of its learning conditions, each of which learns. */
function isOutOfLine({ compiled, detectors }: Alternative, event: ThreatEvent, key: string): boolean {
  if (compiled.learning.length === 0) return true;
  const own = detectors.get(key, () => compiled.learning.map(({ detector }) => detector()));
  return compiled.learning.map(({ read }, at) => {
    const value = read(event);
    return typeof value === "number" && own[at].isAnomalous(value);
  }).every((isAnomalous) => isAnomalous);
}

/** A value as a key; undefined when it cannot be one. */
function keyOf(value: unknown): string | undefined {
  if (typeof value === "string") return value.length <= THREAT_KEY_CHARS_MAX ? value : beginOf(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** One who makes his name long is to be counted all the same, under its begin; copied, for a piece of a text holds the whole of it. */
function beginOf(value: string): string {
  return JSON.parse(JSON.stringify(value.slice(0, THREAT_KEY_CHARS_MAX)));
}

function alternative({ match, count = 1, window, key }: ThreatCondition, path: string): Alternative {
  if (!Number.isInteger(count) || count < 1 || count > THREAT_COUNT_MAX) {
    throw new InvalidArgumentError(`${path}.count`, count, `use a whole number from 1 to ${THREAT_COUNT_MAX}.`);
  }
  if (count > 1 && window === undefined) {
    throw new InvalidArgumentError(`${path}.window`, window, "say within how many ms the events must come.");
  }
  if (window !== undefined && !(window >= 1)) {
    throw new InvalidArgumentError(`${path}.window`, window, "use milliseconds from 1 on: an eighth of it is looked at for forecasts.");
  }
  if (key !== undefined && (typeof key !== "string" || key.length === 0 || key.length > THREAT_NAME_CHARS_MAX)) {
    throw new InvalidArgumentError(`${path}.key`, key, `name a field, with at most ${THREAT_NAME_CHARS_MAX} characters.`);
  }
  return {
    compiled: compileMatch(match, `${path}.match`),
    count,
    windowMs: window === undefined ? 0 : checkedDelay(`${path}.window`, window),
    read: key === undefined ? undefined : reader(key),
    counters: new RecentKeys(THREAT_KEYS_MAX),
    detectors: new RecentKeys(THREAT_KEYS_MAX),
  };
}
