import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AskTimeoutError, InvalidArgumentError, isKernelError, NotInitializedError } from "../../core/base/errors.ts";
import { ASK_TIMEOUT_MS } from "../../core/base/limits.ts";
import type { TaskResult } from "../../core/bus/task.ts";
import { type ExecuteOptions, TaskExecutor } from "../../core/tasks/executor.ts";
import { FakeClock } from "../../core/testing.ts";

interface Run {
  readonly id: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly priority: unknown;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/** An executor whose tasks run until they are told how to end. */
class Bench {
  readonly clock = new FakeClock(0);
  readonly runs: Run[] = [];
  readonly executor: TaskExecutor;

  constructor(concurrency: number, waitingMax?: number) {
    this.executor = new TaskExecutor({
      ...{ clock: this.clock, concurrency, waitingMax },
      run: (_agentId, task, how) => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        this.runs.push({ id: task.id, ...how, resolve, reject });
        return promise;
      },
    });
  }

  do(id: string, options?: ExecuteOptions, timeout?: number): Promise<TaskResult> {
    return this.executor.executeTask({ id, objective: id, constraints: { timeout } }, 7, options);
  }

  get started(): string[] {
    return this.runs.map(({ id }) => id);
  }

  run(id: string): Run {
    return this.runs.find((run) => run.id === id)!;
  }
}

/** Lets what is resolved arrive. */
async function settled(): Promise<void> {
  for (let step = 0; step < 10; step++) await null;
}

Deno.test("a task runs at once, and its result says what came of it", async () => {
  const bench = new Bench(2);
  const [done, failed] = [bench.do("a", { priority: "high" }), bench.do("b")];
  assertEquals(bench.executor.statistics, { waiting: 0, running: 2, completed: 0, failed: 0, timedOut: 0, cancelled: 0, refused: 0 });
  assertEquals([bench.run("a").priority, bench.run("a").timeoutMs], ["high", ASK_TIMEOUT_MS]);
  bench.clock.advance(5);
  bench.run("a").resolve({ out: 1 });
  bench.run("b").reject("no error object");
  const unasked = { model: null, provider: null, usage: { inputTokens: 0, outputTokens: 0 }, costUsd: 0, cached: false, attempts: 1 };
  assertEquals(await done, { taskId: "a", agentId: 7, status: "completed", output: { out: 1 }, ...unasked, durationMs: 5 });
  const { status, error } = await failed;
  assertEquals([status, error?.message], ["failed", "no error object"]);
  assertEquals(bench.executor.statistics, { waiting: 0, running: 0, completed: 1, failed: 1, timedOut: 0, cancelled: 0, refused: 0 });
  bench.executor.close();
});

Deno.test("a run that throws at once is a failed task, and its place is free", async () => {
  const executor = new TaskExecutor({
    clock: new FakeClock(0),
    concurrency: 1,
    run: () => {
      throw new TypeError("at once");
    },
  });
  for (let turn = 0; turn < 3; turn++) assertEquals((await executor.executeTask({ id: "a", objective: "" }, 1)).error?.message, "at once");
  assertEquals(executor.statistics.failed, 3);
  executor.close();
});

Deno.test("as many run as may, the others wait: higher priorities first, in order within one", async () => {
  const bench = new Bench(1);
  const names = ["n1", "b1", "n2", "c1", "l1", "c2", "h1"] as const;
  const levels = { n: "normal", b: "bulk", c: "critical", l: "low", h: "high" } as const;
  const first = bench.do("first");
  const others = names.map((name) => bench.do(name, { priority: levels[name[0] as keyof typeof levels] }));
  assertEquals([bench.started, bench.executor.statistics.waiting], [["first"], 7]);
  for (let turn = 0; turn < 8; turn++) {
    bench.runs.at(-1)!.resolve(turn);
    await settled();
  }
  await Promise.all([first, ...others]);
  assertEquals(bench.started, ["first", "c1", "c2", "h1", "n1", "n2", "l1", "b1"]);
  bench.executor.close();
});

