/**
 * Series as the text that Prometheus reads (https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4). Histograms become
 * summaries: a thousand buckets would be a thousand lines.
 *
 * @module
 */
import { P50_SAMPLES_MIN } from "./histogram.ts";
import { histogramOf, type MetricKind, type MetricSeries } from "./registry.ts";

const TYPES: Readonly<Record<MetricKind, string>> = { counter: "counter", gauge: "gauge", histogram: "summary" };
const QUANTILES: readonly number[] = [0.5, 0.95, 0.99];

/** The text for all series. */
export function prometheusText(series: readonly MetricSeries[]): string {
  const groups = new Map<string, MetricSeries[]>();
  for (const one of series) {
    // Two threads may use one name for two kinds: a name stands for one kind only, so the second is told apart.
    const taken = groups.get(one.name);
    const name = taken === undefined || taken[0].kind === one.kind ? one.name : `${one.name}_${one.kind}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups].map(([name, group]) => `# TYPE ${name} ${TYPES[group[0].kind]}\n${group.map((one) => lines(name, one)).join("")}`)
    .join("");
}

function lines(name: string, series: MetricSeries): string {
  const { kind, labels, value } = series;
  if (kind !== "histogram") return line(name, labels, value);
  const histogram = histogramOf(series);
  const quantiles = QUANTILES.map((quantile) => line(name, { ...labels, quantile: String(quantile) }, histogram.quantileUs(quantile)));
  const sum = value < P50_SAMPLES_MIN ? 0 : histogram.meanUs! * value;
  return quantiles.join("") + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, value);
}

/** A quantile of too few samples is left out, not guessed. */
function line(name: string, labels: Readonly<Record<string, string>>, value: number | null): string {
  if (value === null) return "";
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
}

function escape(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => character === "\n" ? "\\n" : `\\${character}`);
}
