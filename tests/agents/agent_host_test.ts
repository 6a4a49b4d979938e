import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { type BorrowedBytes, defineAgent, type Message } from "../../core/agents/agent.ts";
import {
  AgentNotFoundError,
  AskTimeoutError,
  InboxFullError,
  isKernelError,
  ReplyClosedError,
  SendsPendingError,
} from "../../core/base/errors.ts";
import { Simulation } from "../../core/testing.ts";

const echo = defineAgent({ onMessage: (message, ctx) => ctx.reply({ echo: message.payload }) });

function recorder(): { behavior: ReturnType<typeof defineAgent>; seen: Message[] } {
  const seen: Message[] = [];
  return { behavior: defineAgent({ onMessage: (message) => void seen.push(message) }), seen };
}

Deno.test("an ask between hosts comes back with what the handler replied", async () => {
  const kernel = new Simulation({ behaviors: { echo } });
  const agent = await kernel.until(kernel.host(0).spawn("echo", { host: 1 }));
  assertEquals(await kernel.until(kernel.host(0).ask(0, agent, { hello: "world" })), { echo: { hello: "world" } });
});

Deno.test("messages of one sender to one receiver arrive in order, and urgent ones overtake", async () => {
  const { behavior, seen } = recorder();
  const kernel = new Simulation({ behaviors: { behavior }, seed: 7 });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  for (let number = 0; number < 200; number++) kernel.host(0).send(0, agent, number, { priority: number % 50 === 49 ? "critical" : "low" });
  await kernel.settle();
  const payloads = seen.map((message) => message.payload as number);
  assertEquals(payloads.slice(0, 4), [49, 99, 149, 199]);
  assertEquals(payloads.slice(4), payloads.slice(4).toSorted((a, b) => a - b));
  assertEquals(payloads.length, 200);
});

Deno.test("a handler that throws rejects the asker with that error, and the agent goes on with its state", async () => {
  const behavior = defineAgent<string, number, { calls: number }>({
    onStart: (ctx) => void (ctx.state = { calls: 0 }),
    onMessage(message, ctx) {
      ctx.state.calls++;
      if (message.payload === "throw") throw new RangeError("no such thing");
      ctx.reply(ctx.state.calls);
    },
  });
  const kernel = new Simulation({ behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  const error = await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "throw")));
  assertInstanceOf(error, RangeError);
  assertEquals((error as Error).message, "no such thing");
  assertEquals(await kernel.until(kernel.host(0).ask(0, agent, "go on")), 2);
  assertEquals(kernel.host(1).counts.failed, 1);
});

Deno.test("an agent handles one message at a time, while its neighbours go on", async () => {
  const order: string[] = [];
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => release = resolve);
  const slow = defineAgent({
    async onMessage(message, ctx) {
      order.push(`begin ${message.payload}`);
      await gate;
      order.push(`end ${message.payload}`);
      ctx.reply(message.payload);
    },
  });
  const kernel = new Simulation({ behaviors: { slow, echo } });
  const agent = await kernel.until(kernel.host(0).spawn("slow", { host: 1 }));
  const neighbour = await kernel.until(kernel.host(0).spawn("echo", { host: 1 }));
  const both = Promise.all([kernel.host(0).ask(0, agent, 1), kernel.host(0).ask(0, agent, 2)]);
  assertEquals(await kernel.until(kernel.host(0).ask(0, neighbour, "still here")), { echo: "still here" });
  assertEquals(order, ["begin 1"]);
  release();
  assertEquals(await kernel.until(both), [1, 2]);
  assertEquals(order, ["begin 1", "end 1", "begin 2", "end 2"]);
});

