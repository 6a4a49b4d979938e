import { assertEquals, assertThrows } from "@std/assert";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { planScenario, resolveScenario, SCENARIOS, warmUpPlan } from "../../core/validation/scenarios.ts";

Deno.test("the seven rows are the document's", () => {
  assertEquals(SCENARIOS.map(({ name, agents, durationMs }) => `${name} ${agents} ${durationMs / 1_000}`), [
    "baseline-performance 100 60",
    "spawn-time-validation 500 90",
    "communication-latency-validation 200 120",
    "high-concurrency-validation 1000 180",
    "peak-load-validation 5000 240",
    "ultra-high-load-validation 10000 300",
    "memory-stability-validation 2000 200",
  ]);
});

Deno.test("a scenario is found by name, display name or prefix, whatever the case", () => {
  const cases: [given: string, name: string][] = [
    ["baseline-performance", "baseline-performance"],
    ["Baseline", "baseline-performance"],
    ["BASE", "baseline-performance"],
    ["Communication Intensive", "communication-latency-validation"],
    ["communication-lat", "communication-latency-validation"],
    [" ultra high load ", "ultra-high-load-validation"],
    ["peak_load", "peak-load-validation"],
    ["Spawn", "spawn-time-validation"],
    ["m", "memory-stability-validation"],
    ["High Concurrency", "high-concurrency-validation"],
  ];
  for (const [given, name] of cases) assertEquals(resolveScenario(given).name, name, given);
});

Deno.test("an unknown name lists all, an ambiguous one its matches", () => {
  for (const given of ["nope", "", "  ", "aseline"]) {
    const error = assertThrows(() => resolveScenario(given), InvalidArgumentError, "scenario is the string");
    for (const { name, displayName } of SCENARIOS) assertEquals(error.message.includes(`${name} ("${displayName}")`), true, name);
  }
  const rows = ["load-low", "load-low-long", "other"].map((name) => ({ name, displayName: name, agents: 1, durationMs: 1 }));
  const error = assertThrows(() => resolveScenario("load", "--scenario", rows), InvalidArgumentError, "--scenario");
  assertEquals([error.message.includes("load-low-long"), error.message.includes("other")], [true, false]);
  assertEquals(resolveScenario("load-low", "--scenario", rows).name, "load-low", "an exact name beats a prefix");
});

Deno.test("the load follows from agents and duration, overrides included", () => {
  const plans = SCENARIOS.map((scenario) => planScenario(scenario));
  assertEquals(plans.map((plan) => plan.messagesPerSecond), [10_000, 10_000, 10_000, 10_000, 50_000, 100_000, 20_000]);
  assertEquals(plans.map((plan) => Math.round(plan.churnPerSecond)), [200, 133, 100, 100, 500, 1_000, 200]);
  const larger = planScenario(SCENARIOS[0], { agents: 50_000, durationMs: 10_000 });
  assertEquals([larger.agents, larger.messagesPerSecond, larger.churnPerSecond], [50_000, 100_000, 5_000]);
});

Deno.test("quick divides a scenario's own duration by twenty, not a given one", () => {
  assertEquals(planScenario(SCENARIOS[0], { quick: true }).durationMs, 3_000);
  assertEquals(planScenario(SCENARIOS[0], { quick: true, durationMs: 5_000 }).durationMs, 5_000);
  assertEquals(planScenario(SCENARIOS[0], { quick: true }).churnPerSecond, 1_000);
  assertEquals(planScenario(SCENARIOS[0], { durationMs: 500 }).churnPerSecond, 2_400);
});

Deno.test("the warm-up carries the busiest scenario's load, on fewer agents, for ten seconds or a seventh of a short run", () => {
  const of = (overrides: { quick?: boolean; durationMs?: number; agents?: number }, rows = SCENARIOS): string => {
    const { name, agents, messagesPerSecond, durationMs } = warmUpPlan(rows.map((row) => planScenario(row, overrides)));
    return `${name} ${agents} ${messagesPerSecond}/s ${Math.round(durationMs)} ms`;
  };
  assertEquals(of({}), "ultra-high-load-validation 1000 100000/s 10000 ms");
  assertEquals(of({ quick: true }), "ultra-high-load-validation 1000 100000/s 8925 ms");
  assertEquals(of({ durationMs: 1_000 }, SCENARIOS.slice(0, 1)), "baseline-performance 100 10000/s 150 ms");
  assertEquals(of({ agents: 7, durationMs: 1_000 }, SCENARIOS.slice(0, 2)), "baseline-performance 7 10000/s 300 ms");
});
