/** The load test in short: exact counts by the receivers, figures that are missed when they should be, and its command line. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { isKernelError } from "../../core/base/errors.ts";
import { dropMessages, killThread } from "../../core/testing.ts";
import { parseLoadArguments } from "../../scripts/load_test/arguments.ts";
import { type LoadWorld, runLoadCommand } from "../../scripts/load_test/command.ts";
import type { LoadMeasured, LoopResult } from "../../scripts/load_test/load_run.ts";
import { type LoadRun, runLoadTest } from "../../scripts/load_test/load_tester.ts";
import { LOAD_PLANS, messagesOf } from "../../scripts/load_test/plans.ts";
import { loadText, makeLoadReport } from "../../scripts/load_test/report.ts";
import { judgeLoad, judgeMemory } from "../../scripts/load_test/verdict.ts";
import { readSurroundings } from "../../scripts/validate/machine.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

/** Figures that only say how quick or how large the machine's process was. */
const SPEED = /^(throughput|duration|latency|memory|leak: resident|deadlock)/;
const HERE = await readSurroundings();
const SHORT = { threads: 2, warmUpRounds: 0, openLoopMsMax: 100 };

Deno.test("the document's totals are what the plans come to", () => {
  assertEquals(LOAD_PLANS.map(messagesOf), [5_000, 50_000, 250_000, 1_000_000]);
});

Deno.test("all four scenarios, one round each: every message is delivered, whole, in order, and nothing is left", async () => {
  const plans = LOAD_PLANS.map((plan) => ({ ...plan, rounds: 1, messagesPerAgent: Math.min(100, plan.messagesPerAgent) }));
  const { results, memory } = await runLoadTest({ ...SHORT, plans });
  assertEquals(results.map(({ scenario, delivered }) => [scenario, delivered]), [
    ...[["low", 500], ["medium", 2_500], ["high", 5_000], ["extreme", 10_000]] as [string, number][],
  ]);
  for (const { scenario, figures, closed, open } of results) {
    assertEquals(figures.filter(({ met, name }) => !met && !SPEED.test(name)), [], scenario);
    assert(closed.crossThread > 0.4 * closed.sent && closed.crossThread < 0.7 * closed.sent, "messages cross threads");
    assertEquals([open.delivered, open.latency.samples], [open.scheduled, open.scheduled]);
  }
  assertEquals(memory.map(({ agents }) => agents), [20, 50, 100]);
});

Deno.test("negative control: one message in a hundred is dropped, and the test fails for that reason", async () => {
  const plans = [{ ...LOAD_PLANS[1], rounds: 1 }];
  const { results: [result] } = await runLoadTest({ ...SHORT, plans, parts: dropMessages(0.01), patienceMs: 1_000 });
  assertEquals(result.success, false);
  const missed = result.figures.filter(({ met }) => !met).map(({ name }) => name);
  for (const name of ["messages delivered", "success", "deadlock: age of the oldest message"]) assert(missed.includes(name), `${missed}`);
  assert(result.delivered < 5_000 && result.delivered >= 4_800, String(result.delivered));
});

Deno.test("a thread that dies ends the run with its reason, and nothing counts as delivered that was not", async () => {
  const plans = [{ ...LOAD_PLANS[0], rounds: 1 }];
  const { broken, results } = await runLoadTest({ ...SHORT, plans, parts: killThread("throw", 1), patienceMs: 500 });
  assertStringIncludes(broken ?? "", "thread 1 died");
  const report = makeLoadReport({ threads: 2, oversubscribed: true, memory: [], memoryFigures: [], results, broken }, HERE, "now", 500);
  assertEquals(report.success, false);
  assertStringIncludes(loadText(report), "the run ended before its time: HostDiedError");
});

