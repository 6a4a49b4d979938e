/** Each of these must make the validator fail, for its own reason: else a passing run would prove nothing. */
import { assert, assertEquals } from "@std/assert";
import { absentAgents, dropMessages, jumpClock, killThread, skipHandlers, skipStart } from "../../core/testing.ts";
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
  const { messages, cleanup, agents } = result.metrics;
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
  { name: "a clock jumps back", parts: jumpClock(-50), fails: "clockNegatives" },
  { name: "a clock jumps ahead", parts: jumpClock(50), fails: "clockNegatives" },
];

for (const { name, parts, fails } of CONTROLS) {
  Deno.test(`negative control: ${name} → ${fails} fails`, async () => {
    const result = await runBaseline(parts);
    assertEquals(result.success, false);
    assert(failedTargets(result).includes(fails), `failed instead: ${failedTargets(result)}\n${result.violations.join("\n")}`);
  });
}

for (const how of ["throw", "exit"] as const) {
  Deno.test(`a thread that dies in the middle (${how}): the run ends with a clear failure and a result for every scenario`, async () => {
    const runner = new ScenarioRunner({ parts: killThread(how, 1_200), agents: 60, durationMs: 4_000, threads: 2 });
    const results = await runner.runValidation({ scenarios: ["baseline-performance", "spawn-time-validation"] });
    assertEquals([...results.keys()], ["baseline-performance", "spawn-time-validation"]);
    for (const result of results.values()) assertEquals(result.success, false);
    const [first, second] = [...results.values()];
    assert(first.violations.some((violation) => violation.includes("thread 1 died")), first.violations.join("\n"));
    assert(second.violations[0].startsWith("not run: thread 1 died"), second.violations.join("\n"));
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
