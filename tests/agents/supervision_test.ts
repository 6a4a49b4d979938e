import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type AgentId, defineAgent, type Supervision } from "../../core/agents/agent.ts";
import { AskCycleError, isKernelError } from "../../core/base/errors.ts";
import { Simulation } from "../../core/testing.ts";

interface Counted {
  count: number;
}

const counter = defineAgent<string, number, Counted>({
  onStart: (ctx) => void (ctx.state.count ??= 0),
  onMessage(message, ctx) {
    ctx.state.count++;
    if (message.payload === "fail") throw new Error("as told");
    ctx.reply(ctx.state.count);
  },
});

async function open(supervision?: Supervision): Promise<{ kernel: Simulation; agent: AgentId; ask: (word: string) => Promise<unknown> }> {
  const kernel = new Simulation({ behaviors: { counter } });
  const agent = await kernel.until(kernel.host(0).spawn("counter", { host: 1, state: { count: 10 }, supervision }));
  return { kernel, agent, ask: (word) => kernel.until(kernel.host(0).ask(0, agent, word)) };
}

const notesOf = (kernel: Simulation, kind: string): number =>
  kernel.notes.filter((note) => (note as { kind: string }).kind === kind).length;

Deno.test("resume: a failed agent goes on with its state", async () => {
  const { ask } = await open();
  await assertRejects(() => ask("fail"), Error, "as told");
  assertEquals(await ask("count"), 12);
});

Deno.test("restart: the first state again, the same address, what waits goes on waiting", async () => {
  const { kernel, agent, ask } = await open({ onFailure: "restart" });
  const failing = assertRejects(() => ask("fail"), Error, "as told");
  const next = kernel.host(0).ask(0, agent, "count");
  await failing;
  assertEquals(await kernel.until(next), 11);
  assertEquals(notesOf(kernel, "agent-restarted"), 1);
});

Deno.test("too many restarts in the period escalate; after it they count anew", async () => {
  const { kernel, ask } = await open({ onFailure: "restart", restartsMax: 2, periodMs: 1_000 });
  for (let failure = 0; failure < 2; failure++) await assertRejects(() => ask("fail"), Error, "as told");
  await kernel.run(1_100, 100);
  await assertRejects(() => ask("fail"), Error, "as told");
  await assertRejects(() => ask("fail"), Error, "as told");
  assertEquals(await ask("count"), 11);
  await assertRejects(() => ask("fail"), Error, "as told");
  await kernel.settle();
  await assertRejects(() => ask("count"), Error, "not found");
  assertEquals(notesOf(kernel, "agent-given-up"), 1);
});

Deno.test("stop: the agent is gone after its failure", async () => {
  const { kernel, ask } = await open({ onFailure: "stop" });
  await assertRejects(() => ask("fail"), Error, "as told");
  await kernel.settle();
  await assertRejects(() => ask("count"), Error, "not found");
  assertEquals(kernel.inspect().slotsInUse, 0);
});

Deno.test("bad supervision is named before anything is claimed", async () => {
  const bad: [unknown, string][] = [
    [{ onFailure: "pray" }, "supervision.onFailure"],
    [{ restartsMax: -1 }, "supervision.restartsMax"],
    [{ periodMs: NaN }, "supervision.periodMs"],
    [{ hangTimeoutMs: 0 }, "supervision.hangTimeoutMs"],
    [{ hangTimeoutMs: 1.5 }, "supervision.hangTimeoutMs"],
  ];
  for (const [supervision, text] of bad) await assertRejects(() => open(supervision as Supervision), Error, text);
});

Deno.test("an ask that comes back to a waiting agent is AskCycleError at once: to itself, to its asker, over three", async () => {
  const asker = defineAgent<AgentId[], unknown>({
    async onMessage(message, ctx) {
      const [next, ...rest] = message.payload;
      try {
        ctx.reply(next === undefined ? "end" : await ctx.ask(next, rest));
      } catch (error) {
        ctx.reply((error as Error).name);
      }
    },
  });
  const kernel = new Simulation({ hosts: 3, behaviors: { asker } });
  const [a, b, c] = await kernel.until(kernel.host(0).spawnMany("asker", 3));
  const ask = (to: AgentId, path: AgentId[]): Promise<unknown> => kernel.until(kernel.host(0).ask(0, to, path));
  assertEquals(await ask(a, [b, c]), "end");
  for (const path of [[a], [b, a], [b, c, a], [b, c, b]]) assertEquals(await ask(a, path), AskCycleError.name, path.join());
  assertEquals(await ask(a, [b, c]), "end", "nothing is left of the circles");
});

