/** A server on this machine that speaks the wire formats of both providers' APIs, and does what a test tells it to. */

/** What becomes of one request. */
export type Act =
  | {
    /** Answers in so many pieces. */ readonly pieces: readonly string[]; /** And asks for tools. */
    readonly tools?: readonly { name: string; json: string }[];
    readonly headers?: Record<string, string>;
  }
  | { /** Refuses. */ readonly status: number; readonly headers?: Record<string, string>; readonly type?: string }
  | { /** Sends these pieces, then breaks the connection off. */ readonly cutAfter: readonly string[] }
  | { /** Sends so many bytes of no protocol. */ readonly sendsBytes: number; readonly as?: number }
  | { /** Sends these pieces, then nothing until the other side leaves. */ readonly hangsAfter: readonly string[] };

/** A request as it arrived. */
export interface Asked {
  readonly path: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A running server. */
export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
  /** Resolves when a client has left a request that hangs. */
  readonly left: Promise<void>;
}

const INPUT_TOKENS = 11;

/** Does one act for each request, the last one for all that follow. */
export function modelServer(...acts: Act[]): ModelServer {
  const asked: Asked[] = [];
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, async (request) => {
    const path = new URL(request.url).pathname;
    asked.push({ path, headers: new Headers(request.headers), body: await request.json() });
    const act = acts.length > 1 ? acts.shift()! : acts[0];
    const format = path.endsWith("/messages") ? ANTHROPIC : OPENAI;
    if ("status" in act) {
      const error = { type: act.type ?? "some_error", message: `status ${act.status}, as told; no model of that name` };
      return Response.json({ type: "error", error }, { status: act.status, headers: act.headers });
    }
    if ("sendsBytes" in act) return new Response(floodOf(act.sendsBytes, leave), { status: act.as ?? 200 });
    const headers = { "content-type": "text/event-stream", ..."headers" in act ? act.headers : {} };
    return new Response(bodyOf(act, format, String(asked.at(-1)!.body.model), leave), { headers });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, asked, left, [Symbol.asyncDispose]: () => server.shutdown() };
}

interface Format {
  begin(model: string): unknown[];
  piece(text: string): unknown[];
  end(pieces: readonly string[], tools: readonly { name: string; json: string }[]): unknown[];
}

const ANTHROPIC: Format = {
  begin: (model) => [
    {
      type: "message_start",
      message: {
        ...{ id: "msg_1", type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null },
        usage: { input_tokens: INPUT_TOKENS - 1, cache_read_input_tokens: 1, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  ],
  piece: (text) => [{ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }],
  end: (pieces, tools) => [
    { type: "content_block_stop", index: 0 },
    ...tools.flatMap(({ name, json }, at) => [
      { type: "content_block_start", index: at + 1, content_block: { type: "tool_use", id: `toolu_${at}`, name, input: {} } },
      { type: "content_block_delta", index: at + 1, delta: { type: "input_json_delta", partial_json: json.slice(0, 3) } },
      { type: "content_block_delta", index: at + 1, delta: { type: "input_json_delta", partial_json: json.slice(3) } },
      { type: "content_block_stop", index: at + 1 },
    ]),
    {
      ...{ type: "message_delta", usage: { output_tokens: pieces.length } },
      delta: { stop_reason: tools.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
    },
    { type: "message_stop" },
  ],
};

const chunk = (delta: unknown, finish: string | null = null) => ({
  ...{ id: "chatcmpl_1", object: "chat.completion.chunk", created: 1, model: "served" },
  choices: [{ index: 0, delta, finish_reason: finish }],
});

const OPENAI: Format = {
  begin: () => [chunk({ role: "assistant", content: "" })],
  piece: (text) => [chunk({ content: text })],
  end: (pieces, tools) => [
    ...tools.flatMap(({ name, json }, index) => [
      chunk({ tool_calls: [{ index, id: `call_${index}`, type: "function", function: { name, arguments: json.slice(0, 3) } }] }),
      chunk({ tool_calls: [{ index, function: { arguments: json.slice(3) } }] }),
    ]),
    chunk({}, tools.length > 0 ? "tool_calls" : "stop"),
    { ...chunk({}), choices: [], usage: { prompt_tokens: INPUT_TOKENS, completion_tokens: pieces.length, total_tokens: 0 } },
    "[DONE]",
  ],
};

function bodyOf(
  act: Exclude<Act, { status: number } | { sendsBytes: number }>,
  format: Format,
  model: string,
  leave: () => void,
): ReadableStream<Uint8Array> {
  const pieces = "pieces" in act ? act.pieces : "cutAfter" in act ? act.cutAfter : act.hangsAfter;
  const events = [...format.begin(model), ...pieces.flatMap((text) => format.piece(text))];
  if ("pieces" in act) events.push(...format.end(pieces, act.tools ?? []));
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      const event = events.shift();
      if (event !== undefined) return controller.enqueue(encoder.encode(eventText(event)));
      if ("cutAfter" in act) controller.error(new Error("cut off, as told"));
      else if ("pieces" in act) controller.close();
      else return new Promise<void>(() => {});
    },
    cancel: () => leave(),
  }, { highWaterMark: 0 });
}

function floodOf(bytes: number, leave: () => void): ReadableStream<Uint8Array> {
  const piece = new Uint8Array(1 << 20).fill(0x79);
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(piece.subarray(0, left));
      left -= Math.min(left, piece.length);
      if (left === 0) controller.close();
    },
    cancel: () => leave(),
  }, { highWaterMark: 0 });
}

function eventText(event: unknown): string {
  if (typeof event === "string") return `data: ${event}\n\n`;
  const { type } = event as { type?: string };
  return `${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(event)}\n\n`;
}
