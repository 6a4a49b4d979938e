import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import type { AgentId } from "../../core/agents/agent.ts";
import { AgentNotFoundError, InvalidArgumentError } from "../../core/base/errors.ts";
import { TEAM_PARTS_MAX, TEAM_WORKERS_MAX } from "../../core/base/limits.ts";
import { coordinated, type CoordinatorState } from "../../core/team/coordinator.ts";
import { type Merge, merge } from "../../core/team/merging.ts";

type Context = Parameters<typeof coordinated>[1];

/** Ids that look like an agent's. */
const [ANN, BOB, CAT] = [1, 2, 3].map((slot) => 2 ** 21 + slot);

/** A context whose workers answer as told; everything that is asked is kept. */
class Office {
  readonly asked: [to: AgentId, payload: unknown][] = [];
  readonly stop = new AbortController();
  readonly state: CoordinatorState = {};
  spawned = 0;

  constructor(private readonly answer: (to: AgentId, payload: unknown) => unknown) {}

  get ctx(): Context {
    return {
      ...{ id: 2 ** 21, state: this.state, signal: this.stop.signal },
      ask: async (to: AgentId, payload: unknown) => {
        this.asked.push([to, payload]);
        await null;
        return this.answer(to, payload);
      },
      spawn: (type: string) =>
        type === "broken" && this.spawned === 1 ? Promise.reject(new Error("no start")) : Promise.resolve(ANN + this.spawned++),
    } as unknown as Context;
  }
}

Deno.test("parts go to the workers in turn, laid over the task", async () => {
  const office = new Office((_to, payload) => payload);
  const both = await coordinated({ task: { a: 1 }, parts: [{ b: 2 }, { b: 3 }, 4], workers: [ANN, BOB] }, office.ctx);
  assertEquals(both.merged, [{ a: 1, b: 2 }, { a: 1, b: 3 }, { task: { a: 1 }, part: 4 }]);
  assertEquals(both.parts.map(({ worker }) => worker), [ANN, BOB, ANN]);
  assertEquals((await coordinated({ parts: [1, "x"], workers: [ANN] }, office.ctx)).merged, [1, "x"]);
  assertEquals((await coordinated({ task: "same", workers: [ANN, BOB, CAT] }, office.ctx)).merged, ["same", "same", "same"]);
  const split = { task: { list: [1, 2, 3, 4, 5], k: 0 }, splitBy: "list", merge: "concat", pick: "list" };
  for (const [partItems, parts] of [[undefined, 2], [1, 5], [2, 3], [9, 1]]) {
    const { merged, parts: results } = await coordinated({ ...split, partItems, workers: [ANN, BOB] }, office.ctx);
    assertEquals([merged, results.length], [[1, 2, 3, 4, 5], parts]);
  }
});

Deno.test("a part that fails is tried once with another worker; what fails twice is reported and stops no other", async () => {
  const office = new Office((to, payload) => {
    if (to === ANN || payload === "bad") throw new InvalidArgumentError("x", payload, "not so.");
    return payload;
  });
  const { merged, parts, failed } = await coordinated({ parts: ["a", "b", "bad", "c"], workers: [ANN, BOB, CAT] }, office.ctx);
  assertEquals(merged, ["a", "b", null, "c"]);
  assertEquals(failed, 1);
  assertEquals(parts.map(({ worker, ok, attempts }) => [worker, ok, attempts]), [[BOB, true, 2], [BOB, true, 1], [ANN, false, 2], [
    BOB,
    true,
    2,
  ]]);
  assertEquals(parts[2].error?.code, "INVALID_ARGUMENT");
  const alone = await coordinated({ parts: ["bad"], workers: [BOB] }, office.ctx);
  assertEquals(alone.parts[0].attempts, 1, "there is no other");
});

