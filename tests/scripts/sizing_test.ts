import { assert, assertEquals, assertThrows } from "@std/assert";
import { linesThrough, medians, parseSizingArguments } from "../../scripts/sizing.ts";
import type { Measured } from "../../scripts/sizing/measure.ts";
import { testWith } from "../support/permissions.ts";
import { runDeno } from "../support/run_deno.ts";

const NOTHING: Measured = {
  ...{ agents: 0, threads: 2, residentBytes: 0, sharedBytes: 0, spawnMs: 0, idleCpuPercent: 0, messageCpuUs: 0, messagesPerSecond: 0 },
};

Deno.test("the command line is understood, or refused with what is wrong", () => {
  assertEquals(parseSizingArguments([]), { rounds: 3, messages: 200_000, agents: [1_000, 10_000, 100_000], json: false });
  assertEquals(parseSizingArguments(["--json", "--agents", "10,20", "--rounds", "1"]).agents, [10, 20]);
  for (
    const argv of [["--round", "1"], ["--rounds"], ["--rounds", "0"], ["--agents", "10"], ["--agents", "20,10"], ["--agents", "1,1000000"]]
  ) {
    assertThrows(() => parseSizingArguments(argv), RangeError, "usage: ", argv.join(" "));
  }
});

Deno.test("the lines go through what was measured", () => {
  const lines = linesThrough([
    { ...NOTHING, threads: 0, residentBytes: 100 },
    { ...NOTHING, residentBytes: 140 },
    { ...NOTHING, agents: 10, residentBytes: 200, messageCpuUs: 3 },
    { ...NOTHING, agents: 20, residentBytes: 250, messageCpuUs: 5 },
    { ...NOTHING, agents: 30, residentBytes: 300, messageCpuUs: 9 },
  ]);
  assertEquals(lines, { processBytes: 100, threadBytes: 20, workingBytes: 10, agentBytes: 5, messageCpuUs: 5 });
});

Deno.test("a median is the middle of each figure by itself", () => {
  const runs = [1, 5, 3].map((value) => ({ ...NOTHING, spawnMs: value, residentBytes: 10 - value }));
  const { spawnMs, residentBytes, threads } = medians(runs);
  assertEquals([spawnMs, residentBytes, threads], [3, 7, 2]);
});

testWith({ read: true, run: true }, "a short run measures in fresh processes and prints its report", async () => {
  const args = ["--rounds", "1", "--agents", "50,100", "--messages", "2000", "--json"];
  const { code, stdout, stderr } = await runDeno(new URL("../../", import.meta.url), [
    "run",
    "--no-prompt",
    "--allow-read",
    "--allow-run",
    "scripts/sizing.ts",
    ...args,
  ]);
  assertEquals(code, 0, stderr);
  const { measured, extrapolated } = JSON.parse(stdout) as { measured: Measured[]; extrapolated: { residentBytes: { basis: string } }[] };
  assertEquals(measured.map(({ agents, threads }) => [agents, threads]), [[0, 0], [0, 2], [50, 2], [100, 2]]);
  for (const { residentBytes, sharedBytes, messageCpuUs, agents } of measured) {
    assert(residentBytes > 2 ** 24 && sharedBytes > 2 ** 24 && (agents === 0 || messageCpuUs > 0));
  }
  assertEquals(extrapolated.every(({ residentBytes }) => residentBytes.basis === "extrapolated"), true);
});
