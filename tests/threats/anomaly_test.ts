/** Values that are out of line: a seeded trace with known outliers, its false alarms counted. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../core/base/random.ts";
import { AnomalyDetector } from "../../core/threats/anomaly.ts";

/** A normal deviate (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

Deno.test("on 100,000 normal values there is less than one false alarm in a thousand, and every outlier of eight deviations is found", () => {
  const random = new Random(7);
  const detector = new AnomalyDetector(4, 30);
  let [alarms, found, planted] = [0, 0, 0];
  for (let at = 0; at < 100_000; at++) {
    const isOutlier = at > 1_000 && at % 500 === 0;
    const drift = at / 1_000;
    const anomalous = detector.isAnomalous(100 + drift + 10 * (normal(random) + (isOutlier ? 8 : 0)));
    if (isOutlier) planted++;
    if (anomalous) isOutlier ? found++ : alarms++;
  }
  assert(alarms < 100, `${alarms} false alarms`);
  assert(found >= planted * 0.98, `${found} of ${planted} found`);
});

Deno.test("a detector that judged by nothing but the last value would fail the same trace", () => {
  const random = new Random(7);
  let [last, alarms] = [100, 0];
  for (let at = 0; at < 10_000; at++) {
    const value = 100 + 10 * normal(random);
    if (Math.abs(value - last) > 20) alarms++;
    last = value;
  }
  assert(alarms > 1_000);
});

Deno.test("a constant series makes any other value an outlier, and a new level is learnt in the end", () => {
  const detector = new AnomalyDetector(4, 10);
  for (let at = 0; at < 50; at++) assertEquals(detector.isAnomalous(5), false);
  assertEquals(detector.isAnomalous(6), true);
  let until = 0;
  while (detector.isAnomalous(50) && until < 10_000) until++;
  assert(until > 0 && until < 10_000, `still out of line after ${until}`);
});

Deno.test("NaN and infinities are no outliers and teach nothing", () => {
  const detector = new AnomalyDetector(4, 8);
  for (let at = 0; at < 40; at++) {
    detector.isAnomalous(at % 5);
    for (const odd of [NaN, Infinity, -Infinity]) assertEquals(detector.isAnomalous(odd), false);
  }
  assertEquals(detector.isAnomalous(1_000), true);
});
