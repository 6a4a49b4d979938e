/**
 * Threats: events come in, patterns find incidents in them, playbooks answer.
 *
 * An event is looked at only by the patterns of its type (and those of any), so that unrelated ones cost nothing. Of several that it fulfils the worst is
 * answered first. The same pattern and key is one incident for as long as it cools down; when it comes again after that it is worse by a step.
 *
 * @module
 */
import { type Clock, epochOffsetMs, stampsOf, SystemClock } from "../base/clock.ts";
import { checkedDelay } from "../base/deadlines.ts";
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { THREAT_EVENTS_KEPT_MAX, THREAT_KEYS_MAX, THREAT_NAME_CHARS_MAX, THREAT_PATTERNS_MAX } from "../base/limits.ts";
import { type Effector, MemoryEffector } from "./effector.ts";
import type { ThreatEvent } from "./event_match.ts";
import { ThreatIncident } from "./incident.ts";
import { IncidentLog, type IncidentQuery } from "./incident_log.ts";
import { type PlaybookRunner, type PlaybookStep, stepsOf } from "./playbook_runner.ts";
import { RecentKeys } from "./recent_keys.ts";
import { Responder } from "./responder.ts";
import { LevelGauge, raised, rankOf, type ThreatLevel } from "./threat_level.ts";
import { CompiledPattern, type ThreatResponsePattern, type Verdict } from "./threat_pattern.ts";

/** Options of a threat engine; all may be left out. */
export interface ThreatResponseOptions {
  /** Runs the playbooks: an orchestration engine. Without one incidents are kept and told, and nothing is done. */
  readonly runner?: PlaybookRunner;
  /** Carries out what the default playbooks decide. Default: kept in memory, see `MemoryEffector`. */
  readonly effector?: Effector;
  /** Time. Default: the system's. */
  readonly clock?: Clock;
  /** The level falls a step after so many ms without an incident of that level. Default 300,000. */
  readonly decayMs?: number;
  /** A key that comes again within so many ms is a step worse each time. Default 3,600,000. */
  readonly escalationMs?: number;
  /** Starts no playbook at all: every incident is dry. */
  readonly dryRun?: boolean;
  /** Hears of each incident when it is found. What it throws is thrown by `handle`. */
  readonly onIncident?: (incident: ThreatIncident) => void;
}

/** What an engine has done. */
export interface ThreatStats {
  /** Events looked at. */
  readonly events: number;
  /** Of them, those that were part of an incident, or a repetition of one. */
  readonly matched: number;
  /** Incidents found. */
  readonly incidents: number;
  /** Repetitions within a cool-down. */
  readonly suppressed: number;
  /** Forecasts, and those that came true. */
  readonly forecasts: number;
  /** See `forecasts`. */
  readonly forecastsTrue: number;
  /** Playbooks that run, and those that wait for their start. */
  readonly running: number;
  /** See `running`. */
  readonly waiting: number;
  /** Incidents that found too many others before them. */
  readonly unanswered: number;
  /** Keys that gave way to others: raise suspicion, they may have been chosen for that. */
  readonly keysForgotten: number;
}

/** What a pattern would have done with the last events. */
export interface DryRunReport {
  /** Events looked back at. */
  readonly events: number;
  /** Incidents that it would have opened. */
  readonly incidents: number;
  /** Their keys, each once: whom its playbook would have met. */
  readonly keys: readonly string[];
  /** What its playbook would do each time. */
  readonly steps: readonly PlaybookStep[];
  /** Of the steps, those that cannot be undone. */
  readonly irreversible: readonly string[];
}

interface Occurrence {
  incident: ThreatIncident;
  openedAt: number;
  times: number;
}

const DECAY_MS = 300_000;
const ESCALATION_MS = 3_600_000;

/**
 * Finds incidents and answers them.
 *
 * @example
 * ```ts
 * import { ThreatResponseEngine } from "@stage3/kernel";
 * const threats = new ThreatResponseEngine();
 * threats.register({ id: "brute", match: { event_type: "failed_auth" }, count: 5, window: 300_000, key: "source_ip", severity: "HIGH" });
 * for (let login = 1; login <= 5; login++) {
 *   const incident = await threats.handle({ event_type: "failed_auth", source_ip: "203.0.113.7" });
 *   if (login < 5 && incident !== null) throw new Error("too early");
 *   if (login === 5 && incident?.severity !== "HIGH") throw new Error("missed");
 * }
 * ```
 */
export class ThreatResponseEngine {
  /** Carries out what the default playbooks decide; may be exchanged at any time. */
  effector: Effector;
  readonly #options: ThreatResponseOptions;
  readonly #clock: Clock;
  readonly #escalationMs: number;
  readonly #patterns = new Map<string, CompiledPattern>();
  /** Patterns by the event type that they need. */
  readonly #byType = new Map<string, CompiledPattern[]>();
  /** Those that may match any. */
  #general: CompiledPattern[] = [];
  /** Last incident of each pattern and key. */
  readonly #occurrences = new RecentKeys<Occurrence | null>(THREAT_KEYS_MAX);
  readonly #log = new IncidentLog();
  readonly #gauge: LevelGauge;
  readonly #responder: Responder;
  readonly #events: { event: ThreatEvent; at: number }[] = [];
  readonly #counts = { events: 0, matched: 0, incidents: 0, suppressed: 0, forecasts: 0, forecastsTrue: 0 };

