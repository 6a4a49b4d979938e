import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { isKernelError, UltraFastAgentManager } from "../../mod.ts";
import { COLLECTIVE, collectiveBehavior, type CollectiveType } from "../../core/collective/collective.ts";
import type { Effector } from "../../core/threats/effector.ts";
import { codeOf, Collective } from "../support/collective_parts.ts";

const TYPES = Object.keys(COLLECTIVE) as CollectiveType[];

/** One command for each, with exactly what must come of it. */
const GOLDEN: Readonly<Record<CollectiveType, { command: string; params: object; output: unknown }>> = {
  apex: {
    command: "plan",
    params: { goals: [{ id: "report", dependencies: ["scan", "lock"] }, { id: "scan" }, { id: "lock", dependencies: ["scan"] }] },
    output: { stages: [["scan"], ["lock"], ["report"]] },
  },
  fortress: {
    command: "detect",
    params: { events: [{ event_type: "failed_auth", source_ip: "203.0.113.7", failed_attempts: 5 }] },
    output: {
      alerts: [{
        ...{ source: "203.0.113.7", risk: 60, pattern: "brute_force", score: 60, severity: "high" },
        evidence: { counted: 5, threshold: 5, windowMs: 300_000 },
      }],
      events: 1,
    },
  },
  cipher: { command: "list_keys", params: {}, output: { keys: [] } },
  aegis: {
    command: "record_login",
    params: { user: "ann", success: false },
    output: { user: "ann", allowed: false, locked: false, failures: 1 },
  },
  stream: {
    command: "ingest",
    params: { flows: [{ source: "10.0.0.1", destination: "10.0.0.2", bytes: 10 }] },
    output: { flows: 1, anomalies: [] },
  },
  phantom: {
    command: "isolate_system",
    params: { target: "db-1" },
    output: {
      ...{ measure: "isolate_host", target: "db-1", stands: true },
      outcome: { measure: "isolate_host", target: "db-1", details: null },
    },
  },
  omniscient: { command: "observe", params: { name: "load", value: 3 }, output: { name: "load", count: 1 } },
};

for (const threads of [1, 0]) {
  Deno.test(`each of the collective does its golden command, asked and as a task, without behaviors or permissions (threads: ${threads})`, async () => {
    await using collective = new Collective(new UltraFastAgentManager({ threads }));
    for (const type of TYPES) {
      const { command, params, output } = GOLDEN[type];
      assertEquals(await collective.command(await collective.spawn(type), command, params), output, type);
      const result = await collective.manager.executeTask(await collective.spawn(type), { id: type, objective: command, input: params });
      assertEquals([result.status, result.output], ["completed", output], type);
    }
  });
}

Deno.test("every agent has the document's contract: status, metrics that are measured, health checks that are called, pause", async () => {
  await using collective = new Collective();
  for (const type of TYPES) {
    const agent = await collective.spawn(type);
    const { command, params } = GOLDEN[type];
    const before = await collective.query(agent, "status");
    assertEquals([before.name, before.state, before.metrics.lastHealthCheck], [type.toUpperCase(), "Processing", null]);
    assert(before.capabilities.length > 0 && before.commands.includes(command));
    await collective.command(agent, command, params);
    assertEquals(await codeOf(collective.command(agent, "no_such_command")), "INVALID_ARGUMENT");
    assertEquals((await collective.manager.checkHealth(agent)).healthy, true, type);
    const { metrics } = await collective.query(agent, "status");
    assertEquals([metrics.messagesProcessed, metrics.messagesFailed, metrics.isHealthy], [3, 1, true], type);
    assert(metrics.averageResponseTimeMs >= 0 && metrics.lastHealthCheck > 0 && metrics.uptimeSeconds >= 0, JSON.stringify(metrics));
    assertEquals(await collective.command(agent, "pause"), { state: "Paused" });
    assertEquals(await codeOf(collective.command(agent, command, params)), "AGENT_PAUSED");
    assertEquals((await collective.query(agent, "status")).state, "Paused", "a paused agent still says how it is");
    assertEquals(await collective.command(agent, "resume"), { state: "Ready" });
  }
});

Deno.test("what cannot be used is refused by the name of the field, and the agent goes on", async () => {
  await using collective = new Collective();
  for (const type of TYPES) {
    const agent = await collective.spawn(type);
    const cases: [payload: unknown, names: string][] = [
      [7, "input"],
      [null, "input"],
      [{}, "input"],
      [{ type: "Command", payload: { command: "nonsense" } }, "resume"],
      [{ type: "Query", payload: {} }, "payload.query"],
      [{ type: "Nonsense", payload: {} }, "message.type"],
      [{ type: "Command", payload: { command: "toString" } }, "command"],
      [{ type: "Command", payload: { command: GOLDEN[type].command, nonsense: 1 } }, "params"],
    ];
    for (const [payload, names] of cases) {
      if (type === "phantom" && names === "params") continue; // measures keep further fields as details
      const error = await assertRejects(() => collective.manager.ask(agent, payload), Error);
      assert(isKernelError(error) && error.code === "INVALID_ARGUMENT", `${type}: ${error}`);
      assertStringIncludes(error.message, names, type);
    }
    assertEquals(await collective.command(agent, GOLDEN[type].command, GOLDEN[type].params), GOLDEN[type].output, type);
  }
});

