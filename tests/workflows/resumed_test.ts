/** What a second life may get wrong though the journal is whole. */
import { assert, assertEquals } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import type { ActionContext } from "../../core/workflows/action.ts";
import { FileJournal } from "../../core/workflows/file_journal.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { WorkflowDefinition } from "../../core/workflows/workflow.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";
import { FakeClock } from "../../core/testing.ts";
import { GroupJournal } from "../support/cut_world.ts";
import { settled } from "../support/workflow_bench.ts";
import { testWith } from "../support/permissions.ts";

/** An engine on a journal that writes by hand; its actions log what they do. */
class Bench {
  readonly log: string[] = [];
  readonly clock: FakeClock;
  readonly engine: OrchestrationEngine;

  constructor(readonly journal: GroupJournal = new GroupJournal(), startMs = 1_000, runningMax = 10) {
    this.clock = new FakeClock(startMs);
    this.engine = new OrchestrationEngine({ journal, clock: this.clock, runningMax });
    this.engine.action("deal", this.#does("deal"), { compensate: (_result, ctx) => void this.log.push(`undo ${ctx.stepId}`) });
    this.engine.action("again", this.#does("again"));
    this.engine.action("hold", (_input: unknown, ctx) => {
      this.log.push(`hold ${ctx.stepId}`);
      return new Promise(() => {});
    });
    this.engine.action("put back", (input: unknown, ctx) => void this.log.push(`put back ${ctx.stepId} ${JSON.stringify(input)}`));
  }

  #does(name: string): (input: unknown, ctx: ActionContext) => unknown {
    return (_input, ctx) => this.log.push(`${name} ${ctx.stepId}`);
  }

  async write(times = 1): Promise<void> {
    for (let time = 0; time < times; time++) {
      await settled();
      this.journal.write();
    }
    await settled();
  }

  async start(definition: WorkflowDefinition, options: Parameters<OrchestrationEngine["start"]>[1] = {}): Promise<WorkflowExecution> {
    const starting = this.engine.start(definition, options);
    await this.write();
    return await starting;
  }

  /** The same after the process was killed, with what was durable. */
  killed(startMs = 2_000): Bench {
    return new Bench(new GroupJournal([...this.journal.durable], this.journal.definitions), startMs);
  }
}

Deno.test("nothing is undone of which the journal cannot say that it was", async () => {
  const bench = new Bench();
  const execution = await bench.start({
    id: "w",
    steps: [{ id: "a", action: "deal" }, { id: "b", action: "deal", dependencies: ["a"], retries: 2, backoff: { baseMs: 1 } }],
  });
  await bench.write(2); // a has ended; b is announced, and that cannot be written
  assertEquals(bench.log, ["deal a"]);
  bench.journal.broken = new KernelError("JOURNAL_BROKEN", "planted");
  for (let turn = 0; turn < 10; turn++) {
    await bench.write();
    bench.clock.advance(10);
  }
  assertEquals([(await execution.result()).state, bench.log], ["FAILED", ["deal a"]]);
  bench.engine.close();
});

Deno.test("an execution ends, of which the ends of several steps cannot be written", async () => {
  const bench = new Bench();
  const execution = await bench.start({ id: "w", steps: [{ id: "a", action: "again" }, { id: "b", action: "again" }] });
  bench.journal.broken = new KernelError("JOURNAL_BROKEN", "planted");
  await bench.write(4);
  assertEquals([execution.state, execution.progress().error?.message], ["FAILED", "planted"]);
  await execution.result();
});

Deno.test("a rollbackAction gets its step's input, also of a step that completed in a life before", async () => {
  const first = new Bench();
  await first.start({
    id: "w",
    steps: [
      { id: "a", action: "again", input: { seat: { $ref: "input.seat" } }, rollbackAction: "put back" },
      { id: "b", approval: true, dependencies: ["a"] },
    ],
  }, { input: { seat: 12 } });
  await first.write(4);
  const second = first.killed();
  const { resumed: [execution] } = await second.engine.resume();
  execution.reject("b", { by: "ann" });
  await second.write(4);
  assertEquals([execution.state, second.log], ["ROLLED_BACK", ['put back a {"seat":12}']]);
});

Deno.test("one party who agrees twice is one party, also after a crash", async () => {
  const first = new Bench();
  const begun = await first.start({ id: "w", steps: [{ id: "a", action: "deal", approval: { count: 2 } }] });
  begun.approve("a", { by: "ann" });
  begun.approve("a", { by: "ann" });
  await first.write();
  const second = first.killed();
  const { resumed: [execution] } = await second.engine.resume();
  await second.write(2);
  assertEquals([second.log, execution.waiting().map(({ stepId }) => stepId)], [[], ["a"]]);
});

Deno.test("what ran out of time while nobody ran it begins nothing more, and is undone", async () => {
  const inner = {
    id: "inner",
    steps: [{ id: "i", action: "deal" }, { id: "j", delayMs: 50, dependencies: ["i"] }, { id: "k", action: "again", dependencies: ["j"] }],
  };
  const first = new Bench();
  await first.start({ id: "w", steps: [{ id: "a", action: "deal" }, { id: "b", workflow: inner, dependencies: ["a"] }] }, {
    timeoutMs: 500,
  });
  await first.write(8);
  assertEquals(first.log, ["deal a", "deal i"]);
  const second = first.killed(100_000);
  const { resumed: [execution] } = await second.engine.resume();
  await second.write(8);
  assertEquals([execution.state, second.log], ["ROLLED_BACK", ["undo i", "undo a"]]);
  assertEquals((execution.progress().error as KernelError).code, "WORKFLOW_TIMEOUT");
});

Deno.test("what had waited for its turn waits for it again", async () => {
  const first = new Bench();
  const definition = { id: "w", steps: [{ id: "a", action: "hold" }] };
  for (let at = 0; at < 3; at++) await first.start(definition);
  const { durable, definitions } = first.journal;
  const second = new Bench(new GroupJournal(durable.filter(({ kind }) => kind === "started"), definitions), 2_000, 2);
  const { resumed } = await second.engine.resume();
  assertEquals([resumed.map(({ state }) => state), second.log.length], [["RUNNING", "RUNNING", "QUEUED"], 2]);
  resumed[0].cancel("enough");
  second.clock.advance(10_000);
  await second.write(2);
  assertEquals([resumed.map(({ state }) => state), second.log.length], [["CANCELLED", "RUNNING", "RUNNING"], 3]);
});

Deno.test("steps of a sub-workflow keep their keys, though the journal did not come to say that it had begun", async () => {
  const definition = { id: "w", steps: [{ id: "s", workflow: { id: "inner", steps: [{ id: "a", action: "key" }] } }] };
  const keys: string[] = [];
  const tell = (bench: Bench): void => void bench.engine.action("key", (_input: unknown, ctx) => void keys.push(ctx.key));
  const first = new Bench();
  tell(first);
  await first.start(definition);
  await first.write(); // the step is announced, and begins
  const second = first.killed();
  tell(second);
  await second.engine.resume();
  await second.write(3);
  assertEquals([keys.length, new Set(keys).size], [2, 1]);
});

Deno.test("a try of a sub-workflow that was announced is made, not taken for the one before", async () => {
  const inner = { id: "inner", steps: [{ id: "a", action: "second", retries: 0 }] };
  const definition = { id: "w", steps: [{ id: "s", workflow: inner, retries: 1, backoff: { baseMs: 1 } }] };
  const secondOnly = (_input: unknown, ctx: ActionContext): number => {
    if (!ctx.key.includes("#2")) throw new Error("not yet");
    return 1;
  };
  const first = new Bench();
  first.engine.action("second", secondOnly);
  await first.start(definition);
  while (!first.journal.durable.some(({ kind, data }) => kind === "step-started" && data === 2)) {
    await settled();
    first.clock.advance(10);
    first.journal.write();
  }
  const second = first.killed();
  second.engine.action("second", secondOnly);
  const { resumed: [execution] } = await second.engine.resume();
  await second.write(4);
  assertEquals(execution.state, "COMPLETED");
});

Deno.test("what a second life has undone, a third one names", async () => {
  const open = (bench: Bench): Bench => {
    bench.engine.action("stuck", () => new Promise(() => {}), { compensate: () => void bench.log.push("undo") });
    return bench;
  };
  const first = open(new Bench());
  await first.start({ id: "w", steps: [{ id: "a", action: "stuck" }] });
  await first.write(2);
  const second = open(first.killed());
  const { resumed: [doubtful] } = await second.engine.resume();
  doubtful.cancel("enough");
  await second.write(3);
  const { durable, definitions } = second.journal;
  const third = open(new Bench(new GroupJournal(durable.filter(({ kind }) => kind !== "ended"), definitions)));
  const { resumed: [execution] } = await third.engine.resume();
  await third.write(3);
  const { state, compensated } = execution.progress();
  assertEquals([second.log, third.log, state, compensated], [["undo"], [], "CANCELLED", ["a"]]);
});

Deno.test("resuming twice goes on once; what was refused may be resumed later", async () => {
  const first = new Bench();
  await first.start({ id: "w", steps: [{ id: "a", action: "again" }, { id: "b", action: "hold", dependencies: ["a"] }] });
  await first.start({ id: "code", steps: [{ id: "c", action: "hold", when: () => true }] });
  await first.write(3);
  const journal = new GroupJournal(
    [...first.journal.durable],
    first.journal.definitions.map((each) => each.id === "code" ? undefined! : each),
  );
  const second = new Bench(journal);
  assertEquals([(await second.engine.resume()).resumed.length, second.log], [1, ["hold b"]]);
  second.engine.define({ id: "code", steps: [{ id: "c", action: "hold", when: () => true }] });
  const { resumed } = await second.engine.resume();
  assertEquals([resumed.map(({ workflow }) => workflow.id), second.log], [["code"], ["hold b", "hold c"]]);
});

Deno.test("it goes on with the definition that it began with, whatever else bears the same name", async () => {
  const first = new Bench();
  await first.start({ id: "w", steps: [{ id: "a", action: "hold" }] });
  await first.write(2);
  const second = first.killed();
  second.engine.define({ id: "w", steps: [{ id: "other", action: "hold" }] });
  const { resumed: [execution] } = await second.engine.resume();
  assertEquals([Object.keys(execution.progress().steps), second.log], [["a"], ["hold a"]]);
});

testWith({ read: true, write: true }, "a definition that JSON would change is not kept as JSON", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const open = (): OrchestrationEngine => {
      const engine = new OrchestrationEngine({ journal: new FileJournal(`${folder}/j.sqlite`) });
      return engine.action(
        "hold",
        (input: { at: Date }) => input.at instanceof Date ? new Promise(() => {}) : Promise.reject(new Error("no date")),
      );
    };
    const definition = (): WorkflowDefinition => ({ id: "w", steps: [{ id: "a", action: "hold", input: { at: new Date(5) } }] });
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    circle.deep = Array.from({ length: 10_000 }).reduce((inside) => [inside], []);
    circle.holes = new Array(1e9);
    const first = open();
    await first.start(definition());
    await first.start({ id: "circle", metadata: circle, steps: [{ id: "a", action: "hold", input: { at: new Date(5) } }] });
    first.close();
    const second = open();
    assertEquals((await second.resume()).refused.map(({ error }) => (error as KernelError).code), ["NOT_RESUMED", "NOT_RESUMED"]);
    second.define(definition());
    const { resumed: [execution] } = await second.resume();
    assertEquals(execution.state, "RUNNING");
    second.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a rollback that is under way when the engine is closed goes no further", async () => {
  const bench = new Bench();
  const gate = Promise.withResolvers<void>();
  bench.engine.action("slowly", () => 1, { compensate: () => gate.promise });
  const execution = await bench.start({
    id: "w",
    steps: [{ id: "a", action: "deal" }, { id: "b", action: "slowly", dependencies: ["a"] }, {
      id: "c",
      approval: true,
      dependencies: ["b"],
    }],
  });
  await bench.write(6);
  execution.reject("c", { by: "ann" });
  await bench.write();
  bench.engine.close();
  gate.resolve();
  await bench.write(3);
  assertEquals(bench.log, ["deal a"]);
  const second = bench.killed();
  second.engine.action("slowly", () => 1, { compensate: () => void second.log.push("undo b") });
  const { resumed: [again] } = await second.engine.resume();
  await second.write(3);
  assertEquals([again.state, second.log], ["ROLLED_BACK", ["undo b", "undo a"]]);
});

Deno.test("a sub-workflow that was announced before a pause begins paused", async () => {
  const bench = new Bench();
  const execution = await bench.start({ id: "w", steps: [{ id: "s", workflow: { id: "inner", steps: [{ id: "a", action: "again" }] } }] });
  execution.pause();
  await bench.write(4);
  assertEquals(bench.log, []);
  execution.resume();
  await bench.write(4);
  assertEquals([bench.log, execution.state], [["again a"], "COMPLETED"]);
});

Deno.test("no more wait than may, though the journal has not said yet that they were started", async () => {
  const engine = new OrchestrationEngine({ journal: new FileJournal(":memory:"), runningMax: 1, waitingMax: 2 });
  engine.action("x", () => 1);
  const starts = await Promise.allSettled(Array.from({ length: 10 }, () => engine.start({ id: "w", steps: [{ id: "a", action: "x" }] })));
  assertEquals(starts.filter(({ status }) => status === "fulfilled").length, 3);
  for (const start of starts) if (start.status === "fulfilled") assert((await start.value.result()).state === "COMPLETED");
  engine.close();
});