const loop = (plan: { scheduled: number }, latency = 0.01): LoopResult => ({
  ...{ scheduled: plan.scheduled, sent: plan.scheduled, delivered: plan.scheduled, refused: 0, blocked: 0, damaged: 0, disordered: 0 },
  ...{ crossThread: plan.scheduled / 2, durationMs: 1_000, messagesPerSecond: 1_000_000, standstillMs: 1, oldestMessageMs: 2 },
  latency: { p50: latency, p95: latency, p99: latency, max: latency, average: latency, samples: plan.scheduled, histogram: [] },
  lag: { p50: 0, p95: 0, p99: 0, max: 0, average: 0, samples: plan.scheduled, histogram: [] },
  cpuUsPerMessage: 1,
});

function measured(changes: Partial<LoadMeasured> = {}): LoadMeasured {
  const plan = LOAD_PLANS[3];
  const holdings = { slots: 2, ringBytes: 0, slabs: 0, rssBytes: 1e8 };
  return {
    ...{ plan, agentsAlive: 100, closed: loop({ scheduled: 1_000_000 }), open: loop({ scheduled: 1_000 }), before: holdings },
    ...{ after: holdings, hostsDied: 0, agentsFailed: 0, ...changes },
  };
}

Deno.test("each figure is missed when what it is about goes wrong, and only then", () => {
  const good = measured();
  assertEquals(judgeLoad(good).filter(({ met }) => !met), []);
  const closed = (change: Partial<LoopResult>): LoadMeasured => measured({ closed: { ...good.closed, ...change } });
  const open = (change: Partial<LoopResult>): LoadMeasured => measured({ open: { ...good.open, ...change } });
  const after = (change: Partial<LoadMeasured["after"]>): LoadMeasured => measured({ after: { ...good.after, ...change } });
  const cases: [name: string, broken: LoadMeasured][] = [
    ["throughput, closed loop", closed({ messagesPerSecond: 15_000 })],
    ["throughput that we promise", closed({ messagesPerSecond: 499_999 })],
    ["duration of all messages", closed({ durationMs: 90_000 })],
    ["latency mean at the document's rate", open({ latency: { ...good.open.latency, average: 0.75 } })],
    ["latency p99 at the document's rate", open({ latency: { ...good.open.latency, p99: 5 } })],
    ["latency p99 at the document's rate", open({ latency: { ...good.open.latency, p99: null } })],
    ["latency max at the document's rate", open({ latency: { ...good.open.latency, max: 100 } })],
    ["messages delivered", closed({ delivered: 999_999 })],
    ["messages delivered", closed({ delivered: 1_000_001 })],
    ["success", closed({ delivered: 999_999 })],
    ["delivered at the document's rate", open({ delivered: 999 })],
    ["agents at the same time", measured({ agentsAlive: 99 })],
    ["crashes: threads that died, agents that failed", measured({ hostsDied: 1 })],
    ["crashes: threads that died, agents that failed", measured({ agentsFailed: 1 })],
    ["deadlock: age of the oldest message", closed({ oldestMessageMs: null })],
    ["deadlock: age of the oldest message", open({ oldestMessageMs: 2_000 })],
    ["deadlock: longest time without a delivery", closed({ standstillMs: 1_000 })],
    ["order: messages that came after a later one", open({ disordered: 1 })],
    ["messages refused or damaged", closed({ damaged: 1 })],
    ["messages refused or damaged", open({ refused: 1 })],
    ["leak: agent slots after − before", after({ slots: 3 })],
    ["leak: ring bytes after − before", after({ ringBytes: 1 })],
    ["leak: slabs after − before", after({ slabs: 1 })],
    ["leak: resident memory after − before", after({ rssBytes: 3e8 })],
  ];
  for (const [name, broken] of cases) {
    const missed = judgeLoad(broken).filter(({ met }) => !met).map((figure) => figure.name);
    assert(missed.includes(name), `${name}: missed ${missed}`);
  }
  assertEquals(new Set(cases.map(([name]) => name)).size, judgeLoad(good).length, "every figure has a case");
  assertEquals(judgeMemory([{ agents: 20, rssBytes: 2e8 }, { agents: 50, rssBytes: 1e8 }]).map(({ met }) => met), [false, true]);
});