Deno.test("the playbooks' measures stand, are found in the event, and are lifted; taking one twice changes nothing", async () => {
  await using collective = new Collective();
  const event = { event_type: "failed_auth", source_ip: "203.0.113.7", user: "ann", host: "db-1", interface: "eth0" };
  const cases: [type: CollectiveType, take: string, target: string, lift: string | null][] = [
    ["fortress", "block_ip_source", "203.0.113.7", "unblock_ip_source"],
    ["fortress", "analyze_malware", "db-1", null],
    ["aegis", "lock_user_account", "ann", "unlock_user_account"],
    ["cipher", "reset_credentials", "ann", null],
    ["stream", "capture_network_traffic", "eth0", "stop_capture"],
    ["phantom", "isolate_system", "db-1", "reconnect_system"],
    ["omniscient", "send_alert", "203.0.113.7", null],
    ["apex", "log_incident", "203.0.113.7", "unlog_incident"],
    ["apex", "notify_user", "ann", null],
  ];
  for (const [type, take, target, lift] of cases) {
    const agent = await collective.spawn(type);
    for (let twice = 0; twice < 2; twice++) {
      const task = await collective.manager.executeTask(agent, { id: take, objective: take, input: { event } });
      assertEquals([task.status, (task.output as { target: string }).target], ["completed", target], `${take} ${task.error}`);
    }
    if (lift === null) continue;
    assertEquals((await collective.query(agent, "standing")).standing.length, 1, take);
    assertEquals((await collective.command(agent, lift, { event })).stands, false);
    assertEquals((await collective.query(agent, "standing")).standing, [], lift);
  }
  const apex = await collective.spawn("apex");
  const error = await assertRejects(() => collective.command(apex, "log_incident", { event: { event_type: "x" } }), Error);
  assertStringIncludes(error.message, "source_ip, host, user");
});

Deno.test("an effector of one's own is what acts: what it refuses does not stand", async () => {
  const acts: string[] = [];
  const effector: Effector = {
    take: (measure, target) => {
      acts.push(`take ${measure} ${target}`);
      return target === "10.0.0.1" ? Promise.reject(new Error("the firewall said no")) : Promise.resolve("rule 7");
    },
    lift: (measure, target) => Promise.resolve(void acts.push(`lift ${measure} ${target}`)),
  };
  const behaviors = { fortress: collectiveBehavior("fortress", effector) };
  await using collective = new Collective(new UltraFastAgentManager({ threads: 0, behaviors }));
  const fortress = await collective.spawn("fortress");
  const blocked = await collective.command(fortress, "block_ip_source", { target: "10.0.0.2" });
  assertEquals([blocked.stands, blocked.outcome], [true, "rule 7"]);
  await assertRejects(() => collective.command(fortress, "block_ip_source", { target: "10.0.0.1" }), Error, "the firewall said no");
  assertEquals((await collective.query(fortress, "standing")).standing, [{ measure: "block_source", target: "10.0.0.2" }]);
  await collective.command(fortress, "unblock_ip_source", { target: "10.0.0.2" });
  assertEquals(acts, ["take block_source 10.0.0.2", "take block_source 10.0.0.1", "lift block_source 10.0.0.2"]);
});

Deno.test("steps of a workflow are theirs by role, and what they did is undone by them when a later one fails", async () => {
  await using collective = new Collective();
  const [fortress, phantom] = [await collective.spawn("fortress"), await collective.spawn("phantom")];
  await collective.spawn("apex");
  const event = { event_type: "port_scan", source_ip: "203.0.113.7", host: "db-1" };
  const steps = [
    { id: "block", action: "block_ip_source", agentRole: "fortress", rollbackAction: "unblock_ip_source" },
    { id: "isolate", action: "isolate_system", agentRole: "phantom", rollbackAction: "reconnect_system", dependencies: ["block"] },
    { id: "log", action: "log_incident", agentRole: "apex", dependencies: ["isolate"] },
  ];
  const { orchestration } = collective.manager;
  const done = await (await orchestration.start({ id: "respond", steps }, { input: { event } })).result();
  assertEquals(done.state, "COMPLETED", String(done.error));
  assertEquals((await collective.query(fortress, "standing")).standing, [{ measure: "block_source", target: "203.0.113.7" }]);
  const broken = { id: "broken", action: "no_such_command", agentRole: "apex", dependencies: ["log"], retries: 0 };
  const undone = await (await orchestration.start({ id: "respond-badly", steps: [...steps, broken] }, { input: { event } })).result();
  assertEquals([undone.state, undone.compensated], ["ROLLED_BACK", ["isolate", "block"]]);
  for (const agent of [fortress, phantom]) assertEquals(await collective.query(agent, "standing"), { standing: [] });
});
