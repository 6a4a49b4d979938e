import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { recommend } from "../../core/validation/recommendations.ts";
import type { Measured } from "../../core/validation/result.ts";
import { planScenario, SCENARIOS } from "../../core/validation/scenarios.ts";
import { judge } from "../../core/validation/targets.ts";
import { sampleIncident, sampleMeasured, samplePlan, sampleTimes } from "../support/sample_result.ts";

/** Each spoils one figure: the targets that must then fail, and a part of what is said. */
const SPOILED: [name: string, spoil: (measured: Measured) => void, missed: string[], said: string][] = [
  ["slow spawns", ({ metrics }) => metrics.spawnTime = sampleTimes(100_000), ["spawnTimeP95"], "must be below 100 ms"],
  ["no spawns", ({ metrics }) => metrics.spawnTime = sampleTimes(1, 0), ["spawnTimeP95"], "0 samples, p95 needs 200"],
  ["too few spawns", ({ metrics }) => metrics.spawnTime = sampleTimes(1, 199), ["spawnTimeP95"], "199 samples, p95 needs 200"],
  ["spawns in no time", ({ metrics }) => metrics.spawnTime = { ...sampleTimes(1), p95: 0 }, ["spawnTimeP95"], "the measuring is broken"],
  [
    "messages in no time",
    ({ metrics }) => metrics.communicationLatency = { ...sampleTimes(1), p95: 0 },
    ["communicationLatencyP95"],
    "the measuring is broken",
  ],
  ["slow messages", ({ metrics }) => metrics.communicationLatency = sampleTimes(5_001), ["communicationLatencyP95"], "below 5 ms"],
  ["no messages timed", ({ metrics }) => metrics.communicationLatency = sampleTimes(1, 0), ["communicationLatencyP95"], "not measured"],
  ["much memory", ({ metrics }) => metrics.stability.memoryUsage = 85, ["memoryUsagePercent"], "85 % of the memory budget"],
  ["memory unknown", ({ metrics }) => metrics.stability.memoryUsage = null, ["memoryUsagePercent"], "not measured"],
  ["0 agents", ({ metrics }) => metrics.concurrentAgents.minimum = 0, ["concurrentAgents"], "0 agents alive at the fewest, 100 must"],
  ["an agent short", ({ metrics }) => metrics.concurrentAgents.minimum = 99, ["concurrentAgents"], "99 agents"],
  ["a lost message", ({ metrics }) => metrics.messages.lost = 1, ["messagesLost"], "1 messages lost"],
  ["one more than sent", ({ metrics }) => metrics.messages.lost = -1, ["messagesLost"], "-1 messages lost"],
  ["one still on its way", ({ metrics }) => metrics.messages.inFlight = 1, ["messagesInFlight"], "still on their way"],
  ["a damaged one", ({ metrics }) => metrics.messages.damaged = 1, ["messagesDamaged"], "damaged"],
  [
    "handlers did not run",
    ({ metrics }) => metrics.messages.received = 0,
    ["messagesReceived"],
    "handlers counted 0 messages, the kernel 600000",
  ],
  ["one onStart missing", ({ metrics }) => metrics.agents.started--, ["agentsStarted"], "onStart ran for 12099 of 12100"],
  ["a wrong answer of the team", ({ metrics }) => Object.assign(metrics.team, { correct: 9_374, wrong: 1 }), ["team"], "1 were wrong"],
  ["an answer missing", ({ metrics }) => metrics.team.correct--, ["team"], "9374 of 9375 answers of the team were right"],
  ["the team idle", ({ metrics }) => Object.assign(metrics.team, { asked: 0, correct: 0 }), ["team"], "asked nothing"],
  ["agents lost", (measured) => measured.incidents.push({ ...sampleIncident(), agentsLost: 2 }), ["agentsLost"], "2 agents lost"],
  ["a clock backwards", ({ metrics }) => metrics.clock.negatives = 2, ["clockNegatives"], "2 durations were negative"],
  ["churn not reached", ({ metrics }) => metrics.agents.churned = 6_000, ["churnPercent"], "100 of 200 agents/s were replaced"],
  ["a slab left", ({ metrics }) => metrics.cleanup = { ...metrics.cleanup, slabsInUse: 3, clean: false }, ["cleanup"], "3 slabs"],
  ["unclean for another reason", ({ metrics }) => metrics.cleanup.clean = false, ["cleanup"], "1 things left"],
  ["leftovers uncounted", ({ metrics }) => metrics.cleanup.slotsInUse = null, ["cleanup"], "not measured"],
  ["one thread only", ({ metrics }) => metrics.messages.crossThread = 10, ["crossThreadPercent"], "crossed threads"],
  [
    "half of the rate",
    ({ metrics: { messages } }) => Object.assign(messages, { sent: 3e5, delivered: 3e5, received: 3e5, crossThread: 2e5 }),
    ["messagesOfferedPercent"],
    "the machine carried 5000 of 10000 messages/s",
  ],
  [
    "dropped on the way, with a receipt",
    ({ metrics: { messages } }) => Object.assign(messages, { delivered: 5e5, received: 5e5, shed: 1e5 }),
    ["messagesDeliveredPercent"],
    "100000 shed",
  ],
  [
    "nothing scheduled",
    ({ metrics: { messages } }) => Object.assign(messages, { scheduled: 0, sent: 0, delivered: 0, received: 0, crossThread: 0 }),
    ["messagesOfferedPercent", "messagesDeliveredPercent", "crossThreadPercent"],
    "no message was scheduled",
  ],
];

