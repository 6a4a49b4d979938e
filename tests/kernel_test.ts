import { assert, assertEquals, assertGreater, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { AgentNotFoundError, ConfigError, isKernelError, NotInitializedError, UltraFastAgentManager } from "../mod.ts";
import { behaviorUrl, ECHO, SUM } from "./support/behaviors.ts";

const behaviors = { echo: ECHO, sum: SUM };

Deno.test("agents on two threads answer, and the store is one", async () => {
  const store = behaviorUrl("onMessage(message, ctx) { ctx.reply(ctx.store.get('plans', message.payload)); }");
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { ...behaviors, store } });
  await manager.initialize();
  const agents = await Promise.all([1, 2].map((host) => manager.spawnAgent("echo", { host })));
  assertEquals(await Promise.all(agents.map((id) => manager.ask(id, "hello"))), [{ echo: "hello", host: 1 }, { echo: "hello", host: 2 }]);
  manager.memoryStore.set("plans", "today", { steps: 3 });
  for (const host of [1, 2]) assertEquals(await manager.ask(await manager.spawnAgent("store", { host }), "today"), { steps: 3 });
});

Deno.test("values keep their types across threads", async () => {
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors });
  await manager.initialize();
  const agent = await manager.spawnAgent("echo");
  const values = [undefined, null, NaN, -0, 2n ** 70n, "\ud800", new Date(0), /x/gi, new Map([[1, new Set([2])]]), new Uint8Array([1, 2]), [
    1,
    ,
    3,
  ]];
  for (const value of values) assertEquals(await manager.ask(agent, value), { echo: value, host: 1 });
});

Deno.test("batches spread over the threads; a send after terminate is AgentNotFoundError", async () => {
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors });
  await manager.initialize();
  const ids = await manager.spawnAgentBatch("echo", 1_000);
  assertEquals(new Set(ids).size, 1_000);
  const hosts = await Promise.all(ids.slice(0, 100).map(async (id) => (await manager.ask<{ host: number }>(id, 0)).host));
  assertEquals(new Set(hosts).size <= 2, true);
  const [a, b] = ids;
  await manager.terminateAgent(b);
  await assertRejects(() => manager.sendMessage(a, b, "late"), AgentNotFoundError);
  const results = await manager.sendMessages([{ from: a, to: b, message: 1 }, { from: a, to: ids[2], message: 2 }]);
  assertEquals(results.map((result) => result.ok), [false, true]);
});

Deno.test("a hundred thousand sends arrive in order and complete, with the loop turning meanwhile", async () => {
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors });
  await manager.initialize();
  const agent = await manager.spawnAgent("sum");
  for (let number = 0; number < 100_000; number++) await manager.sendMessage(0, agent, 1);
  assertEquals((await manager.ask<{ sum: number }>(agent, null)).sum, 100_000);
});

Deno.test("threads: 0 keeps everything on the main thread, and takes behaviors as objects", async () => {
  const behavior = Object.defineProperty(
    { onMessage: (_message: unknown, ctx: { reply(value: unknown): void; host: number }) => ctx.reply(ctx.host) },
    Symbol.for("@stage3/kernel.behavior"),
    {
      value: true,
    },
  );
  await using manager = new UltraFastAgentManager({ threads: 0, behaviors: { local: behavior } });
  await manager.initialize();
  assertEquals(await manager.ask(await manager.spawnAgent("local"), null), 0);
});

Deno.test("host: 0 places an agent on the main thread beside workers; near places it with another", async () => {
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors });
  await manager.initialize();
  const main = await manager.spawnAgent("echo", { host: 0 });
  const near = await manager.spawnAgent("echo", { near: main });
  for (const id of [main, near]) assertEquals(await manager.ask<{ host: number }>(id, 1).then((reply) => reply.host), 0);
});

Deno.test("warm pools: a started agent is taken, the pool refills, other configurations are made anew", async () => {
  const counted = behaviorUrl("onStart(ctx) { ctx.state.startedAt = ctx.clock.now(); }, onMessage(message, ctx) { ctx.reply(ctx.state); }");
  await using manager = new UltraFastAgentManager({
    threads: 1,
    behaviors: { counted },
    agentPoolConfig: { preWarmPools: { counted: 3 } },
  });
  await manager.initialize();
  const called = manager.clock.now();
  const warm = await manager.spawnAgent("counted", { preWarm: true, priority: "high" });
  const cold = await manager.spawnAgent("counted", { preWarm: true, state: { mine: true } });
  const states = await Promise.all([warm, cold].map((id) => manager.ask<{ startedAt: number; mine?: boolean }>(id, null)));
  assert(states[0].startedAt < called, "the warm agent had been started before it was asked for");
  assertGreater(states[1].startedAt, called);
  assertEquals(states[1].mine, true);
  for (let taken = 0; taken < 10; taken++) await manager.spawnAgent("counted", { preWarm: true });
  assertEquals(manager.inspectMemory().agentsLive, 12);
});

