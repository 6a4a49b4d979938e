/** Run by tests/security_test.ts with the flags that SECURITY.md gives for one feature: prints `worked`, or what was missing. */
import { type Isolation, UltraFastAgentManager } from "../../mod.ts";
import { memoryBudget } from "../../core/metrics/system_usage.ts";
import { SystemClock } from "../../core/base/clock.ts";
import { anthropicProvider } from "../../core/models/anthropic_provider.ts";
import type { NetworkPlan } from "../../core/models/sdk_connection.ts";
import type { ModelProvider } from "../../core/models/model_provider.ts";
import { openAiProvider } from "../../core/models/openai_provider.ts";
import { readSurroundings } from "../../scripts/validate/machine.ts";
import { runCoordinate, system } from "../../scripts/coordinate/command.ts";
import { ECHO } from "./behaviors.ts";

const [feature, base] = Deno.args;

async function gradeOf(isolation: Isolation): Promise<void> {
  await using manager = new UltraFastAgentManager({ threads: 1 });
  await manager.initialize();
  await manager.ask(await manager.spawnAgent("analyst", { isolation }), { format: "values", data: [1, 2, 3] });
}

async function echoOf(url: string): Promise<void> {
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { echo: url } });
  await manager.initialize();
  await manager.ask(await manager.spawnAgent("echo"), "hello");
}

/** A provider is checked when the manager starts, and its library loaded by its first connection; nothing is sent. */
async function opens(provider: "anthropic" | "openai", make: (plan: NetworkPlan) => ModelProvider, variable: string): Promise<void> {
  if (Deno.permissions.querySync({ name: "env", variable }).state === "granted") Deno.env.set(variable, "key");
  await using manager = new UltraFastAgentManager({ threads: 0, executor: { provider } });
  await manager.initialize();
  (await make({ name: provider, clock: new SystemClock(0) }).open()).close();
}

/** Throws what is said of a missing flag; other gaps, such as a machine without control groups, are none of permissions. */
function throwIfWithheld(reasons: readonly string[]): void {
  const withheld = reasons.filter((reason) => reason.includes("--allow-"));
  if (withheld.length > 0) throw new Error(withheld.join("; "));
}

const FEATURES: Record<string, () => Promise<void> | void> = {
  async kernel() {
    await using manager = new UltraFastAgentManager({ threads: 2 });
    await manager.initialize();
    manager.memoryStore.set("a", "b", 1);
    await manager.ask(await manager.spawnAgent("analyst"), { format: "values", data: [1, 2, 3] });
    await manager.metrics();
  },
  worker: () => gradeOf("worker"),
  apart: () => gradeOf("process"),
  data: () => echoOf(ECHO),
  url: () => echoOf(new URL("echo.ts", base).href),
  async log() {
    await using manager = new UltraFastAgentManager({ threads: 0, metricsLog: "metrics.jsonl" });
    await manager.initialize();
  },
  async native() {
    await using manager = new UltraFastAgentManager({ threads: 0, native: { library: "kernel.so" } });
    await manager.initialize();
  },
  async state() {
    await using manager = new UltraFastAgentManager({ threads: 0, persistence: { path: "state.kernel" } });
    await manager.initialize();
    for (let n = 0; n < 200; n++) {
      manager.memoryStore.set("a", "b", "x".repeat(100_000 + n)); // until the file is written anew
      await manager.memoryStore.flush();
    }
  },
  async mapped() {
    await using manager = new UltraFastAgentManager({ threads: 0, persistence: { path: "state.kernel", mode: "mapped" } });
    await manager.initialize();
    manager.memoryStore.set("a", "b", 1);
    await manager.memoryStore.flush();
  },
  async local() {
    await using manager = new UltraFastAgentManager({ threads: 1 });
    await manager.initialize();
    const { error } = await manager.executeTask(await manager.spawnAgent("coder"), { id: "1", objective: "Say hello." });
    if (error !== undefined) throw error;
  },
  anthropic: () => opens("anthropic", anthropicProvider, "ANTHROPIC_API_KEY"),
  openai: () => opens("openai", openAiProvider, "OPENAI_API_KEY"),
  async process() {
    await using manager = new UltraFastAgentManager({ threads: 0, executor: { provider: { process: ["deno", "--version"] } } });
    await manager.initialize();
    const { text } = await manager.model.complete("Which one are you?");
    if (!text.startsWith("deno ")) throw new Error(text);
  },
  budget: () => throwIfWithheld(memoryBudget().unknown.filter((reason) => reason.startsWith("RAM"))),
  container: () => throwIfWithheld(memoryBudget().unknown),
  async processes() {
    let said = "";
    const world = { ...system, err: (text: string) => said += text };
    if (await runCoordinate(["swarm", "--once", "--", "true"], world) !== 0) throw new Error(said);
  },
  async facts() {
    const { "machine.memoryLimitBytes": _needsAll, ...facts } = (await readSurroundings(new URL(base))).notMeasured;
    throwIfWithheld(Object.values(facts));
  },
};

try {
  await FEATURES[feature]();
  console.log("worked");
} catch (error) {
  console.log(error instanceof Error ? `${error.name}: ${error.message}` : error);
}