Deno.test("a run in which all is well meets every target and gets no recommendation", () => {
  const measured = sampleMeasured();
  measured.incidents.push(sampleIncident()); // a thread that died and was replaced is no fault of the scenario
  const { targets, violations } = judge(measured, samplePlan());
  assertEquals(violations, []);
  assert(targets.every((target) => target.passing && target.actual !== null));
  assertEquals(recommend(measured, samplePlan(), targets, 4), []);
});

for (const [name, spoil, missed, said] of SPOILED) {
  Deno.test(`${name}: ${missed.join(", ")} missed, and nothing else`, () => {
    const measured = sampleMeasured();
    spoil(measured);
    const { targets, violations } = judge(measured, samplePlan());
    assertEquals(targets.filter((target) => !target.passing).map((target) => target.name), missed);
    assertEquals(violations.length, missed.length);
    assertStringIncludes(violations.join("\n"), said);
  });
}

Deno.test("a null is explained by the reason of its own path or of the block around it", () => {
  const measured = sampleMeasured();
  measured.metrics.stability.memoryUsage = null;
  measured.metrics.cleanup.slabsInUse = null;
  measured.notMeasured = { "metrics.stability": "no look was taken", "metrics.cleanup": "the clean-up did not end" };
  assertEquals(judge(measured, samplePlan()).violations, [
    "memoryUsagePercent: not measured (no look was taken)",
    "cleanup: not measured (the clean-up did not end)",
  ]);
});

Deno.test("the bounds are the same in all scenarios, but for the number of agents", () => {
  const bounds = SCENARIOS.map((row) =>
    judge(sampleMeasured(), planScenario(row)).targets
      .filter(({ name }) => name !== "concurrentAgents")
      .map(({ name, comparison, target }) => `${name} ${comparison} ${target}`)
  );
  for (const others of bounds) assertEquals(others, bounds[0]);
});

Deno.test("a recommendation names figure, bound, option and value", () => {
  const advice = (cores: number, spoil: (measured: Measured) => void): string[] => {
    const measured = sampleMeasured();
    spoil(measured);
    return recommend(measured, samplePlan(), judge(measured, samplePlan()).targets, cores);
  };
  const slow: (measured: Measured) => void = ({ metrics }) => metrics.communicationLatency = sampleTimes(8_000);
  assertEquals(advice(8, slow), [
    "communicationLatencyP95 is 8 ms (bound: < 5 ms): set threads to 7, so that every core works.",
  ]);
  const [crowded] = advice(2, (measured) => {
    measured.oversubscribed = true;
    slow(measured);
  });
  assertStringIncludes(crowded, "give the process 3 cores: threads is 2");
  assertStringIncludes(advice(3, slow)[0], "set maxConcurrentAgents to 80");
  const [pool] = advice(3, ({ metrics }) => metrics.spawnTime = sampleTimes(150_000));
  assertStringIncludes(pool, "set agentPoolConfig.preWarmPools to 60");
  const [short] = advice(3, ({ metrics }) => metrics.spawnTime = sampleTimes(1, 50));
  assertStringIncludes(short, "spawnTimeP95 is not measured (bound: < 100 ms): set durationMs to 240000");
  const full = advice(3, ({ metrics }) => {
    metrics.stability.memoryUsage = 90;
    metrics.memory.regions = metrics.memory.regions.map((region) => ({ ...region, usedBytes: region.name === "store" ? 60 * 2 ** 20 : 0 }));
  });
  assertEquals(full.length, 2);
  assertStringIncludes(full[0], "budgetBytes 314572800");
  assertStringIncludes(full[1], "set memoryStoreSize to 134217728");
  assertEquals(advice(3, ({ metrics }) => metrics.messages.lost = 1), [], "no option mends a defect");
});