Deno.test("tasks run onTask; what it throws is a failed result, an unknown agent is an error", async () => {
  const worker = behaviorUrl("onTask(task) { if (task.objective === 'fail') throw new Error('cannot'); return task.objective.length; }");
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { worker } });
  await manager.initialize();
  const agent = await manager.spawnAgent("worker");
  const done = await manager.executeTask(agent, { id: "1", objective: "four" });
  assertEquals([done.taskId, done.status, done.output], ["1", "completed", 4]);
  const failed = await manager.executeTask(agent, { id: "2", objective: "fail" });
  assertEquals([failed.status, failed.error?.message], ["failed", "cannot"]);
  await manager.terminateAgent(agent);
  await assertRejects(() => manager.executeTask(agent, { id: "3", objective: "x" }), AgentNotFoundError);
});

Deno.test("a module that cannot be imported or exports no behavior is named", async () => {
  const modules = { broken: "data:text/javascript,throw new Error('at import')", empty: "data:text/javascript,export default 7" };
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: modules });
  await manager.initialize();
  for (const [type, text] of [["broken", "at import"], ["empty", "defineAgent"]]) {
    const error = await assertRejects(() => manager.spawnAgent(type), Error, text);
    assert(isKernelError(error) && error.code === "BEHAVIOR_LOAD");
  }
  assertEquals(manager.inspectMemory().slotsInUse, 0);
});

Deno.test("before initialize and after shutdown the calls say so; both are idempotent", async () => {
  const manager = new UltraFastAgentManager({ threads: 1, behaviors });
  assertThrows(() => manager.memoryStore, NotInitializedError, "initialize");
  await assertRejects(() => manager.spawnAgent("echo"), NotInitializedError);
  const starting = manager.initialize();
  assertEquals(manager.initialize(), starting);
  const agent = await manager.spawnAgent("echo"); // awaits initialize by itself
  assertInstanceOf(await manager.ask(agent, 1), Object);
  await Promise.all([manager.shutdown(), manager.shutdown()]);
  await assertRejects(() => manager.ask(agent, 1), NotInitializedError, "shut down");
  await assertRejects(() => manager.initialize(), NotInitializedError);
});

Deno.test("options are checked by name, value and remedy", () => {
  const bad: [Record<string, unknown>, string][] = [
    [{ threads: -1 }, "threads"],
    [{ threads: 1.5 }, "threads"],
    [{ thread: 2 }, "thread: no such option"],
    [{ maxConcurrentAgents: "many" }, "maxConcurrentAgents"],
    [{ behaviors: { x: 7 } }, "behaviors.x"],
    [{ agentPoolConfig: { preWarmPools: { coder: -1 } } }, "agentPoolConfig.preWarmPools.coder"],
  ];
  for (const [options, text] of bad) assertThrows(() => new UltraFastAgentManager(options), ConfigError, text);
});

Deno.test("too little shared memory names the option and the bytes needed", async () => {
  await using manager = new UltraFastAgentManager({ threads: 4, sharedBufferSize: 2 ** 20, behaviors });
  await assertRejects(() => manager.initialize(), ConfigError, "sharedBufferSize");
});

Deno.test("agents log and fail through events of the manager", async () => {
  const talker = behaviorUrl("onMessage(message, ctx) { ctx.log('said', message.payload); throw new Error('then failed'); }");
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { talker } });
  await manager.initialize();
  const log = new Promise<{ text: string; data: unknown }>((resolve) => manager.once("agent:log", resolve));
  const failed = new Promise<{ error: Error }>((resolve) => manager.once("agent:failed", resolve));
  await manager.sendMessage(0, await manager.spawnAgent("talker"), 42);
  assertEquals(await log.then(({ text, data }) => [text, data]), ["said", 42]);
  assertEquals((await failed).error.message, "then failed");
});

Deno.test("dead letters of all threads are fetched, however many and however large", async () => {
  const deaf = behaviorUrl("onStart() {}");
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { deaf } });
  await manager.initialize();
  const agents = await Promise.all([1, 2].map((host) => manager.spawnAgent("deaf", { host })));
  for (let number = 0; number < 100; number++) await manager.sendMessage(0, agents[number % 2], number);
  for (let number = 0; number < 4; number++) await manager.sendMessage(0, agents[0], new Uint8Array(900_000));
  const barrier = await Promise.allSettled(agents.map((id) => manager.ask(id, null)));
  assertEquals(barrier.map((outcome) => outcome.status), ["rejected", "rejected"]);
  const letters = await manager.deadLetters();
  assertEquals(letters.length, 106);
  assertEquals(letters.filter((letter) => letter.message.payload instanceof Uint8Array).length, 4);
  assertEquals(new Set(letters.map((letter) => letter.reason)), new Set(["no-handler"]));
});

Deno.test("an onStart that throws what cannot travel fails the spawn and harms no neighbour", async () => {
  const odd = behaviorUrl("onStart() { throw Object.assign(new Error('odd'), { cause: () => 1 }); }");
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { ...behaviors, odd } });
  await manager.initialize();
  const neighbour = await manager.spawnAgent("echo");
  await assertRejects(() => manager.spawnAgent("odd"), Error, "odd");
  await assertRejects(() => manager.spawnAgentBatch("odd", 20), Error, "odd");
  assertEquals(await manager.ask(neighbour, 1), { echo: 1, host: 1 });
  assertEquals(manager.inspectMemory().slotsInUse, 1);
});

