/** Agents, tasks and models together, on threads and against a server on this machine. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { z } from "zod";
import {
  type AccountReport,
  BudgetExceededError,
  defineAgent,
  defineTool,
  InvalidArgumentError,
  isKernelError,
  IsolationUnavailableError,
  ModelError,
  type ModelTool,
  ProviderUnknownError,
  type TaskResult,
  UltraFastAgentManager,
} from "../../mod.ts";
import { behaviorUrl } from "../support/behaviors.ts";
import { modelServer } from "../support/model_server.ts";
import { testWith } from "../support/permissions.ts";
import { until } from "../support/until.ts";

const LABEL = "[local, no model was asked]";

/** Asks its model in all ways; the schema is plain JSON, since a thread has no zod. */
const THINKER = behaviorUrl(`
  async onTask(task, ctx) {
    if (task.input?.spawn) return ctx.spawn(...task.input.spawn);
    if (task.input?.stream) { let text = ""; for await (const piece of ctx.model.stream(task.objective)) text += "|" + piece; return text; }
    if (task.input?.leave) { for await (const piece of ctx.model.stream(task.objective)) return piece; }
    const add = { name: "add", description: "Adds.", input: { type: "object" }, run: ({ a, b }) => ({ sum: a + b, on: ctx.host }) };
    return (await ctx.model.complete({ prompt: task.objective, tools: task.input?.tools ? [add] : [] })).text;
  },
  async onMessage(message, ctx) { ctx.reply((await ctx.model.complete(message.payload)).text); }`);

Deno.test("the first screen: an agent without onTask has its model asked, and the result says all about it", async () => {
  await using manager = new UltraFastAgentManager({ executor: { provider: "local" } });
  await manager.initialize();
  const coder = await manager.spawnAgent("coder", { isolation: "shared", model: "echo", budget: { tokens: 50_000, usd: 0.5 } });
  const task = { id: "task-123", objective: "Say hello.", constraints: { maxTokens: 2_000, timeout: 30_000 } };
  const { durationMs, ...result } = await manager.executeTask(coder, task, { signal: new AbortController().signal });
  assertEquals(result, {
    ...{ taskId: "task-123", agentId: coder, status: "completed", output: `${LABEL} Say hello.`, model: "echo", provider: "local" },
    ...{ usage: { inputTokens: 3, outputTokens: 10 }, costUsd: 0, cached: false, attempts: 1 },
  });
  assert(durationMs >= 0);
  const { own, tree, budget } = manager.modelSpending(coder);
  assertEquals([own.calls, tree.outputTokens, budget?.left.tokens], [1, 10, 50_000 - 13]);
  assertEquals(Object.keys(manager.modelProviders()), ["local"]);
});

Deno.test("on a thread: asks, tools, streams; what a task uses is in its result", async () => {
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { thinker: THINKER }, executor: { model: "echo" } });
  await manager.initialize();
  const agent = await manager.spawnAgent("thinker");
  assertEquals(await manager.ask(agent, "hi"), `${LABEL} hi`);
  const task = (input: unknown, objective = "hi there", model?: string): Promise<TaskResult> =>
    manager.executeTask(agent, { id: "1", objective, input, model });
  const streamed = await task({ stream: true });
  assertEquals(streamed.output, `|[local, |no |model |was |asked] |hi |there`);
  assertEquals([streamed.provider, streamed.model, streamed.usage?.inputTokens], ["local", "echo", 2]);
  const tooled = await task({ tools: true }, 'tool: add {"a":2,"b":3}');
  assertEquals([tooled.output, tooled.attempts], [`${LABEL} {"sum":5,"on":1}`, 2]);
  assertStringIncludes(String((await task({}, "hi", "outline")).output), "1 messages", "the task's model goes first");
  assertEquals((await task({ leave: true })).output, "[local, ");
  await until(() => manager.modelSpending(agent).own.calls >= 6);
});

