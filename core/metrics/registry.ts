/**
 * What behaviors count for themselves (`ctx.metrics`): one registry a thread, written without a lock, added up on the main thread when somebody asks.
 * Names, labels and their number are bounded: an agent that puts ids into labels gets an error, not the memory of the machine.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { METRIC_LABELS_MAX, METRIC_SERIES_MAX, METRIC_SERIES_PER_CALL_MAX, METRIC_TEXT_LENGTH_MAX } from "../base/limits.ts";
import { Histogram } from "./histogram.ts";

/** Names of properties, each with a short value of few different ones. */
export type MetricLabels = Readonly<Record<string, string | number | boolean>>;

/** A number that only grows. */
export interface Counter {
  /** Adds; 1 by default. */
  add(by?: number): void;
}

/** A number that goes up and down. Threads are added up: each sets its own part. */
export interface Gauge {
  /** Replaces it. */
  set(value: number): void;
  /** Changes it. */
  add(by: number): void;
}

/** Many numbers of which percentiles are wanted, from 1/32 to 2³² of whatever unit, each within 1/32 of itself. */
export interface Distribution {
  /** Adds one; negative ones are counted apart. */
  record(value: number): void;
}

/** What a behavior counts with. The same name and labels give the same thing; a handle may be kept. */
export interface AgentMetrics {
  /** A counter. */
  counter(name: string, labels?: MetricLabels): Counter;
  /** A gauge. */
  gauge(name: string, labels?: MetricLabels): Gauge;
  /** A histogram. */
  histogram(name: string, labels?: MetricLabels): Distribution;
}

/** Kinds of series. */
export type MetricKind = "counter" | "gauge" | "histogram";

/** One series as it travels between threads: plain data. */
export interface MetricSeries {
  /** What it is. */
  readonly kind: MetricKind;
  /** Its name. */
  readonly name: string;
  /** Its labels, sorted by name. */
  readonly labels: Readonly<Record<string, string>>;
  /** Counter and gauge: the number. Histogram: how many were recorded. */
  readonly value: number;
  /** Histogram: upper bound and count of each bucket that holds something. */
  readonly buckets?: readonly (readonly [upperBound: number, count: number])[];
  /** Histogram: the largest; null when there is none. */
  readonly max?: number | null;
}

/** The kernel's own names begin so. */
export const KERNEL_METRIC_PREFIX = "kernel_";
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** One thread's series. */
export class MetricsRegistry implements AgentMetrics {
  readonly #series = new Map<string, Series>();

  /** A counter; made at its first use. Throws `InvalidArgumentError` or `MetricLimitError`. */
  counter(name: string, labels?: MetricLabels): Counter {
    return this.#get(CounterSeries, name, labels);
  }

  /** A gauge; likewise. */
  gauge(name: string, labels?: MetricLabels): Gauge {
    return this.#get(GaugeSeries, name, labels);
  }

  /** A histogram; likewise. */
  histogram(name: string, labels?: MetricLabels): Distribution {
    return this.#get(HistogramSeries, name, labels);
  }

