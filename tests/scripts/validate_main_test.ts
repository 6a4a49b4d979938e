import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ConfigError } from "../../core/base/errors.ts";
import type { RunOptions, ValidatorOptions } from "../../core/validation/scenario_runner.ts";
import type { ValidationResult } from "../../core/validation/result.ts";
import { runCommand, type World } from "../../scripts/validate/command.ts";
import { sampleMeasured, sampleResult } from "../support/sample_result.ts";
import { testWith } from "../support/permissions.ts";

/** A world whose validator answers at once, with what it was asked and what was written. */
class FakeWorld implements World {
  readonly colour = false;
  readonly graceMs = 0;
  stdout = "";
  stderr = "";
  exits = 0;
  asked: { options: ValidatorOptions; run: RunOptions }[] = [];
  interrupt: (() => void) | null = null;

  constructor(private readonly answer: (run: RunOptions) => Promise<Map<string, ValidationResult>> | Map<string, ValidationResult>) {}

  makeValidator = (options: ValidatorOptions): ReturnType<World["makeValidator"]> => ({
    threads: options.threads ?? 2,
    oversubscribed: false,
    runValidation: async (run = {}) => {
      this.asked.push({ options, run });
      return await this.answer(run);
    },
  });
  out = (text: string): void => void (this.stdout += text);
  err = (text: string): void => void (this.stderr += text);
  columns = (): null => null;
  onInterrupt = (callback: () => void): () => void => {
    this.interrupt = callback;
    return () => this.interrupt = null;
  };
  exitNow = (): void => void this.exits++;
}

function passing(run: RunOptions): Map<string, ValidationResult> {
  return new Map((run.scenarios ?? []).map((name) => [name, sampleResult(sampleMeasured(), name)]));
}

/** Ends as the validator does when its signal says so. */
function untilAborted({ signal }: RunOptions): Promise<Map<string, ValidationResult>> {
  return new Promise((resolve) => {
    signal!.addEventListener("abort", () => {
      const result = sampleResult();
      resolve(new Map([[result.scenario, { ...result, success: false, violations: [`aborted: ${(signal!.reason as Error).message}`] }]]));
    }, { once: true });
  });
}

Deno.test("all scenarios pass: 0, a table on stdout, the options handed on", async () => {
  const world = new FakeWorld(passing);
  assertEquals(await runCommand(["--agents", "7", "--duration", "1000", "--threads", "3"], world), 0);
  const [{ options, run }] = world.asked;
  assertEquals([options.agents, options.durationMs, options.threads, options.quick], [7, 1_000, 3, false]);
  assert((options.budgetBytes ?? 0) > 0 && (options.budgetBytes ?? 0) <= 2 ** 31);
  assertEquals(run.scenarios?.length, 7);
  assertStringIncludes(world.stdout, "threads: 3");
  assertStringIncludes(world.stdout, "7 of 7 scenarios passed");
  assertEquals(world.interrupt, null, "no signal listener stays behind");
});

Deno.test("progress goes to stderr", async () => {
  const world = new FakeWorld((run) => {
    const progress = {
      scenario: "baseline-performance",
      index: 0,
      total: 1,
      elapsedMs: 0,
      durationMs: 1_000,
      phase: "spawning",
      agents: 0,
    };
    run.onProgress?.({ ...progress, messagesPerSecond: 0 });
    return passing(run);
  });
  await runCommand(["--scenario", "baseline"], world);
  assertStringIncludes(world.stderr, "[1/1] baseline-performance: started");
  assertStringIncludes(world.stderr, "ended after");
  assert(!world.stdout.includes("[1/1]"));
});

Deno.test("a missed target, a missing result and no result at all: 1", async () => {
  const missed = new FakeWorld(() => {
    const measured = sampleMeasured();
    measured.metrics.messages.lost = 1;
    return new Map([["baseline-performance", sampleResult(measured)]]);
  });
  assertEquals(await runCommand(["--scenario", "baseline"], missed), 1);
  assertStringIncludes(missed.stdout, "messagesLost: 1 messages lost");
  assertEquals(
    await runCommand(["--scenario", "baseline,peak"], new FakeWorld(() => new Map([["baseline-performance", sampleResult()]]))),
    1,
  );
  assertEquals(await runCommand([], new FakeWorld(() => new Map())), 1);
});

