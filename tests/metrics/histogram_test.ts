import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Histogram, P95_SAMPLES_MIN, P99_SAMPLES_MIN, quantile, samplesNeeded } from "../../core/metrics/histogram.ts";
import { InvalidArgumentError } from "../../core/base/errors.ts";

const RANGE_US = 2 ** 32;
/** The max is kept in steps of 2^-32 µs. */
const MAX_STEP_US = 2 ** -32;

/** Durations over the whole range, evenly over the octaves, with the edges of buckets among them. */
const durationUs = fc.oneof(
  fc.double({ min: -8, max: 31.9, noNaN: true }).map((octave) => 2 ** octave),
  fc.integer({ min: 0, max: 2 ** 31 }),
  fc.integer({ min: 0, max: 31 }).map((octave) => 2 ** octave),
  fc.constantFrom(0, 1 / 32, 31 / 32, 1, 3_600_000_000),
);

function filled(values: readonly number[]): Histogram {
  const histogram = Histogram.private();
  for (const value of values) histogram.record(value);
  return histogram;
}

function bucketWidthUs(us: number): number {
  return Math.max(us, 1) / 32;
}

Deno.test("quantiles lie at most one bucket above the sorted truth, never below it", () => {
  fc.assert(fc.property(
    fc.array(durationUs, { minLength: 1, maxLength: 60 }),
    fc.integer({ min: 1, max: 30 }),
    fc.constantFrom(0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1),
    (values, repeats, p) => {
      const samples = Array.from({ length: repeats }, () => values).flat();
      const histogram = filled(samples);
      const sorted = samples.toSorted((a, b) => a - b);
      const actual = histogram.quantileUs(p);
      if (samples.length < samplesNeeded(p)) return assertEquals(actual, null);
      const truth = sorted[Math.max(1, Math.ceil(p * sorted.length)) - 1];
      assert(actual !== null && actual >= truth, `${actual} is below ${truth}`);
      assert(actual <= truth + bucketWidthUs(truth) + MAX_STEP_US, `${actual} is more than a bucket above ${truth}`);
    },
  ));
});

Deno.test("count and max are exact, the mean is within half a bucket", () => {
  fc.assert(fc.property(fc.array(durationUs, { minLength: 1, maxLength: 200 }), (values) => {
    const histogram = filled(values);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const halfBuckets = values.reduce((sum, value) => sum + bucketWidthUs(value) / 2, 0) / values.length;
    assertEquals(histogram.count, values.length);
    assertAlmostEquals(histogram.maxUs ?? -1, Math.max(...values), MAX_STEP_US);
    assertAlmostEquals(histogram.meanUs ?? -1, mean, halfBuckets + 1e-9 * mean);
  }));
});

Deno.test("merging equals recording everything in one", () => {
  fc.assert(fc.property(fc.array(durationUs), fc.array(durationUs), (left, right) => {
    const merged = filled(left);
    merged.mergeFrom(filled(right));
    const whole = filled([...left, ...right]);
    assertEquals(merged.toPairs(), whole.toPairs());
    assertEquals(merged.maxUs, whole.maxUs);
    assertEquals(merged.negatives, 0);
  }));
});

Deno.test("pairs rebuild the histogram, through JSON too", () => {
  fc.assert(fc.property(fc.array(durationUs, { minLength: 1 }), (values) => {
    const histogram = filled(values);
    const rebuilt = Histogram.fromPairs(JSON.parse(JSON.stringify(histogram.toPairs())), histogram.maxUs ?? undefined);
    assertEquals(rebuilt.toPairs(), histogram.toPairs());
    assertEquals(rebuilt.quantileUs(0.5), histogram.quantileUs(0.5));
    assertEquals(rebuilt.maxUs, histogram.maxUs);
  }));
});

Deno.test("bounds rise strictly and no bucket is wider than 1/32 of its lower bound", () => {
  const histogram = Histogram.private();
  for (let octave = -5; octave < 32; octave++) {
    for (let step = 0; step < 32; step++) histogram.record(2 ** octave * (1 + step / 32));
  }
  const bounds = histogram.toPairs().map(([upper]) => upper);
  assertEquals(bounds.length, 31 + 32 * 32);
  assertEquals(bounds.at(-1), RANGE_US);
  for (let i = 1; i < bounds.length; i++) {
    const [lower, upper] = [bounds[i - 1], bounds[i]];
    assert(upper > lower && upper - lower <= bucketWidthUs(lower), `bucket ${lower}…${upper}`);
  }
});

Deno.test("few samples give no percentile: null, not 0", () => {
  const empty = Histogram.private();
  assertEquals([empty.count, empty.maxUs, empty.meanUs, empty.quantileUs(0.5), empty.quantileUs(1)], [0, null, null, null, null]);
  const histogram = filled(Array.from({ length: P95_SAMPLES_MIN - 1 }, () => 7));
  assertEquals(histogram.quantileUs(0.5), 7);
  assertEquals(histogram.quantileUs(0.95), null);
  histogram.record(7);
  assertEquals(histogram.quantileUs(0.95), 7);
  assertEquals(histogram.quantileUs(0.99), null);
  for (let i = P95_SAMPLES_MIN; i < P99_SAMPLES_MIN; i++) histogram.record(7);
  assertEquals(histogram.quantileUs(0.99), 7);
  assertEquals([samplesNeeded(0.5), samplesNeeded(0.9), samplesNeeded(0.95), samplesNeeded(0.99)], [1, 100, 200, 1000]);
});

