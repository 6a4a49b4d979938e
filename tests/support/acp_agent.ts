/**
 * A small agent that speaks the Agent Client Protocol, for tests. What it does is asked for by words of the prompt: `permission` asks for one before it
 * writes a file, `wait` waits to be cancelled, `refuse` stops early, `fail` answers with an error, `vanish` ends without an answer, `garbage` prints what
 * is no message, `files` asks the client for a file. The variable ACP_VERSION is the version it claims to speak.
 *
 * @module
 */
type Fields = Record<string, unknown>;

const encoder = new TextEncoder();
const pending = new Map<number, (result: Fields) => void>();
const cancelled = Promise.withResolvers<void>();
let nextId = 1_000;
let model = "default";

function send(message: Fields): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
}

function say(text: string): void {
  send({
    method: "session/update",
    params: { sessionId: "s-1", update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } } },
  });
}

async function ask(method: string, params: Fields): Promise<Fields> {
  const id = nextId++;
  const answer = new Promise<Fields>((resolve) => pending.set(id, resolve));
  send({ id, method, params: { sessionId: "s-1", ...params } });
  return await answer;
}

async function work(prompt: string): Promise<Fields> {
  send({ method: "session/update", params: { sessionId: "s-1", update: { sessionUpdate: "plan", entries: [] } } });
  say(`model ${model}; `);
  if (prompt.includes("garbage")) console.log("this is no message");
  if (prompt.includes("files")) say(`files ${JSON.stringify((await ask("fs/read_text_file", { path: "a" })).error !== undefined)}; `);
  if (prompt.includes("permission")) {
    const options = [["yes", "allow_once"], ["always", "allow_always"], ["no", "reject_once"]].map(([optionId, kind]) => ({
      optionId,
      kind,
      name: optionId,
    }));
    const { result } = await ask("session/request_permission", { toolCall: { toolCallId: "t", title: "write a file" }, options });
    const { optionId } = (result as Fields).outcome as Fields;
    if (optionId === "yes") Deno.writeTextFileSync("written", "by the agent");
    say(`permission ${optionId}; `);
  }
  if (prompt.includes("wait")) {
    say("waiting");
    await cancelled.promise;
    return { stopReason: "cancelled" };
  }
  say("done");
  return { stopReason: prompt.includes("refuse") ? "refusal" : "end_turn" };
}

async function called(method: string, id: unknown, params: Fields): Promise<void> {
  if (method === "initialize") send({ id, result: { protocolVersion: Number(Deno.env.get("ACP_VERSION") ?? "1"), agentCapabilities: {} } });
  else if (method === "session/new") send({ id, result: { sessionId: "s-1", models: { currentModelId: "default", availableModels: [] } } });
  else if (method === "session/set_model") {
    model = String(params.modelId);
    send({ id, result: {} });
  } else if (method === "session/cancel") cancelled.resolve();
  else if (method === "session/prompt") {
    const prompt = ((params.prompt as Fields[])[0].text as string).split("# Objective\n")[1].split("\n")[0];
    if (prompt.includes("vanish")) Deno.exit(0);
    if (prompt.includes("fail")) send({ id, error: { code: -32_000, message: "out of order" } });
    else send({ id, result: await work(prompt) });
  }
}

for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  for (const line of chunk.split("\n").filter(Boolean)) {
    const { id, method, params, ...answer } = JSON.parse(line) as Fields;
    if (typeof method === "string") void called(method, id, params as Fields);
    else pending.get(id as number)?.(answer);
  }
}