Deno.test("a deadline counts from the call, waiting included", async () => {
  const bench = new Bench(1);
  const slow = bench.do("slow", {}, 100);
  const queued = bench.do("queued", {}, 60);
  const next = bench.do("next", {}, 150);
  bench.clock.advance(60);
  const late = await queued;
  assertEquals([late.status, late.durationMs], ["timeout", 60]);
  assertEquals(isKernelError(late.error) && late.error.code, "TASK_TIMEOUT");
  assertStringIncludes(late.error!.message, "executorConcurrency");
  bench.clock.advance(40);
  const { status, error } = await slow;
  assertEquals(status, "timeout");
  assertInstanceOf(error, AskTimeoutError);
  assertEquals(bench.run("slow").signal.reason, error, "the run is told");
  await settled();
  assertEquals([bench.started, bench.run("next").timeoutMs], [["slow", "next"], 50]);
  bench.run("slow").resolve("too late");
  bench.run("next").resolve("in time");
  assertEquals((await next).output, "in time");
  assertEquals(bench.executor.statistics, { waiting: 0, running: 0, completed: 1, failed: 0, timedOut: 2, cancelled: 0, refused: 0 });
  bench.executor.close();
});

Deno.test("the agent's own deadline is a timeout; one of something that the task waited for is a failure", async () => {
  const bench = new Bench(2);
  const [own, inner] = [bench.do("own", {}, 80), bench.do("inner", {}, 80)];
  bench.run("own").reject(new AskTimeoutError(7, 80));
  bench.run("inner").reject(new AskTimeoutError(8, 20));
  assertEquals([(await own).status, (await inner).status], ["timeout", "failed"]);
  bench.executor.close();
});

Deno.test("tasks that are found too late do not run, however many", async () => {
  const bench = new Bench(1);
  const first = bench.do("first");
  const late = Array.from({ length: 5_000 }, (_, index) => bench.do(`late ${index}`, {}, 10));
  // Time passes while the timers have no turn: a thread that computes.
  bench.clock.now = () => 20;
  bench.run("first").resolve(1);
  await first;
  assertEquals(new Set((await Promise.all(late)).map(({ status }) => status)), new Set(["timeout"]));
  assertEquals(bench.started, ["first"]);
  bench.executor.close();
});

Deno.test("a signal cancels: before the call, while waiting, while running", async () => {
  const bench = new Bench(1);
  const [running, waiting] = [new AbortController(), new AbortController()];
  const first = bench.do("running", { signal: running.signal });
  const second = bench.do("waiting", { signal: waiting.signal });
  const third = bench.do("third");
  const before = await bench.do("before", { signal: AbortSignal.abort("no longer wanted") });
  assertEquals([before.status, before.error?.message], ["cancelled", "no longer wanted"]);
  const reason = new Error("changed my mind");
  waiting.abort(reason);
  assertEquals(await second.then(({ status, error }) => [status, error]), ["cancelled", reason]);
  running.abort(reason);
  assertEquals((await first).status, "cancelled");
  assertEquals(bench.run("running").signal.reason, reason, "the run is told");
  assertEquals(bench.started, ["running", "third"]);
  bench.run("third").resolve(1);
  await third;
  running.abort();
  assertEquals(bench.executor.statistics, { waiting: 0, running: 0, completed: 1, failed: 0, timedOut: 0, cancelled: 3, refused: 0 });
  bench.executor.close();
});

Deno.test("one too many to wait is an error, and room comes back", async () => {
  const bench = new Bench(1, 1);
  const [first, second] = [bench.do("1"), bench.do("2")];
  const error = await assertRejects(() => bench.do("3"), Error, "1 tasks already wait");
  assertEquals(isKernelError(error) && [error.code, error.data.waitingMax], ["EXECUTOR_FULL", 1]);
  bench.run("1").resolve(1);
  await first;
  const third = bench.do("3");
  bench.run("2").resolve(2);
  await second;
  bench.run("3").resolve(3);
  assertEquals((await third).output, 3);
  assertEquals(bench.executor.statistics.refused, 1);
  bench.executor.close();
});