  /** No pattern yet. Throws `InvalidArgumentError`. */
  constructor(options: ThreatResponseOptions = {}) {
    this.#options = options;
    this.effector = options.effector ?? new MemoryEffector();
    this.#clock = stampsOf(options.clock ?? new SystemClock(epochOffsetMs()));
    this.#gauge = new LevelGauge(checkedDelay("decayMs", options.decayMs ?? DECAY_MS));
    this.#escalationMs = checkedDelay("escalationMs", options.escalationMs ?? ESCALATION_MS);
    this.#responder = new Responder(options.runner, this.#clock);
  }

  /** How bad things are now. */
  get level(): ThreatLevel {
    return this.#gauge.at(this.#clock.now());
  }

  /** Figures since the beginning. */
  get stats(): ThreatStats {
    const { running, waiting, unanswered } = this.#responder;
    let keysForgotten = this.#occurrences.forgotten;
    for (const pattern of this.#patterns.values()) keysForgotten += pattern.keys.forgotten;
    return { ...this.#counts, running, waiting, unanswered, keysForgotten };
  }

  /** Adds a pattern. Throws `InvalidArgumentError` with the path to what is wrong, and what the runner throws for the playbook. */
  register(pattern: ThreatResponsePattern): void {
    const compiled = new CompiledPattern(pattern);
    if (this.#patterns.has(compiled.id)) {
      throw new InvalidArgumentError("pattern.id", compiled.id, "there is a pattern of that id already; unregister it first.");
    }
    if (this.#patterns.size >= THREAT_PATTERNS_MAX) {
      throw new KernelError("PATTERN_LIMIT", `there are ${THREAT_PATTERNS_MAX} patterns already; unregister some.`, {
        patternsMax: THREAT_PATTERNS_MAX,
      });
    }
    if (pattern.playbook !== undefined) this.#options.runner?.check?.(pattern.playbook);
    this.#patterns.set(compiled.id, compiled);
    this.#index(compiled);
  }

  /** Removes a pattern with all that it remembers; false when there is none of that id. Playbooks that run go on. */
  unregister(id: string): boolean {
    if (!this.#patterns.delete(id)) return false;
    this.#byType.clear();
    this.#general = [];
    for (const pattern of this.#patterns.values()) this.#index(pattern);
    const own = `${id.length}\n${id}`;
    for (const [name] of this.#occurrences.entries()) if (name.startsWith(own, 1)) this.#occurrences.delete(name);
    return true;
  }

  /** The patterns, as they were registered. */
  patterns(): ThreatResponsePattern[] {
    return [...this.#patterns.values()].map(({ definition }) => definition);
  }

  /**
   * Looks at an event. Resolves with the worst incident that it opens, once its playbook has started (or could not: see its `state`); null when it opens
   * none, also when it only repeats one. Throws `InvalidArgumentError` for what is no event.
   */
  async handle(event: ThreatEvent): Promise<ThreatIncident | null> {
    const opened = this.#look(event);
    if (opened.length === 0) return null;
    let started: Promise<void>[] = [];
    try {
      this.#tell(opened);
    } finally { // whoever listens must not keep an incident from being answered
      started = opened.map((incident) => this.#responder.answer(incident, this.#patterns.get(incident.patternId)?.definition.playbook));
    }
    await started[0];
    return opened[0];
  }

  /** The incidents that an event opens, worst first, none of them answered yet: `handle` without the playbooks. */
  detect(event: ThreatEvent): ThreatIncident[] {
    const opened = this.#look(event);
    this.#tell(opened);
    return opened;
  }

  #tell(opened: readonly ThreatIncident[]): void {
    const failures: unknown[] = [];
    for (const incident of opened) {
      try {
        this.#options.onIncident?.(incident);
      } catch (error) {
        failures.push(error); // the others are to be heard of too
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #look(event: ThreatEvent): ThreatIncident[] {
    checkEvent(event);
    const now = this.#clock.now();
    this.#remember(event, now);
    this.#counts.events++;
    const opened: ThreatIncident[] = [];
    let matched = false;
    for (const patterns of [this.#byType.get(event.event_type), this.#general]) {
      if (patterns === undefined) continue;
      for (const pattern of patterns) {
        const verdict = pattern.look(event, now);
        if (verdict === undefined) continue;
        matched = true;
        const incident = this.#open(pattern, verdict, event, now);
        if (incident !== undefined) opened.push(incident);
      }
    }
    if (matched) this.#counts.matched++;
    return opened.length < 2 ? opened : opened.sort((a, b) => rankOf(b.severity) - rankOf(a.severity));
  }

  /** Incidents, newest first; the last 10,000 are kept. */
  history(query?: IncidentQuery): ThreatIncident[] {
    return this.#log.find(query);
  }

  /** What a pattern, registered or not, would have done with the last 4,096 events. Nothing is done. */
  dryRun(pattern: ThreatResponsePattern): DryRunReport {
    const compiled = new CompiledPattern(pattern);
    const quietUntil = new Map<string, number>();
    let incidents = 0;
    const events = this.#eventsInOrder();
    for (const { event, at } of events) {
      const verdict = compiled.look(event, at);
      if (verdict === undefined || verdict.isForecast || at < (quietUntil.get(verdict.key) ?? -Infinity)) continue;
      quietUntil.set(verdict.key, at + compiled.cooldownMs);
      incidents++;
    }
    const steps = stepsOf(pattern.playbook, this.#options.runner);
    return { events: events.length, incidents, keys: [...quietUntil.keys()], steps, irreversible: irreversibleOf(steps) };
  }

  /** Resolves when all playbooks that were started have ended. */
  async settled(): Promise<void> {
    await this.#responder.settled();
  }

  #open(pattern: CompiledPattern, verdict: Verdict, event: ThreatEvent, now: number): ThreatIncident | undefined {
    const last = this.#lastOf(pattern, verdict);
    if (last !== null && now - last.openedAt < pattern.cooldownMs) {
      last.incident.repetitions++;
      if (!verdict.isForecast) last.incident.note(now, `repeated by ${verdict.count} events`);
      this.#counts.suppressed++;
      return undefined;
    }
    const times = last !== null && now - last.openedAt < this.#escalationMs ? last.times + 1 : 0;
    const incident = new ThreatIncident({
      ...{ patternId: pattern.id, key: verdict.key, count: verdict.count, event, openedAt: now, isForecast: verdict.isForecast },
      id: `incident-${++this.#counts.incidents}`,
      severity: raised(pattern.severity, times),
    });
    this.#occurrences.set(nameOf(pattern.id, verdict), { incident, openedAt: now, times });
    if (verdict.isForecast) this.#counts.forecasts++;
    else this.#confirmForecast(pattern, verdict, now);
    this.#log.add(incident);
    this.#gauge.raise(incident.severity, now);
    if (verdict.isForecast || pattern.definition.dryRun === true || this.#options.dryRun === true) this.#rehearse(incident, pattern, now);
    return incident;
  }

  #rehearse(incident: ThreatIncident, { definition }: CompiledPattern, now: number): void {
    const steps = stepsOf(definition.playbook, this.#options.runner);
    incident.plan = { steps, irreversible: irreversibleOf(steps) };
    incident.turn("dry", now, `dry: ${steps.length} steps were not begun`);
  }

  /** A forecast for this key has come true. */
  #confirmForecast(pattern: CompiledPattern, verdict: Verdict, now: number): void {
    const forecast = this.#occurrences.peek(nameOf(pattern.id, { ...verdict, isForecast: true }));
    if (!forecast || now - forecast.openedAt > pattern.cooldownMs) return;
    this.#counts.forecastsTrue++;
    forecast.incident.note(now, "it has come true");
  }

  #lastOf(pattern: CompiledPattern, verdict: Verdict): Occurrence | null {
    return this.#occurrences.peek(nameOf(pattern.id, verdict)) ?? null;
  }

  #index(pattern: CompiledPattern): void {
    const types = pattern.eventTypes;
    if (types === undefined) return void this.#general.push(pattern);
    for (const type of types) {
      const known = this.#byType.get(type);
      if (known === undefined) this.#byType.set(type, [pattern]);
      else known.push(pattern);
    }
  }

  #remember(event: ThreatEvent, at: number): void {
    this.#events[this.#counts.events % THREAT_EVENTS_KEPT_MAX] = { event, at };
  }

  #eventsInOrder(): readonly { event: ThreatEvent; at: number }[] {
    const oldest = this.#events.length < THREAT_EVENTS_KEPT_MAX ? 0 : this.#counts.events % THREAT_EVENTS_KEPT_MAX;
    return [...this.#events.slice(oldest), ...this.#events.slice(0, oldest)];
  }
}

/** Under which an incident of a key is remembered; a forecast keeps its cool-down apart. No id has a line break before its end. */
function nameOf(id: string, { key, isForecast }: Verdict): string {
  return `${isForecast ? "f" : "i"}${id.length}\n${id}${key}`;
}

function irreversibleOf(steps: readonly PlaybookStep[]): string[] {
  return steps.filter(({ effect }) => effect === "irreversible").map(({ id }) => id);
}

function checkEvent(event: unknown): asserts event is ThreatEvent {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw new InvalidArgumentError("event", event, 'give an object such as { event_type: "failed_auth", source_ip: "203.0.113.7" }.');
  }
  const type = Object.hasOwn(event, "event_type") ? (event as ThreatEvent).event_type : undefined;
  if (typeof type !== "string" || type.length === 0 || type.length > THREAT_NAME_CHARS_MAX) {
    throw new InvalidArgumentError("event.event_type", type, `give a string of 1 to ${THREAT_NAME_CHARS_MAX} characters.`);
  }
}