Deno.test("a full inbox holds senders back, then fails them by name; nothing is lost and order stays", async () => {
  const { behavior, seen } = recorder();
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => release = resolve);
  const slow = defineAgent({
    async onMessage(message, ctx) {
      seen.push(message);
      if (message.payload === 0) await gate;
      assert(ctx.id > 0);
    },
  });
  const kernel = new Simulation({ behaviors: { slow, behavior }, settings: { sendTimeoutMs: 100 } });
  const agent = await kernel.until(kernel.host(0).spawn("slow", { host: 1, inboxMessagesMax: 4 }));
  for (let number = 0; number < 5; number++) {
    assertEquals(kernel.host(0).send(0, agent, number), undefined);
    await kernel.settle();
  }
  const error = await assertRejects(() => kernel.until(kernel.host(0).send(0, agent, "too late")!), InboxFullError);
  assertEquals([error.agentId, error.inboxMessagesMax, error.waitedMs], [agent, 4, 100]);
  assertThrows(() => kernel.host(0).send(0, agent, "at once or never", { tryOnly: true }), InboxFullError);
  const waiting = [5, 6, 7, 8].map((number) => kernel.host(0).send(0, agent, number)!);
  release();
  await kernel.until(Promise.all(waiting));
  await kernel.settle();
  assertEquals(seen.map((message) => message.payload), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("an inbox that cancelled asks have emptied takes messages again", async () => {
  const seen: unknown[] = [];
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => release = resolve);
  const slow = defineAgent({
    async onMessage(message) {
      seen.push(message.payload);
      if (message.payload === "first") await gate;
    },
  });
  const kernel = new Simulation({ behaviors: { slow } });
  const agent = await kernel.until(kernel.host(0).spawn("slow", { host: 1, inboxMessagesMax: 2 }));
  kernel.host(0).send(0, agent, "first");
  await kernel.settle();
  const abort = new AbortController();
  const asks = [1, 2].map((number) => kernel.host(0).ask(0, agent, number, { signal: abort.signal }).catch((error) => error.name));
  await kernel.settle();
  assertThrows(() => kernel.host(0).send(0, agent, "full", { tryOnly: true }), InboxFullError);
  abort.abort();
  await kernel.settle();
  assertEquals(kernel.host(0).send(0, agent, "room again", { tryOnly: true }), undefined);
  release();
  await kernel.settle();
  assertEquals([seen, await Promise.all(asks)], [["first", "room again"], ["AbortError", "AbortError"]]);
});

Deno.test("an agent may have 64 sends waiting; the next is refused", async () => {
  const errors: unknown[] = [];
  const flooder = defineAgent({
    onMessage(message, ctx) {
      try {
        for (let number = 0; number < 100; number++) {
          ctx.send(message.payload as number, number)?.catch(() => "its receiver never has room");
        }
      } catch (error) {
        errors.push(error);
      }
    },
  });
  const stuck = defineAgent({ onMessage: () => new Promise<void>(() => {}) });
  const kernel = new Simulation({ behaviors: { flooder, stuck } });
  const target = await kernel.until(kernel.host(0).spawn("stuck", { host: 1, inboxMessagesMax: 1 }));
  const agent = await kernel.until(kernel.host(0).spawn("flooder", { host: 0 }));
  for (let number = 0; number < 3; number++) {
    kernel.host(0).send(0, target, number)?.catch(() => "its receiver never has room");
    await kernel.settle();
  }
  kernel.host(0).send(0, agent, target);
  await kernel.settle();
  assertInstanceOf(errors[0], SendsPendingError);
  await kernel.run(6_000, 500);
  assertEquals(kernel.host(0).counts.refused, 65, "64 of the agent's, one of ours");
});

Deno.test("no reply in time is AskTimeoutError; the late reply is kept as a dead letter", async () => {
  const late = defineAgent({
    async onMessage(_message, ctx) {
      await new Promise<void>((resolve) => kernel.clock.schedule(500, resolve));
      ctx.reply("late");
    },
  });
  const kernel = new Simulation({ behaviors: { late } });
  const agent = await kernel.until(kernel.host(0).spawn("late", { host: 1 }));
  const error = await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "quick", { timeoutMs: 100 })), AskTimeoutError);
  assertEquals([error.agentId, error.timeoutMs], [agent, 100]);
  await kernel.run(1_000, 100);
  assertEquals(kernel.host(0).deadLetters().map((letter) => [letter.reason, letter.message.payload]), [["late-reply", "late"]]);
});