Deno.test("a negative duration or NaN is counted apart and never as 0", () => {
  const histogram = filled([-1, -0.001, -Infinity, NaN]);
  assertEquals(histogram.negatives, 4);
  assertEquals(histogram.count, 0);
  assertEquals(histogram.maxUs, null);
  histogram.record(-0);
  assertEquals([histogram.count, histogram.negatives, histogram.maxUs], [1, 4, 0]);
});

Deno.test("what is longer than the range stands in the last bucket", () => {
  const histogram = filled([RANGE_US, 1e300, Infinity]);
  assertEquals(histogram.toPairs(), [[RANGE_US, 3]]);
  assertEquals(histogram.maxUs, RANGE_US - 1);
  assertEquals(histogram.quantileUs(0.5), RANGE_US - 1);
});

Deno.test("a full bucket stays full instead of starting again at 0", () => {
  const almost = Histogram.fromPairs([[2.0625, 0xffff_fffe]]);
  almost.record(2);
  almost.record(2);
  assertEquals(almost.count, 0xffff_ffff);
  almost.mergeFrom(almost);
  assertEquals(almost.count, 0xffff_ffff);
});

Deno.test("two instances over the same shared words: one writes, the other reads", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const words = new Uint32Array(memory.buffer, 4096, Histogram.WORDS);
  const reader = new Histogram(words);
  const writer = new Histogram(words);
  for (const us of [10.25, 400, -3]) writer.record(us);
  assertEquals([reader.count, reader.negatives, reader.maxUs], [2, 1, 400]);
  assertEquals(new Uint32Array(memory.buffer, 0, 1024).every((word) => word === 0), true, "nothing below the words was touched");
  assertEquals(new Uint32Array(memory.buffer, 4096 + Histogram.WORDS * 4).every((word) => word === 0), true, "nor above");
  const successor = new Histogram(words);
  successor.record(5);
  assertEquals(reader.maxUs, 400);
  successor.reset();
  assertEquals([reader.count, reader.negatives, reader.maxUs], [0, 0, null]);
  successor.record(3);
  assertEquals(reader.maxUs, 3);
});

Deno.test("arguments that cannot be used are named", () => {
  assertThrows(() => new Histogram(new Uint32Array(10)), InvalidArgumentError, "words.length is the number 10");
  assertThrows(() => Histogram.private().quantileUs(95), InvalidArgumentError, "between 0 and 1");
  for (const upperBoundUs of [1.01, 0, -1, NaN, RANGE_US * 2]) {
    assertThrows(() => Histogram.fromPairs([[upperBoundUs, 1]]), InvalidArgumentError, "upperBoundUs");
  }
  assertThrows(() => Histogram.fromPairs([[2, -1]]), InvalidArgumentError, "count");
});

Deno.test("since: what came after a copy, bucket by bucket, and nothing else", () => {
  const numbers = fc.array(fc.double({ min: -1, max: 1e10, noNaN: true }), { maxLength: 50 });
  fc.assert(fc.property(numbers, numbers, (before, after) => {
    const histogram = Histogram.private();
    for (const us of before) histogram.record(us);
    const copy = histogram.copy();
    for (const us of after) histogram.record(us);
    const expected = Histogram.private();
    for (const us of after) expected.record(us);
    const since = histogram.since(copy);
    assertEquals([since.toPairs(), since.negatives], [expected.toPairs(), expected.negatives]);
    if (expected.maxUs === null) return assertEquals(since.maxUs, null);
    // Exact when it is the highest of all; else at most a bucket too long.
    assert(since.maxUs! >= expected.maxUs && since.maxUs! <= Math.max(expected.maxUs * (1 + 1 / 32) + 1 / 32, copy.maxUs ?? 0));
    if (expected.maxUs > (copy.maxUs ?? 0)) assertEquals(since.maxUs, expected.maxUs);
  }));
});

Deno.test("since a copy of something larger there is nothing, not billions", () => {
  const larger = Histogram.private();
  for (let us = 0; us < 100; us++) larger.record(us);
  assertEquals(Histogram.private().since(larger).count, 0);
});

Deno.test("an exact quantile lies between its neighbours, also of numbers whose difference is too large for a number", () => {
  assertEquals([0, 0.25, 0.5, 0.95, 1].map((p) => quantile([10, 20, 30, 40], p)), [10, 17.5, 25, 38.5, 40]);
  assertEquals(quantile([7], 0.3), 7);
  assertEquals(quantile([-1.5e308, 1.5e308], 0.5), 0);
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, p) => {
        const sorted = Float64Array.from(values).sort();
        const place = p * (sorted.length - 1);
        const value = quantile(sorted, p);
        const slack = 4 * Number.EPSILON * Math.max(Math.abs(sorted[Math.floor(place)]), Math.abs(sorted[Math.ceil(place)])) +
          Number.MIN_VALUE;
        assert(value >= sorted[Math.floor(place)] - slack && value <= sorted[Math.ceil(place)] + slack);
      },
    ),
  );
  assertThrows(() => quantile([], 0.5), InvalidArgumentError, "at least one number");
  assertThrows(() => quantile([1], 1.5), InvalidArgumentError, "fraction");
});

Deno.test("a histogram that another instance has reset knows its new max", () => {
  const words = new Uint32Array(Histogram.WORDS);
  const [writer, other] = [new Histogram(words), new Histogram(words)];
  writer.record(5_000);
  other.reset();
  for (let us = 1; us <= 300; us++) writer.record(us + 0.5);
  assertEquals([other.maxUs, writer.maxUs, other.count], [300.5, 300.5, 300]);
  assert(other.quantileUs(0.95)! >= 285);
});
