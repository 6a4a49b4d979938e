/** Tools of MCP servers: programs of this machine, and one behind http. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { z } from "zod";
import { defineAgent, isKernelError, type McpTools, mcpTools, type McpUse, type ModelReply, UltraFastAgentManager } from "../../mod.ts";
import { endOfGroups } from "../support/groups.ts";
import { testWith } from "../support/permissions.ts";

const NEEDS = { run: true, read: true, env: true } as const;
const LABEL = "[local, no model was asked]";
const SERVER = decodeURIComponent(new URL("../support/mcp_server.ts", import.meta.url).pathname);
const never = new AbortController().signal;

/** A server that has started something of its own, in its process group. */
function numbers(use: McpUse = {}): Promise<McpTools> {
  const cache = Deno.env.get("DENO_DIR");
  const script = 'sleep 300 & "$@"';
  const command = ["sh", "-c", script, "sh", Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-check", SERVER];
  return mcpTools({ command, ...(cache === undefined ? {} : { env: { DENO_DIR: cache } }), ...use });
}

function toolOf({ tools }: McpTools, name: string): (input: unknown, signal?: AbortSignal) => Promise<unknown> {
  const tool = tools.find((one) => one.name === name)!;
  return async (input, signal = never) => await tool.run(input as never, { signal });
}

/** Name and message of what it is rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => promise, Error);
  return `${isKernelError(error) ? "" : "not the kernel's: "}${error.name}: ${error.message}`;
}

testWith(NEEDS, "over stdio: an agent's model calls the tools of a program, which ends with all that it has started", async () => {
  let group: number;
  {
    await using server = await numbers();
    const counting = defineAgent({
      onTask: async (task, ctx) => (await ctx.model.complete({ prompt: task.objective, tools: server.tools })).text,
    });
    await using manager = new UltraFastAgentManager({ threads: 0, behaviors: { counting }, executor: { model: "echo" } });
    await manager.initialize();
    const agent = await manager.spawnAgent("counting");
    const say = async (objective: string): Promise<unknown> => (await manager.executeTask(agent, { id: "1", objective })).output;
    assertEquals(await say('tool: double {"n":21}'), `${LABEL} 42`);
    assertEquals(await say('tool: refuse {"n":1}'), `${LABEL} not 1`);
    assertStringIncludes(String(await say('tool: double {"n":"x"}')), "expected number");
    // The model hears that the server has ended, and the agent lives on.
    group = Number(await toolOf(server, "group")({ n: 0 }));
    assertStringIncludes(String(await say('tool: crash {"n":1}')), "Connection closed");
    assertStringIncludes(String(await say('tool: double {"n":1}')), "is not there: Not connected");
    assertEquals(await say("hello"), `${LABEL} hello`);
  }
  await endOfGroups(group);
});

testWith(NEEDS, "what goes wrong is told by kind: refused, no answer in time, given up, ended in the middle, ended before", async () => {
  await using server = await numbers({ timeoutMs: 5_000 });
  assertEquals(await failureOf(toolOf(server, "refuse")({ n: 1 })), "ToolFailedError: not 1");
  assertEquals(
    await failureOf(toolOf(server, "hang")({ n: 1 }, AbortSignal.abort(new Error("before")))),
    "not the kernel's: Error: before",
  );
  const given = new AbortController();
  const hanging = toolOf(server, "hang")({ n: 1 }, given.signal);
  given.abort(new Error("enough"));
  assertEquals(await failureOf(hanging), "not the kernel's: Error: enough");
  assertEquals(await toolOf(server, "double")({ n: 4 }), "8"); // the others are answered meanwhile
  const crashing = ["hang", "crash", "hang"].map((name) => failureOf(toolOf(server, name)({ n: 1 })));
  for (const said of await Promise.all(crashing)) assertStringIncludes(said, "McpConnectionError: the server of tools sh is not there");
  assertStringIncludes(await failureOf(toolOf(server, "double")({ n: 1 })), "McpConnectionError");
});

testWith(NEEDS, "a tool that never answers ends by its own time or with its task, and the server serves on", async () => {
  await using patient = await numbers();
  await using hasty = await numbers({ timeoutMs: 400 });
  assertStringIncludes(await failureOf(toolOf(hasty, "hang")({ n: 1 })), "McpTimeoutError: hang has not answered for 400 ms");
  assertEquals(await toolOf(hasty, "double")({ n: 2 }), "4");
  const waiting = defineAgent({
    onTask: async (_task, ctx) => await ctx.model.complete({ prompt: 'tool: hang {"n":1}', tools: patient.tools }),
  });
  await using manager = new UltraFastAgentManager({ threads: 0, behaviors: { waiting }, executor: { model: "echo" } });
  await manager.initialize();
  const agent = await manager.spawnAgent("waiting");
  const { status } = await manager.executeTask(agent, { id: "1", objective: "x", constraints: { timeout: 100 } });
  assertEquals([status, await toolOf(patient, "double")({ n: 3 })], ["timeout", "6"]);
});

testWith(NEEDS, "a program of tools gets none of our variables but a few, and those that it is given", async () => {
  Deno.env.set("SECRET_OF_THE_TEST", "key");
  const command = ["sh", "-c", 'read line; echo "[$SECRET_OF_THE_TEST$TOKEN] $HOME" >&2'];
  const said = await failureOf(mcpTools({ command, env: { TOKEN: "own" } }));
  Deno.env.delete("SECRET_OF_THE_TEST");
  assertStringIncludes(said, `It said: [own] ${Deno.env.get("HOME") ?? ""}`.trim());
});

testWith(NEEDS, "a program that is none or ends at once is said to be; one that never answers can be given up", async () => {
  assertStringIncludes(await failureOf(mcpTools({ command: ["no-such-program-here"] })), "McpConnectionError: the server of tools no-such");
  const broken = failureOf(mcpTools({ command: ["sh", "-c", "read line; echo no licence >&2; exit 3"] }));
  assertStringIncludes(await broken, "It said: no licence");
  const given = new AbortController();
  const connecting = mcpTools({ command: ["cat"], signal: given.signal });
  given.abort(new Error("enough"));
  assertEquals(await failureOf(connecting), "not the kernel's: Error: enough");
});

testWith({ net: true }, "tools of an MCP server are listed, called, and their failures told", async () => {
  const { McpServer, WebStandardStreamableHTTPServerTransport } = await import("@modelcontextprotocol/server");
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, async (request) => {
    if (request.method !== "POST") return new Response(null, { status: 405 }); // it has nothing to say unasked
    const mcp = new McpServer({ name: "numbers", version: "1.0.0" });
    mcp.registerTool("double", { description: "Doubles.", inputSchema: z.object({ n: z.number() }) }, ({ n }) => ({
      content: [{ type: "text" as const, text: String(2 * n) }],
      isError: n < 0,
    }));
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    await mcp.connect(transport);
    return await transport.handleRequest(request);
  });
  {
    await using numbers = await mcpTools({ url: `http://127.0.0.1:${server.addr.port}/mcp` });
    await using manager = new UltraFastAgentManager({ threads: 0, executor: { model: "echo" } });
    await manager.initialize();
    const ask = (n: number): Promise<ModelReply> => manager.model.complete({ prompt: `tool: double {"n":${n}}`, tools: numbers.tools });
    assertEquals([(await ask(21)).text, (await ask(-1)).text], [`${LABEL} 42`, `${LABEL} -2`]);
  }
  await server.shutdown();
});