Deno.test("spawned workers are kept for the next task; those that are gone are forgotten, and a failed spawn loses none that started", async () => {
  let gone = 0;
  const office = new Office((to) => {
    if (to === gone) throw new AgentNotFoundError(to);
    return to;
  });
  const ask = (count: number) => coordinated({ task: 1, workers: { type: "coder", count } }, office.ctx);
  assertEquals((await ask(2)).merged, [ANN, BOB]);
  assertEquals((await ask(1)).merged, [ANN]);
  assertEquals((await ask(3)).merged, [ANN, BOB, CAT]);
  gone = ANN;
  assertEquals((await ask(2)).merged, [BOB, BOB]);
  assertEquals(office.state.hired, { coder: [BOB, CAT] });
  const other = new Office(() => 1);
  await assertRejects(() => coordinated({ task: 1, workers: { type: "broken", count: 3 } }, other.ctx), Error, "no start");
  assertEquals(other.state.hired?.broken.length, other.spawned);
});

Deno.test("a coordinator that is told to stop asks no more", async () => {
  const office: Office = new Office(() => office.stop.abort(new Error("stopped")));
  await assertRejects(() => coordinated({ parts: [1, 2, 3], workers: [ANN] }, office.ctx), Error, "stopped");
  assertEquals(office.asked.length <= 2, true);
});

Deno.test("replies are merged, without those of failed parts", () => {
  const cases: [how: Merge, values: unknown[], merged: unknown][] = [
    ["collect", [1, [2]], [null, 1, [2]]],
    ["concat", [[1], [], [2, [3]]], [1, 2, [3]]],
    ["concat", ["a", "b"], "ab"],
    ["concat", [], []],
    ["sum", [1, 2.5], 3.5],
    ["sum", [{ a: 1, s: "x" }, { a: 2, b: 3 }], { a: 3, b: 3 }],
    ["sum", [], 0],
    ["majority", [{ a: 1 }, 2, { a: 1 }], { a: 1 }],
    ["majority", [1, 2], null],
  ];
  for (const [how, values, merged] of cases) assertEquals(merge(how, [null, ...values.map((value) => ({ value }))]), merged, how);
});

Deno.test("a majority is found exactly when there is one", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }), (votes) => {
    const winner = [0, 1, 2, 3].find((one) => 2 * votes.filter((vote) => vote === one).length > votes.length);
    assertEquals(merge("majority", votes.map((vote) => ({ value: { vote } }))), winner === undefined ? null : { vote: winner });
  }));
});

Deno.test("bad input, and replies that cannot be merged, name the field", async () => {
  const office = new Office((_to, payload) => payload);
  const cases: [input: unknown, field: string][] = [
    [{ workers: [ANN] }, "task"],
    [{ task: 1, workers: [] }, "workers"],
    [{ task: 1, workers: new Array(TEAM_WORKERS_MAX + 1).fill(ANN) }, "workers"],
    [{ task: 1, workers: [ANN, 2 ** 21] }, "workers[1]"],
    [{ task: 1, workers: ["x"] }, "workers[0]"],
    [{ task: 1, workers: { type: "coder", count: 0 } }, "workers.count"],
    [{ task: 1, workers: { type: 7, count: 1 } }, "workers.type"],
    [{ parts: [1], splitBy: "a", workers: [ANN] }, "splitBy"],
    [{ task: { a: 1 }, splitBy: "b", workers: [ANN] }, "splitBy"],
    [{ task: { a: 1 }, splitBy: "a", workers: [ANN] }, "task.a"],
    [{ task: { a: [] }, partItems: 1, workers: [ANN] }, "partItems"],
    [{ task: { a: new Array(TEAM_PARTS_MAX + 1) }, splitBy: "a", partItems: 1, workers: [ANN] }, "partItems"],
    [{ parts: new Array(TEAM_PARTS_MAX + 1).fill(0), workers: [ANN] }, "parts"],
    [{ task: 1, workers: [ANN], merge: "best" }, "merge"],
    [{ task: 1, workers: [ANN], merge: "concat" }, "merge"],
    [{ task: "a", workers: [ANN], merge: "sum" }, "merge"],
    [{ task: 1, workers: [ANN], pick: "a" }, "pick"],
    [{ task: 1, workers: [ANN], timeoutMs: 0 }, "timeoutMs"],
  ];
  for (const [input, field] of cases) {
    const error = await assertRejects(() => coordinated(input, office.ctx), InvalidArgumentError);
    assertEquals(error.field, field, error.message);
  }
});