Deno.test("an expired message is not handled: counted and kept", async () => {
  const { behavior, seen } = recorder();
  const kernel = new Simulation({ behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  kernel.host(0).send(0, agent, "stale", { ttlMs: 5 });
  kernel.clock.advance(10);
  await kernel.settle();
  assertEquals(seen, []);
  assertEquals(kernel.host(1).counts.expired, 1);
  assertEquals(kernel.host(1).deadLetters()[0].reason, "expired");
});

Deno.test("a terminated agent is not found, its waiting messages are dead letters, its asker hears of it", async () => {
  const stuck = defineAgent({ onMessage: (message) => message.payload === "stick" ? new Promise<void>(() => {}) : undefined });
  const kernel = new Simulation({ behaviors: { stuck } });
  const agent = await kernel.until(kernel.host(0).spawn("stuck", { host: 1 }));
  kernel.host(0).send(0, agent, "stick");
  const ask = kernel.host(0).ask(0, agent, "waits behind");
  ask.catch(() => "seen below");
  await kernel.settle();
  await kernel.until(kernel.host(0).terminate(agent));
  const error = await assertRejects(() => ask, AgentNotFoundError);
  assertEquals([error.code, error.agentId], ["AGENT_NOT_FOUND", agent]);
  assertThrows(() => kernel.host(0).send(0, agent, "too late"), AgentNotFoundError);
  assertEquals(kernel.host(1).deadLetters().map((letter) => letter.reason), ["agent-terminated"]);
  await assertRejects(() => kernel.host(0).terminate(agent), AgentNotFoundError);
});

Deno.test("a stale id never reaches the slot's next agent", async () => {
  const { behavior, seen } = recorder();
  const kernel = new Simulation({ behaviors: { behavior }, settings: { agentsMax: 2 } });
  const ids = new Set<number>();
  for (let round = 0; round < 200; round++) {
    const id = await kernel.until(kernel.host(0).spawn("behavior", { host: round % 2 }));
    assert(!ids.has(id));
    ids.add(id);
    await kernel.until(kernel.host(0).terminate(id));
  }
  for (const id of ids) assertThrows(() => kernel.host(0).send(0, id, "stale"), AgentNotFoundError);
  await kernel.settle();
  assertEquals(seen, []);
});

Deno.test("replying twice, or after the handler has settled, is ReplyClosedError; not replying is said at once", async () => {
  const errors: unknown[] = [];
  const tryReply = (reply: () => void): void => {
    try {
      reply();
    } catch (error) {
      errors.push(error);
    }
  };
  const behavior = defineAgent({
    onMessage(message, ctx) {
      if (message.payload === "silent") return void queueMicrotask(() => tryReply(() => ctx.reply("after")));
      ctx.reply(1);
      tryReply(() => ctx.reply(2));
    },
  });
  const kernel = new Simulation({ behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  assertEquals(await kernel.until(kernel.host(0).ask(0, agent, "twice")), 1);
  const error = await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "silent")));
  assert(isKernelError(error) && error.code === "NO_REPLY");
  await kernel.settle();
  assertEquals(errors.length, 2);
  for (const caught of errors) assertInstanceOf(caught, ReplyClosedError);
});

Deno.test("onStart that throws fails the spawn with its cause and leaves nothing behind; a batch is all or none", async () => {
  let started = 0;
  const behavior = defineAgent({
    onStart() {
      if (++started % 5 === 0) throw new Error("the fifth never starts");
    },
  });
  const kernel = new Simulation({ behaviors: { behavior } });
  const error = await assertRejects(() => kernel.until(kernel.host(0).spawnMany("behavior", 20)));
  assert(isKernelError(error) && error.code === "AGENT_START_FAILED");
  assertEquals((error.cause as Error).message, "the fifth never starts");
  await kernel.settle();
  const { agentsLive, slotsInUse, ringBytesInUse } = kernel.inspect();
  assertEquals([agentsLive, slotsInUse, ringBytesInUse], [0, 0, 0]);
});

Deno.test("the limit of agents is kept, and a failed claim gives back what it took", async () => {
  const kernel = new Simulation({ behaviors: { echo }, settings: { agentsMax: 10 } });
  const error = await assertRejects(() => kernel.host(0).spawnMany("echo", 11));
  assert(isKernelError(error) && error.code === "AGENT_LIMIT");
  assertEquals(kernel.inspect().slotsInUse, 0);
  assertEquals((await kernel.until(kernel.host(0).spawnMany("echo", 10))).length, 10);
});

Deno.test("an aborted spawn rejects at once; the agent that comes too late is ended", async () => {
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => go = resolve);
  const behavior = defineAgent({ onStart: () => gate });
  const kernel = new Simulation({ behaviors: { behavior } });
  const abort = new AbortController();
  const spawn = kernel.host(0).spawn("behavior", { host: 1, signal: abort.signal });
  await kernel.settle();
  abort.abort(new Error("no longer wanted"));
  await assertRejects(() => spawn, Error, "no longer wanted");
  go();
  await kernel.settle();
  assertEquals(kernel.inspect().slotsInUse, 0);
});

