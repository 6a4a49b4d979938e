/** Each of these must make the validator fail, for its own reason: else a passing run would prove nothing. */
import { assert, assertEquals } from "@std/assert";
import { absentAgents, dropMessages, jumpClock, loseAgents, skipHandlers, skipStart, wrongAnswers } from "../../core/testing.ts";
import type { KernelParts } from "../../core/testing.ts";
import type { ValidationResult } from "../../core/validation/result.ts";
import { ScenarioRunner } from "../../core/validation/scenario_runner.ts";

async function runBaseline(parts: KernelParts | undefined, durationMs = 1_500): Promise<ValidationResult> {
  // A wide target of the machine's speed is not the subject here: only counts are looked at, so a busy machine does not matter.
  const runner = new ScenarioRunner({ parts, agents: 60, durationMs, threads: 2 });
  const results = await runner.runValidation({ scenarios: ["baseline-performance"] });
  return results.get("baseline-performance")!;
}

function failedTargets(result: ValidationResult): string[] {
  return result.targets.filter((target) => !target.passing).map((target) => target.name);
}

/** Targets that only say how quick the machine was. */
const SPEED = new Set(["spawnTimeP95", "communicationLatencyP95", "messagesOfferedPercent", "churnPercent", "memoryUsagePercent"]);

Deno.test("without a fault every count agrees: the controls below fail because of theirs", async () => {
  const result = await runBaseline(undefined);
  assertEquals(failedTargets(result).filter((name) => !SPEED.has(name)), [], result.violations.join("\n"));
  const { messages, cleanup, agents, team } = result.metrics;
  assert(team.asked > 0);
  assertEquals(team, { asked: team.asked, correct: team.asked, wrong: 0, interrupted: 0 });
  assertEquals(result.incidents, []);
  assertEquals([messages.lost, messages.inFlight, messages.deadLettered, messages.expired], [0, 0, 0, 0]);
  assertEquals(messages.sent, messages.received);
  assertEquals(agents.spawned, agents.started);
  assert(cleanup.clean);
});

const CONTROLS: { name: string; parts: KernelParts; fails: string }[] = [
  { name: "one message in a hundred is dropped", parts: dropMessages(0.01), fails: "messagesLost" },
  { name: "a handler is never called", parts: skipHandlers(), fails: "messagesReceived" },
  { name: "a spawn skips onStart", parts: skipStart(), fails: "agentsStarted" },
  { name: "no agents behind the ids", parts: absentAgents(), fails: "concurrentAgents" },
  // By more than messages are late on any machine: a late one that came early would look right.
  { name: "a clock jumps back", parts: jumpClock(-3_000), fails: "clockNegatives" },
  { name: "a clock jumps ahead", parts: jumpClock(500), fails: "clockNegatives" },
  { name: "an agent of the team answers wrongly", parts: wrongAnswers(), fails: "team" },
  { name: "agents are lost with their thread", parts: loseAgents("throw", 500), fails: "agentsLost" },
];

for (const { name, parts, fails } of CONTROLS) {
  Deno.test(`negative control: ${name} → ${fails} fails`, async () => {
    const result = await runBaseline(parts);
    assertEquals(result.success, false);
    assert(failedTargets(result).includes(fails), `failed instead: ${failedTargets(result)}\n${result.violations.join("\n")}`);
  });
}

Deno.test("an aborted run resolves with what it has, and says so", async () => {
  const abort = new AbortController();
  const runner = new ScenarioRunner({ agents: 60, durationMs: 60_000, threads: 2 });
  const results = await runner.runValidation({
    scenarios: ["baseline-performance", "peak-load-validation"],
    signal: abort.signal,
    onProgress: (progress) => progress.phase === "load" && progress.elapsedMs > 300 && abort.abort(new Error("enough")),
  });
  assertEquals([...results.keys()], ["baseline-performance"]);
  const [result] = results.values();
  assertEquals(result.success, false);
  assert(result.violations.includes("aborted: enough"), result.violations.join("\n"));
  assert(result.metrics.cleanup.clean);
});
