import { assertEquals } from "@std/assert";
import { parseConfig } from "../../core/base/config.ts";
import { type MeasuredPerformance, type PerformanceValidation, PerformanceValidator } from "../../core/metrics/performance_validator.ts";
import { Histogram } from "../../core/metrics/histogram.ts";
import { type TimeFigures, timeFigures } from "../../core/metrics/performance.ts";

const validator = new PerformanceValidator(parseConfig({ maxConcurrentAgents: 50 }, 2).targets);

function times(us: number, samples: number): TimeFigures {
  const histogram = Histogram.private();
  for (let sample = 0; sample < samples; sample++) histogram.record(us);
  return timeFigures(histogram);
}

const GOOD: MeasuredPerformance = {
  ...{ spawnTime: times(90_000, 200), communicationLatency: times(4_000, 200), agentsPeak: 50, memoryPercent: 84, cpuPercent: 79 },
};

function passing(measured: Partial<MeasuredPerformance>): (keyof PerformanceValidation)[] {
  const verdicts = validator.validate({ ...GOOD, ...measured });
  return (Object.keys(verdicts) as (keyof PerformanceValidation)[]).filter((name) => verdicts[name].passing);
}

const ALL: (keyof PerformanceValidation)[] = [
  "spawnTimeP95",
  "communicationLatencyP95",
  "concurrentAgents",
  "memoryUsagePercent",
  "cpuUsagePercent",
];
const without = (name: keyof PerformanceValidation): (keyof PerformanceValidation)[] => ALL.filter((one) => one !== name);

Deno.test("each target passes just within its bound and fails at it", () => {
  assertEquals(passing({}), ALL);
  assertEquals(passing({ spawnTime: times(100_000, 200) }), without("spawnTimeP95"));
  assertEquals(passing({ communicationLatency: times(5_000, 200) }), without("communicationLatencyP95"));
  assertEquals(passing({ agentsPeak: 49 }), without("concurrentAgents"));
  assertEquals(passing({ memoryPercent: 85 }), without("memoryUsagePercent"));
  assertEquals(passing({ cpuPercent: 80 }), without("cpuUsagePercent"));
});

Deno.test("what was not measured, or too seldom, is null and does not pass; no agent at all is no success", () => {
  assertEquals(passing({ spawnTime: times(1, 199) }), without("spawnTimeP95"));
  assertEquals(passing({ communicationLatency: times(1, 199) }), without("communicationLatencyP95"));
  assertEquals(passing({ agentsPeak: 0 }), without("concurrentAgents"));
  const nothing = validator.validate({
    ...{ spawnTime: times(0, 0), communicationLatency: times(0, 0), agentsPeak: null, memoryPercent: null, cpuPercent: null },
  });
  for (const name of ALL) assertEquals([nothing[name].actual, nothing[name].passing, nothing[name].samples], [null, false, 0], name);
});