/** A world whose run answers at once. */
class FakeWorld implements LoadWorld {
  readonly colour = false;
  readonly graceMs = 0;
  stdout = "";
  stderr = "";

  constructor(private readonly answer: LoadMeasured) {}

  out = (text: string): void => void (this.stdout += text);
  err = (text: string): void => void (this.stderr += text);
  columns = (): null => null;
  onInterrupt = (): () => void => () => undefined;
  exitNow = (): void => undefined;
  run: LoadWorld["run"] = ({ plans, onProgress }) => {
    const results = plans.map((plan, index) => {
      onProgress?.({ scenario: plan.name, index, total: plans.length, phase: "closed loop", delivered: 0, messages: messagesOf(plan) });
      const figures = judgeLoad(this.answer);
      const delivered = this.answer.closed.delivered === 1_000_000 ? messagesOf(plan) : this.answer.closed.delivered;
      return { ...this.answer, plan, scenario: plan.name, delivered, success: figures.every(({ met }) => met), figures };
    });
    return Promise.resolve({ threads: 2, oversubscribed: true, memory: [], memoryFigures: [], results, broken: null } satisfies LoadRun);
  };
}

Deno.test("exit status and last line say whether every figure holds", async () => {
  const good = new FakeWorld(measured());
  assertEquals(await runLoadCommand([], good), 0);
  assertStringIncludes(good.stdout, "1,305,000 of 1,305,000 messages delivered; every figure of the document is beaten");
  assertStringIncludes(good.stderr, "[4/4] extreme: closed loop");
  const bad = new FakeWorld(measured({ hostsDied: 1 }));
  assertEquals(await runLoadCommand(["--scenario", "extreme"], bad), 1);
  assertStringIncludes(bad.stdout, "1 figures missed");
});

testWith({ read: true, write: true }, "the reports are written by their endings", async () => {
  await withFolder(async (folder) => {
    const world = new FakeWorld(measured());
    const [markdown, json] = [`${folder}/load.md`, `${folder}/load.json`];
    assertEquals(await runLoadCommand(["--scenario=all", "--report", markdown, `--report=${json}`], world), 0);
    const report = JSON.parse(await Deno.readTextFile(json));
    assertEquals([report.delivered, report.expected, report.success], [1_305_000, 1_305_000, true]);
    assertEquals(report.results.map((result: { delivered: number }) => result.delivered), [5_000, 50_000, 250_000, 1_000_000]);
    const text = await Deno.readTextFile(markdown);
    assertStringIncludes(text, "| figure | document | measured |");
    assertStringIncludes(text, "10,000–15,000");
    assertStringIncludes(text, "█");
    assertEquals(await runLoadCommand(["--report", `${folder}/none/load.md`], world), 2);
    assertStringIncludes(world.stderr, "--report");
  });
});

Deno.test("bad options end with 2 in one line that names the option", async () => {
  const cases: [argv: string[], names: string][] = [
    [["--scenario", "huge"], "--scenario"],
    [["--scenario"], "--scenario"],
    [["--scenario", "low,"], "--scenario"],
    [["--report", "load.txt"], "--report"],
    [["--report"], "--report"],
    [["--threads", "1"], "--threads"],
    [["--thread", "2"], "--thread"],
    [["low"], "--scenario"],
    [["--help=yes", "--threads", "x"], "--help"],
  ];
  for (const [argv, names] of cases) {
    const error = assertThrows(() => parseLoadArguments(argv));
    assert(isKernelError(error) && error.message.includes(names) && !error.message.includes("\n"), String(error));
    const world = new FakeWorld(measured());
    assertEquals(await runLoadCommand(argv, world), 2, argv.join(" "));
    assertEquals(world.stdout, "");
  }
  const help = new FakeWorld(measured());
  assertEquals(await runLoadCommand(["--nonsense", "--help"], help), 0);
  assertStringIncludes(help.stdout, "1,305,000 messages");
});
