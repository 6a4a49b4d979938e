/** The five benchmarks in short: every operation's outcome, not its time; what the figures are made of; and the command line. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { BenchmarkRunner, PerformanceMonitor } from "../../mod.ts";
import { type BenchmarkReport, BENCHMARKS, judgeBenchmark } from "../../core/validation/benchmark_runner.ts";
import { type BenchmarkWorld, runBenchmarkCommand } from "../../scripts/orchestration_benchmark/command.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

Deno.test("one round of each: the document's numbers of operations, and every one comes to what it must", async () => {
  const { results } = await new BenchmarkRunner({ rounds: 1, warmUpRounds: 0 }).run();
  const grid = ["none", "simple", "complex"].flatMap((guard) => [0, 1, 3].map((count) => [`guards ${guard}, callbacks ${count}`, 1_000]));
  assertEquals(results.map(({ row, samples }) => [row, samples]), [
    ...[["100 at a time × 5 steps", 100], ...grid, ["3 patterns", 500], ["1003 patterns", 500]] as [string, number][],
    ...[1, 2, 5, 10].map((agents) => [`${agents} agents × 100 operations`, 100 * agents]),
    ...[1, 2, 5, 10].map((depth) => [`${depth} steps deep`, 100]),
  ]);
  for (const { benchmark, row, successPercent, opsPerSecond, minMs, maxMs } of results) {
    assertEquals(successPercent, 100, `${benchmark} ${row}`);
    assert(opsPerSecond! > 0 && minMs! >= 0 && maxMs! >= minMs!);
  }
});

Deno.test("figures are those of the samples; what has too few is not said", () => {
  let now = 0;
  const clock = { now: () => now, schedule: () => () => undefined };
  const monitor = new PerformanceMonitor("workflow_execution", "row", clock);
  assertEquals([monitor.results().meanMs, monitor.results().successPercent, monitor.results().opsPerSecond], [null, null, null]);
  monitor.round(() => {
    for (let ms = 1; ms <= 200; ms++) monitor.record(ms, ms !== 7);
    now += 400;
  });
  const { samples, minMs, maxMs, meanMs, medianMs, p95Ms, p99Ms, stddevMs, opsPerSecond, successPercent } = monitor.results();
  assertEquals([samples, minMs, maxMs, meanMs, medianMs, p99Ms, opsPerSecond, successPercent], [
    200,
    1,
    200,
    100.5,
    100.5,
    null,
    500,
    99.5,
  ]);
  assertAlmostEquals(p95Ms!, 190.05);
  assertAlmostEquals(stddevMs!, Math.sqrt((200 ** 2 - 1) / 12 * 200 / 199));
});

Deno.test("a figure that is missed, or was not measured, is said to be", () => {
  const good = {
    ...{ samples: 2_000, minMs: 0, maxMs: 0, meanMs: 0, medianMs: 0, p95Ms: 0, p99Ms: 0.001, stddevMs: 0, opsPerSecond: 1e5 },
    ...{ successPercent: 100, memoryBytes: 0, row: "10 agents × 100 operations" },
  };
  for (const benchmark of BENCHMARKS) {
    const missed = (change: object): string[] =>
      judgeBenchmark({ ...good, benchmark, ...change }).filter(({ met }) => !met).map(({ figure }) => figure);
    assertEquals(missed({}), [], benchmark);
    assertEquals(missed({ successPercent: 99.99 }), ["success %"]);
    const slow = missed({ p99Ms: 500, opsPerSecond: 3_000 });
    assertEquals(slow.length, 1, benchmark);
    assertEquals(missed({ p99Ms: null, opsPerSecond: null }), slow);
  }
});

class FakeWorld implements BenchmarkWorld {
  readonly colour = false;
  readonly graceMs = 0;
  stdout = "";
  stderr = "";

  constructor(private readonly success: boolean) {}

  out = (text: string): void => void (this.stdout += text);
  err = (text: string): void => void (this.stderr += text);
  columns = (): null => null;
  onInterrupt = (): () => void => () => undefined;
  exitNow = (): void => undefined;
  run: BenchmarkWorld["run"] = async ({ benchmarks, onProgress }) => {
    const { results } = await new BenchmarkRunner({ rounds: 1, warmUpRounds: 0, benchmarks, onProgress }).run();
    const verdicts = results.flatMap(judgeBenchmark).map((verdict) => ({ ...verdict, met: this.success }));
    return { results, verdicts, success: this.success } satisfies BenchmarkReport;
  };
}

testWith({ read: true, write: true }, "exit status, text and both reports", async () => {
  await withFolder(async (folder) => {
    const world = new FakeWorld(true);
    const [markdown, json] = [`${folder}/bench.md`, `${folder}/bench.json`];
    assertEquals(await runBenchmarkCommand(["--benchmark", "rollback-performance", "--report", markdown, "--report", json], world), 0);
    assertStringIncludes(world.stdout, "every figure of the document is beaten");
    assertStringIncludes(world.stderr, "[1/1] rollback_performance");
    assertStringIncludes(await Deno.readTextFile(markdown), "| benchmark | row | figure | document | measured | bound |");
    assertEquals(JSON.parse(await Deno.readTextFile(json)).results.length, 4);
    assertEquals(await runBenchmarkCommand(["--benchmark=rollback_performance"], new FakeWorld(false)), 1);
  });
});

Deno.test("bad options end with 2 in one line that names the option", async () => {
  const cases: [argv: string[], names: string][] = [
    [["--benchmark", "sleeping"], "--benchmark"],
    [["--rounds", "0"], "--rounds"],
    [["--report", "bench.xml"], "--report"],
    [["--round", "1"], "--rounds"],
    [["all"], "--benchmark"],
  ];
  for (const [argv, names] of cases) {
    const world = new FakeWorld(true);
    assertEquals(await runBenchmarkCommand(argv, world), 2, argv.join(" "));
    assertStringIncludes(world.stderr, names);
    assertEquals([world.stdout, world.stderr.trim().split("\n").length], ["", 1]);
  }
  const help = new FakeWorld(true);
  assertEquals(await runBenchmarkCommand(["--help"], help), 0);
  assertStringIncludes(help.stdout, "workflow_execution");
});