Deno.test("two agents that ask each other at the same time: at least one is told, neither hangs", async () => {
  const asker = defineAgent<AgentId, unknown>({
    async onMessage(message, ctx) {
      if (message.from !== 0) return ctx.reply("asked");
      await null;
      ctx.reply(await ctx.ask(message.payload, 0));
    },
  });
  const kernel = new Simulation({ hosts: 3, behaviors: { asker } });
  const [a, b] = await kernel.until(kernel.host(0).spawnMany("asker", 2));
  const outcomes = await kernel.until(Promise.allSettled([kernel.host(0).ask(0, a, b), kernel.host(0).ask(0, b, a)]), 1_000);
  const reasons = outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason);
  assert(reasons.length >= 1 && reasons.every((reason) => isKernelError(reason) && reason.code === "ASK_CYCLE"));
});

Deno.test("an agent with concurrency handles several at a time, each with its own reply and signal", async () => {
  const gates: (() => void)[] = [];
  let most = 0;
  let now = 0;
  const wide = defineAgent<number, number>({
    concurrency: 3,
    async onMessage(message, ctx) {
      most = Math.max(most, ++now);
      await new Promise<void>((resolve) => gates.push(resolve));
      now--;
      ctx.reply(message.payload * 10);
    },
  });
  const kernel = new Simulation({ behaviors: { wide } });
  const agent = await kernel.until(kernel.host(0).spawn("wide", { host: 1 }));
  const asks = Array.from({ length: 7 }, (_, number) => kernel.host(0).ask(0, agent, number));
  await kernel.settle();
  assertEquals([most, gates.length], [3, 3]);
  while (gates.length > 0) {
    gates.pop()!();
    await kernel.settle();
  }
  assertEquals(await kernel.until(Promise.all(asks)), [0, 10, 20, 30, 40, 50, 60]);
  assertEquals(most, 3);
});

Deno.test("accepts stands at the door: a value that does not fit is refused to its asker and kept as a dead letter", async () => {
  const strict = defineAgent<number, number>({
    accepts: {
      safeParse: (value) =>
        typeof value === "number" ? { success: true, data: value + 1 } : { success: false, error: { message: "a number is wanted" } },
    },
    onMessage: (message, ctx) => ctx.reply(message.payload),
  });
  const kernel = new Simulation({ behaviors: { strict } });
  const agent = await kernel.until(kernel.host(0).spawn("strict", { host: 1 }));
  assertEquals(await kernel.until(kernel.host(0).ask(0, agent, 1)), 2);
  await assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, "one")), Error, "a number is wanted");
  assertEquals(kernel.host(1).deadLetters().map((letter) => letter.reason), ["refused"]);
  const throwing = defineAgent({
    accepts: {
      safeParse() {
        throw new Error("asks somebody else");
      },
    },
    onMessage() {},
  });
  const other = new Simulation({ behaviors: { throwing } });
  const guarded = await other.until(other.host(0).spawn("throwing", { host: 1 }));
  await assertRejects(() => other.until(other.host(0).ask(0, guarded, 1)), Error, "asks somebody else");
  assertThrows(() => defineAgent({ accepts: {} as never }), TypeError, "safeParse");
});

Deno.test("an ask that is given up reaches the handler's signal; one that waits is forgotten", async () => {
  const reasons: unknown[] = [];
  const slow = defineAgent({
    async onMessage(message, ctx) {
      const { signal } = ctx;
      if (message.payload === "second") reasons.push("second was handled");
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      reasons.push((signal.reason as Error).name);
    },
  });
  const kernel = new Simulation({ behaviors: { slow } });
  const agent = await kernel.until(kernel.host(0).spawn("slow", { host: 1 }));
  const first = new AbortController();
  const second = new AbortController();
  const asks = [first, second].map(({ signal }, index) =>
    assertRejects(() => kernel.until(kernel.host(0).ask(0, agent, ["first", "second"][index], { signal })))
  );
  await kernel.settle();
  second.abort();
  await kernel.settle();
  first.abort();
  await Promise.all(asks);
  await kernel.settle();
  assertEquals(reasons, ["CancelledError"]);
  assertEquals(kernel.host(1).deadLetters().map((letter) => letter.reason), ["cancelled"]);
});

Deno.test("multicast: one result each, one that cannot be sent stops no other", async () => {
  const seen: unknown[] = [];
  const sink = defineAgent({ onMessage: (message, ctx) => void seen.push([ctx.id, message.payload]) });
  const fan = defineAgent<AgentId[], unknown>({
    async onMessage(message, ctx) {
      ctx.reply((await ctx.multicast(message.payload, "news")).map(({ ok }) => ok));
    },
  });
  const kernel = new Simulation({ hosts: 3, behaviors: { sink, fan } });
  const sinks = await kernel.until(kernel.host(0).spawnMany("sink", 4));
  const agent = await kernel.until(kernel.host(0).spawn("fan"));
  await kernel.until(kernel.host(0).terminate(sinks[1]));
  assertEquals(await kernel.until(kernel.host(0).ask(0, agent, sinks)), [true, false, true, true]);
  await kernel.settle();
  assertEquals(seen.length, 3);
});
