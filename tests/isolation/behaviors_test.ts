/** Corners of a behavior, the same at each grade: what is checked at the door, several messages at a time, bytes on loan, failed starts, kept states. */
import { assertEquals, assertRejects } from "@std/assert";
import { type AgentId, isKernelError, type Isolation, IsolationUnavailableError, UltraFastAgentManager } from "../../mod.ts";
import { SystemClock } from "../../core/base/clock.ts";
import { Isolation as Grades } from "../../core/isolation/isolation.ts";
import { behaviorUrl } from "../support/behaviors.ts";
import { modelServer } from "../support/model_server.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";
import { until } from "../support/until.ts";

/** Accepts numbers only, three at a time; one that is 0 waits for the others. */
const GATE = behaviorUrl(`
  concurrency: 3,
  accepts: { safeParse: (value) => typeof value === "number" ? { success: true, data: value + 0.5 } : { success: false, error: { message: "no number" } } },
  async onMessage(message, ctx) {
    if (message.payload === 0.5) await new Promise((resolve) => ctx.state.open = resolve);
    else if (message.payload === 2.5) ctx.state.open();
    ctx.reply([message.payload, ctx.state.last]);
    ctx.state.last = message.payload;
  }`);
/** Sends bytes on and keeps what it was lent. */
const BYTES = behaviorUrl(`
  async onMessage(message, ctx) {
    const lent = message.payload;
    if (lent === "kept") { try { ctx.state.kept.bytes(); } catch (error) { ctx.reply(error.code); } return; }
    if (ctx.state.next) ctx.reply(await ctx.ask(ctx.state.next, lent));
    else ctx.reply([...lent.bytes()].reverse());
    ctx.state.kept = lent;
  }`);
const BROKEN = behaviorUrl(
  `onStart(ctx) { if (ctx.state.fails) throw new RangeError("not today"); }, onMessage(message, ctx) { ctx.reply(1); }`,
);
/** Fails for its parent, and says of what sort its replies are. */
const CHILD = behaviorUrl(`
  supervision: { onFailure: "escalate" },
  onMessage(message, ctx) {
    if (message.payload === "fail") throw new RangeError("mine");
    if (message.payload === "large") { try { ctx.reply("x".repeat(2 ** 21)); } catch (error) { ctx.reply(error.code); } return; }
    if (message.payload === "twice") { ctx.reply(1); try { ctx.reply(2); } catch (error) { ctx.log(error.code); } return; }
    if (message.payload === "symbol") { try { ctx.reply(Symbol("s")); } catch (error) { ctx.reply(error.code); } return; }
    if (message.payload === "cell") { try { ctx.reply(typeof ctx.store.cell("a", "b").get()); } catch (error) { ctx.reply(error.code); } return; }
    if (message.payload === "nothing") return;
  }`);
const PARENT = behaviorUrl(`
  onMessage: async (message, ctx) => { ctx.reply(await ctx.spawn("child", message.payload)); }`);
/** Asks a model and ends itself in between. */
const THINKER = behaviorUrl(
  `
  concurrency: 2,
  async onMessage(message, ctx) {
    if (message.payload === "exit") process.exit(1);
    for await (const piece of ctx.model.stream(message.payload)) ctx.state.piece = piece;
  }`,
  `import process from "node:process";`,
);
const KEEPER = behaviorUrl(
  `snapshot: (ctx) => ctx.state, onMessage(message, ctx) { ctx.state.sum = (ctx.state.sum ?? 0) + message.payload; ctx.reply(ctx.state.sum); }`,
);

async function managed(options: object = {}): Promise<UltraFastAgentManager> {
  const behaviors = { gate: GATE, bytes: BYTES, broken: BROKEN, child: CHILD, parent: PARENT, keeper: KEEPER, thinker: THINKER };
  const manager = new UltraFastAgentManager({ threads: 1, behaviors, debug: true, ...options });
  await manager.initialize();
  return manager;
}

const GRADES: readonly Isolation[] = ["shared", "worker", "process"];

