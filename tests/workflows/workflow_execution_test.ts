import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { EXECUTIONS_KEPT_MAX } from "../../core/base/limits.ts";
import { workflow } from "../../core/workflows/workflow.ts";
import { settled, steps, WorkflowBench } from "../support/workflow_bench.ts";

function code(call: () => unknown): string {
  return (assertThrows(call, KernelError) as KernelError).code;
}

Deno.test("steps run side by side where dependencies allow", async () => {
  const bench = new WorkflowBench();
  const gates = { a: Promise.withResolvers<string>(), b: Promise.withResolvers<string>() };
  bench.does("a", () => gates.a.promise).does("b", () => gates.b.promise).does("c");
  const execution = await bench.start(
    steps({ id: "c", action: "c", dependencies: ["a", "b"] }, { id: "a", action: "a" }, { id: "b", action: "b" }),
  );
  assertEquals(bench.log, ["a", "b"]);
  gates.b.resolve("B");
  await settled();
  assertEquals([execution.step("b").state, execution.step("c").state], ["COMPLETED", "PENDING"]);
  assertStringIncludes(execution.toMermaid(), 's1["a<br/>RUNNING"]:::RUNNING');
  gates.a.resolve("A");
  const outcome = await bench.end(execution);
  assertEquals([outcome.state, outcome.output], ["COMPLETED", { a: "A", b: "B", c: "c!" }]);
});

Deno.test("a step is tried again after growing waits, with the same key, and no more often than it may", async () => {
  const bench = new WorkflowBench();
  const tries: [number, string][] = [];
  bench.engine.action("flaky", (_input: unknown, ctx) => {
    tries.push([bench.clock.now(), ctx.key]);
    throw new Error("not yet");
  });
  const backoff = { baseMs: 100, factor: 3, maxMs: 500, jitter: 0 };
  const execution = await bench.start(steps({ id: "a", action: "flaky", backoff }));
  for (let ms = 0; ms < 2_000; ms += 10) await bench.pass(10);
  assertEquals(tries.map(([at]) => at), [1_000, 1_100, 1_400, 1_900]); // three retries by default; 100, 300, then the bound
  assertEquals(new Set(tries.map(([, key]) => key)).size, 1);
  assertEquals(execution.state, "ROLLED_BACK");
});

Deno.test("an error may say that trying again is no use", async () => {
  const bench = new WorkflowBench();
  bench.engine.action("no", () => Promise.reject(Object.assign(new Error("never"), { retryable: false })));
  const execution = await bench.start(steps({ id: "a", action: "no" }));
  assertEquals([execution.state, execution.step("a").attempts], ["ROLLED_BACK", 1]);
});

Deno.test("a try that takes too long is told to stop and tried again; its late result is ignored", async () => {
  const bench = new WorkflowBench();
  const signals: AbortSignal[] = [];
  bench.engine.action("slow", (_input: unknown, ctx) => {
    signals.push(ctx.signal);
    return ctx.attempt === 1 ? new Promise((resolve) => bench.clock.schedule(150, () => resolve("late"))) : "in time";
  });
  const outcome = await bench.end(await bench.start(steps({ id: "a", action: "slow", timeout: 50, backoff: { baseMs: 200 } })));
  assertEquals([outcome.state, outcome.steps.a.result, outcome.steps.a.attempts], ["COMPLETED", "in time", 2]);
  assertEquals([signals[0].aborted, (signals[0].reason as KernelError).code, signals[1].aborted], [true, "STEP_TIMEOUT", false]);
});

Deno.test("a step whose condition does not hold is skipped, and what only it leads to", async () => {
  const bench = new WorkflowBench().does("x", () => ({ score: 3 }));
  const outcome = await bench.end(
    await bench.start(
      steps(
        { id: "a", action: "x" },
        { id: "high", action: "x", dependencies: ["a"], when: { "steps.a.score": { $gte: 5 } } },
        { id: "low", action: "x", dependencies: ["a"], when: { "steps.a.score": { $lt: 5 }, "input.on": true } },
        { id: "after", action: "x", dependencies: ["high"] },
        { id: "join", action: "x", dependencies: ["after", "low"], when: ({ steps }) => steps.after === undefined },
      ),
      { on: true },
    ),
  );
  const states = Object.entries(outcome.steps).map(([id, { state }]) => `${id} ${state}`);
  assertEquals(states, ["a COMPLETED", "high SKIPPED", "low COMPLETED", "after SKIPPED", "join COMPLETED"]);
});