Deno.test("a warm agent that the limit keeps from being taken stays in its pool", async () => {
  await using manager = new UltraFastAgentManager({
    ...{ threads: 1, behaviors, maxConcurrentAgents: 1 },
    agentPoolConfig: { preWarmPools: { echo: 1 } },
  });
  await manager.initialize();
  const first = await manager.spawnAgent("echo");
  await assertRejects(() => manager.spawnAgent("echo", { preWarm: true }), Error, "maxConcurrentAgents");
  assertEquals(manager.inspectMemory().slotsInUse, 2);
  await manager.terminateAgent(first);
  assertEquals(await manager.ask(await manager.spawnAgent("echo", { preWarm: true }), 1), { echo: 1, host: 1 });
});

Deno.test("dead letters are sent again: to their receivers, or to another; what cannot be sent stays", async () => {
  const gate = behaviorUrl(
    "onStart(ctx) { ctx.state = { seen: [] }; }, onMessage(message, ctx) { if (message.correlationId) ctx.reply(ctx.state.seen); else ctx.state.seen.push(message.payload); }",
  );
  const none = behaviorUrl("onStart() {}");
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { gate, none } });
  await manager.initialize();
  const [deaf, listens] = [await manager.spawnAgent("none"), await manager.spawnAgent("gate")];
  for (let number = 0; number < 3; number++) await manager.sendMessage(0, deaf, number);
  await manager.ask(listens, "after them");
  assertEquals((await manager.deadLetters()).map((letter) => letter.reason), ["no-handler", "no-handler", "no-handler"]);
  const some = await manager.replayDeadLetters({ select: (letter) => letter.message.payload !== 1, to: listens });
  assertEquals([some.replayed, some.failed.length], [2, 0]);
  assertEquals(await manager.ask(listens, "seen"), [0, 2]);
  await manager.terminateAgent(deaf);
  const rest = await manager.replayDeadLetters();
  assertEquals([rest.replayed, rest.failed[0].error.name], [0, "AgentNotFoundError"]);
  assertEquals((await manager.deadLetters()).map((letter) => letter.message.payload), [1]);
});

Deno.test("broadcast reaches all of a type but the sender; health is asked of the behavior", async () => {
  const ear = behaviorUrl(
    "onStart(ctx) { ctx.state = { heard: 0 }; }, healthCheck(ctx) { return { healthy: ctx.state.heard < 2, details: ctx.state.heard }; }, " +
      "onMessage(message, ctx) { ctx.state.heard++; }",
  );
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { ear, echo: behaviors.echo } });
  await manager.initialize();
  const ears = await manager.spawnAgentBatch("ear", 5);
  const echo = await manager.spawnAgent("echo");
  assertEquals(await manager.broadcast(ears[0], "news", { agentType: "ear" }), 4);
  assertEquals(await manager.broadcast(echo, "more"), 5);
  assertEquals(await manager.checkHealth(ears[0]), { healthy: true, details: 1 });
  assertEquals(await manager.checkHealth(ears[1]), { healthy: false, details: 2 });
  assertEquals(await manager.checkHealth(echo), { healthy: true });
  assertEquals((await manager.multicast(0, [echo, 12345], "x")).map(({ ok }) => ok), [true, false]);
});

Deno.test("the executor runs so many tasks at a time; a cancelled one reaches its handler's signal; deadlines are results", async () => {
  const worker = behaviorUrl(
    `concurrency: 8,
     async onTask(task, ctx) {
       ctx.state.now = (ctx.state.now ?? 0) + 1;
       ctx.state.most = Math.max(ctx.state.most ?? 0, ctx.state.now);
       if (task.objective === "most") return ctx.state.most;
       if (task.objective === "wait") await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
       else await new Promise((resolve) => setTimeout(resolve, 5));
       ctx.store.set("tasks", task.id, task.objective);
       ctx.state.now--;
     }`,
  );
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { worker }, executorConcurrency: 3 });
  await manager.initialize();
  const agent = await manager.spawnAgent("worker");
  const batch = await manager.executor.executeBatch(Array.from({ length: 10 }, (_, n) => ({ id: `b${n}`, objective: "work" })), agent);
  assertEquals(batch.map(({ status, taskId }) => [status, taskId]), Array.from({ length: 10 }, (_, n) => ["completed", `b${n}`]));
  assertEquals((await manager.executeTask(agent, { id: "m", objective: "most" })).output, 3);
  const given = new AbortController();
  const cancelled = manager.executeTask(agent, { id: "c", objective: "wait" }, { signal: given.signal });
  const late = manager.executeTask(agent, { id: "l", objective: "wait", constraints: { timeout: 20 } });
  assertEquals((await late).status, "timeout");
  given.abort();
  assertEquals((await cancelled).status, "cancelled");
  // Both handlers heard of it: they went on to their last line.
  while (manager.memoryStore.get("tasks", "c") === undefined || manager.memoryStore.get("tasks", "l") === undefined) {
    await manager.executeTask(agent, { id: "x", objective: "work" });
  }
});
