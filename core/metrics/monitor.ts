/**
 * Looks at the figures again and again: tells them, raises and clears alerts, writes the log; and answers for them when asked in between.
 *
 * @module
 */
import type { Cancel } from "../base/clock.ts";
import type { MonitoringPlan, PerformanceTargets } from "../base/config.ts";
import { type AlertEvent, type AlertName, Alerts } from "./alerts.ts";
import type { Counts } from "./counters.ts";
import { kernelSeries } from "./kernel_series.ts";
import { MetricsLog } from "./metrics_log.ts";
import { type FigureSources, type Moment, Span, takeMoment } from "./moments.ts";
import { type PerformanceMetrics, performanceMetrics, type TimeFigures, timeFigures } from "./performance.ts";
import { type PerformanceValidation, PerformanceValidator } from "./performance_validator.ts";
import type { MetricSeries } from "./registry.ts";
import type { StatusFacts } from "./system_status.ts";

/** What is told at each look (`metrics:updated`), and written to the metrics log. Plain data. */
export interface MetricsUpdate {
  /** Wall-clock time of the look, as ISO 8601. */
  readonly time: string;
  /** Since the last look. */
  readonly windowMs: number;
  /** Of what happened since the last look. */
  readonly window: { readonly spawnTime: TimeFigures; readonly communicationLatency: TimeFigures; readonly counts: Counts };
  /** Of all that happened since the start. */
  readonly total: PerformanceMetrics;
  /** Resident memory now, in percent of the budget. */
  readonly memoryUsagePercent: number;
  /** Processor time since the last look, in percent of all cores. */
  readonly cpuUsagePercent: number | null;
  /** Alerts that are raised. */
  readonly alerts: readonly AlertName[];
}

/** Events of the monitoring. */
export type MonitorEvent = AlertEvent | "metrics:updated";

/** What a monitor is made of. */
export interface MonitorParts {
  /** Where figures come from. */
  readonly sources: FigureSources;
  /** What it is to do. */
  readonly plan: MonitoringPlan;
  /** What figures are judged by. */
  readonly targets: PerformanceTargets;
  /** Hears of everything. */
  readonly emit: (event: MonitorEvent, data: unknown) => void;
}

/** One kernel's monitoring. */
export class Monitor {
  readonly #parts: MonitorParts;
  readonly #validator: PerformanceValidator;
  readonly #log: MetricsLog | null;
  readonly #first: Moment;
  #last: Moment;
  readonly #alerts: Alerts;
  #agentsPeak: number | null = null;
  #cancel: Cancel | null = null;

  /** Takes the first look. Throws `ConfigError` when the log may not be written. */
  constructor(parts: MonitorParts) {
    const { sources, plan, targets } = this.#parts = parts;
    this.#validator = new PerformanceValidator(targets);
    this.#log = plan.log === null ? null : new MetricsLog(plan.log);
    this.#first = this.#last = takeMoment(sources);
    this.#alerts = new Alerts(plan.alerts, sources.usage, this.#first, (event, alert) => parts.emit(event, alert));
  }

  /** Opens the log and begins to look; without monitoring nothing happens. Throws `ConfigError` when the log cannot be opened. */
  async start(): Promise<void> {
    if (!this.#parts.plan.enabled) return;
    await this.#log?.open();
    this.#schedule();
  }

  /** Looks no more; writes what happened since the last look, and closes the log. Nobody is told: a listener that throws must not stop a shutdown. */
  async stop(): Promise<void> {
    if (this.#cancel !== null) this.#log?.write(this.#update(this.#look()));
    this.#cancel?.();
    this.#cancel = null;
    await this.#log?.close();
  }

  /** One look. */
  look(): void {
    const now = this.#look();
    this.#alerts.look(now);
    const update = this.#update(now);
    this.#log?.write(update);
    this.#parts.emit("metrics:updated", update);
  }

  /** All that happened since the start. */
  metrics(): PerformanceMetrics {
    return performanceMetrics(this.#look());
  }

  /** The same as series. */
  series(): MetricSeries[] {
    return kernelSeries(this.#look());
  }

  /** Whether the targets are kept to, by all that happened since the start. */
  validate(): PerformanceValidation {
    const now = this.#look();
    const { memoryPercent, cpuPercent } = new Span(this.#first, now, this.#parts.sources.usage);
    return this.#validator.validate({
      ...{ spawnTime: timeFigures(now.spawnTime), communicationLatency: timeFigures(now.delivery) },
      ...{ agentsPeak: this.#agentsPeak, memoryPercent, cpuPercent },
    });
  }

  /** The process's memory now. */
  get memory(): Omit<StatusFacts["memory"], "regions"> {
    const { budget, residentBytes } = this.#parts.sources.usage;
    const resident = residentBytes();
    return {
      residentBytes: resident,
      budgetBytes: budget.bytes,
      budgetUnknown: budget.unknown,
      usedPercent: 100 * resident / budget.bytes,
    };
  }

  /** Alerts that are raised. */
  get alerts(): AlertName[] {
    return this.#alerts.raised;
  }

  /** Why the log cannot be written; null when it can, or when there is none. */
  get logFailure(): string | null {
    return this.#log?.failure ?? null;
  }

  /** Since the first look. */
  get uptimeMs(): number {
    return this.#parts.sources.clock.now() - this.#first.at;
  }

  #update(now: Moment): MetricsUpdate {
    const span = new Span(this.#last, now, this.#parts.sources.usage);
    this.#last = now;
    return {
      time: new Date(now.at).toISOString(),
      windowMs: span.ms,
      window: {
        ...{ spawnTime: timeFigures(span.spawnTime), communicationLatency: timeFigures(span.delivery) },
        counts: span.counts,
      },
      total: performanceMetrics(now),
      ...{ memoryUsagePercent: span.memoryPercent, cpuUsagePercent: span.cpuPercent, alerts: this.#alerts.raised },
    };
  }

  #look(): Moment {
    const { sources } = this.#parts;
    this.#agentsPeak = Math.max(this.#agentsPeak ?? 0, sources.agentsPeak());
    return takeMoment(sources);
  }

  #schedule(): void {
    const { sources, plan } = this.#parts;
    // Set before the look: a listener that throws ends the look, not the looking.
    this.#cancel = sources.clock.schedule(plan.intervalMs, () => {
      this.#schedule();
      this.look();
    }, true);
  }
}