Deno.test("inputs are made of references, and the output of a path", async () => {
  const bench = new WorkflowBench();
  bench.engine.action("echo", (input: unknown) => ({ got: input }));
  const execution = await bench.start({
    id: "w",
    steps: [
      { id: "a", action: "echo" },
      {
        id: "b",
        action: "echo",
        dependencies: ["a"],
        input: { name: { $ref: "input.name" }, list: [1, { $ref: "steps.a.got.name" }], none: { $ref: "input.x.y" } },
      },
    ],
    output: "steps.b.got.list",
  }, { name: "Ann" });
  assertEquals((await bench.end(execution)).output, [1, "Ann"]);
  assertEquals(execution.step("b").result, { got: { name: "Ann", list: [1, "Ann"], none: undefined } });
});

Deno.test("a map runs so many items at a time, keeps their order, and undoes each", async () => {
  const bench = new WorkflowBench();
  let [running, most] = [0, 0];
  bench.engine.action("resize", async (file: string, ctx) => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn < 5 - ctx.itemIndex; turn++) await null;
    running--;
    return `${file}.small`;
  }, { compensate: (result) => void bench.log.push(`undo ${result}`) });
  bench.does("fail", () => Promise.reject(new Error("no")));
  const list = { id: "m", action: "resize", map: "input.files", concurrency: 2 };
  const fine = await bench.end(await bench.start(steps(list), { files: ["a", "b", "c", "d"] }));
  assertEquals([fine.steps.m.result, fine.steps.m.attempts, most], [["a.small", "b.small", "c.small", "d.small"], 4, 2]);
  assertEquals((await bench.end(await bench.start(steps(list), { files: [] }))).steps.m.result, []);
  assertEquals((await bench.end(await bench.start(steps(list), { files: 7 }))).error?.name, "InvalidArgumentError");
  const undone = await bench.end(
    await bench.start(steps(list, { id: "f", action: "fail", dependencies: ["m"], retries: 0 }), { files: ["a", "b"] }),
  );
  assertEquals(undone.compensated.filter((id) => id !== "f").sort(), ["m[0]", "m[1]"]);
});

Deno.test("a sub-workflow is one step: its failure is the step's, and it is undone with the rest", async () => {
  const bench = new WorkflowBench().does("a").does("b").does("fail", () => Promise.reject(new Error("no")));
  bench.engine.define({
    id: "pay",
    steps: [{ id: "p1", action: "a" }, { id: "p2", action: "b", dependencies: ["p1"] }],
    output: "steps.p2",
  });
  const good = await bench.end(await bench.start(steps({ id: "s", workflow: "pay" }, { id: "t", action: "a", dependencies: ["s"] })));
  assertEquals([good.state, good.steps.s.result], ["COMPLETED", "b!"]);
  bench.log.length = 0;
  const bad = await bench.end(
    await bench.start(steps({ id: "s", workflow: "pay" }, { id: "t", action: "fail", dependencies: ["s"], retries: 0 })),
  );
  assertEquals([bad.state, bad.compensated], ["ROLLED_BACK", ["t", "s"]]);
  assertEquals(bench.log, ["p1", "p2", "t", "undo t", "undo p2", "undo p1"]);
  bench.log.length = 0;
  const inner = { id: "inner", steps: [{ id: "i1", action: "a" }, { id: "i2", action: "fail", dependencies: ["i1"], retries: 0 }] };
  const within = await bench.end(await bench.start(steps({ id: "a", action: "b" }, { id: "s", workflow: inner, dependencies: ["a"] })));
  assertEquals([within.state, bench.log], ["ROLLED_BACK", ["a", "i1", "i2", "undo i2", "undo i1", "undo a"]]);
  assertEquals((within.error as KernelError).code, "SUB_WORKFLOW_FAILED");
  const circle = { id: "pay", version: 2, steps: [{ id: "again", workflow: "pay" }] };
  await assertRejects(() => bench.start(circle), InvalidArgumentError, "cannot hold itself: pay → pay");
});

Deno.test("timers, signals and approvals wait without stopping other branches", async () => {
  const bench = new WorkflowBench().does("x");
  const execution = await bench.start(
    steps(
      { id: "wait", delayMs: 500 },
      { id: "word", signal: "go" },
      { id: "ann", approval: { by: ["ann"] } },
      { id: "two", action: "x", approval: { by: ["ann", "bob", "eve"], count: 2 } },
      { id: "free", action: "x" },
      { id: "last", action: "x", dependencies: ["wait", "word", "ann", "two", "free"] },
    ),
  );
  assertEquals(bench.log, ["free"]);
  assertEquals(execution.waiting().map(({ stepId, kind }) => `${stepId} ${kind}`), ["ann approval", "two approval", "word signal"]);
  assertEquals(code(() => execution.approve("ann", { by: "bob" })), "APPROVAL_REFUSED");
  assertEquals(code(() => execution.approve("free", { by: "bob" })), "NOT_WAITING");
  assertThrows(() => execution.approve("nowhere", { by: "bob" }), InvalidArgumentError);
  assertThrows(() => execution.signal("stop"), InvalidArgumentError, "its signals: go");
  execution.approve("two", { by: "eve" });
  execution.approve("two", { by: "eve" }); // counts once
  await settled();
  assertEquals(bench.log, ["free"]);
  execution.approve("two", { by: "bob" });
  execution.approve("ann", { by: "ann" });
  execution.signal("go", { fast: true });
  await settled();
  assertEquals(bench.log, ["free", "two"]);
  await bench.pass(500);
  const outcome = await bench.end(execution);
  assertEquals([outcome.state, outcome.steps.word.result, outcome.steps.ann.result], ["COMPLETED", { fast: true }, {
    approvedBy: ["ann"],
  }]);
  assertEquals(code(() => execution.signal("go")), "EXECUTION_ENDED");
});

