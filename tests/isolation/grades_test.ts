/** The same behavior file at each grade: everything that works for an agent works for one that is kept apart. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { isKernelError, type Isolation, type MetricSeries, UltraFastAgentManager } from "../../mod.ts";
import type { Order } from "../support/graded_agent.ts";
import { testWith } from "../support/permissions.ts";
import { until } from "../support/until.ts";

const GRADED = new URL("../support/graded_agent.ts", import.meta.url);

/** A manager with agents of that behavior. */
async function managed(): Promise<UltraFastAgentManager> {
  const manager = new UltraFastAgentManager({ threads: 1, behaviors: { graded: GRADED }, executor: { model: "echo" } });
  await manager.initialize();
  return manager;
}

function valueOf(series: readonly MetricSeries[], name: string, what?: string): number {
  return series.find((one) => one.name === name && (what === undefined || one.labels.what === what))?.value ?? 0;
}

for (const isolation of ["shared", "worker", "process"] as Isolation[]) {
  const test = (name: string, body: (manager: UltraFastAgentManager) => Promise<void>): void =>
    testWith({ read: true, run: true }, `${isolation}: ${name}`, async () => {
      await using manager = await managed();
      await body(manager);
      await manager.shutdown();
    });

  test("messages in order, asks, errors, tasks, store, topics, counts", async (manager) => {
    const agent = await manager.spawnAgent("graded", { isolation, capabilities: ["a"], state: { seen: [], starts: 4 } });
    const other = await manager.spawnAgent("graded");
    const ask = <Reply>(order: Order): Promise<Reply> => manager.ask<Reply>(agent, order);
    for (let value = 0; value < 200; value++) await manager.sendMessage(0, agent, { do: "note", value });
    const seen = await ask<{ seen: number[]; starts: number }>({ do: "seen" });
    assertEquals(seen as unknown, { seen: Array.from({ length: 200 }, (_, at) => at), starts: 5, type: "graded", words: ["a"], id: agent });
    const thrown = await assertRejects(() => ask({ do: "throw", value: "too far" }), RangeError, "too far");
    assert(thrown instanceof RangeError);
    await ask({ do: "forward", to: other, value: "sent on" });
    assertEquals((await ask<{ seen: unknown[] }>({ do: "ask", to: other, value: { do: "seen" } })).seen, ["sent on"]);
    const missing = await assertRejects(() => ask({ do: "forward", to: 2 ** 30, value: 1 }));
    assert(isKernelError(missing) && missing.code === "AGENT_NOT_FOUND");
    assertEquals(await ask({ do: "store", value: "kept" }), {
      ...{ swapped: true, found: [{ value: "kept" }, false], isFrozen: true, keys: ["key"], none: undefined },
    });
    await ask({ do: "subscribe", value: "news.*" });
    assertEquals(await manager.ask(other, { do: "publish", value: "news.today" }), true);
    while ((await ask<{ seen: unknown[] }>({ do: "seen" })).seen.at(-1) !== "published");
    assertEquals((await manager.executeTask(agent, { id: "1", objective: "work" })).output, { task: "work", by: agent });
    const failed = await manager.executeTask(agent, { id: "2", objective: "work", input: "throw" });
    assertEquals([failed.status, failed.error?.message], ["failed", "no"]);
    assertEquals(await manager.checkHealth(agent), { healthy: true, details: 5 });
    const series = await manager.metrics();
    assertEquals([valueOf(series, "graded_messages", "store"), valueOf(series, "graded_starts")], [1, 2]);
    assertEquals(valueOf(series, "graded_messages", "note"), 202);
    await manager.terminateAgent(agent);
    assertEquals(manager.memoryStore.get("graded", `stopped ${agent}`), 201);
    assertEquals(manager.getSystemStatus().agents.isolated, { worker: 0, process: 0 });
  });

  test("its model's answers count against its budget, which stops it", async (manager) => {
    const agent = await manager.spawnAgent("graded", { isolation, budget: { tokens: 150 } });
    const ask = (value: string): Promise<unknown> => manager.ask(agent, { do: "model", value });
    assertEquals(await ask("hi"), "[local, no model was asked] hi");
    assert(manager.modelSpending(agent).own.calls === 1);
    assertEquals(manager.getSystemStatus().agents.isolated, {
      worker: isolation === "worker" ? 1 : 0,
      process: isolation === "process" ? 1 : 0,
    });
    const stopped = await assertRejects(async () => {
      for (let asked = 0; asked < 20; asked++) await ask("again");
    });
    assertEquals([isKernelError(stopped) && stopped.code, isKernelError(stopped) && stopped.data.agentId], ["BUDGET_EXCEEDED", agent]);
    const rich = await manager.spawnAgent("graded", { isolation });
    assertEquals(await manager.ask(rich, { do: "stream", value: "a b" }), "|[local, |no |model |was |asked] |a |b");
  });

  test("a failure restarts it with its last snapshot, what waits goes on waiting; too many are its parent's", async (manager) => {
    const restarted: unknown[] = [];
    manager.on("agent:restarted", (event) => restarted.push(event));
    const agent = await manager.spawnAgent("graded", { isolation, supervision: { onFailure: "restart", restartsMax: 1 } });
    await manager.sendMessage(0, agent, { do: "note", value: 1 });
    const failing = assertRejects(() => manager.ask(agent, { do: "throw", value: "x" }), RangeError);
    const waiting = manager.ask<{ seen: unknown[]; starts: number }>(agent, { do: "seen" });
    await failing;
    const { seen, starts } = await waiting;
    assertEquals([seen, starts], [[1], 2]);
    await until(() => restarted.length === 1);
    const given = Promise.withResolvers<unknown>();
    manager.once("agent:abandoned", given.resolve);
    await assertRejects(() => manager.ask(agent, { do: "throw", value: "y" }), RangeError);
    await given.promise;
    await until(() => manager.getSystemStatus().agents.live === 0);
  });

  test("ending it ends what it waits for, and nothing of it is left", async (manager) => {
    const agent = await manager.spawnAgent("graded", { isolation });
    await manager.sendMessage(0, agent, { do: "wait" });
    await manager.sendMessage(0, agent, { do: "note", value: 1 });
    await manager.terminateAgent(agent);
    assertEquals(manager.memoryStore.get("graded", "aborted"), true);
    const letters = await manager.deadLetters();
    assertEquals(letters.map(({ reason }) => reason), ["agent-terminated"]);
    const batch = await manager.spawnAgentBatch("graded", 2, { isolation });
    assertEquals(batch.length, 2);
  });
}
