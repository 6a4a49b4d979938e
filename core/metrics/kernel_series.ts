/**
 * The kernel's own figures as series beside those of the behaviors, so that one scrape shows both.
 *
 * @module
 */
import { COUNTERS } from "./counters.ts";
import type { Moment } from "./moments.ts";
import { histogramSeries, KERNEL_METRIC_PREFIX, type MetricSeries } from "./registry.ts";

/** Counts that go up and down. */
const GAUGES: ReadonlySet<string> = new Set(["pending"]);

/** The series of a look. Times in µs. */
export function kernelSeries({ counts, spawnTime, delivery, agents, residentBytes, processorMs }: Moment): MetricSeries[] {
  const single = (kind: "counter" | "gauge", name: string, value: number): MetricSeries => ({
    ...{ kind, name: KERNEL_METRIC_PREFIX + name, labels: {}, value },
  });
  return [
    ...COUNTERS.map((name) =>
      GAUGES.has(name) ? single("gauge", snakeCase(name), counts[name]) : single("counter", `${snakeCase(name)}_total`, counts[name])
    ),
    single("gauge", "agents", agents),
    single("gauge", "resident_bytes", residentBytes),
    single("counter", "processor_ms_total", processorMs),
    histogramSeries(`${KERNEL_METRIC_PREFIX}spawn_us`, {}, spawnTime),
    histogramSeries(`${KERNEL_METRIC_PREFIX}delivery_us`, {}, delivery),
  ];
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
