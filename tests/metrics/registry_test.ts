import { assert, assertEquals, assertInstanceOf, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { METRIC_SERIES_MAX, METRIC_SERIES_PER_CALL_MAX } from "../../core/base/limits.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import { MESSAGE_BYTES_MAX } from "../../core/bus/outbound.ts";
import { privateWindow } from "../../core/memory/shared_memory.ts";
import { prometheusText } from "../../core/metrics/prometheus.ts";
import { fetchSeries, histogramOf, mergeSeries, type MetricSeries, MetricsRegistry } from "../../core/metrics/registry.ts";

Deno.test("the same name and labels are one series, in whatever order; other labels are another", () => {
  const registry = new MetricsRegistry();
  const files = registry.counter("files_total", { kind: "ts", big: true });
  files.add();
  assertStrictEquals(registry.counter("files_total", { big: "true", kind: "ts" }), files);
  registry.counter("files_total", { kind: "ts" }).add(2.5);
  registry.gauge("depth").set(7);
  registry.gauge("depth").add(-2);
  assertEquals(registry.snapshot(), [
    { kind: "counter", name: "files_total", labels: { big: "true", kind: "ts" }, value: 1 },
    { kind: "counter", name: "files_total", labels: { kind: "ts" }, value: 2.5 },
    { kind: "gauge", name: "depth", labels: {}, value: 5 },
  ]);
  // A value that looks like two labels is not.
  assertNotEquals(registry.counter("c", { a: '1",b="2' }), registry.counter("c", { a: "1", b: "2" }));
});

Deno.test("names, labels, values and their number are bounded, each by an error that says so", () => {
  const registry = new MetricsRegistry();
  const bad: [() => unknown, string][] = [
    [() => registry.counter("has space"), "name is"],
    [() => registry.counter("x".repeat(65)), "at most 64"],
    [() => registry.gauge("kernel_agents"), "the kernel's own"],
    [() => registry.counter("c", { a: 1, b: 1, c: 1, d: 1, e: 1 }), "at most 4 labels"],
    [() => registry.counter("c", { a: "x".repeat(65) }), "labels.a"],
    [() => registry.counter("c", { "a-b": 1 }), "a-b"],
    [() => registry.counter("c").add(-1), "use a gauge"],
    [() => registry.counter("c").add(NaN), "by is the number NaN"],
    [() => registry.gauge("g").set(Infinity), "finite"],
    [() => registry.histogram("c"), "it is a counter already"],
  ];
  for (const [act, text] of bad) assertThrows(act, InvalidArgumentError, text);
  for (let id = 2; id < METRIC_SERIES_MAX; id++) registry.counter("per_agent", { id });
  const error = assertThrows(() => registry.counter("per_agent", { id: "one more" }), KernelError, "no ids");
  assertEquals([error.name, registry.snapshot().length], ["MetricLimitError", METRIC_SERIES_MAX]);
  registry.counter("c").add(); // those there are go on
});

Deno.test("threads are added up: sums for counters and gauges, merged histograms", () => {
  const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 20 });
  fc.assert(fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), (threads) => {
    const all = new MetricsRegistry();
    const parts = threads.map((numbers) => {
      const registry = new MetricsRegistry();
      for (const number of numbers) {
        for (const one of [registry, all]) {
          one.counter("seen").add();
          one.gauge("level").add(1);
          one.histogram("size", { unit: "bytes" }).record(number);
        }
      }
      return registry.snapshot();
    });
    const byName = (series: MetricSeries[]): MetricSeries[] => series.sort((a, b) => a.name < b.name ? -1 : 1);
    assertEquals(byName(mergeSeries(parts)), byName(all.snapshot()));
  }));
});

Deno.test("a page of the largest series there can be fits in one message, and pages come to the whole", async () => {
  const registry = new MetricsRegistry();
  const long = "\uffff".repeat(64);
  for (let series = 0; series < METRIC_SERIES_PER_CALL_MAX + 1; series++) {
    const labels = Object.fromEntries([1, 2, 3, 4].map((label) => ["l".repeat(63) + label, long.slice(4) + series]));
    const histogram = registry.histogram("h".repeat(64), labels);
    for (let octave = -5; octave < 32; octave++) for (let step = 0; step < 32; step++) histogram.record(2 ** octave * (1 + step / 32));
  }
  const bytes = plainCodec.encode(registry.page(0), privateWindow(MESSAGE_BYTES_MAX), 0, MESSAGE_BYTES_MAX);
  assert(bytes > MESSAGE_BYTES_MAX / 4, `${bytes} bytes do not fit, or the series are not the largest`);
  const fetched = await fetchSeries((from) => Promise.resolve(registry.page(from)));
  assertEquals(fetched, registry.snapshot());
  assertInstanceOf(histogramOf(fetched[0]), Object);
});

Deno.test("as text for Prometheus: one type a name, escaped labels, quantiles only where there are samples enough", () => {
  const registry = new MetricsRegistry();
  registry.counter("c_total", { path: 'a"b\\c\nd' }).add(2);
  registry.counter("c_total").add();
  for (let size = 1; size <= 200; size++) registry.histogram("size").record(size);
  registry.histogram("none");
  const other = new MetricsRegistry();
  other.gauge("c_total").set(-1);
  assertEquals(
    prometheusText(mergeSeries([registry.snapshot(), other.snapshot()])),
    `# TYPE c_total counter
c_total{path="a\\"b\\\\c\\nd"} 2
c_total 1
# TYPE c_total_gauge gauge
c_total_gauge -1
# TYPE none summary
none_sum 0
none_count 0
# TYPE size summary
size{quantile="0.5"} 102
size{quantile="0.95"} 192
size_sum ${histogramOf(registry.snapshot()[2]).meanUs! * 200}
size_count 200
`,
  );
});
