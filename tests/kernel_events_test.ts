/** Every event that the manager's documentation names, with what it carries. The table cannot lack one: it is compared with the documentation. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Alert } from "../core/metrics/alerts.ts";
import type { MetricsUpdate } from "../core/metrics/monitor.ts";
import { killThread } from "../core/testing.ts";
import { type AgentBehavior, type AgentContext, defineAgent, type HostDiedError, type Recovery, UltraFastAgentManager } from "../mod.ts";
import { behaviorUrl, ECHO } from "./support/behaviors.ts";
import { FaultDisk } from "./support/fault_disk.ts";
import { testWith } from "./support/permissions.ts";
import { until } from "./support/until.ts";

let starts = 0;
const behaviors: Record<string, AgentBehavior> = {
  echo: defineAgent({ onMessage: (message, ctx: AgentContext) => ctx.reply(message.payload), onTask: (task) => task.objective }),
  talker: defineAgent({ onMessage: (message, ctx: AgentContext) => ctx.log("said", message.payload) }),
  failing: defineAgent({
    onMessage() {
      throw new RangeError("cannot");
    },
  }),
  once: defineAgent({
    onStart() {
      if (++starts > 1) throw new Error("only once");
    },
  }),
};

/** Runs `cause` and resolves to what the first such event after it carried. */
async function heard<T>(manager: UltraFastAgentManager, event: string, cause: () => unknown): Promise<T> {
  const data = new Promise<T>((resolve) => manager.once(event, resolve));
  await cause();
  return await data;
}

async function open(options = {}): Promise<UltraFastAgentManager> {
  const manager = new UltraFastAgentManager({ threads: 0, behaviors, ...options });
  await manager.initialize();
  return manager;
}

/** A flush that the disk refuses, then one that it takes. */
async function diskFailure(event: string): Promise<void> {
  const disk = new FaultDisk(1);
  await using manager = new UltraFastAgentManager({ threads: 0, persistence: { path: "state", intervalMs: 60_000 } }, { disk });
  await manager.initialize();
  const told = new Promise<{ path: string }>((resolve) => manager.once(event, resolve));
  manager.memoryStore.set("a", "1", 1);
  disk.fault = { at: disk.operations + 1, kind: "ENOSPC", times: 1 };
  await assertRejects(() => manager.memoryStore.flush(), Error, "ENOSPC");
  disk.fault = null;
  await manager.memoryStore.flush();
  assertEquals((await told).path, "state");
}