Deno.test("tools with zod schemas: what does not fit is told to the model and not run; what throws is told too", async () => {
  await using manager = new UltraFastAgentManager({ threads: 0, executor: { model: "echo" } });
  await manager.initialize();
  const seen: unknown[] = [];
  const tools: ModelTool[] = [
    defineTool({
      name: "add",
      description: "Adds.",
      input: z.object({ a: z.number() }),
      run: (input) => (seen.push({ a: input.a }), "added"),
    }),
    { name: "fail", description: "Fails.", input: z.object({}), run: () => Promise.reject(new Error("out of order")) },
  ];
  const text = async (prompt: string) => (await manager.model.complete({ prompt, tools })).text;
  assertEquals([await text('tool: add {"a":1}'), seen], [`${LABEL} added`, [{ a: 1 }]]);
  assertStringIncludes(await text('tool: add {"a":"one"}'), "The arguments do not fit");
  assertStringIncludes(await text("tool: fail {}"), "out of order");
  assertEquals(seen.length, 1);
  for (const bad of [{ name: "a b" }, { run: 7 }, { input: "x" }, { name: "fail" }]) {
    const wrong = [{ ...tools[0], ...bad }, tools[1]] as ModelTool[];
    await assertRejects(() => manager.model.complete({ prompt: "x", tools: wrong }), InvalidArgumentError, "tools[");
  }
});

testWith({ net: true }, "a model that asks for tools for ever comes to an end", async () => {
  await using server = modelServer({ pieces: [], tools: [{ name: "look", json: "{}" }] });
  const provider = { openai: { baseUrl: `${server.url}/v1`, model: "m" } };
  await using manager = new UltraFastAgentManager({ threads: 0, executor: { provider } });
  await manager.initialize();
  const tools: ModelTool[] = [{ name: "look", description: "Looks.", input: {}, run: () => "nothing" }];
  await assertRejects(() => manager.model.complete({ prompt: "x", tools }), Error, "came to no answer");
  assertEquals(server.asked.length, 16);
});

testWith({ net: true }, "cancelling a task ends the request of the agent's thread: the server sees it", async () => {
  await using server = modelServer({ hangsAfter: ["Hel"] });
  const provider = { openai: { baseUrl: `${server.url}/v1`, model: "m" } };
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { thinker: THINKER }, executor: { provider } });
  await manager.initialize();
  const given = new AbortController();
  const agent = await manager.spawnAgent("thinker");
  const doing = manager.executeTask(agent, { id: "1", objective: "x", input: { stream: true } }, { signal: given.signal });
  await until(() => server.asked.length === 1);
  given.abort(new Error("enough"));
  assertEquals([(await doing).status, (await doing).error?.message], ["cancelled", "enough"]);
  await server.left;
});

testWith({ net: true }, "a task whose time is over is a timeout, and its request ends", async () => {
  await using server = modelServer({ hangsAfter: ["Hel"] });
  const provider = { openai: { baseUrl: `${server.url}/v1`, model: "m" } };
  await using manager = new UltraFastAgentManager({ threads: 0, executor: { provider } });
  await manager.initialize();
  const agent = await manager.spawnAgent("coder", { budget: { tokens: 1_000 } });
  const doing = manager.executeTask(agent, { id: "1", objective: "x", constraints: { timeout: 300, maxTokens: 100 } });
  const { status, attempts, output, usage, costUsd, costUnknown } = await doing;
  assertEquals([status, attempts, output], ["timeout", 1, undefined]);
  assertEquals([usage, costUsd, costUnknown], [null, null, "a request that was not answered may be charged"]);
  await server.left;
  // It may be charged for what it did: all that was reserved counts as spent.
  await until(() => manager.modelSpending(agent).own.calls === 1);
  assert(manager.modelSpending(agent).budget!.left.tokens! <= 900);
});

testWith({ net: true }, "a task of an agent that is ended fails, and its request ends", async () => {
  await using server = modelServer({ hangsAfter: [] });
  const provider = { openai: { baseUrl: `${server.url}/v1`, model: "m" } };
  await using manager = new UltraFastAgentManager({ threads: 0, executor: { provider } });
  await manager.initialize();
  const agent = await manager.spawnAgent("coder");
  const doing = manager.executeTask(agent, { id: "1", objective: "x" });
  await until(() => server.asked.length === 1);
  await manager.terminateAgent(agent);
  const { status, error } = await doing;
  assertEquals([status, isKernelError(error) && error.code], ["failed", "AGENT_NOT_FOUND"]);
  await server.left;
});

