import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { CollectiveCoordinator, collectiveMessage, defineAgent, UltraFastAgentManager } from "../../mod.ts";
import { killThread } from "../../core/testing.ts";
import { codeOf } from "../support/collective_parts.ts";

/** Never answers; throws, and is unhealthy. */
const mute = defineAgent({
  onMessage: (_message, ctx) => new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve())),
});
const angry = defineAgent({
  onMessage() {
    throw new Error("no");
  },
  healthCheck: () => ({ healthy: false, details: "angry" }),
});

async function open(): Promise<{ manager: UltraFastAgentManager; collective: CollectiveCoordinator }> {
  const manager = new UltraFastAgentManager({ threads: 0, behaviors: { mute, angry } });
  await manager.initialize();
  return { manager, collective: new CollectiveCoordinator(manager) };
}

Deno.test("a message is put together field by field, and what is missing is named", () => {
  let now = 5;
  const clock = { now: () => now };
  const first = collectiveMessage(clock).from("a").to("b", "c", "b").command("scan", { deep: true }).priority("critical").build();
  now = 6;
  const second = collectiveMessage(clock).from("a").to("b").type("Response").payload(1).correlatesTo(first).build();
  assertEquals([first.to, first.type, first.priority, first.payload, first.timestamp], [
    ...[["b", "c"], "Command", "critical", { command: "scan", deep: true }, 5],
  ]);
  assertEquals([second.correlationId, first.correlationId], [first.id, undefined]);
  assert(first.id !== second.id);
  assertThrows(() => collectiveMessage(clock).to("b").build(), Error, "message.from");
  assertThrows(() => collectiveMessage(clock).from("a").build(), Error, "message.to");
  assertThrows(() => collectiveMessage(clock).from("a").to("b").type("Gossip" as "Event").build(), Error, "message.type");
  assertThrows(() => collectiveMessage(clock).from("a").to("b").priority("huge" as "low").build(), Error, "message.priority");
});

Deno.test("register, get, list, send: an answer carries the id of what it answers", async () => {
  const { manager, collective } = await open();
  await using _manager = manager;
  const id = await collective.spawn("fortress");
  collective.register("wall", id);
  assertEquals([collective.get("wall"), collective.get("nobody")], [id, undefined]);
  assertEquals(collective.list(), [{ name: "fortress", agentId: id }, { name: "wall", agentId: id }]);
  assertThrows(() => collective.register("wall", id), Error, "registered already");
  const message = collective.message().from("me").to("wall").query("status").build();
  const { wall } = await collective.send(message);
  assert(wall.ok && wall.response !== null);
  assertEquals([wall.response.type, wall.response.correlationId, wall.response.to], ["Response", message.id, ["me"]]);
  assert(collective.unregister("wall") && !collective.unregister("wall"));
});

Deno.test("an unknown target is an error that names it, and nothing was sent", async () => {
  const { manager, collective } = await open();
  await using _manager = manager;
  await collective.spawn("aegis");
  const message = collective.message().from("me").to("aegis", "aegsi").command("lock_user_account", { target: "ann" }).build();
  const error = await assertRejects(() => collective.send(message), Error);
  assertEquals((error as { code?: string }).code, "UNKNOWN_TARGET");
  assertStringIncludes(error.message, "aegsi");
  assertEquals([collective.statistics.sent.Command, (await manager.checkHealth(collective.get("aegis")!)).healthy], [0, true]);
});

Deno.test("a target that is slow, failing or gone stops no other, and all of it is counted", async () => {
  const { manager, collective } = await open();
  await using _manager = manager;
  for (const type of ["mute", "angry", "aegis", "apex"]) await collective.spawn(type);
  await manager.terminateAgent(collective.get("apex")!);
  const message = collective.message().from("me").to("mute", "angry", "apex", "aegis").query("status").build();
  const results = await collective.send(message, { timeoutMs: 50 });
  assertEquals(Object.entries(results).map(([name, result]) => [name, result.ok ? "ok" : result.error.code]), [
    ...[["mute", "ASK_TIMEOUT"], ["angry", "Error"], ["apex", "AGENT_NOT_FOUND"], ["aegis", "ok"]],
  ]);
  await collective.send(collective.message().from("me").to("aegis").type("Event").payload({ event_type: "x" }).build());
  const { sent, delivered, failed, open: onTheirWay, responseTime, agents } = collective.statistics;
  assertEquals([sent.Query, sent.Event, delivered, failed, onTheirWay, responseTime.samples, agents], [4, 1, 2, 3, 0, 1, 4]);
});

Deno.test("health checks are called, and shutdown waits for what is on its way, takes no more, and ends the agents", async () => {
  const { manager, collective } = await open();
  await using _manager = manager;
  for (const type of ["angry", "cipher", "aegis"]) await collective.spawn(type);
  const health = await collective.health();
  assertEquals(Object.entries(health).map(([name, { healthy }]) => [name, healthy]), [["angry", false], ["cipher", true], ["aegis", true]]);
  assert(
    (await manager.ask<{ payload: { lastHealthCheck: number } }>(collective.get("aegis")!, {
      ...{ type: "Query", payload: { query: "metrics" } },
    })).payload.lastHealthCheck > 0,
  );
  const lastWord = collective.send(collective.message().from("me").to("aegis").command("lock_user_account", { target: "ann" }).build());
  const [left] = await Promise.all([collective.shutdown(), collective.shutdown()]);
  assertEquals([left, (await lastWord).aegis.ok, collective.list()], [[], true, []]);
  assertEquals(manager.inspectMemory().agentsLive, 0);
  assertEquals(await codeOf(collective.send(collective.message().from("me").to("aegis").query("status").build())), "NOT_INITIALIZED");
  assertEquals(await codeOf(collective.spawn("aegis")), "NOT_INITIALIZED");
});

Deno.test("what AEGIS has locked stays locked when its thread dies", async () => {
  await using manager = new UltraFastAgentManager({ threads: 2 }, killThread("throw", 50));
  const recovered = new Promise((resolve) => manager.once("host:recovered", resolve));
  await manager.initialize();
  const collective = new CollectiveCoordinator(manager);
  await collective.spawn("aegis", "aegis", { host: 1 });
  const send = async (field: "command" | "query", name: string, params: object): Promise<unknown> => {
    const { aegis } = await collective.send(collective.message().from("me").to("aegis")[field](name, { ...params }).build());
    return aegis.ok ? aegis.response?.payload : aegis.error;
  };
  await send("command", "lock_user_account", { target: "ann" });
  await recovered;
  assertEquals(await send("query", "standing", {}), { standing: [{ measure: "lock_account", target: "ann" }] });
  assertEquals(await send("query", "authorize", { user: "ann" }), {
    user: "ann",
    allowed: false,
    why: "the account is locked",
    failures: 0,
  });
});
