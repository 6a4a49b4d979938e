import { assert, assertEquals, assertThrows } from "@std/assert";
import type { TaskDefinition, TaskResult } from "../../core/bus/task.ts";
import { TaskExecutor } from "../../core/tasks/executor.ts";
import { FakeClock } from "../../core/testing.ts";

interface Started {
  readonly task: TaskDefinition;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

function bench(options: { max?: number; ttlMs?: number } = {}) {
  const clock = new FakeClock(1_000);
  const started: Started[] = [];
  const executor = new TaskExecutor({
    ...{ clock, concurrency: 1, waitingMax: 5, cache: options, scopeOf: (agentId) => agentId < 10 ? "same" : "other" },
    run: (_agentId, task, { use }) => {
      use.add({ model: "m", provider: "p", usage: { inputTokens: 3, outputTokens: 4 }, costUsd: 0.5, attempts: 2 });
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      started.push({ task, resolve, reject });
      return promise;
    },
  });
  const ask = (id: string, more: Partial<TaskDefinition> = {}, agentId = 1, signal?: AbortSignal): Promise<TaskResult> =>
    executor.executeTask({ id, objective: "hello", cache: true, ...more }, agentId, { signal });
  return { clock, started, executor, ask };
}

Deno.test("the same task again has the first one's result, at no cost, until it is too old", async () => {
  const { clock, started, executor, ask } = bench({ ttlMs: 100 });
  const first = ask("a");
  started[0].resolve({ text: "hi" });
  const { cached, attempts, usage, costUsd, model, provider } = await first;
  assertEquals({ cached, attempts, usage, costUsd }, {
    cached: false,
    attempts: 2,
    usage: { inputTokens: 3, outputTokens: 4 },
    costUsd: 0.5,
  });
  const again = await ask("b", {}, 2);
  assertEquals([again.taskId, again.agentId, again.output, again.cached, again.attempts], ["b", 2, { text: "hi" }, true, 0]);
  assertEquals([again.usage, again.costUsd, again.model, again.provider], [{ inputTokens: 0, outputTokens: 0 }, 0, model, provider]);
  assertThrows(() => (again.output as { text: string }).text = "changed", TypeError);
  assertEquals([started.length, executor.cacheStatistics], [1, { size: 1, hits: 1, shared: 0, misses: 1 }]);
  clock.advance(101);
  ask("c");
  assertEquals(started.length, 2);
  executor.close();
});

Deno.test("tasks that say something else, or are of other agents, do not share; nor do those that are not to be cached", async () => {
  const { started, executor, ask } = bench();
  const all = [
    ask("a"),
    ask("b", {}, 10),
    ask("c", { input: 1 }),
    ask("d", { model: "big" }),
    ask("e", { constraints: { maxTokens: 9 } }),
    ask("f", { cache: "by name" }),
  ];
  for (let at = 0; at < all.length; at++) {
    started[at].resolve(at);
    assertEquals((await all[at]).output, at);
  }
  assertEquals((await ask("g", { cache: "by name", objective: "something else" })).output, 5);
  const unsaid = ask("h", { input: new Map() }); // JSON cannot tell one Map from another
  const twice = ask("i", { cache: false });
  for (const at of [6, 7]) {
    await null;
    started[at].resolve("ran");
    await [unsaid, twice][at - 6];
  }
  assertEquals(executor.cacheStatistics.size, 6);
  executor.close();
});

Deno.test("many that want the same at a time are run once; a failure is theirs too, and is not kept", async () => {
  const { started, executor, ask } = bench();
  const all = ["a", "b", "c"].map((id) => ask(id));
  assertEquals([started.length, executor.statistics.waiting, executor.statistics.running], [1, 2, 1]);
  started[0].resolve("once");
  const results = await Promise.all(all);
  assertEquals(results.map(({ output, cached }) => [output, cached]), [["once", false], ["once", true], ["once", true]]);

  const failing = ["d", "e"].map((id) => ask(id, { input: "bad" }));
  started[1].reject(new Error("no"));
  assertEquals((await Promise.all(failing)).map(({ status, error }) => [status, error?.message]), [["failed", "no"], ["failed", "no"]]);
  ask("f", { input: "bad" });
  assertEquals(started.length, 3, "asked anew");
  executor.close();
});

Deno.test("when the one that ran is given up, the next runs in its place; one that only waited leaves alone", async () => {
  const { clock, started, executor, ask } = bench();
  const [first, second] = [new AbortController(), new AbortController()];
  const leads = ask("a", {}, 1, first.signal);
  const leaves = ask("b", {}, 1, second.signal);
  const stays = ask("c", { constraints: { timeout: 60_000 } });
  second.abort(new Error("b no more"));
  assertEquals([(await leaves).status, started.length], ["cancelled", 1]);
  first.abort(new Error("a no more"));
  assertEquals([(await leads).status, started.length], ["cancelled", 2]);
  started[0].resolve("too late");
  started[1].resolve("done");
  const { output, cached } = await stays;
  assertEquals([output, cached, executor.statistics.waiting], ["done", false, 0]);
  clock.advance(1);
  executor.close();
});

Deno.test("the oldest results give way, and what cannot be copied is not kept", async () => {
  const { started, executor, ask } = bench({ max: 2 });
  for (const [at, input] of ["a", "b", "c"].entries()) {
    const asked = ask(input, { input });
    started[at].resolve(input);
    await asked;
  }
  assertEquals(executor.cacheStatistics.size, 2);
  for (const output of [() => "a function", new Map([[1, 2]])]) {
    const asked = ask("x", { input: "odd" });
    started.at(-1)!.resolve(output);
    assert((await asked).output === output);
  }
  assertEquals(executor.cacheStatistics.size, 2);
  executor.close();
});
