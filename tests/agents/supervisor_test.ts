import { assert, assertEquals, assertRejects } from "@std/assert";
import { type AgentId, defineAgent } from "../../core/agents/agent.ts";
import { type HostDiedError, isKernelError } from "../../core/base/errors.ts";
import { Simulation } from "../../core/testing.ts";

/** Notes what it is given, and by which host's instance; `gate` holds the handler of "wait". */
function notebook(): { behavior: ReturnType<typeof defineAgent>; seen: unknown[]; open: () => void } {
  const seen: unknown[] = [];
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  const behavior = defineAgent({
    async onMessage(message, ctx) {
      if (message.payload === "wait") await gate;
      seen.push([message.payload, ctx.host, message.retryCount]);
      if (message.correlationId !== undefined) ctx.reply(message.payload);
    },
  });
  return { behavior, seen, open };
}

Deno.test("what was committed and not begun is handled on the agent's new thread, in order, and newer messages come after", async () => {
  const { behavior, seen } = notebook();
  const kernel = new Simulation({ hosts: 3, behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  for (let number = 0; number < 50; number++) kernel.host(0).send(0, agent, number);
  const asked = kernel.host(0).ask(0, agent, "answer me");
  const recovery = kernel.kill(1);
  const later = Promise.all(Array.from({ length: 10 }, (_, number) => kernel.host(0).send(0, agent, 50 + number)));
  const outcome = await kernel.until(recovery);
  await kernel.until(later);
  assertEquals(await kernel.until(asked), "answer me");
  assertEquals([outcome.agentsMoved, outcome.agentsLost, outcome.messagesMoved, outcome.messagesInterrupted], [1, 0, 51, 0]);
  const numbers = (seen as [unknown, number, number][]).filter(([payload]) => typeof payload === "number");
  assertEquals(numbers.map(([number]) => number), Array.from({ length: 60 }, (_, number) => number));
  assert(numbers.every(([_number, host, retries]) => host === 2 && retries === 0));
});

Deno.test("messages that waited behind a busy handler outlive the thread; the one in the handler is a dead letter and its asker hears of it", async () => {
  const { behavior, seen } = notebook();
  const kernel = new Simulation({ hosts: 3, behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  const interrupted = kernel.host(0).ask(0, agent, "wait");
  await kernel.settle();
  const waits = kernel.host(2).ask(0, agent, "second");
  for (let number = 0; number < 20; number++) kernel.host(2).send(0, agent, number);
  await kernel.settle();
  assertEquals(seen, []);
  const refused = assertRejects(() => kernel.until(interrupted));
  const outcome = await kernel.until(kernel.kill(1));
  assertEquals((await refused as HostDiedError).code, "HOST_DIED");
  assertEquals(await kernel.until(waits), "second");
  assertEquals([outcome.messagesMoved, outcome.messagesInterrupted], [21, 1]);
  assertEquals(seen.map((entry) => (entry as unknown[])[0]), ["second", ...Array.from({ length: 20 }, (_, number) => number)]);
  const [letter] = kernel.host(0).deadLetters();
  assertEquals([letter.reason, letter.message.payload], ["host-died", "wait"]);
});

Deno.test("with ack a message interrupted in its handler is handled once more, its sender hears of it, and a second death ends it", async () => {
  const entered: [number, number][] = [];
  const behavior = defineAgent({
    onMessage(message, ctx) {
      entered.push([ctx.host, message.retryCount]);
      return ctx.host === 3 ? undefined : new Promise<void>(() => {});
    },
  });
  const kernel = new Simulation({ hosts: 2, spares: 2, behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  const acked = kernel.host(0).send(0, agent, "at least once", { ack: true });
  await kernel.settle();
  await kernel.until(kernel.kill(1));
  await kernel.settle();
  assertEquals(entered, [[1, 0], [2, 1]]);
  const refused = assertRejects(() => kernel.until(acked!));
  await kernel.until(kernel.kill(2));
  assertEquals((await refused as HostDiedError).code, "HOST_DIED");
  assertEquals(entered.length, 2);
});

Deno.test("an acked send resolves when the handler has settled, and rejects with what it threw", async () => {
  const behavior = defineAgent({
    onMessage(message) {
      if (message.payload === "fail") throw new RangeError("no");
    },
  });
  const kernel = new Simulation({ behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  assertEquals(await kernel.until(kernel.host(0).send(0, agent, "work", { ack: true })!), undefined);
  await assertRejects(() => kernel.until(kernel.host(0).send(0, agent, "fail", { ack: true })!), RangeError);
  assertEquals([kernel.host(0).counts.sent, kernel.host(1).counts.delivered], [2, 2]);
});

Deno.test("what a thread had committed when it died is delivered; what a zombie does later is refused", async () => {
  const { behavior, seen } = notebook();
  let late: unknown;
  let target: AgentId = 0;
  const talker = defineAgent({
    onMessage(_message, ctx) {
      for (let number = 0; number < 5; number++) ctx.send(target, number);
      kernel.kill(1).catch((error) => seen.push(error));
      try {
        ctx.send(target, "from a zombie");
      } catch (error) {
        late = error;
      }
    },
  });
  const kernel: Simulation = new Simulation({ hosts: 3, behaviors: { behavior, talker } });
  target = await kernel.until(kernel.host(0).spawn("behavior", { host: 2 }));
  const agent = await kernel.until(kernel.host(0).spawn("talker", { host: 1 }));
  kernel.host(0).send(0, agent, "go");
  await kernel.run(10);
  assert(isKernelError(late) && late.code === "HOST_FENCED");
  assertEquals(seen.map((entry) => (entry as unknown[])[0]), [0, 1, 2, 3, 4]);
});

Deno.test("an agent with a snapshot goes on with it elsewhere; another version, or none, begins anew", async () => {
  const counting = (stateVersion: number) =>
    defineAgent<string, unknown, { count: number }>({
      stateVersion,
      snapshotIntervalMs: 0,
      onStart: (ctx) => void (ctx.state.count ??= 0),
      onMessage(message, ctx) {
        ctx.state.count++;
        if (message.correlationId !== undefined) ctx.reply(ctx.state.count);
      },
      snapshot: (ctx) => ctx.state,
    });
  const plain = defineAgent<string, unknown, { count: number }>({
    onMessage(_message, ctx) {
      ctx.state.count = (ctx.state.count ?? 0) + 1;
      ctx.reply(ctx.state.count);
    },
  });
  const kernel = new Simulation({ hosts: 3, behaviors: { counting: counting(1), plain } });
  const keeps = await kernel.until(kernel.host(0).spawn("counting", { host: 1 }));
  const forgets = await kernel.until(kernel.host(0).spawn("plain", { host: 1 }));
  for (let step = 1; step <= 3; step++) {
    assertEquals(await kernel.until(kernel.host(0).ask(0, keeps, "count")), step);
    assertEquals(await kernel.until(kernel.host(0).ask(0, forgets, "count")), step);
  }
  const outcome = await kernel.until(kernel.kill(1));
  assertEquals([outcome.agentsMoved, outcome.agentsRestored], [2, 1]);
  assertEquals(await kernel.until(kernel.host(0).ask(0, keeps, "count")), 4);
  assertEquals(await kernel.until(kernel.host(0).ask(0, forgets, "count")), 1);
});

Deno.test("without a spare thread the agents of the only one are lost: ids are stale, messages dead letters, nothing hangs", async () => {
  const { behavior } = notebook();
  const kernel = new Simulation({ hosts: 2, behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  kernel.host(0).send(0, agent, "lost");
  const asked = assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "lost too")));
  const outcome = await kernel.until(kernel.kill(1));
  assertEquals([outcome.agentsMoved, outcome.agentsLost], [0, 1]);
  assertEquals((await asked as HostDiedError).code, "AGENT_NOT_FOUND");
  await kernel.settle();
  assertEquals(kernel.host(0).deadLetters().map((letter) => letter.message.payload).sort(), ["lost", "lost too"]);
  await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "later")), Error, "not found");
});

Deno.test("an agent in whose handler two threads died is not made a third time", async () => {
  const killer = defineAgent({ onMessage: (_message, ctx) => void kernel.kill(ctx.host).catch(() => undefined) });
  const bystander = defineAgent({ onMessage: (message, ctx) => ctx.reply(message.payload) });
  const kernel: Simulation = new Simulation({ hosts: 2, spares: 3, behaviors: { killer, bystander } });
  const agent = await kernel.until(kernel.host(0).spawn("killer", { host: 1 }));
  const neighbour = await kernel.until(kernel.host(0).spawn("bystander", { host: 1 }));
  for (let death = 0; death < 2; death++) {
    kernel.host(0).send(0, agent, "die");
    await kernel.run(20);
  }
  await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "again")), Error, "not found");
  assertEquals(await kernel.until(kernel.host(0).ask(0, neighbour, "still here")), "still here");
});

Deno.test("a thread that dies between making an agent and saying so leaves no agent that nobody knows of", async () => {
  const { behavior } = notebook();
  const kernel = new Simulation({ hosts: 3, behaviors: { behavior } });
  const spawned = kernel.host(0).spawn("behavior", { host: 1 });
  const failed = assertRejects(() => spawned);
  for (let step = 0; step < 8; step++) await null; // the order is on its way
  kernel.host(1).turn(); // made and ready; its maker has not heard of it
  await kernel.until(kernel.kill(1));
  const { code } = await failed as HostDiedError;
  assertEquals([code, kernel.inspect().agentsLive], ["HOST_DIED", 0]);
});

Deno.test("more messages than a call can carry wait for an agent whose thread dies: all arrive, in order", async () => {
  const { behavior, seen } = notebook();
  const kernel = new Simulation({ hosts: 3, behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  kernel.host(0).send(0, agent, "wait");
  await kernel.settle();
  const padding = "x".repeat(14_000);
  for (let number = 0; number < 120; number++) {
    kernel.host(0).send(0, agent, `${number} ${padding}`);
    await kernel.settle();
  }
  const outcome = await kernel.until(kernel.kill(1));
  await kernel.settle();
  assertEquals([outcome.agentsMoved, outcome.messagesMoved], [1, 120]);
  const numbers = seen.map((entry) => parseInt(String((entry as unknown[])[0])));
  assertEquals(numbers, Array.from({ length: 120 }, (_, number) => number));
});

Deno.test("messages that found no slab to wait in are lost with their thread, and counted and told as such", async () => {
  const { behavior, seen } = notebook();
  const kernel = new Simulation({ hosts: 3, behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  kernel.host(0).send(0, agent, "wait");
  const padding = "x".repeat(12_000);
  for (let number = 0; number < 600; number++) {
    await kernel.settle();
    kernel.host(0).send(0, agent, padding + number);
  }
  await kernel.settle();
  const { messagesLost, messagesMoved, messagesInterrupted } = await kernel.until(kernel.kill(1));
  await kernel.settle();
  assert(messagesLost > 0, "every message found a slab: the test shows nothing");
  assertEquals([messagesLost + messagesMoved, messagesInterrupted, seen.length], [600, 1, messagesMoved]);
  const counts = [0, 1, 2].map((host) => kernel.host(host).counts);
  const sum = (name: "sent" | "delivered" | "deadLettered"): number => counts.reduce((all, each) => all + each[name], 0);
  assertEquals(sum("sent"), sum("delivered") + sum("deadLettered"));
});

Deno.test("dead letters that a dead thread had kept are told by number", async () => {
  const kernel = new Simulation({ hosts: 3, behaviors: { deaf: {} } });
  const [near, far] = [
    await kernel.until(kernel.host(0).spawn("deaf", { host: 2 })),
    await kernel.until(kernel.host(0).spawn("deaf", { host: 1 })),
  ];
  for (const agent of [near, far, far]) kernel.host(0).send(0, agent, "unheard");
  await kernel.settle();
  const { lettersLost, messagesLost } = await kernel.until(kernel.kill(1));
  assertEquals([lettersLost, messagesLost], [2, 0]);
  assertEquals([0, 1, 2].map((host) => kernel.host(host).counts.lettersKept), [0, 0, 1]);
});
