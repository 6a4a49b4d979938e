/** Run by tests/security_test.ts with the flags that SECURITY.md gives for one feature: prints `worked`, or what was missing. */
import { UltraFastAgentManager } from "../../mod.ts";
import { memoryBudget } from "../../core/metrics/system_usage.ts";
import { readSurroundings } from "../../scripts/validate/machine.ts";
import { runCoordinate, system } from "../../scripts/coordinate/command.ts";
import { ECHO } from "./behaviors.ts";

const [feature, base] = Deno.args;

async function echoOf(url: string): Promise<void> {
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { echo: url } });
  await manager.initialize();
  await manager.ask(await manager.spawnAgent("echo"), "hello");
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
