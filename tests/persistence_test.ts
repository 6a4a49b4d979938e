/** The whole kernel on a file: what a manager was told is kept is there when the next one starts. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { isKernelError, type RecoveryReport, UltraFastAgentManager } from "../mod.ts";
import { behaviorUrl } from "./support/behaviors.ts";
import { FaultDisk } from "./support/fault_disk.ts";
import { testWith } from "./support/permissions.ts";

const FILES = { read: true, write: true } as const;
const SMALL = { memoryStoreSize: 4 << 20, enablePerformanceMonitoring: false } as const;
const COUNTER = behaviorUrl(
  `onStart(ctx) { ctx.state = { sum: 0, ...ctx.state }; },
   snapshot(ctx) { return ctx.state; },
   async onMessage(message, ctx) {
     if (message.payload === "keep") { ctx.store.set("kept", "by-agent", ctx.id); await ctx.store.flush(); }
     else if (message.payload !== "sum") ctx.state.sum += message.payload;
     ctx.reply(ctx.state.sum);
   }`,
);
const PLAIN = behaviorUrl(`onMessage(message, ctx) { ctx.reply(message.payload); }`);

async function withFile(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/state.kernel`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function recoveryOf(manager: UltraFastAgentManager): RecoveryReport {
  const { recovery } = manager.getSystemStatus();
  assert(recovery !== null);
  return recovery;
}

async function refusal(promise: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(promise);
  assert(isKernelError(error), String(error));
  return error.code;
}

testWith(FILES, "a store is there again after a shutdown, with versions that go on", () =>
  withFile(async (path) => {
    const options = { ...SMALL, threads: 0, persistence: { path } };
    let version: number;
    {
      await using manager = new UltraFastAgentManager(options);
      await manager.initialize();
      assertEquals([recoveryOf(manager).found, recoveryOf(manager).mode, recoveryOf(manager).sync], [false, "portable", "fdatasync"]);
      manager.memoryStore.set("orders", "42", { paid: true });
      manager.memoryStore.set("orders", "43", { paid: false });
      manager.memoryStore.delete("orders", "43");
      await manager.memoryStore.flush();
      version = manager.memoryStore.getEntry("orders", "42")!.version;
    }
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    await using manager = new UltraFastAgentManager(options);
    await manager.initialize();
    const recovery = recoveryOf(manager);
    assertEquals([recovery.found, recovery.recovered.entries, recovery.cut, recovery.lost.places], [true, 1, null, 0]);
    assertEquals(manager.memoryStore.getEntry("orders", "42"), { value: { paid: true }, version });
    assertEquals(manager.memoryStore.has("orders", "43"), false);
    manager.memoryStore.set("orders", "44", 1);
    assert(manager.memoryStore.getEntry("orders", "44")!.version > version + 2);
    assertEquals(manager.getSystemStatus().persistence?.failure, null);
  }));

testWith(
  FILES,
  "durable queues are there again: what was published, without what was consumed; other queues are not",
  () =>
    withFile(async (path) => {
      const options = { ...SMALL, threads: 0, persistence: { path } };
      const first = new UltraFastAgentManager(options);
      await first.initialize();
      const bus = first.communicationBus;
      bus.createQueue("billing", { capacity: 100, durable: true });
      bus.createQueue("passing");
      for (const queue of ["billing", "passing"]) bus.subscribe("#", queue);
      for (let n = 0; n < 10; n++) bus.publish("paid", { n }, "normal", { correlationId: `c${n}` });
      bus.publish("paid", new Uint8Array(3_000).fill(7), "critical");
      await first.memoryStore.flush();
      assertEquals(bus.consume("billing", 4).map(({ priority }) => priority), [3, 1, 1, 1]);
      bus.publish("late", "l", "bulk");
      await first.shutdown();

      for (let life = 0; life < 2; life++) {
        await using again = new UltraFastAgentManager(options);
        await again.initialize();
        assertEquals([recoveryOf(again).recovered.queues, recoveryOf(again).recovered.messages], [1, 8]);
        assertEquals(again.communicationBus.queueIds(), ["billing"]);
        assertEquals(again.communicationBus.stats("billing").capacity, 100);
        again.communicationBus.createQueue("billing", { durable: true });
        if (life === 0) continue;
        const messages = again.communicationBus.consume("billing");
        assertEquals(messages.map(({ payload }) => (payload as { n?: number }).n ?? payload), [3, 4, 5, 6, 7, 8, 9, "l"]);
        assertEquals(messages[0].correlationId, "c3");
        again.communicationBus.subscribe("#", "billing");
        again.communicationBus.publish("new", 1);
        const [fresh] = again.communicationBus.consume("billing");
        assert(messages.every(({ id }) => id < fresh.id));
        again.communicationBus.publish("new", 2);
        await again.memoryStore.flush();
      }
      await using last = new UltraFastAgentManager(options);
      await last.initialize();
      assertEquals(last.communicationBus.consume("billing").map(({ payload }) => payload), [2]);
      last.communicationBus.deleteQueue("billing");
      await last.memoryStore.flush();
      last.communicationBus.createQueue("billing");
      assertEquals(
        await refusal(() => Promise.resolve().then(() => last.communicationBus.createQueue("billing", { durable: true }))),
        "QUEUE_EXISTS",
      );
    }),
);

for (const threads of [0, 2]) {
  testWith(FILES, `agents are made again under their ids, with their snapshots (threads: ${threads})`, () =>
    withFile(async (path) => {
      const options = { ...SMALL, threads, persistence: { path }, behaviors: { counter: COUNTER, plain: PLAIN } };
      const first = new UltraFastAgentManager(options);
      await first.initialize();
      const counters = await first.spawnAgentBatch("counter", 20);
      const plain = await first.spawnAgent("plain", { state: { a: 1 } });
      const ended = await first.spawnAgent("plain");
      for (const [n, id] of counters.entries()) assertEquals(await first.ask(id, n), n);
      await first.terminateAgent(ended);
      await first.ask(counters[0], "keep");
      for (const [n, id] of counters.entries()) await first.ask(id, 100 + n);
      await first.shutdown();

      await using again = new UltraFastAgentManager(options);
      await again.initialize();
      const { agents, recovered } = recoveryOf(again);
      assertEquals([recovered.agents, agents.filter(({ outcome }) => outcome === "restored").length], [21, 20]);
      assertEquals(again.memoryStore.get("kept", "by-agent"), counters[0]);
      for (const [n, id] of counters.entries()) assertEquals(await again.ask(id, "sum"), 100 + 2 * n);
      assertEquals(await again.ask(plain, "here"), "here");
      assertEquals(await refusal(() => again.sendMessage(0, ended, 1)), "AGENT_NOT_FOUND");
      const ids = await again.spawnAgentBatch("plain", 60);
      assertEquals(ids.filter((id) => id === ended || counters.includes(id)), []);
    }));
}

testWith(FILES, "an agent whose behavior is missing is reported as lost, and found again when it is there", () =>
  withFile(async (path) => {
    const options = { ...SMALL, threads: 0, persistence: { path } };
    const first = new UltraFastAgentManager({ ...options, behaviors: { plain: PLAIN } });
    await first.initialize();
    const id = await first.spawnAgent("plain");
    await first.shutdown();
    const without = new UltraFastAgentManager(options);
    await without.initialize();
    const [agent] = recoveryOf(without).agents;
    assertEquals([agent.agentId, agent.outcome], [id, "lost"]);
    assert(agent.why?.includes("plain"), agent.why);
    await without.shutdown();
    await using again = new UltraFastAgentManager({ ...options, behaviors: { plain: PLAIN } });
    await again.initialize();
    assertEquals(await again.ask(id, 5), 5);
  }));

testWith(FILES, "a second manager on the same file is refused, and one after the first is not", () =>
  withFile(async (path) => {
    const options = { ...SMALL, threads: 0, persistence: { path } };
    const first = new UltraFastAgentManager(options);
    await first.initialize();
    const second = new UltraFastAgentManager(options);
    assertEquals(await refusal(() => second.initialize()), "PERSISTENCE_LOCKED");
    await first.shutdown();
    await using third = new UltraFastAgentManager(options);
    await third.initialize();
  }));

Deno.test("a full disk: flush rejects, the store goes on, the status says so, and the next flush mends it", async () => {
  const disk = new FaultDisk(1);
  const options = { ...SMALL, threads: 0, persistence: { path: "state", intervalMs: 60_000 } };
  const manager = new UltraFastAgentManager(options, { disk });
  const events: string[] = [];
  for (const name of ["persistence:failed", "persistence:mended"]) manager.on(name, () => events.push(name));
  await manager.initialize();
  manager.memoryStore.set("a", "1", 1);
  disk.fault = { at: disk.operations + 1, kind: "ENOSPC", times: 2 };
  assertEquals(await refusal(() => manager.memoryStore.flush()), "PERSISTENCE_WRITE");
  assertEquals(manager.memoryStore.get("a", "1"), 1);
  const { status, reasons, persistence } = manager.getSystemStatus();
  assertEquals([status, reasons.map(({ name }) => name)], ["degraded", ["persistence"]]);
  assert(persistence?.failure?.includes("ENOSPC"));
  disk.fault = null;
  await manager.memoryStore.flush();
  assertEquals(events, ["persistence:failed", "persistence:mended"]);
  assertEquals(manager.getSystemStatus().status, "operational");
  await manager.shutdown();
  disk.losePower();
  await using again = new UltraFastAgentManager(options, { disk });
  await again.initialize();
  assertEquals(again.memoryStore.get("a", "1"), 1);
});

Deno.test("without the option flush and durable queues are refused, and say what is missing", async () => {
  await using manager = new UltraFastAgentManager({ ...SMALL, threads: 0 });
  await manager.initialize();
  assertEquals(await refusal(() => manager.memoryStore.flush()), "PERSISTENCE_OFF");
  assertEquals(
    await refusal(() => Promise.resolve().then(() => manager.communicationBus.createQueue("a", { durable: true }))),
    "PERSISTENCE_OFF",
  );
  assertEquals([manager.getSystemStatus().recovery, manager.getSystemStatus().persistence], [null, null]);
});