const EVENTS: Record<string, () => Promise<void>> = {
  "persistence:failed": () => diskFailure("persistence:failed"),
  "persistence:mended": () => diskFailure("persistence:mended"),

  async "threat:incident"() {
    await using manager = await open();
    const handle = () => manager.threats.handle({ event_type: "port_scan", severity: "high", source_ip: "203.0.113.7" });
    const { patternId, key } = await heard<{ patternId: string; key: string }>(manager, "threat:incident", handle);
    assertEquals([patternId, key], ["port_scan", "203.0.113.7"]);
    await manager.threats.settled();
  },

  async "initialized"() {
    await using manager = new UltraFastAgentManager({ threads: 0 });
    assertEquals(await heard(manager, "initialized", () => manager.initialize()), { threads: 0 });
  },

  async "agent:spawned"() {
    await using manager = await open();
    const { agentId, type } = await heard<{ agentId: number; type: string }>(manager, "agent:spawned", () => manager.spawnAgent("echo"));
    assertEquals([type, await manager.ask(agentId, 1)], ["echo", 1]);
    let spawned = 0;
    manager.on("agent:spawned", () => spawned++);
    await manager.spawnAgentBatch("echo", 3);
    assertEquals(spawned, 3);
  },

  async "agent:terminated"() {
    await using manager = await open();
    const agentId = await manager.spawnAgent("echo");
    assertEquals(await heard(manager, "agent:terminated", () => manager.terminateAgent(agentId)), { agentId });
  },

  async "agent:failed"() {
    await using manager = await open();
    const agentId = await manager.spawnAgent("failing");
    type Failed = { agentId: number; error: Error };
    const failed = await heard<Failed>(manager, "agent:failed", () => manager.sendMessage(0, agentId, null));
    assertEquals([failed.agentId, failed.error.name, failed.error.message], [agentId, "RangeError", "cannot"]);
  },

  async "agent:log"() {
    await using manager = await open();
    const agentId = await manager.spawnAgent("talker");
    assertEquals(await heard(manager, "agent:log", () => manager.sendMessage(0, agentId, 42)), { agentId, text: "said", data: 42 });
  },

  async "agent:error"() {
    starts = 0;
    await using manager = await open({ agentPoolConfig: { preWarmPools: { once: 1 } } });
    const refill = () => manager.spawnAgent("once", { preWarm: true });
    const { type, error } = await heard<{ type: string; error: Error }>(manager, "agent:error", refill);
    assertEquals(type, "once");
    assert(error.message.includes("only once"), error.message);
  },

  async "message:sent"() {
    await using manager = await open();
    const to = await manager.spawnAgent("echo");
    assertEquals(await heard(manager, "message:sent", () => manager.sendMessage(0, to, 1)), { from: 0, to });
  },

  async "message:received"() {
    await using manager = await open();
    const agent = await manager.spawnAgent("echo");
    assertEquals(await heard(manager, "message:received", () => manager.ask(agent, 1)), { from: agent, to: 0 });
  },

  async "task:completed"() {
    await using manager = await open();
    const agentId = await manager.spawnAgent("echo");
    const task = { id: "t", objective: "words" };
    type Done = { taskId: string; agentId: number; status: string; output: unknown };
    const { taskId, status, output, ...rest } = await heard<Done>(manager, "task:completed", () => manager.executeTask(agentId, task));
    assertEquals([taskId, rest.agentId, status, output], ["t", agentId, "completed", "words"]);
  },

  async "metrics:updated"() {
    await using manager = await open({ performanceValidationInterval: 10 });
    await manager.ask(await manager.spawnAgent("echo"), 1);
    const looks: MetricsUpdate[] = [];
    while (looks.length < 3) looks.push(await heard<MetricsUpdate>(manager, "metrics:updated", () => undefined));
    const last = looks[2];
    assertEquals([last.total.counts.delivered, last.total.agents, last.window.counts.delivered], [2, 1, 0]);
    assert(last.memoryUsagePercent > 0 && last.windowMs > 0 && !Number.isNaN(Date.parse(last.time)));
    assertEquals(JSON.parse(JSON.stringify(last)), last);
  },

  async "alert:raised"() {
    const manager = new UltraFastAgentManager({
      ...{ threads: 0, behaviors, performanceValidationInterval: 10, alertThresholds: { memoryUsagePercent: 1e-6 } },
    });
    await using _closed = manager;
    const alert = await heard<Alert>(manager, "alert:raised", () => manager.initialize());
    assertEquals([alert.name, alert.unit, alert.threshold], ["memoryUsagePercent", "%", 1e-6]);
    assert(alert.actual! > alert.threshold);
  },

  async "alert:cleared"() {
    // Whatever else this process has done to its memory and processor is no matter here.
    const alertThresholds = { errorRatePercent: 10, memoryUsagePercent: 100, cpuUsagePercent: 100 };
    await using manager = await open({ performanceValidationInterval: 10, alertThresholds });
    const [failing, echo] = [await manager.spawnAgent("failing"), await manager.spawnAgent("echo")];
    const many = (agent: number) => Promise.allSettled(Array.from({ length: 200 }, () => manager.ask(agent, 1)));
    const raised = await heard<Alert>(manager, "alert:raised", () => many(failing));
    let cleared: Alert | undefined;
    manager.once("alert:cleared", (alert: Alert) => cleared = alert);
    // Until then: the first while after the failures may still hold some of them.
    while (cleared === undefined) await many(echo);
    assertEquals([raised.name, cleared.name], ["errorRatePercent", "errorRatePercent"]);
    assert(raised.actual! > 10 && cleared.actual! <= cleared.clearsAt, `${raised.actual} ${cleared.actual}`);
  },

  async "host:died"() {
    const manager = new UltraFastAgentManager({ threads: 1, behaviors: { echo: ECHO } }, killThread("throw", 0));
    await using _closed = manager;
    await manager.initialize();
    const agent = await manager.spawnAgent("echo");
    const error = await heard<HostDiedError>(manager, "host:died", () => manager.ask(agent, 1).catch(() => undefined)); // answered or not
    assertEquals([error.name, error.host], ["HostDiedError", 1]);
    const { status, reasons, threads } = manager.getSystemStatus();
    assertEquals([status, reasons[0].name, threads], ["critical", "threadsLost", { configured: 1, running: 0 }]);
  },

  async "host:stalled"() {
    const hang = behaviorUrl("onMessage() { const until = Date.now() + 1_900; while (Date.now() < until); }");
    await using manager = await open({ threads: 1, behaviors: { hang } });
    const agentId = await manager.spawnAgent("hang");
    type Stall = { host: number; stalledMs: number; agentId: number };
    const stall = await heard<Stall>(manager, "host:stalled", () => manager.sendMessage(0, agentId, 1));
    assertEquals([stall.host, stall.agentId, stall.stalledMs >= 1_000], [1, agentId, true]);
  },

  async "host:replaced"() {
    await using manager = await dying();
    assertEquals(await heard(manager, "host:replaced", () => kill(manager)), { host: 1, replacement: 2 });
    assertEquals(manager.getSystemStatus().threads, { configured: 1, running: 1 });
  },

  async "host:recovered"() {
    await using manager = await dying();
    const { host, agentsMoved, agentsLost } = await heard<Recovery>(manager, "host:recovered", () => kill(manager));
    assertEquals([host, agentsMoved, agentsLost], [1, 1, 0]);
  },

  async "agent:restarted"() {
    await using manager = await dying();
    type Restart = { agentId: number; type: string; host: number; restored: boolean };
    const { type, host, restored } = await heard<Restart>(manager, "agent:restarted", () => kill(manager));
    assertEquals([type, host, restored], ["echo", 2, false]);
  },

  async "agent:lost"() {
    const onlyHere = behaviorUrl("onStart(ctx) { if (ctx.host > 1) throw new Error('only here'); }, onMessage() {}");
    await using manager = await dying(onlyHere);
    type Loss = { agentId: number; why: string };
    const { agentId, why } = await heard<Loss>(manager, "agent:lost", () => kill(manager));
    assert(agentId > 0 && why.includes("killed by a test"), why);
  },

  async "agent:abandoned"() {
    await using manager = await open();
    const agentId = await manager.spawnAgent("failing", { supervision: { onFailure: "stop" } });
    type Abandoned = { agentId: number; error: Error; escalates: boolean };
    const abandoned = await heard<Abandoned>(manager, "agent:abandoned", () => manager.sendMessage(0, agentId, null));
    assertEquals([abandoned.agentId, abandoned.error.message, abandoned.escalates], [agentId, "cannot", false]);
  },
};

