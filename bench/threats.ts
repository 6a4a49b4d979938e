/**
 * Events matched a second beside 1,000 patterns, and the time from an event to its playbook's first action. `deno run bench/threats.ts`
 */
import { Histogram } from "../core/metrics/histogram.ts";
import { DEFAULT_PATTERNS } from "../core/threats/playbooks.ts";
import { ThreatResponseEngine } from "../core/threats/threat_response.ts";

const EVENTS = 200_000;
const ROUNDS = 5;
const PATTERNS = 1_000;

/** `patterns` unrelated patterns beside the default ones, and a runner that notes when its first step begins. */
function engine(patterns: number, begun: () => void): ThreatResponseEngine {
  const runner = { start: () => Promise.resolve({ id: "x", result: () => Promise.resolve({ state: "COMPLETED" }) }).finally(begun) };
  const threats = new ThreatResponseEngine({ runner });
  for (const pattern of DEFAULT_PATTERNS) threats.register(pattern);
  for (let at = 0; at < patterns; at++) {
    threats.register({
      id: `p${at}`,
      match: { event_type: `other_${at}`, score: { $gte: 0.5 } },
      count: 3,
      window: 1_000,
      key: "host",
      severity: "LOW",
    });
  }
  return threats;
}

/** Events a second. */
async function matched(patterns: number): Promise<number> {
  const threats = engine(patterns, () => {});
  const events = Array.from(
    { length: 1_024 },
    (_unused, at) => ({ event_type: "failed_auth", source_ip: `10.0.${at >> 2 & 255}.${at & 255}`, n: at }),
  );
  const from = performance.now();
  for (let at = 0; at < EVENTS; at++) threats.detect(events[at & 1_023]);
  const perSecond = EVENTS / (performance.now() - from) * 1_000;
  await threats.settled();
  return perSecond;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];
const [few, many]: [number[], number[]] = [[], []];
for (let round = 0; round < ROUNDS; round++) {
  few.push(await matched(0));
  many.push(await matched(PATTERNS));
}
console.log(`events matched beside 3 patterns      ${Math.round(median(few)).toLocaleString()} /s`);
console.log(
  `events matched beside ${PATTERNS + 3} patterns   ${Math.round(median(many)).toLocaleString()} /s, ${
    (median(many) / median(few)).toFixed(2)
  } of that`,
);

const histogram = Histogram.private();
let startedAt = 0;
const threats = engine(PATTERNS, () => histogram.record((performance.now() - startedAt) * 1_000));
for (let at = 0; at < 20_000; at++) {
  startedAt = performance.now();
  await threats.handle({ event_type: "port_scan", severity: "high", source_ip: `10.1.${at >> 8}.${at & 255}` });
}
const [p50, p99] = [0.5, 0.99].map((quantile) => histogram.quantileUs(quantile));
console.log(`event to first action                 p50 ${p50} µs, p99 ${p99} µs, ${histogram.count} samples`);