Deno.test("an agent spawns, asks and sends by itself; the counts add up", async () => {
  const parent = defineAgent({
    async onMessage(message, ctx) {
      const child = await ctx.spawn("echo", { near: ctx.id });
      ctx.reply([await ctx.ask(child, message.payload), ctx.host]);
    },
  });
  const kernel = new Simulation({ behaviors: { parent, echo }, hosts: 3, seed: 3 });
  const agent = await kernel.until(kernel.host(0).spawn("parent", { host: 2 }));
  assertEquals(await kernel.until(kernel.host(0).ask(0, agent, "deep")), [{ echo: "deep" }, 2]);
  const hosts = [0, 1, 2].map((index) => kernel.host(index).counts);
  const total = (name: "sent" | "delivered"): number => hosts.reduce((sum, counts) => sum + counts[name], 0);
  assertEquals([total("sent"), total("delivered")], [4, 4]);
});

Deno.test("payloads larger than a frame travel in slabs, which are free again", async () => {
  const seen: Uint8Array[] = [];
  const behavior = defineAgent<BorrowedBytes>({ onMessage: ({ payload }) => void seen.push(payload.copy()) });
  const kernel = new Simulation({ behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  const bytes = new Uint8Array(200_000).map((_, index) => index % 251);
  kernel.host(0).send(0, agent, bytes);
  await kernel.settle();
  assertEquals(seen[0], bytes);
  assertEquals(kernel.inspect().slabsInUse, 0);
  const error = assertThrows(() => kernel.host(0).send(0, agent, new Uint8Array(2_000_000)));
  assert(isKernelError(error) && error.code === "MESSAGE_TOO_LARGE");
  const cyclic = assertThrows(() => kernel.host(0).send(0, agent, { call: () => 1 }));
  assert(isKernelError(cyclic) && cyclic.code === "PAYLOAD_NOT_CLONEABLE");
  assertEquals(kernel.inspect().ringBytesInUse, 0);
});

Deno.test("unknown types, bad hosts, bad options are named before anything is claimed", async () => {
  const kernel = new Simulation({ behaviors: { echo } });
  const bad: [string, Record<string, unknown>, string][] = [
    ["nope", {}, "known agent types: echo"],
    ["echo", { host: 9 }, "config.host is the number 9"],
    ["echo", { near: 12345 }, "agent 12345 not found"],
    ["echo", { inboxMessagesMax: 0 }, "config.inboxMessagesMax is the number 0"],
    ["echo", { priority: "urgent" }, "priority is the string"],
    ["echo", { colour: "red" }, "config.colour"],
  ];
  for (const [type, config, text] of bad) await assertRejects(() => kernel.host(0).spawn(type, config), Error, text);
  assertEquals(kernel.inspect().slotsInUse, 0);
});

Deno.test("the urgent lane, a random load and many seeds: nothing is lost, nothing is left", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { behavior, seen } = recorder();
    const kernel = new Simulation({ behaviors: { behavior }, hosts: 3, seed });
    const agents = await kernel.until(kernel.host(0).spawnMany("behavior", 9));
    for (let number = 0; number < 300; number++) {
      kernel.host(number % 3).send(0, agents[number % 9], number, { priority: number % 7 === 0 ? "high" : "normal" });
      if (number % 40 === 0) await kernel.settle(3);
    }
    await kernel.settle();
    assertEquals(seen.length, 300, `seed ${seed}`);
    await kernel.until(Promise.all(agents.map((id) => kernel.host(0).terminate(id))));
    const { slotsInUse, ringBytesInUse, agentsLive } = kernel.inspect();
    assertEquals([slotsInUse, ringBytesInUse, agentsLive], [0, 0, 0], `seed ${seed}`);
  }
});
