import { assertEquals } from "@std/assert";
import { Histogram } from "../../core/metrics/histogram.ts";
import { percentilesOf } from "../../core/validation/result.ts";

Deno.test("a histogram in µs becomes figures in ms, null where samples are too few", () => {
  const histogram = Histogram.private();
  for (let i = 0; i < 300; i++) histogram.record(1_500);
  const { average, ...figures } = percentilesOf(histogram);
  assertEquals(figures, { p50: 1.5, p95: 1.5, p99: null, max: 1.5, samples: 300, histogram: [[1_504, 300]] });
  assertEquals(average, 1.488);
  const empty = percentilesOf(Histogram.private());
  assertEquals(empty, { p50: null, p95: null, p99: null, max: null, average: null, samples: 0, histogram: [] });
});