for (const isolation of GRADES) {
  const count = { worker: 0, process: 0 };
  testWith({ run: true }, `${isolation}: what is not accepted is refused and no failure; several are handled at a time`, async () => {
    await using manager = await managed();
    const agent = await manager.spawnAgent("gate", { isolation, supervision: { onFailure: "stop" } });
    const first = manager.ask(agent, 0);
    assertEquals(await manager.ask(agent, 1), [1.5, undefined]);
    const refused = await assertRejects(() => manager.ask(agent, "text"));
    assertEquals(isKernelError(refused) && [refused.code, refused.data.agentId], ["PAYLOAD_REFUSED", agent]);
    assertEquals(await manager.ask(agent, 2), [2.5, 1.5]);
    assertEquals(await first, [0.5, 2.5]);
  });

  testWith({ run: true }, `${isolation}: bytes are lent, sent on, and returned`, async () => {
    await using manager = await managed();
    const last = await manager.spawnAgent("bytes", { isolation });
    const agent = await manager.spawnAgent("bytes", { isolation, state: { next: last } });
    for (const length of [3, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, at) => at);
      assertEquals(await manager.ask(agent, bytes), [...bytes].reverse());
    }
    for (const one of [agent, last]) assertEquals(await manager.ask(one, "kept"), "BYTES_RETURNED");
  });

  testWith({ run: true }, `${isolation}: a start that fails leaves nothing; the type is named`, async () => {
    await using manager = await managed();
    const failing = await assertRejects(() => manager.spawnAgent("broken", { isolation, state: { fails: true } }));
    assertEquals(isKernelError(failing) && [failing.code, (failing.cause as Error).name], ["AGENT_START_FAILED", "RangeError"]);
    assertEquals(manager.getSystemStatus().agents.isolated, count);
    assertEquals(manager.getSystemStatus().agents.live, 0);
    assertEquals(await manager.ask(await manager.spawnAgent("broken", { isolation }), 1), 1);
  });

  testWith({ run: true }, `${isolation}: a child's failure is its parent's; what cannot be replied is thrown in the handler`, async () => {
    await using manager = await managed();
    const parent = await manager.spawnAgent("parent", { isolation, supervision: { onFailure: "stop" } });
    const child = await manager.ask<AgentId>(parent, { isolation });
    const ask = (what: string): Promise<unknown> => manager.ask(child, what);
    assertEquals([await ask("large"), await ask("symbol"), await ask("twice")], ["MESSAGE_TOO_LARGE", "PAYLOAD_NOT_CLONEABLE", 1]);
    assertEquals(await ask("cell"), isolation === "shared" ? "undefined" : "ISOLATION_UNAVAILABLE");
    const silent = await assertRejects(() => ask("nothing"));
    assertEquals(isKernelError(silent) && silent.code, "NO_REPLY");
    await assertRejects(() => ask("fail"), RangeError, "mine");
    await until(() => manager.getSystemStatus().agents.live === 0);
    await until(() => manager.getSystemStatus().agents.isolated.worker + manager.getSystemStatus().agents.isolated.process === 0);
  });

  testWith(
    { read: true, write: true, run: true },
    `${isolation}: with persistence it is found again, with all that it had done`,
    async () => {
      await withFolder(async (folder) => {
        let agent: AgentId = 0;
        for (const sum of [3, 6]) {
          await using manager = await managed({ persistence: { path: `${folder}/state` } });
          if (agent === 0) agent = await manager.spawnAgent("keeper", { isolation });
          for (const value of [1, 1]) await manager.ask(agent, value);
          assertEquals(await manager.ask(agent, 1), sum);
          await manager.shutdown();
        }
      });
    },
  );
}

for (const isolation of ["worker", "process"] as Isolation[]) {
  testWith({ net: true, run: true }, `${isolation}: what it asks a model is given up with it, however it ends`, async () => {
    for (const how of ["terminated", "dead"]) {
      await using server = modelServer({ hangsAfter: ["Hel"] });
      const provider = { openai: { baseUrl: `${server.url}/v1`, model: "m" } };
      await using manager = await managed({ executor: { provider } });
      const agent = await manager.spawnAgent("thinker", { isolation, supervision: { onFailure: "stop" } });
      const asking = assertRejects(() => manager.ask(agent, "hello"));
      await until(() => server.asked.length === 1);
      if (how === "dead") manager.sendMessage(0, agent, "exit");
      else await manager.terminateAgent(agent);
      await asking;
      await server.left;
      await until(() => manager.getSystemStatus().agents.live === 0);
    }
  });
}

Deno.test("no more agents are apart than may be, and a behavior that is an object cannot be", async () => {
  await using manager = new UltraFastAgentManager({ threads: 0, behaviors: { object: { onMessage: () => undefined } } });
  await manager.initialize();
  const refused = () => manager.spawnAgent("object", { isolation: "worker" });
  const error = await assertRejects(refused, Error, "give the URL of a module");
  assertEquals(isKernelError(error) && error.code, "ISOLATION_UNAVAILABLE");
  assertEquals(manager.getSystemStatus().agents.live, 0);
  const none = new Grades({
    ...{ clock: new SystemClock(0), hangTimeoutMs: 1_000, debug: false, workerText: "", bridgeText: "", behaviors: {}, modelCalls: {} },
  }, 0);
  const order = { id: 1, type: "coder", config: { isolation: "worker" as const }, onLost: () => undefined, onFault: () => undefined };
  await assertRejects(() => none.isolate(order), IsolationUnavailableError, "0 agents have a thread or a process of their own");
});
