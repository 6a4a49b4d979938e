/** Data, names and functions that nobody would write on purpose: refused by the path to them, or borne; and what they must not leave behind. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { FileJournal } from "../../core/workflows/file_journal.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { WorkflowDefinition } from "../../core/workflows/workflow.ts";
import { settled, steps, WorkflowBench } from "../support/workflow_bench.ts";
import { testWith } from "../support/permissions.ts";

Deno.test("what a step has no use for is refused, not passed over", () => {
  const bench = new WorkflowBench().does("a");
  const inner = { id: "inner", steps: [{ id: "i", action: "a" }] };
  const refused: [string, unknown][] = [
    ["steps[0].id", { id: "a#2", action: "a" }],
    ["steps[0].id", { id: "x".repeat(300), action: "a" }],
    ["steps[0].backoff", { id: "a", action: "a", backoff: null }],
    ["steps[0]", { id: "a", approval: null }],
    ["steps[0].map", { id: "a", action: "a", map: [1, 2] }],
    ["steps[0].approval", { id: "a", action: "a", approval: "ann" }],
    ["steps[0].timeout", { id: "a", signal: "go", timeout: 100 }],
    ["steps[0].timeout", { id: "a", approval: true, timeout: 100 }],
    ["steps[0].rollbackAction", { id: "a", workflow: inner, rollbackAction: "a" }],
  ];
  for (const [path, step] of refused) {
    const error = assertThrows(() => bench.engine.check({ id: "w", steps: [step] } as WorkflowDefinition), KernelError, undefined, path);
    assertEquals(error.data.field, `workflow.${path}`);
  }
  const error = assertThrows(() => bench.engine.check({ ...inner, output: 5 } as unknown as WorkflowDefinition), KernelError);
  assertEquals(error.data.field, "workflow.output");
});

Deno.test("options that are none are refused, and nothing is left of the start", async () => {
  const bench = new WorkflowBench().does("a");
  const definition = steps({ id: "a", action: "a" });
  await assertRejects(() => bench.engine.start(definition, { signal: "stop" as unknown as AbortSignal }), KernelError, "signal");
  await assertRejects(() => bench.engine.start(definition, { budget: 5 as never }), KernelError, "budget");
  assertEquals([bench.engine.executions(), bench.log], [[], []]);
});

Deno.test("the timeout of a step that is a workflow holds for that workflow", async () => {
  const bench = new WorkflowBench().does("a", () => new Promise(() => {}));
  const execution = await bench.start(steps({ id: "s", workflow: { id: "inner", steps: [{ id: "i", action: "a" }] }, timeout: 100 }));
  await bench.pass(99);
  assertEquals(execution.state, "RUNNING");
  await bench.pass(2);
  assertEquals(execution.state, "ROLLED_BACK");
});

Deno.test("what had to end while it waited for its turn does not begin", async () => {
  const bench = new WorkflowBench({ runningMax: 1 });
  const gate = Promise.withResolvers<void>();
  bench.does("hold", () => gate.promise).does("late");
  await bench.start(steps({ id: "h", action: "hold" }));
  const late = await bench.engine.start(steps({ id: "l", action: "late" }), { timeoutMs: 50 });
  await bench.pass(60);
  gate.resolve();
  await settled();
  assertEquals([(await bench.end(late)).error?.name, bench.log], ["WorkflowTimeoutError", ["h"]]);
});

Deno.test("closing an engine begins nothing of what waits", async () => {
  const bench = new WorkflowBench({ runningMax: 1 }).does("hold", () => new Promise(() => {})).does("next");
  await bench.start(steps({ id: "h", action: "hold" }));
  const waits = await bench.start(steps({ id: "n", action: "next" }));
  bench.engine.close();
  const { state, durationMs } = await waits.result();
  assertEquals([state, durationMs, bench.log], ["CANCELLED", 0, ["h"]]);
});

Deno.test("a long queue of executions that end at once needs no deep stack", async () => {
  const bench = new WorkflowBench({ runningMax: 1, keptMax: 0 });
  const gate = Promise.withResolvers<void>();
  bench.does("hold", () => gate.promise);
  bench.engine.action("x", () => 1);
  await bench.start(steps({ id: "h", action: "hold" }));
  const short = steps({ id: "a", action: "x" });
  for (let more = 0; more < 5_000; more++) await bench.engine.start(short);
  gate.resolve();
  await settled();
  assertEquals(bench.engine.statistics, { running: 0, waiting: 0, completed: 5_001, rolledBack: 0, failed: 0, cancelled: 0 });
});

Deno.test("an output that cannot be made is a failure, and everything is undone", async () => {
  const bench = new WorkflowBench().does("a");
  const output = (): never => {
    throw new Error("no output");
  };
  const inner = { id: "inner", steps: [{ id: "i", action: "a" }], output };
  const outcome = await bench.end(
    await bench.start({ id: "w", steps: [{ id: "a", action: "a" }, { id: "s", workflow: inner, dependencies: ["a"] }] }),
  );
  assertEquals([outcome.state, bench.log], ["ROLLED_BACK", ["a", "i", "undo i", "undo a"]]);
  assertEquals(((outcome.error as KernelError).cause as Error).message, "no output");
});

Deno.test("a result whose getter throws fails its step", async () => {
  const bench = new WorkflowBench().does("trap", () => ({
    get then(): never {
      throw new Error("trapped");
    },
  }));
  const execution = await bench.start(steps({ id: "t", action: "trap", retries: 0 }));
  assertEquals([execution.state, execution.progress().error?.message], ["ROLLED_BACK", "trapped"]);
});

Deno.test("a sub-workflow that could not undo itself is not tried again on top of what it left", async () => {
  const bench = new WorkflowBench().does("fail", () => Promise.reject(new Error("no")));
  bench.engine.action("launch", () => void bench.log.push("launched"), { effect: "irreversible" });
  const inner = {
    id: "inner",
    steps: [{ id: "x", action: "launch", approval: false }, { id: "f", action: "fail", retries: 0, dependencies: ["x"] }],
  };
  const outcome = await bench.end(await bench.start(steps({ id: "s", workflow: inner, retries: 3 })));
  assertEquals([outcome.state, outcome.notUndone, bench.log], ["FAILED", ["s/x"], ["launched", "f", "undo f"]]);
});

Deno.test("cancelled without compensation, a sub-workflow is not undone either", async () => {
  const bench = new WorkflowBench().does("a");
  const inner = { id: "inner", steps: [{ id: "i", action: "a" }, { id: "wait", signal: "go", dependencies: ["i"] }] };
  const execution = await bench.start(steps({ id: "s", workflow: inner }));
  execution.cancel("enough", { compensate: false });
  assertEquals([(await bench.end(execution)).state, bench.log], ["CANCELLED", ["i"]]);
});

/** An engine whose journal is one of SQLite, in memory. */
function journaled(): OrchestrationEngine {
  return new OrchestrationEngine({ journal: new FileJournal(":memory:") });
}