Deno.test("a batch in which some fail keeps its order; a fan-out of 50 stops where the budget of the parent does", async () => {
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { thinker: THINKER }, executor: { model: "echo" } });
  await manager.initialize();
  const parent = await manager.spawnAgent("thinker", { budget: { tokens: 600 } });
  const child = (await manager.executeTask(parent, { id: "c", objective: "", input: { spawn: ["coder"] } })).output as number;
  const tasks = Array.from({ length: 50 }, (_, at) => ({ id: `t${at}`, objective: "Say hello.", constraints: { maxTokens: 20 } }));
  const results = await manager.executor.executeBatch(tasks, child);
  assertEquals(results.map(({ taskId }) => taskId), tasks.map(({ id }) => id));
  const done = results.filter(({ status }) => status === "completed").length;
  const refused = results.filter(({ status, error }) =>
    status === "failed" && error instanceof BudgetExceededError && error.agentId === parent
  );
  assertEquals([done + refused.length, refused.length > 0 && done > 0], [50, true]);
  const { tree, budget }: AccountReport = manager.modelSpending(parent);
  assertEquals([tree.calls, budget?.left.tokens], [done, 600 - 13 * done]);
});

Deno.test("what cannot be used is refused by its field: models, budgets, isolation", async () => {
  await using manager = new UltraFastAgentManager({ threads: 0 });
  await manager.initialize();
  await assertRejects(() => manager.spawnAgent("coder", { model: "gpt" }), ModelError, "config.model: it has no gpt; it has echo, outline");
  await assertRejects(() => manager.spawnAgent("coder", { model: "opnai:gpt" }), ProviderUnknownError, "config.model");
  await assertRejects(() => manager.spawnAgent("coder", { budget: { tokens: -1 } }), InvalidArgumentError, "config.budget.tokens");
  await assertRejects(() => manager.spawnAgent("coder", { budget: { euros: 1 } as object }), InvalidArgumentError, "known keys: tokens");
  const error = await assertRejects(
    () => manager.spawnAgent("coder", { isolation: "worker", host: 0 }),
    IsolationUnavailableError,
    "on no thread with others",
  );
  assertEquals([error.code, error.isolation], ["ISOLATION_UNAVAILABLE", "worker"]);
  const agent = await manager.spawnAgent("coder");
  const { status, error: unknown } = await manager.executeTask(agent, { id: "1", objective: "x", model: "gpt" });
  assertEquals([status, isKernelError(unknown) && unknown.code], ["failed", "MODEL_UNKNOWN"]);
  await assertRejects(
    () => manager.executeTask(agent, { id: "1", objective: "x", constraints: { maxTokens: 0 } }),
    InvalidArgumentError,
    "maxTokens",
  );
});

testWith({ env: true, net: true }, "a key that is missing is named when the manager starts, with its variable", async () => {
  const key = Deno.env.get("OPENAI_API_KEY");
  Deno.env.delete("OPENAI_API_KEY");
  try {
    await using manager = new UltraFastAgentManager({ threads: 0, executor: { provider: "openai" } });
    const error = await assertRejects(() => manager.initialize(), Error, "openai needs a key: set OPENAI_API_KEY");
    assertEquals(isKernelError(error) && error.code, "MODEL_KEY_MISSING");
  } finally {
    if (key !== undefined) Deno.env.set("OPENAI_API_KEY", key);
  }
});

Deno.test("a behavior of one's own in the place of a team type gets its tasks itself", async () => {
  const coder = defineAgent({ onTask: (task) => `mine: ${task.objective}` });
  await using manager = new UltraFastAgentManager({ threads: 0, behaviors: { coder } });
  await manager.initialize();
  const { output, model } = await manager.executeTask(await manager.spawnAgent("coder"), { id: "1", objective: "x" });
  assertEquals([output, model], ["mine: x", null]);
});
