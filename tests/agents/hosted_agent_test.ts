/** Bad days of a single agent: handlers that never settle, logs without end, errors that cannot travel, an end while messages are on their way. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { defineAgent } from "../../core/agents/agent.ts";
import { AgentNotFoundError, isKernelError } from "../../core/base/errors.ts";
import { Simulation } from "../../core/testing.ts";

const echo = defineAgent({ onMessage: (message, ctx) => ctx.reply({ echo: message.payload }) });

Deno.test("a handler that never settles cannot keep its agent, its asker hears of it, and what it does later is refused", async () => {
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => go = resolve);
  const late: unknown[] = [];
  const zombie = defineAgent({
    async onMessage(_message, ctx) {
      await gate;
      for (const act of [() => ctx.send(ctx.id, 1), () => ctx.log("still here"), () => ctx.reply(1)]) {
        try {
          act();
        } catch (error) {
          late.push((error as { code: string }).code);
        }
      }
    },
  });
  const kernel = new Simulation({ behaviors: { zombie } });
  const agent = await kernel.until(kernel.host(0).spawn("zombie", { host: 1 }));
  const ask = kernel.host(0).ask(0, agent, "never answered");
  ask.catch(() => "seen below");
  await kernel.settle();
  await kernel.until(kernel.host(0).terminate(agent));
  const error = await assertRejects(() => kernel.until(ask));
  assert(isKernelError(error) && error.code === "AGENT_STOPPED");
  go();
  await kernel.settle();
  assertEquals(late, ["AGENT_STOPPED", "AGENT_STOPPED", "REPLY_CLOSED"]);
});

Deno.test("an agent that logs in a loop fills no memory: what finds no room is dropped and counted", async () => {
  const chatter = defineAgent({
    onMessage(_message, ctx) {
      for (let line = 0; line < 40_000; line++) ctx.log("x".repeat(100));
    },
  });
  const kernel = new Simulation({ behaviors: { chatter } });
  const agent = await kernel.until(kernel.host(0).spawn("chatter", { host: 1 }));
  kernel.host(0).send(0, agent, null);
  await kernel.settle();
  const { notesDropped } = kernel.host(1).counts;
  assert(notesDropped > 0);
  assertEquals(kernel.notes.length + notesDropped, 40_000);
});

Deno.test("an error that carries what cannot be copied still reaches the asker, by name and message", async () => {
  const behavior = defineAgent({
    onMessage() {
      throw Object.assign(new RangeError("too far"), { cause: () => "a function" });
    },
  });
  const kernel = new Simulation({ behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  const error = await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "ask")), Error, "RangeError: too far");
  assert(isKernelError(error) && error.code === "AGENT_FAILED");
});

Deno.test("a reply that cannot be copied is the handler's error, and so the asker's", async () => {
  const behavior = defineAgent({ onMessage: (_message, ctx) => ctx.reply(() => 1), onTask: () => Symbol("no") });
  const kernel = new Simulation({ behaviors: { behavior } });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  const error = await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "ask")));
  assert(isKernelError(error) && error.code === "PAYLOAD_NOT_CLONEABLE");
});

Deno.test("messages that were on their way when an agent was told to stop are dead letters, their askers hear of it", async () => {
  let stop = (): void => {};
  const stopping = new Promise<void>((resolve) => stop = resolve);
  const handled: unknown[] = [];
  const behavior = defineAgent({ onMessage: (message) => void handled.push(message.payload), onStop: () => stopping });
  const kernel = new Simulation({ behaviors: { behavior }, hosts: 3 });
  const agent = await kernel.until(kernel.host(0).spawn("behavior", { host: 1 }));
  // Host 2 has sent, and host 1 has not drained it yet when the order to stop comes; both frames are in its rings.
  const ask = kernel.host(2).ask(0, agent, "on its way");
  ask.catch(() => "seen below");
  kernel.host(2).send(0, agent, "on its way too");
  const end = kernel.host(1).terminate(agent);
  await kernel.settle();
  await assertRejects(() => ask, AgentNotFoundError);
  stop();
  await kernel.until(end);
  const { sent } = kernel.host(2).counts;
  const { delivered, deadLettered } = kernel.host(1).counts;
  assertEquals([sent, delivered + deadLettered, handled.length], [2, 2, delivered]);
});

Deno.test("durations are checked by name", async () => {
  const kernel = new Simulation({ behaviors: { echo } });
  const agent = await kernel.until(kernel.host(0).spawn("echo", { host: 1 }));
  for (const timeoutMs of [0, -1, NaN, Infinity, 2 ** 31]) {
    await assertRejects(() => kernel.host(0).ask(0, agent, 1, { timeoutMs }), Error, "timeoutMs is the number");
    assertThrows(() => kernel.host(0).send(0, agent, 1, { ttlMs: timeoutMs }), Error, "ttlMs is the number");
  }
});
