/** Agents that send more than anybody can handle: others go on, memory stays bounded, they can be ended. */
import { assert, assertEquals } from "@std/assert";
import { UltraFastAgentManager } from "../../mod.ts";
import { behaviorUrl, ECHO } from "../support/behaviors.ts";

/** Answers each message with two. Promises are dropped on purpose: what is refused must not end the thread. */
const DOUBLING = behaviorUrl(
  `onMessage(message, ctx) {
     const to = message.payload.to ?? message.from;
     for (let copy = 0; copy < 2; copy++) { try { ctx.send(to, { to: undefined }); } catch (error) { ctx.store.set("flood", error.code, true); } }
   }`,
);

Deno.test("two agents that flood each other are held back by typed errors; their neighbours answer, they can be ended", async () => {
  await using manager = new UltraFastAgentManager({
    threads: 2,
    behaviors: { doubling: DOUBLING, echo: ECHO },
    inboxMessagesMax: 64,
    sendTimeoutMs: 200,
  });
  await manager.initialize();
  const [a, b] = [await manager.spawnAgent("doubling", { host: 1 }), await manager.spawnAgent("doubling", { host: 2 })];
  const neighbours = [await manager.spawnAgent("echo", { host: 1 }), await manager.spawnAgent("echo", { host: 2 })];
  await manager.sendMessage(a, b, { to: a });
  while (manager.memoryStore.get("flood", "SENDS_PENDING") === undefined) {
    for (const [index, id] of neighbours.entries()) assertEquals(await manager.ask(id, "here"), { echo: "here", host: index + 1 });
  }
  for (let round = 0; round < 20; round++) await Promise.all(neighbours.map((id) => manager.ask(id, round)));
  // What waits is bounded by rings (a few MiB) and 64 sends an agent, not by how long they go on.
  assert(manager.getPerformanceMetrics().counts.pending <= 2 * 64 + 2 * 65_536);
  await Promise.all([a, b].map((id) => manager.terminateAgent(id)));
  assertEquals(await manager.ask(neighbours[0], "after"), { echo: "after", host: 1 });
  assertEquals(manager.getPerformanceMetrics().agents, 2);
});

Deno.test("an agent that floods a slow one is told InboxFullError; the slow one's neighbours are not held up", async () => {
  const slow = behaviorUrl("async onMessage() { await new Promise((resolve) => setTimeout(resolve, 20)); }");
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { slow, echo: ECHO }, inboxMessagesMax: 8, sendTimeoutMs: 30 });
  await manager.initialize();
  const [target, neighbour] = [await manager.spawnAgent("slow"), await manager.spawnAgent("echo")];
  // What is on its way when the inbox is found full still goes in: that overshoot is bounded by the ring.
  let refused: { code?: string } | undefined;
  for (let sent = 0; refused === undefined && sent < 100_000; sent++) {
    await manager.sendMessage(0, target, 1).catch((error) => refused = error);
  }
  assertEquals(refused?.code, "INBOX_FULL");
  assertEquals(await manager.ask(neighbour, 1), { echo: 1, host: 1 });
});
