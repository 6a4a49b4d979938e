/**
 * What FORTRESS looks for, and how bad it is: patterns over what one source has done of late, a score from 0 to 100, and the document's bands.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { FORTRESS_EVENTS_MAX } from "../base/limits.ts";
import { isPlainObject } from "../team/input.ts";
import { nameAt } from "./message.ts";
import { SlidingSum } from "./sliding_sum.ts";

/** How bad. */
export type RiskBand = "low" | "medium" | "high" | "critical";

/** The patterns. */
export type RiskPattern = "port_scan" | "brute_force" | "dos_attack" | "data_exfiltration";

/** One pattern that fits a source now. */
export interface RiskMatch {
  /** Which. */
  readonly pattern: RiskPattern;
  /** From where its band begins up to below the next. */
  readonly score: number;
  /** Of the score. */
  readonly severity: RiskBand;
  /** What was counted, and from where on it counts. */
  readonly evidence: { readonly counted: number; readonly threshold: number; readonly windowMs: number };
}

/** What FORTRESS is told. Fields that a pattern needs are counted, all are kept for forensics. */
export interface SecurityEvent {
  /** `connection`, `failed_auth`, `request`, … */
  readonly event_type: string;
  /** Whose doing. */
  readonly source_ip: string;
  /** Port that was tried. */
  readonly port?: number;
  /** Failed logins that the event stands for. Default 1. */
  readonly failed_attempts?: number;
  /** Requests that it stands for. Default 1. */
  readonly requests?: number;
  /** Bytes that left. */
  readonly bytes_out?: number;
  readonly [field: string]: unknown;
}

const BANDS: readonly (readonly [from: number, band: RiskBand])[] = [[80, "critical"], [60, "high"], [40, "medium"], [0, "low"]];
/** A score rises within its band, to the top of it at 16 times the threshold. */
const BAND_WIDTH = 19;
const FULL_AT_DOUBLINGS = 4;
/** Each further pattern of a source. */
const ANOTHER_PATTERN = 15;

const PATTERNS: Readonly<Record<RiskPattern, { readonly base: number; readonly threshold: number; readonly windowMs: number }>> = {
  port_scan: { base: 40, threshold: 10, windowMs: 60_000 },
  brute_force: { base: 60, threshold: 5, windowMs: 300_000 },
  dos_attack: { base: 80, threshold: 1_000, windowMs: 10_000 },
  data_exfiltration: { base: 80, threshold: 100_000_000, windowMs: 300_000 },
};
/** Ports of a source that are remembered; a scan of more is one already. */
const PORTS_MAX = 1_024;

/** The band of a score. */
export function bandOf(score: number): RiskBand {
  return BANDS.find(([from]) => score >= from)![1];
}

/** What one source has done of late. */
export class SourceRecord {
  readonly #ports = new Map<number, number>();
  readonly #failed = new SlidingSum(PATTERNS.brute_force.windowMs);
  readonly #requests = new SlidingSum(PATTERNS.dos_attack.windowMs);
  readonly #bytesOut = new SlidingSum(PATTERNS.data_exfiltration.windowMs);
  readonly #events: { readonly at: number; readonly event: SecurityEvent }[] = [];
  #seen = 0;
  /** Patterns that were told of, with their severity: they are told again when they get worse. */
  readonly told: Map<RiskPattern, RiskBand> = new Map();

  /** One more event. */
  add(event: SecurityEvent, now: number): void {
    const { port, failed_attempts = 1, requests = 1, bytes_out = 0 } = event;
    if (port !== undefined) {
      this.#ports.delete(port); // put back at the end: a Map keeps the order of insertion
      this.#ports.set(port, now);
      if (this.#ports.size > PORTS_MAX) this.#ports.delete(this.#ports.keys().next().value!);
    }
    if (event.event_type === "failed_auth") this.#failed.add(failed_attempts, now);
    if (event.event_type === "request") this.#requests.add(requests, now);
    if (bytes_out > 0) this.#bytesOut.add(bytes_out, now);
    this.#events[this.#seen++ % FORTRESS_EVENTS_MAX] = { at: now, event };
  }

  /** What fits now, worst first. */
  matches(now: number): RiskMatch[] {
    const counted: Record<RiskPattern, number> = {
      port_scan: [...this.#ports.values()].filter((at) => now - at <= PATTERNS.port_scan.windowMs).length,
      brute_force: this.#failed.at(now),
      dos_attack: this.#requests.at(now),
      data_exfiltration: this.#bytesOut.at(now),
    };
    return (Object.keys(PATTERNS) as RiskPattern[]).flatMap((pattern) => {
      const { base, threshold, windowMs } = PATTERNS[pattern];
      if (counted[pattern] < threshold) return [];
      const score = base + Math.min(BAND_WIDTH, Math.floor(BAND_WIDTH * Math.log2(counted[pattern] / threshold) / FULL_AT_DOUBLINGS));
      return [{ pattern, score, severity: bandOf(score), evidence: { counted: counted[pattern], threshold, windowMs } }];
    }).sort((a, b) => b.score - a.score);
  }

  /** Risk of the source: its worst pattern, and more for each further one; below the first threshold in proportion to the nearest. */
  risk(now: number): number {
    const matches = this.matches(now);
    if (matches.length > 0) return Math.min(100, matches[0].score + ANOTHER_PATTERN * (matches.length - 1));
    const nearest = Math.max(
      this.#ports.size / PATTERNS.port_scan.threshold,
      this.#failed.at(now) / PATTERNS.brute_force.threshold,
      this.#requests.at(now) / PATTERNS.dos_attack.threshold,
      this.#bytesOut.at(now) / PATTERNS.data_exfiltration.threshold,
    );
    return Math.floor(BANDS[2][0] * Math.min(0.99, nearest));
  }

  /** The last events, oldest first, and how many there were in all. */
  timeline(): { events: { at: number; event: SecurityEvent }[]; seen: number } {
    const oldest = this.#seen > FORTRESS_EVENTS_MAX ? this.#seen % FORTRESS_EVENTS_MAX : 0;
    return { events: [...this.#events.slice(oldest), ...this.#events.slice(0, oldest)], seen: this.#seen };
  }
}

/** An event with the fields that patterns count checked. */
export function eventAt(field: string, value: unknown): SecurityEvent {
  if (!isPlainObject(value)) throw new InvalidArgumentError(field, value, "give an object with event_type and source_ip.");
  nameAt(`${field}.event_type`, value.event_type);
  nameAt(`${field}.source_ip`, value.source_ip);
  for (const name of ["port", "failed_attempts", "requests", "bytes_out"]) {
    const count = value[name];
    if (count !== undefined && !(Number.isSafeInteger(count) && (count as number) >= 0)) {
      throw new InvalidArgumentError(`${field}.${name}`, count, "use a whole number of at least 0.");
    }
  }
  return value as SecurityEvent;
}
