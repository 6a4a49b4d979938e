/**
 * Alerts: a figure of a while, above its threshold or well below it again. The table is data; the machine knows no figure by name.
 *
 * A while is at least the time between two looks, and as many of them as it takes to hold the samples that the figure needs: so a quiet system
 * is judged by what it did, seldom, and not by guesses. After `ALERT_LOOKS_MAX` looks without enough samples nothing speaks for an alert any more.
 *
 * @module
 */
import type { AlertLevels } from "../base/config.ts";
import { ALERT_LOOKS_MAX, ERROR_RATE_SAMPLES_MIN } from "../base/limits.ts";
import { P95_SAMPLES_MIN, P99_SAMPLES_MIN } from "./histogram.ts";
import { type Moment, Span } from "./moments.ts";
import type { SystemUsage } from "./system_usage.ts";

/** Names of the alerts: the keys of the option `alertThresholds`. */
export type AlertName =
  | "spawnTimeP95"
  | "communicationLatencyP95"
  | "communicationLatencyP99"
  | "memoryUsagePercent"
  | "cpuUsagePercent"
  | "errorRatePercent";

/** One kind of alert. */
export interface AlertRow {
  /** Its name. */
  readonly name: AlertName;
  /** Of figure and threshold. */
  readonly unit: "ms" | "%";
  /** Raised above. */
  readonly threshold: (levels: AlertLevels) => number;
  /** Cleared at or below this share of the threshold, so that a figure that trembles at its threshold does not ring for ever. */
  readonly clearRatio: number;
  /** Samples in a while. */
  readonly samples: (span: Span) => number;
  /** Samples that the figure needs. */
  readonly samplesMin: number;
  /** The figure. */
  readonly read: (span: Span) => number | null;
}

/** What is told of an alert when it is raised or cleared. */
export interface Alert {
  /** Its name. */
  readonly name: AlertName;
  /** Of `actual` and `threshold`. */
  readonly unit: "ms" | "%";
  /** The figure; null when it is cleared because too little happened to say. */
  readonly actual: number | null;
  /** It is raised above this. */
  readonly threshold: number;
  /** It is cleared at or below this. */
  readonly clearsAt: number;
  /** Measurements behind `actual`. */
  readonly samples: number;
  /** Length of the while in ms. */
  readonly windowMs: number;
  /** Arena time. */
  readonly at: number;
}

const CLEAR_RATIO = 0.9;
const one = (): number => 1;
const ms = (us: number | null): number | null => us === null ? null : us / 1_000;

/** Every alert there is. */
export const ALERTS: readonly AlertRow[] = [
  {
    ...{ name: "spawnTimeP95", unit: "ms", clearRatio: CLEAR_RATIO, threshold: (levels) => levels.spawnP95Ms },
    ...{ samples: (span) => span.spawnTime.count, samplesMin: P95_SAMPLES_MIN, read: (span) => ms(span.spawnTime.quantileUs(0.95)) },
  },
  {
    ...{ name: "communicationLatencyP95", unit: "ms", clearRatio: CLEAR_RATIO, threshold: (levels) => levels.deliveryP95Ms },
    ...{ samples: (span) => span.delivery.count, samplesMin: P95_SAMPLES_MIN, read: (span) => ms(span.delivery.quantileUs(0.95)) },
  },
  {
    ...{ name: "communicationLatencyP99", unit: "ms", clearRatio: CLEAR_RATIO, threshold: (levels) => levels.deliveryP99Ms },
    ...{ samples: (span) => span.delivery.count, samplesMin: P99_SAMPLES_MIN, read: (span) => ms(span.delivery.quantileUs(0.99)) },
  },
  {
    ...{ name: "memoryUsagePercent", unit: "%", clearRatio: CLEAR_RATIO, threshold: (levels) => levels.memoryPercent },
    ...{ samples: one, samplesMin: 1, read: (span) => span.memoryPercent },
  },
  {
    ...{ name: "cpuUsagePercent", unit: "%", clearRatio: CLEAR_RATIO, threshold: (levels) => levels.cpuPercent },
    ...{ samples: (span) => span.cpuPercent === null ? 0 : 1, samplesMin: 1, read: (span) => span.cpuPercent },
  },
  {
    ...{ name: "errorRatePercent", unit: "%", clearRatio: CLEAR_RATIO, threshold: (levels) => levels.errorPercent },
    ...{ samples: (span) => span.counts.delivered, samplesMin: ERROR_RATE_SAMPLES_MIN },
    read: ({ counts }) => 100 * counts.failed / counts.delivered,
  },
];

/** All alerts of a kernel. */
export class Alerts {
  readonly #watched: AlertWatch[];

  /** The first while begins at `start`. */
  constructor(levels: AlertLevels, usage: SystemUsage, start: Moment, private readonly emit: (event: AlertEvent, alert: Alert) => void) {
    this.#watched = ALERTS.map((row) => new AlertWatch(row, row.threshold(levels), usage, start));
  }

  /** Judges all figures by a new look. */
  look(now: Moment): void {
    for (const watch of this.#watched) {
      const told = watch.look(now);
      if (told !== null) this.emit(watch.raised ? "alert:raised" : "alert:cleared", told);
    }
  }

  /** Those raised at the moment. */
  get raised(): AlertName[] {
    return this.#watched.filter((watch) => watch.raised).map((watch) => watch.row.name);
  }
}

/** Names of the events. */
export type AlertEvent = "alert:raised" | "alert:cleared";

/** One alert and the while that it is at. */
class AlertWatch {
  raised = false;
  #looks = 0;

  constructor(readonly row: AlertRow, private readonly threshold: number, private readonly usage: SystemUsage, private start: Moment) {}

  /** What is to be told: the alert was raised or cleared by this look; else null. */
  look(now: Moment): Alert | null {
    const { row, threshold } = this;
    const span = new Span(this.start, now, this.usage);
    const samples = row.samples(span);
    const enough = samples >= row.samplesMin;
    if (!enough && ++this.#looks < ALERT_LOOKS_MAX) return null;
    this.#looks = 0;
    this.start = now;
    const actual = enough ? row.read(span) : null;
    const clearsAt = threshold * row.clearRatio;
    const raised = actual !== null && (this.raised ? actual > clearsAt : actual > threshold);
    if (raised === this.raised) return null;
    this.raised = raised;
    return { name: row.name, unit: row.unit, actual, threshold, clearsAt, samples, windowMs: span.ms, at: now.at };
  }
}