Deno.test("a batch keeps its order and reports each failure where it stands", async () => {
  const bench = new Bench(2, 2);
  const stop = new AbortController();
  const batch = bench.executor.executeBatch(["a", "b", "c", "d", "e"].map((id) => ({ id, objective: id })), 7, { signal: stop.signal });
  bench.run("b").resolve("B");
  await settled();
  bench.run("a").reject(new Error("no A"));
  await settled();
  bench.run("c").resolve("C");
  stop.abort();
  const results = await batch;
  assertEquals(results.map(({ taskId, status }) => `${taskId} ${status}`), [
    "a failed",
    "b completed",
    "c cancelled",
    "d cancelled",
    "e failed",
  ]);
  assertEquals(isKernelError(results[4].error) && results[4].error.code, "EXECUTOR_FULL");
  assertEquals(await bench.executor.executeBatch([], 7), []);
  bench.executor.close();
});

Deno.test("what cannot be read names the field, before anything runs", async () => {
  const bench = new Bench(1);
  const good = { id: "a", objective: "b" };
  const { executor } = bench;
  const cases: [call: () => Promise<unknown>, field: string][] = [
    [() => executor.executeTask({ id: "", objective: "" }, 7), "task.id"],
    [() => executor.executeTask({ id: "a" } as never, 7), "task.objective"],
    [() => executor.executeTask({ ...good, constraints: { timeout: -1 } }, 7), "task.constraints.timeout"],
    [() => executor.executeTask(good, 7, { priority: "urgent" as never }), "priority"],
    [() => executor.executeBatch([good, { id: "b" } as never], 7), "tasks[1].objective"],
    [() => executor.executeBatch({} as never, 7), "tasks"],
    [() => executor.executeBatch([good], 7, { priority: 9 as never }), "priority"],
  ];
  for (const [call, field] of cases) assertEquals((await assertRejects(call, InvalidArgumentError)).field, field);
  assertEquals([bench.runs.length, executor.statistics.refused], [0, 0]);
  for (const [concurrency, waitingMax] of [[0, 1], [1.5, 1], [1, -1]]) {
    assertThrows(() => new Bench(concurrency, waitingMax), InvalidArgumentError);
  }
  executor.close();
});

Deno.test("closing cancels what waits and what runs, and takes nothing more", async () => {
  const bench = new Bench(1);
  const both = [bench.do("1"), bench.do("2")];
  bench.executor.close();
  assertEquals((await Promise.all(both)).map(({ status }) => status), ["cancelled", "cancelled"]);
  assertEquals([bench.run("1").signal.aborted, bench.started], [true, ["1"]]);
  await assertRejects(() => bench.do("3"), NotInitializedError);
  await assertRejects(() => bench.executor.executeBatch([], 7), NotInitializedError);
  bench.clock.advance(ASK_TIMEOUT_MS);
  assertEquals(bench.executor.statistics.cancelled, 2);
});

Deno.test("whatever happens: every task ends once, never more run than may, and the counts agree", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("call" as const), priority: fc.integer({ min: -1, max: 3 }), timeout: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ do: fc.constantFrom("resolve" as const, "reject" as const, "abort" as const), pick: fc.nat() }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 20 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), async (concurrency, steps) => {
      const bench = new Bench(concurrency, 5);
      const signals: AbortController[] = [];
      const results: Promise<TaskResult | null>[] = [];
      for (const one of steps) {
        if (one.do === "call") {
          const signal = new AbortController();
          signals.push(signal);
          const called = bench.do(String(signals.length), { signal: signal.signal, priority: one.priority as 0 }, one.timeout);
          results.push(called.catch((error) => isKernelError(error) && error.code === "EXECUTOR_FULL" ? null : Promise.reject(error)));
        } else if (one.do === "wait") bench.clock.advance(one.ms);
        else if (one.do === "abort") signals[one.pick % signals.length]?.abort();
        else bench.runs[one.pick % bench.runs.length]?.[one.do](one.do);
        await settled();
        const { running, waiting } = bench.executor.statistics;
        assertEquals(running <= concurrency && waiting <= 5 && (waiting === 0 || running === concurrency), true);
      }
      bench.clock.advance(50);
      const ended = await Promise.all(results);
      const { waiting, running, completed, failed, timedOut, cancelled, refused } = bench.executor.statistics;
      const count = (status: string) => ended.filter((result) => result?.status === status).length;
      assertEquals([waiting, running, refused], [0, 0, ended.filter((result) => result === null).length]);
      assertEquals([completed, failed, timedOut, cancelled], ["completed", "failed", "timeout", "cancelled"].map(count));
      bench.executor.close();
    }),
    { numRuns: 300 },
  );
});