  /** Some of the series in the order of their making: as many as fit in one message whatever they hold, from `from` on. */
  page(from: number): MetricSeries[] {
    return [...this.#series.values()].slice(from, from + METRIC_SERIES_PER_CALL_MAX).map((series) => series.read());
  }

  /** All series. */
  snapshot(): MetricSeries[] {
    return [...this.#series.values()].map((series) => series.read());
  }

  #get<T extends Series>(Kind: new (name: string, labels: Record<string, string>) => T, name: string, labels?: MetricLabels): T {
    const key = labels === undefined ? name : keyOf(name, labels);
    const known = this.#series.get(key);
    if (known instanceof Kind) return known;
    if (known !== undefined) throw new InvalidArgumentError("name", name, `it is a ${known.kind} already; choose another name.`);
    if (this.#series.size >= METRIC_SERIES_MAX) {
      throw new KernelError(
        "METRIC_LIMIT",
        `this thread already keeps ${METRIC_SERIES_MAX} metrics; ${name} would be one more. Give labels few values: no ids, no free text.`,
        { name, seriesMax: METRIC_SERIES_MAX },
      );
    }
    const series = new Kind(checkedName(name), checkedLabels(labels ?? {}));
    this.#series.set(key, series);
    return series;
  }
}

/** Adds up the series of several threads: counters and gauges are summed, histograms merged. */
export function mergeSeries(parts: readonly (readonly MetricSeries[])[]): MetricSeries[] {
  const merged = new Map<string, MetricSeries>();
  for (const series of parts.flat()) {
    const key = series.kind + keyOf(series.name, series.labels);
    const other = merged.get(key);
    merged.set(key, other === undefined ? series : { ...series, value: other.value + series.value, ...mergedBuckets(other, series) });
  }
  return [...merged.values()].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** Fetches all series of a thread page by page. */
export async function fetchSeries(ask: (from: number) => Promise<MetricSeries[]>): Promise<MetricSeries[]> {
  const all: MetricSeries[] = [];
  for (;;) {
    const page = await ask(all.length);
    all.push(...page);
    if (page.length < METRIC_SERIES_PER_CALL_MAX) return all;
  }
}

/** What a histogram's series holds. */
export function histogramOf({ buckets = [], max }: MetricSeries): Histogram {
  return Histogram.fromPairs(buckets, max ?? undefined);
}

/** A histogram as a series. */
export function histogramSeries(name: string, labels: Readonly<Record<string, string>>, histogram: Histogram): MetricSeries {
  return { kind: "histogram", name, labels, value: histogram.count, buckets: histogram.toPairs(), max: histogram.maxUs };
}

function mergedBuckets(a: MetricSeries, b: MetricSeries): Partial<MetricSeries> {
  if (a.kind !== "histogram") return {};
  const merged = histogramOf(a);
  merged.mergeFrom(histogramOf(b));
  return { buckets: merged.toPairs(), max: merged.maxUs };
}

abstract class Series {
  abstract readonly kind: MetricKind;
  value = 0;

  constructor(readonly name: string, readonly labels: Readonly<Record<string, string>>) {}

  read(): MetricSeries {
    return { kind: this.kind, name: this.name, labels: this.labels, value: this.value };
  }
}

class CounterSeries extends Series implements Counter {
  readonly kind = "counter";

  add(by = 1): void {
    if (!(by >= 0 && by < Infinity)) throw new InvalidArgumentError("by", by, "a counter takes numbers from 0 on; use a gauge.");
    this.value += by;
  }
}

class GaugeSeries extends Series implements Gauge {
  readonly kind = "gauge";

  set(value: number): void {
    this.value = checkedNumber("value", value);
  }

  add(by: number): void {
    this.value += checkedNumber("by", by);
  }
}

class HistogramSeries extends Series implements Distribution {
  readonly kind = "histogram";
  readonly #histogram = Histogram.private();

  record(value: number): void {
    this.#histogram.record(checkedNumber("value", value));
  }

  override read(): MetricSeries {
    return histogramSeries(this.name, this.labels, this.#histogram);
  }
}

function checkedNumber(field: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(field, value, "use a finite number.");
}

/** Values are quoted, so that no label can be read as two. */
function keyOf(name: string, labels: MetricLabels): string {
  let key = name;
  for (const label of Object.keys(labels).sort()) key += `,${label}=${JSON.stringify(String(labels[label]))}`;
  return key;
}

function checkedName(name: string): string {
  if (typeof name !== "string" || name.length > METRIC_TEXT_LENGTH_MAX || !NAME.test(name)) {
    throw new InvalidArgumentError(
      "name",
      name,
      `use letters, digits and _, at most ${METRIC_TEXT_LENGTH_MAX} of them, such as files_read_total.`,
    );
  }
  if (name.startsWith(KERNEL_METRIC_PREFIX)) {
    throw new InvalidArgumentError("name", name, `${KERNEL_METRIC_PREFIX}… are the kernel's own; choose another.`);
  }
  return name;
}

function checkedLabels(labels: MetricLabels): Record<string, string> {
  const names = Object.keys(labels).sort();
  if (names.length > METRIC_LABELS_MAX) throw new InvalidArgumentError("labels", labels, `use at most ${METRIC_LABELS_MAX} labels.`);
  const checked: Record<string, string> = {};
  for (const label of names) {
    const value = labels[label];
    if (!["string", "number", "boolean"].includes(typeof value) || String(value).length > METRIC_TEXT_LENGTH_MAX) {
      throw new InvalidArgumentError(`labels.${label}`, value, `use a text of at most ${METRIC_TEXT_LENGTH_MAX} characters, or a number.`);
    }
    checked[checkedName(label)] = String(value);
  }
  return checked;
}