Deno.test("a signal may be early; a refused approval is a failure", async () => {
  const bench = new WorkflowBench().does("x");
  const execution = await bench.start(
    steps({ id: "t", delayMs: 10 }, { id: "s", signal: "go", dependencies: ["t"] }, { id: "a", approval: true, dependencies: ["s"] }),
  );
  execution.signal("go", 1);
  await bench.pass(10);
  assertEquals(execution.step("s").result, 1);
  execution.reject("a", { by: "ann", reason: "too dear" });
  const outcome = await bench.end(execution);
  assertEquals([outcome.state, outcome.error?.message], ["ROLLED_BACK", "step a was rejected by ann: too dear"]);
});

Deno.test("what cannot be undone waits for approval, runs once, and is named when the rest is undone", async () => {
  const bench = new WorkflowBench().does("fail", () => Promise.reject(new Error("no")));
  let sent = 0;
  bench.engine.action("send", () => ++sent, { effect: "irreversible" });
  const definition = steps({ id: "mail", action: "send" }, { id: "f", action: "fail", dependencies: ["mail"], retries: 0 });
  const execution = await bench.start(definition);
  assertEquals([sent, execution.waiting()[0].stepId], [0, "mail"]);
  execution.approve("mail", { by: "ann" });
  const outcome = await bench.end(execution);
  assertEquals([outcome.state, outcome.notUndone, sent], ["FAILED", ["mail"], 1]);
});

Deno.test("pause lets running steps end and begins none; resume goes on", async () => {
  const bench = new WorkflowBench();
  const gate = Promise.withResolvers<void>();
  bench.does("a", () => gate.promise).does("b");
  const execution = await bench.start(steps({ id: "a", action: "a" }, { id: "b", action: "b", dependencies: ["a"] }));
  execution.pause();
  gate.resolve();
  await bench.pass(100);
  assertEquals([execution.state, execution.step("a").state, bench.log], ["PAUSED", "COMPLETED", ["a"]]);
  execution.resume();
  assertEquals((await bench.end(execution)).state, "COMPLETED");
});

Deno.test("cancel reaches running steps, undoes what was done unless told not to, and ends CANCELLED", async () => {
  for (const compensate of [true, false]) {
    const bench = new WorkflowBench().does("a");
    let reason: unknown;
    bench.engine.action(
      "long",
      (_input: unknown, ctx) =>
        new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(reason = ctx.signal.reason))),
    );
    const execution = await bench.start(steps({ id: "a", action: "a" }, { id: "b", action: "long", dependencies: ["a"] }));
    execution.cancel("no longer wanted", { compensate });
    assertEquals(code(() => execution.pause()), "EXECUTION_ENDED");
    const outcome = await bench.end(execution);
    assertEquals([outcome.state, outcome.reason, outcome.steps.b.state], ["CANCELLED", "no longer wanted", "CANCELLED"]);
    assertEquals([(reason as KernelError).code, outcome.compensated], ["WORKFLOW_CANCELLED", compensate ? ["a"] : []]);
  }
});

Deno.test("a running step that does not heed its signal is waited for, but not for ever", async () => {
  const bench = new WorkflowBench().does("a", () => new Promise(() => {})).does("fail", () => Promise.reject(new Error("no")));
  const execution = await bench.start(steps({ id: "a", action: "a" }, { id: "f", action: "fail", retries: 0 }));
  assertEquals(execution.state, "FAILED"); // it waits for a
  await bench.pass(4_999);
  assertEquals(bench.log, ["a", "f"]);
  await bench.pass(1);
  assertEquals([execution.state, bench.log.slice(2)], ["ROLLED_BACK", ["undo a", "undo f"]]);
});

