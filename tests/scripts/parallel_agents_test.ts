/** The measurements, small: what they measure is right; how much it is, is for the script. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../scripts/parallel_agents.ts";
import { measureCycles, measureResources } from "../../scripts/parallel/cycles.ts";
import { measureDeadlines } from "../../scripts/parallel/deadlines.ts";
import { inspectIsolation } from "../../scripts/parallel/isolation.ts";
import { compareLocalModels } from "../../scripts/parallel/model_comparison.ts";
import { type ParallelReport, targetsOf, toMarkdown } from "../../scripts/parallel/report.ts";
import { measureSpawning } from "../../scripts/parallel/spawn_timing.ts";
import { measureComputing, measureWaiting } from "../../scripts/parallel/speed_up.ts";
import { testWith } from "../support/permissions.ts";
import { runDeno } from "../support/run_deno.ts";
import { PROCESS_NEEDS } from "../support/swarm.ts";

const ROOT = new URL("../../", import.meta.url);

testWith(PROCESS_NEEDS, "agents are isolated in everything that the document lists", async () => {
  const findings = await inspectIsolation();
  const what = [
    "process",
    "memory",
    "handles",
    "files",
    "logs",
    "results",
    "tracking",
    "one file written by both",
    "time-outs",
    "heartbeats",
  ];
  assertEquals(findings.map((finding) => finding.what), what);
  for (const { what, holds, seen } of findings) assert(holds, `${what}: ${seen}`);
});

testWith(PROCESS_NEEDS, "every figure is measured, or said not to be, and stands in the report", async () => {
  const waiting = [await measureWaiting(3, 200)];
  assert(waiting[0].speedUp > 1 && waiting[0].efficiencyPercent <= 100, JSON.stringify(waiting));
  const report: ParallelReport = {
    ...{ timestamp: "2026-01-01T00:00:00.000Z", machine: { cores: navigator.hardwareConcurrency, os: "linux", deno: "2", load1m: null } },
    ...{ spawnTiming: await measureSpawning(5), waiting, waitMs: 200, computing: [await measureComputing(2, 50_000)] },
    ...{ localModels: await compareLocalModels(3), realModels: { notMeasured: "none" }, isolation: [] },
    deadlines: await measureDeadlines(2, 200),
    ...{ cycles: await measureCycles(8, 4), resources: await measureResources(2, 200) },
  };
  const { spawnTiming, computing, localModels, deadlines, cycles } = report;
  assertEquals([deadlines.wrong, deadlines.latenessMs.samples], [0, 2]);
  assert(spawnTiming.overheadMs.p50! > 0 && spawnTiming.healthCheckMs.p50! > 0 && spawnTiming.bareMs.p50! > 0);
  assertEquals([spawnTiming.overheadMs.p95, spawnTiming.overheadMs.samples], [null, 20]);
  assert(computing[0].efficiencyPercent > 0);
  for (const { knownMs, latencyMs, failed } of localModels) assert(latencyMs.p50! >= knownMs! && failed === 0);
  assertEquals(localModels.map(({ outputTokens, costUsd }) => [outputTokens, costUsd]), [[50, 0.000_05], [80, 0.000_8]]);
  assertEquals([cycles.failed, cycles.orphans], [0, 0]);
  const overhead = targetsOf(report)[0];
  assertEquals([overhead.actual, overhead.passing], [null, false]);
  for (const text of ["not measured", "local-small (waits only)", "## Test 4", "Watching 2 agents"]) {
    assertStringIncludes(toMarkdown(report), text);
  }
});

testWith(
  { read: true, run: true },
  "missing permissions and a file that cannot be written are said before anything is measured",
  async () => {
    const run = (flags: string[], args: string[]) =>
      runDeno(ROOT, ["run", "--no-prompt", ...flags, "scripts/parallel_agents.ts", "--quick", ...args]);
    const without = await run(["--allow-read", "--allow-run"], []);
    assertEquals([without.code, without.stderr], [2, "permissions: some are missing; run with --allow-write --allow-env --allow-sys.\n"]);
    const nowhere = await run(["--allow-read", "--allow-write", "--allow-run", "--allow-env", "--allow-sys"], [
      "--json",
      "/nowhere/report.json",
    ]);
    assertEquals(nowhere.code, 2);
    assertStringIncludes(nowhere.stderr, "--json");
    assertStringIncludes(nowhere.stderr, "its folder does not exist");
  },
);

Deno.test("bad options are refused before anything is measured", async () => {
  assertEquals([await main(["--agents", "none"]), await main(["--wait-ms", "-1"]), await main(["--fast"])], [2, 2, 2]);
});
