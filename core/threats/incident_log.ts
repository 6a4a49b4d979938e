/**
 * The last incidents, for queries.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { INCIDENTS_KEPT_MAX } from "../base/limits.ts";
import type { IncidentState, ThreatIncident } from "./incident.ts";
import { rankOf, type ThreatLevel } from "./threat_level.ts";

/** Which incidents are asked for; what is left out does not matter. */
export interface IncidentQuery {
  /** Of this pattern. */
  readonly patternId?: string;
  /** With this key. */
  readonly key?: string;
  /** At least so bad. */
  readonly severity?: ThreatLevel;
  /** In this state. */
  readonly state?: IncidentState;
  /** Not older: time of the clock. */
  readonly since?: number;
  /** At most so many, the newest. Default 100. */
  readonly limit?: number;
}

const LIMIT = 100;

/** Incidents, newest first; the oldest give way. */
export class IncidentLog {
  readonly #kept: ThreatIncident[] = [];
  #next = 0;

  /** Keeps one. */
  add(incident: ThreatIncident): void {
    this.#kept[this.#next] = incident;
    this.#next = (this.#next + 1) % INCIDENTS_KEPT_MAX;
  }

  /** Those that fit, newest first. Throws `InvalidArgumentError`. */
  find(query: IncidentQuery = {}): ThreatIncident[] {
    const { limit = LIMIT } = query;
    if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError("limit", limit, "use a whole number from 1 on.");
    const found: ThreatIncident[] = [];
    for (let back = 1; back <= this.#kept.length && found.length < limit; back++) {
      const incident = this.#kept[(this.#next - back + this.#kept.length) % this.#kept.length];
      if (fits(incident, query)) found.push(incident);
    }
    return found;
  }
}

function fits(incident: ThreatIncident, { patternId, key, severity, state, since }: IncidentQuery): boolean {
  return (patternId === undefined || incident.patternId === patternId) && (key === undefined || incident.key === key) &&
    (severity === undefined || rankOf(incident.severity) >= rankOf(severity)) && (state === undefined || incident.state === state) &&
    (since === undefined || incident.openedAt >= since);
}