/** A manager whose only thread dies at its first message. */
async function dying(behavior = ECHO): Promise<UltraFastAgentManager> {
  const manager = new UltraFastAgentManager({ threads: 1, behaviors: { echo: behavior } }, killThread("throw", 0));
  await manager.initialize();
  return manager;
}

async function kill(manager: UltraFastAgentManager): Promise<void> {
  await manager.sendMessage(0, await manager.spawnAgent("echo"), 1);
}

for (const [event, check] of Object.entries(EVENTS)) Deno.test(`the event ${event}`, check);

testWith({ read: true }, "the table holds the events that the manager's documentation names", async () => {
  const source = await Deno.readTextFile(new URL("../core/kernel.ts", import.meta.url));
  const [documented] = /Events: [^.]*/.exec(source)!;
  const names = [...documented.matchAll(/`([a-z]+(?::[a-z]+)?)`/g)].map((match) => match[1]);
  assertEquals(new Set(names.filter((name) => name !== "error")), new Set(Object.keys(EVENTS)));
});

Deno.test("with nobody listening nothing is thrown, whatever happens", async () => {
  starts = 0;
  await using manager = await open({
    ...{ performanceValidationInterval: 10, alertThresholds: { memoryUsagePercent: 1e-6 } },
    agentPoolConfig: { preWarmPools: { once: 1 } },
  });
  await manager.spawnAgent("once", { preWarm: true }); // its refill fails
  for (const type of ["failing", "talker"]) await manager.sendMessage(0, await manager.spawnAgent(type), 1);
  const echo = await manager.spawnAgent("echo");
  await manager.executeTask(echo, { id: "t", objective: "x" });
  await until(() => manager.getSystemStatus().alerts.length > 0);
  assertEquals(await manager.ask(echo, "still here"), "still here");
  assertEquals(manager.listenerCount("error"), 0);
});