Deno.test("a compensation that fails is tried again, then reported, and the others run all the same", async () => {
  const bench = new WorkflowBench().does("a").does("fail", () => Promise.reject(new Error("no")));
  let tries = 0;
  bench.engine.action("stuck", () => 1, {
    compensate: () => {
      tries++;
      throw new Error("cannot");
    },
  });
  const outcome = await bench.end(
    await bench.start(
      steps({ id: "a", action: "a" }, { id: "s", action: "stuck", dependencies: ["a"] }, {
        id: "f",
        action: "fail",
        dependencies: ["s"],
        retries: 0,
      }),
    ),
  );
  assertEquals([outcome.state, outcome.compensated, outcome.notUndone, tries], ["FAILED", ["f", "a"], ["s"], 4]);
  assertEquals(outcome.steps.s.undoError?.message, "cannot");
});

Deno.test("deadlines and budgets hold for the whole, sub-workflows included", async () => {
  const bench = new WorkflowBench();
  bench.engine.action("spend", (amount: number, ctx) => ctx.budget.spend("tokens", amount));
  bench.engine.action("sleep", (_input: unknown, ctx) => {
    bench.log.push(`until ${ctx.deadlineMs}`);
    return new Promise(() => {});
  });
  const spends = { id: "inner", steps: [{ id: "i", action: "spend", input: 70 }] };
  const dear = await bench.engine.start(
    steps({ id: "a", action: "spend", input: 40 }, { id: "b", workflow: spends, dependencies: ["a"] }),
    {
      budget: { tokens: 100 },
    },
  );
  const outcome = await bench.end(dear);
  assertEquals([outcome.state, ((outcome.error as KernelError).cause as KernelError).code], ["ROLLED_BACK", "BUDGET_EXCEEDED"]);
  const sleeps = { id: "sleeps", steps: [{ id: "i", action: "sleep" }] };
  const begun = bench.clock.now();
  const late = await bench.engine.start(steps({ id: "a", workflow: sleeps }), { timeoutMs: 300 });
  assertEquals(bench.log, [`until ${begun + 300}`]);
  await bench.pass(299);
  assertEquals(late.state, "RUNNING");
  const ended = await bench.end(late);
  assertEquals([ended.state, (ended.error as KernelError).code], ["ROLLED_BACK", "WORKFLOW_TIMEOUT"]);
});

Deno.test("so many run at a time, so many wait, and more are refused", async () => {
  const bench = new WorkflowBench({ runningMax: 1, waitingMax: 1 });
  const gate = Promise.withResolvers<void>();
  bench.does("a", () => gate.promise);
  const [one, two] = [await bench.start(steps({ id: "a", action: "a" })), await bench.start(steps({ id: "a", action: "a" }))];
  assertEquals([one.state, two.state], ["RUNNING", "QUEUED"]);
  const error = await assertRejects(() => bench.start(steps({ id: "a", action: "a" })), KernelError);
  assertEquals((error as KernelError).code, "ENGINE_FULL");
  two.cancel("changed my mind");
  assertEquals((await bench.end(two)).state, "CANCELLED");
  gate.resolve();
  assertEquals((await bench.end(one)).state, "COMPLETED");
  assertEquals(bench.engine.statistics, { running: 0, waiting: 0, completed: 1, rolledBack: 0, failed: 0, cancelled: 1 });
});

Deno.test("the history says what happened, and is kept for the last executions", async () => {
  const bench = new WorkflowBench().does("a");
  const first = await bench.start(steps({ id: "a", action: "a" }));
  const kinds = bench.engine.history(first.id).map(({ kind, stepId }) => stepId === undefined ? kind : `${kind} ${stepId}`);
  assertEquals(kinds, ["started", "step-started a", "step-completed a", "ended"]);
  for (let more = 0; more < EXECUTIONS_KEPT_MAX; more++) await (await bench.engine.start(steps({ id: "a", action: "a" }))).result();
  assertEquals(bench.engine.history(first.id), []);
});

Deno.test("a definition is frozen, and a changed one needs a higher version", () => {
  const bench = new WorkflowBench().does("a");
  const definition = workflow("typed").step("a", { action: "a" }).step("b", { action: "a", dependencies: ["a"] }).build();
  bench.engine.define(definition).define(definition);
  assertThrows(() => (definition.steps as unknown[]).push({}), TypeError);
  assertThrows(() => bench.engine.define({ ...definition }), InvalidArgumentError, "workflow.version");
  bench.engine.define({ ...definition, version: 2 });
});

Deno.test("a long chain of steps that end at once needs no deep stack", async () => {
  const bench = new WorkflowBench();
  bench.engine.action("x", () => 1);
  const chain = Array.from({ length: 10_000 }, (_, at) => ({ id: `s${at}`, action: "x", dependencies: at === 0 ? [] : [`s${at - 1}`] }));
  assertEquals((await bench.end(await bench.start({ id: "chain", steps: chain }))).state, "COMPLETED");
  const skipped = chain.map((step, at) => at === 0 ? { ...step, when: () => false } : step);
  assertEquals((await bench.end(await bench.start({ id: "chain", steps: skipped }))).steps.s9999.state, "SKIPPED");
});
