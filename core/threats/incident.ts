/**
 * Incidents: what a pattern has found, what was done about it, and when.
 *
 * @module
 */
import { INCIDENT_TIMELINE_MAX } from "../base/limits.ts";
import type { ThreatEvent } from "./event_match.ts";
import type { PlaybookExecution, PlaybookStep } from "./playbook_runner.ts";
import type { ThreatLevel } from "./threat_level.ts";

/**
 * `open`: no playbook, or it waits for its start. `responding`: it runs. `answered`: it has completed. `failed`: it has not, or could not be started.
 * `unanswered`: too many others run. `dry`: it was not to be started.
 */
export type IncidentState = "open" | "responding" | "answered" | "failed" | "unanswered" | "dry";

/** One line of an incident's story. */
export interface IncidentEntry {
  /** Time of the clock. */
  readonly at: number;
  /** What happened. */
  readonly what: string;
}

/** What a playbook would do. */
export interface ResponsePlan {
  /** Its steps. */
  readonly steps: readonly PlaybookStep[];
  /** Of them, those that cannot be undone. */
  readonly irreversible: readonly string[];
}

/** What an incident is made of. */
export interface IncidentFacts {
  /** Unique among those of its engine. */
  readonly id: string;
  /** The pattern that found it. */
  readonly patternId: string;
  /** That of the pattern, or higher. */
  readonly severity: ThreatLevel;
  /** Value of the pattern's key. */
  readonly key: string;
  /** Events that made it up. */
  readonly count: number;
  /** The last of them. */
  readonly event: ThreatEvent;
  /** Time of the clock. */
  readonly openedAt: number;
  /** It has not happened yet. */
  readonly isForecast: boolean;
}

/** One incident. */
export class ThreatIncident {
  /** Unique among those of its engine. */
  readonly id: string;
  /** The pattern that found it. */
  readonly patternId: string;
  /** That of the pattern, or higher when the same key came again and again. */
  readonly severity: ThreatLevel;
  /** Value of the pattern's key, such as an address; empty without one. */
  readonly key: string;
  /** Events that made it up. */
  readonly count: number;
  /** The last of them. */
  readonly event: ThreatEvent;
  /** Time of the clock. */
  readonly openedAt: number;
  /** It has not happened yet, but will if things go on as they do. */
  readonly isForecast: boolean;
  /** How far it is. */
  state: IncidentState = "open";
  /** Events of the same pattern and key within the cool-down. */
  repetitions = 0;
  /** Set when its playbook has been started; `execution.result()` is how it ended. */
  execution: PlaybookExecution | undefined;
  /** Set for one that is dry: what would have been done. */
  plan: ResponsePlan | undefined;
  /** Why its playbook could not be started. */
  error: unknown;
  readonly #timeline: IncidentEntry[] = [];

  /** Has just been found. */
  constructor(facts: IncidentFacts) {
    this.id = facts.id;
    this.patternId = facts.patternId;
    this.severity = facts.severity;
    this.key = facts.key;
    this.count = facts.count;
    this.event = facts.event;
    this.openedAt = facts.openedAt;
    this.isForecast = facts.isForecast;
    this.note(facts.openedAt, facts.isForecast ? `forecast after ${facts.count} events` : `found in ${facts.count} events`);
  }

  /** Its story, oldest first. At most 100 entries; what repeats is counted. */
  get timeline(): readonly IncidentEntry[] {
    return this.#timeline;
  }

  /** One line more, while there is room. */
  note(at: number, what: string): void {
    if (this.#timeline.length < INCIDENT_TIMELINE_MAX) this.#timeline.push({ at, what });
  }

  /** It has gone on to another state. */
  turn(state: IncidentState, at: number, what: string): void {
    this.state = state;
    this.note(at, what);
  }

  /** As plain data. */
  toJSON(): Record<string, unknown> {
    const { id, patternId, severity, key, count, event, openedAt, isForecast, state, repetitions, plan, error, timeline } = this;
    const reason = error === undefined ? undefined : error instanceof Error ? error.message : String(error);
    const executionId = this.execution?.id;
    return {
      id,
      patternId,
      severity,
      key,
      count,
      event,
      openedAt,
      isForecast,
      state,
      repetitions,
      executionId,
      plan,
      error: reason,
      timeline,
    };
  }
}
