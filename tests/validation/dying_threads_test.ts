/** A thread dies in the middle of a scenario: its agents go on elsewhere, every count agrees all the same, and the result says what happened. */
import { assert, assertEquals } from "@std/assert";
import { type KernelParts, killThreadUnderLoad, type ThreadEnd } from "../../core/testing.ts";
import type { ValidationResult } from "../../core/validation/result.ts";
import { ScenarioRunner } from "../../core/validation/scenario_runner.ts";

/** Targets of the machine's speed; and of what could not be sent to a thread that is waited for. */
const SPEED = new Set([
  ...["spawnTimeP95", "communicationLatencyP95", "messagesOfferedPercent", "churnPercent", "memoryUsagePercent", "crossThreadPercent"],
]);
const DURATIONS: Readonly<Record<ThreadEnd, number>> = { throw: 2_500, exit: 2_500, hang: 7_500, heap: 7_500 };
const SCENARIOS = ["baseline-performance", "spawn-time-validation"];

async function run(parts: KernelParts, durationMs: number): Promise<ValidationResult[]> {
  const runner = new ScenarioRunner({ parts, agents: 60, durationMs, threads: 2 });
  const results = await runner.runValidation({ scenarios: SCENARIOS });
  assertEquals([...results.keys()], SCENARIOS);
  return [...results.values()];
}

for (const how of ["throw", "exit", "hang", "heap"] as const) {
  Deno.test(`a thread that dies in the middle (${how}): every count agrees, the incident is reported, the next scenario knows nothing of it`, async () => {
    const results = await run(killThreadUnderLoad(how, 1_000, 1, 10_000), DURATIONS[how]);
    for (const { targets, violations, metrics: { messages, agents, team, cleanup } } of results) {
      assertEquals(targets.filter(({ name, passing }) => !passing && !SPEED.has(name)), [], violations.join("\n"));
      const { sent, delivered, deadLettered, expired, received, lost, inFlight } = messages;
      assertEquals([delivered + deadLettered + expired, received, lost, inFlight], [sent, delivered, 0, 0]);
      assertEquals([agents.started, team.correct + team.interrupted, cleanup.clean], [agents.spawned, team.asked, true]);
    }
    const [first, second] = results;
    assertEquals(first.incidents.length, 1);
    const [{ host, agentsMoved, agentsLost, durationMs }] = first.incidents;
    // Half of the peers, the generator, the marker, and the crew.
    assert(agentsMoved >= 30 && durationMs !== null);
    assertEquals([host, agentsLost, second.incidents], [1, 0, []]);
    assert(first.metrics.agents.restarted >= 20);
  });
}

Deno.test("more threads die than can be replaced: the run fails and says so, with a result for every scenario", async () => {
  // From the load's first message on, for which nobody waits: what is asked before it builds the population. The run ends with the last thread.
  const text = `export default { interceptor: () => { let armed = false; return { deliver: (to, awaited) => {
    if (!armed && !awaited) { armed = true; setTimeout(() => { throw new Error("killed by a test"); }, 400); } return "handle"; } }; } };`;
  const [first, second] = await run({ workersUrl: `data:text/javascript,${encodeURIComponent(text)}` }, 20_000);
  assertEquals([first.success, second.success], [false, false]);
  assert(first.violations.some((violation) => violation.includes("threads have been started")), first.violations.join("\n"));
  assert(second.violations[0].startsWith("not run: a thread that died could not be replaced"), second.violations.join("\n"));
});