Deno.test("a signal that cannot be kept is refused, and its step still waits", async () => {
  const engine = journaled();
  const execution = await engine.start(steps({ id: "s", signal: "go" }));
  assertThrows(() => execution.signal("go", () => {}), KernelError);
  execution.signal("go", 7);
  assertEquals((await execution.result()).steps.s.result, 7);
  engine.close();
});

Deno.test("a reason that is none, or too long, cancels nothing, and a right one still does", async () => {
  const engine = journaled();
  const execution = await engine.start(steps({ id: "s", signal: "go" }, { id: "p", approval: true }));
  assertThrows(() => execution.cancel((() => {}) as unknown as string), KernelError, "reason");
  assertThrows(() => execution.reject("p", { by: "ann", reason: Symbol("no") as unknown as string }), KernelError, "reason");
  assertThrows(() => execution.cancel("x".repeat(2 << 20)), KernelError);
  execution.cancel("enough");
  assertEquals((await execution.result()).reason, "enough");
  engine.close();
});

Deno.test("whatever a step throws, its execution ends and says why", async () => {
  const engine = journaled();
  const thrown: unknown[] = [{ call: () => 1 }, () => 1, Symbol("no"), new Error("x".repeat(2 << 20)), undefined];
  engine.action("throw", (at: number) => Promise.reject(thrown[at]));
  for (let at = 0; at < thrown.length; at++) {
    const execution = await engine.start(steps({ id: "a", action: "throw", input: at, retries: 0 }));
    const { state, error } = await execution.result();
    assert(state === "ROLLED_BACK" && error instanceof Error, `${at}: ${state}`);
  }
  engine.close();
});

Deno.test("texts over the bound fail their step, and many large results in one turn do not break the journal", async () => {
  const engine = journaled();
  engine.action("text", (length: number) => "x".repeat(length));
  const long = await (await engine.start(steps({ id: "a", action: "text", input: (1 << 20) + 1 }))).result();
  assertEquals([long.state, long.error?.name], ["ROLLED_BACK", "MessageTooLargeError"]);
  const many = Array.from({ length: 80 }, (_, at) => ({ id: `s${at}`, action: "text", input: 1_000_000 }));
  assertEquals((await (await engine.start({ id: "many", steps: many })).result()).state, "COMPLETED");
  engine.close();
});

Deno.test("ids with line breaks are found again", async () => {
  const engine = journaled();
  const execution = await engine.start(steps({ id: "a\nb", approval: true }));
  execution.approve("a\nb", { by: "ann" });
  assertThrows(() => execution.approve("\n[1", { by: "ann" }), KernelError);
  assertEquals((await execution.result()).state, "COMPLETED");
  engine.close();
});

testWith({ read: true, write: true }, "definitions of ended executions do not stay in the file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const open = (): { journal: FileJournal; engine: OrchestrationEngine } => {
      const journal = new FileJournal(`${folder}/j.sqlite`);
      return { journal, engine: new OrchestrationEngine({ journal }).action("x", () => 1) };
    };
    const first = open();
    for (let at = 0; at < 5; at++) await (await first.engine.start(steps({ id: "a", action: "x", input: at }))).result();
    await first.engine.start(steps({ id: "waits", approval: true }));
    first.engine.close();
    const second = open();
    const kept = Array.from({ length: 10 }, (_, key) => second.journal.definition(key)).filter((each) => each !== undefined);
    assertEquals(kept.map((each) => each.steps[0].id), ["waits"]);
    second.engine.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
