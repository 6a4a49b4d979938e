import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { FileJournal } from "../../core/workflows/file_journal.ts";
import type { ActionContext } from "../../core/workflows/action.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { Journal } from "../../core/workflows/journal.ts";
import type { WorkflowDefinition } from "../../core/workflows/workflow.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";
import { testWith } from "../support/permissions.ts";

/** Lets promises settle and the journal write, a few times. */
async function turns(count = 12): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Calls `body` with the path of a journal that is removed afterwards. */
async function withFile(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/journal.sqlite`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const BOOKING: WorkflowDefinition = {
  id: "booking",
  steps: [
    { id: "seat", action: "reserve" },
    { id: "pay", action: "charge", dependencies: ["seat"] },
    { id: "tell", action: "tell", dependencies: ["pay"] },
  ],
};

/** An engine on a file, whose actions log what they do; `stuck` never ends. */
function open(path: string, log: string[], stuck = ""): OrchestrationEngine {
  const engine = new OrchestrationEngine({ journal: new FileJournal(path) });
  const run = (name: string, value: unknown) => (_input: unknown, ctx: ActionContext): unknown => {
    log.push(`${name} ${ctx.attempt}`);
    return name === stuck ? new Promise(() => {}) : value;
  };
  engine.action("reserve", run("reserve", new Map([["seat", 12]])), {
    compensate: (result) => void log.push(`release ${(result as Map<string, number>)?.get("seat")}`),
  });
  engine.action("charge", run("charge", { paid: true }), { compensate: (_result, ctx) => void log.push(`refund ${ctx.undoing?.outcome}`) });
  engine.action("tell", run("tell", "told"));
  return engine;
}

testWith({ read: true, write: true }, "completed steps are not run again, an idempotent one under way is", () =>
  withFile(async (path) => {
    const log: string[] = [];
    const first = open(path, log, "tell");
    const { id } = await first.start(BOOKING, { input: { who: "Ann" } });
    await turns();
    assertEquals(log, ["reserve 1", "charge 1", "tell 1"]);
    first.close();
    log.length = 0;
    const second = open(path, log);
    const { resumed: [execution], refused } = await second.resume();
    assertEquals([execution.id, refused], [id, []]);
    const outcome = await execution.result();
    assertEquals([outcome.state, log], ["COMPLETED", ["tell 1"]]);
    assertEquals(outcome.output, { seat: new Map([["seat", 12]]), pay: { paid: true }, tell: "told" }); // results keep their types
    const kinds = second.history(id).map(({ kind }) => kind);
    assertEquals(kinds.filter((kind) => kind === "step-completed").length, 3);
    assertEquals(second.history(id).map(({ sequence }) => sequence), kinds.map((_kind, at) => at));
    second.close();
    const third = open(path, log);
    assertEquals((await third.resume()).resumed, []);
    third.close();
  }));

/** A workflow of one step on a journal that writes when it is told to, up to where only its end is not written yet. */
async function withheldEnd(): Promise<{ execution: WorkflowExecution; write: (error?: unknown) => void }> {
  const waiting: ((error?: unknown) => void)[] = [];
  const journal: Journal = {
    ...{
      session: 1,
      define: () => 1,
      definition: () => undefined,
      append: () => {},
      read: () => [],
      unfinished: () => new Map(),
      close: () => {},
    },
    whenDurable: (callback) => void waiting.push(callback),
  };
  const write = (error?: unknown): void => {
    for (const callback of waiting.splice(0)) callback(error);
  };
  const engine = new OrchestrationEngine({ journal });
  engine.action("note", () => 1);
  const starting = engine.start({ id: "one", steps: [{ id: "a", action: "note" }] });
  write(); // it has started
  const execution = await starting;
  assertEquals([execution.state, waiting.length], ["COMPLETED", 1]); // its last step shares its wait with its end
  return { execution, write };
}

Deno.test("a result is told only when its end is durable, also to one who asks between the end and that", async () => {
  const { execution, write } = await withheldEnd();
  let told = false;
  const result = execution.result().then(() => told = true);
  await turns();
  assertEquals(told, false);
  write();
  await result;
  assertEquals((await execution.result()).state, "COMPLETED");
});

Deno.test("nobody is told that a workflow completed when that could not be written", async () => {
  const { execution, write } = await withheldEnd();
  const result = execution.result();
  write(new KernelError("JOURNAL_BROKEN", "planted"));
  const { state, error, output } = await result;
  assertEquals([state, (error as KernelError).code, output], ["FAILED", "JOURNAL_BROKEN", undefined]);
});

testWith(
  { read: true, write: true },
  "a step under way that must not run twice asks: again, or counted as done, or undone",
  () =>
    withFile(async (path) => {
      for (const answer of ["again", "done", "refused"] as const) {
        const log: string[] = [];
        const first = open(path, log, "charge");
        await first.start(BOOKING);
        await turns();
        first.close();
        log.length = 0;
        const second = open(path, log);
        const { resumed: [execution] } = await second.resume();
        await turns();
        assertEquals([log, execution.waiting().map(({ stepId, kind }) => `${stepId} ${kind}`)], [[], ["pay in-doubt"]]);
        if (answer === "again") execution.approve("pay", { by: "ann" });
        else if (answer === "done") execution.approve("pay", { by: "ann", ran: true, result: "seen on the statement" });
        else execution.reject("pay", { by: "ann" });
        const { state, steps } = await execution.result();
        if (answer === "refused") assertEquals([state, log], ["ROLLED_BACK", ["refund unknown", "release 12"]]);
        else assertEquals([state, log], ["COMPLETED", answer === "again" ? ["charge 2", "tell 1"] : ["tell 1"]]);
        if (answer === "done") assertEquals(steps.pay.result, "seen on the statement");
        second.close();
      }
    }),
);

testWith({ read: true, write: true }, "pauses, signals, approvals and timers survive", () =>
  withFile(async (path) => {
    const definition: WorkflowDefinition = {
      id: "waits",
      steps: [
        { id: "s", signal: "go" },
        { id: "a", approval: { count: 2 } },
        { id: "t", delayMs: 20 },
        { id: "e", signal: "early", dependencies: ["s", "a", "t"] },
      ],
    };
    const log: string[] = [];
    const first = open(path, log);
    const begun = await first.start(definition);
    begun.signal("go", 1);
    begun.signal("early", new Date(5));
    begun.approve("a", { by: "ann" });
    await begun.flush();
    begun.pause();
    first.close();
    const second = open(path, log);
    const { resumed: [execution] } = await second.resume();
    assertEquals([execution.state, execution.step("s").result], ["PAUSED", 1]);
    execution.resume();
    execution.approve("a", { by: "bob" });
    const outcome = await execution.result();
    assertEquals([outcome.state, outcome.steps.e.result, outcome.steps.a.result], ["COMPLETED", new Date(5), {
      approvedBy: ["ann", "bob"],
    }]);
    second.close();
  }));

testWith({ read: true, write: true }, "maps and sub-workflows go on where they were, and a rollback too", () =>
  withFile(async (path) => {
    const log: string[] = [];
    const inner: WorkflowDefinition = {
      id: "inner",
      steps: [{ id: "i", action: "item" }, { id: "j", action: "hold", dependencies: ["i"] }],
    };
    const definition: WorkflowDefinition = {
      id: "outer",
      steps: [
        { id: "m", action: "item", map: "input", concurrency: 1 },
        { id: "w", workflow: inner, dependencies: ["m"] },
        { id: "f", action: "fail", dependencies: ["w"], retries: 0 },
      ],
    };
    const make = (holds: string): OrchestrationEngine => {
      const engine = new OrchestrationEngine({ journal: new FileJournal(path) });
      const held = new Promise(() => {});
      engine.action("item", (input: unknown, ctx) => void log.push(`item ${ctx.stepId} ${JSON.stringify(input)}`), {
        compensate: async (_result, ctx) => {
          if (holds === `undo ${ctx.stepId}`) await held;
          log.push(`undo ${ctx.stepId}`);
        },
      });
      engine.action("hold", () => holds === "hold" ? held : 1);
      engine.action("fail", () => Promise.reject(new Error("no")));
      return engine;
    };
    const first = make("hold");
    await first.start(definition, { input: [1, 2] });
    await turns(20);
    first.close();
    assertEquals(log, ["item m[0] 1", "item m[1] 2", "item i [1,2]"]);
    const second = make("undo m[1]");
    const { resumed: [again] } = await second.resume();
    await turns(20);
    assertEquals([log.slice(3), again.state], [["undo i"], "FAILED"]);
    second.close();
    const third = make("");
    const { resumed: [last] } = await third.resume();
    const outcome = await last.result();
    assertEquals([outcome.state, log.slice(4)], ["ROLLED_BACK", ["undo m[1]", "undo m[0]"]]);
    assertEquals(outcome.compensated, ["w", "m[1]", "m[0]"]);
    third.close();
  }));

testWith(
  { read: true, write: true },
  "what runs keeps its version; one with functions must be defined again",
  () =>
    withFile(async (path) => {
      const log: string[] = [];
      const first = open(path, log, "tell");
      await first.start({ id: "v", version: 1, steps: [{ id: "a", action: "tell", input: "old" }] });
      await first.start({ id: "code", steps: [{ id: "a", action: "tell", when: () => true }] });
      await turns();
      first.close();
      const second = open(path, log);
      second.define({ id: "v", version: 2, steps: [{ id: "b", action: "tell" }] });
      const { resumed: [execution], refused: [refusal] } = await second.resume();
      assertEquals((await execution.result()).workflowId, "v");
      assertEquals(Object.keys(execution.progress().steps), ["a"]);
      assertEquals((refusal.error as KernelError).code, "NOT_RESUMED");
      second.close();
      const third = open(path, log);
      third.define({ id: "code", steps: [{ id: "a", action: "tell", when: () => true }] });
      const { resumed: [code] } = await third.resume();
      assertEquals((await code.result()).state, "COMPLETED");
      third.close();
    }),
);

Deno.test("a result that cannot be kept fails its step, and the rest is undone", async () => {
  const engine = new OrchestrationEngine({ journal: new FileJournal(":memory:") });
  const undone: string[] = [];
  engine.action("fine", () => 1, { compensate: () => void undone.push("fine") });
  engine.action("odd", () => ({ call: () => 1 }), { compensate: (_result, ctx) => void undone.push(`odd ${ctx.undoing?.outcome}`) });
  const steps = [{ id: "a", action: "fine" }, { id: "b", action: "odd", dependencies: ["a"] }];
  const outcome = await (await engine.start({ id: "w", steps })).result();
  assertEquals([outcome.state, outcome.error?.name, undone], ["ROLLED_BACK", "PayloadNotCloneableError", ["odd unknown", "fine"]]);
  engine.close();
});

Deno.test("lines of ended executions give way beyond the bound, those of living ones stay", async () => {
  const journal = new FileJournal(":memory:", { bytesKept: 20_000 });
  const engine = new OrchestrationEngine({ journal, keptMax: 0 });
  engine.action("x", () => "y".repeat(100));
  const living = await engine.start({ id: "lives", steps: [{ id: "a", approval: true }] });
  await turns(2); // its lines are in groups of their own
  const first = await engine.start({ id: "w", steps: [{ id: "a", action: "x" }] });
  await first.result();
  for (let more = 0; more < 200; more++) await (await engine.start({ id: "w", steps: [{ id: "a", action: "x" }] })).result();
  assertEquals(engine.history(first.id), []);
  assert(engine.history(living.id).length > 0);
  engine.close();
});

Deno.test("a file that cannot be opened is refused by its path", () => {
  const error = assertThrows(() => new FileJournal("/nowhere/at/all/j.sqlite"), KernelError, "/nowhere/at/all/j.sqlite");
  assertEquals(error.code, "JOURNAL_UNUSABLE");
});

testWith(
  { read: true, write: true },
  "a file that another engine works on is refused; it is free when that one has closed",
  () =>
    withFile((path) => {
      const first = new FileJournal(path);
      const error = assertThrows(() => new FileJournal(path), KernelError, "is in use by another engine");
      assertEquals(error.code, "JOURNAL_UNUSABLE");
      first.close();
      new FileJournal(path).close();
      return Promise.resolve();
    }),
);

testWith({ read: true, write: true }, "a file of another version is refused, and says so", () =>
  withFile((path) => {
    new FileJournal(path).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99; INSERT INTO groups (lines) VALUES (x'00')");
    database.close();
    assertThrows(() => new FileJournal(path), KernelError, "was written by another version: its lines are of format 99");
    return Promise.resolve();
  }));

testWith(
  { read: true, write: true },
  "a definition that refers to one object over and over is kept out of the file, and not walked for ever",
  () =>
    withFile((path) => {
      let shared: unknown = "leaf";
      for (let level = 0; level < 200; level++) shared = [shared, shared];
      const journal = new FileJournal(path);
      assertEquals(journal.define({ ...BOOKING, steps: [{ id: "a", action: "tell", input: shared }] } as WorkflowDefinition), 0);
      assert(journal.define(BOOKING) > 0);
      journal.close();
      return Promise.resolve();
    }),
);