Deno.test("--output json and csv put nothing else on stdout", async () => {
  const json = new FakeWorld(passing);
  assertEquals(await runCommand(["--scenario", "baseline", "--output", "json"], json), 0);
  const report = JSON.parse(json.stdout);
  assertEquals([report.summary.total, report.results[0].scenario, report.aborted], [1, "baseline-performance", false]);
  const csv = new FakeWorld(passing);
  await runCommand(["--scenario", "baseline,peak", "--output", "csv"], csv);
  assertEquals(csv.stdout.trimEnd().split("\r\n").length, 3);
});

Deno.test("Ctrl-C ends the run, reports what there is as aborted, 130; the second exits at once", async () => {
  const world = new FakeWorld((run) => {
    const ended = untilAborted(run);
    world.interrupt!();
    world.interrupt!();
    return ended;
  });
  assertEquals(await runCommand(["--scenario", "baseline", "--output", "json"], world), 130);
  const report = JSON.parse(world.stdout);
  assertEquals([report.aborted, report.timedOut, report.results[0].violations], [true, false, ["aborted: interrupted"]]);
  assertEquals(world.exits, 1);
  assertStringIncludes(world.stderr, "press Ctrl-C again");
});

Deno.test("--timeout ends the run as timed out, 1", async () => {
  const world = new FakeWorld(untilAborted);
  assertEquals(await runCommand(["--scenario", "baseline", "--output", "json", "--timeout", "1"], world), 1);
  const report = JSON.parse(world.stdout);
  assertEquals([report.aborted, report.timedOut, report.results[0].violations], [false, true, ["aborted: --timeout of 1 ms reached"]]);
});

Deno.test("a run that does not even stop after the time limit is left behind, 1", async () => {
  const world = new FakeWorld(() => Promise.withResolvers<never>().promise);
  assertEquals(await runCommand(["--timeout", "1", "--output", "json"], world), 1);
  assertEquals(JSON.parse(world.stdout).timedOut, true);
  assertStringIncludes(world.stderr, "did not stop");
});

Deno.test("usage: 2 and one line on stderr, before anything starts", async () => {
  for (const argv of [["--agents", "0"], ["--scenario", "nope"], ["--output", "xml"], ["--report", "/"]]) {
    const world = new FakeWorld(passing);
    assertEquals(await runCommand(argv, world), 2, argv.join(" "));
    assertEquals([world.asked.length, world.stdout, world.stderr.split("\n").length], [0, "", 2]);
    assertStringIncludes(world.stderr, argv[0]);
  }
});

Deno.test("what the kernel refuses is usage too; a defect is thrown on", async () => {
  const refused = new FakeWorld(() => Promise.reject(new ConfigError("maxConcurrentAgents", "too many")));
  assertEquals(await runCommand([], refused), 2);
  assertEquals(refused.stderr, "maxConcurrentAgents: too many\n");
  const broken = new FakeWorld(() => Promise.reject(new TypeError("a defect")));
  let thrown: unknown;
  await runCommand([], broken).catch((error) => thrown = error);
  assert(thrown instanceof TypeError);
});

Deno.test("--help shows every option, scenario and exit code", async () => {
  const world = new FakeWorld(passing);
  assertEquals(await runCommand(["--help"], world), 0);
  const options = ["scenario", "duration", "agents", "threads", "quick", "verbose", "report", "output", "timeout", "help"];
  for (const option of options) assertStringIncludes(world.stdout, `--${option}`);
  for (const part of ["ultra-high-load-validation", "Communication Intensive", "130", "Examples:", "--allow-write=<file.json>"]) {
    assertStringIncludes(world.stdout, part);
  }
});

testWith({ read: true, write: true }, "--report writes the JSON, whatever the output", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/report.json`;
    assertEquals(await runCommand(["--scenario", "baseline", "--report", file], new FakeWorld(passing)), 0);
    assertEquals(JSON.parse(await Deno.readTextFile(file)).summary.passed, 1);
    const world = new FakeWorld(passing);
    assertEquals(await runCommand(["--report", `${folder}/missing/report.json`], world), 2);
    assertStringIncludes(world.stderr, "its folder does not exist");
    assertEquals(await runCommand(["--report", folder], world), 2);
    assertEquals(world.asked.length, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
