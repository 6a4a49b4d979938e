/**
 * The agents' side of models: it runs on the agent's thread, sends each request to the main thread, and runs the tools that the model wants where the
 * agent runs, with the agent's rights. Bundled into the threads' text, so it knows no schema library.
 *
 * @module
 */
import { asError, InvalidArgumentError, KernelError } from "../base/errors.ts";
import { MODEL_TIMEOUT_MS, TOOL_OUTPUT_CHARS_MAX, TOOL_ROUNDS_MAX, TOOLS_MAX } from "../base/limits.ts";
import { unlessAborted } from "../base/pause.ts";
import type { AgentId } from "../bus/message.ts";
import type {
  AgentModel,
  ModelCall,
  ModelMessage,
  ModelReply,
  ModelRequest,
  ModelStream,
  ModelTool,
  ToolCall,
  ToolInput,
  ToolSpec,
} from "../bus/model.ts";

/** A way to the main thread. */
export interface ModelPort {
  /** Calls it; see `ModelOffice`. */
  call(method: string, argument: unknown, timeoutMs: number): Promise<unknown>;
}

/** On whose behalf a model is asked. */
export interface ModelUser {
  /** The agent; 0: the program itself. */
  readonly agentId: AgentId;
  /** Its thread. */
  readonly host: number;
  /** The task that it is at. */
  readonly taskId?: string;
  /** Aborted when the agent, or what it is at, ends. */
  readonly signal?: AbortSignal;
}

/** A request as it travels. */
export interface ModelOrder {
  /** To name it when it is given up. */
  readonly callId: string;
  /** Who asks. */
  readonly agentId: AgentId;
  /** For which task. */
  readonly taskId?: string;
  /** What. */
  readonly request: ModelRequest;
  /** Tools, told. */
  readonly tools?: readonly ToolSpec[];
}

/** What a stream has got since it was last looked at; with the reply it has ended. */
export interface StreamPart {
  /** Pieces of text. */
  readonly pieces: readonly string[];
  /** The whole. */
  readonly reply?: ModelReply;
}

/** Calls between threads end somewhat later than what they wait for, so that its own error arrives. */
const MARGIN_MS = 5_000;
const NAME = /^[\w-]{1,64}$/;
let calls = 0;

/** The models for one agent at one message. */
export function agentModel(port: ModelPort, user: ModelUser): AgentModel {
  return {
    complete: (request) => complete(port, user, callOf(request)),
    stream: (request) => new PulledStream(port, user, callOf(request)),
  };
}

function callOf(request: string | ModelCall): ModelCall {
  if (typeof request === "string") return { prompt: request };
  if (typeof request === "object" && request !== null) return request;
  throw new InvalidArgumentError("request", request, "give a prompt, or an object with prompt or messages.");
}

function signalOf(user: ModelUser, call: ModelCall): AbortSignal | undefined {
  const signals = [user.signal, call.signal].filter((signal) => signal !== undefined);
  return signals.length > 1 ? AbortSignal.any(signals) : signals[0];
}

function orderOf({ agentId, host, taskId }: ModelUser, call: ModelCall, tools?: readonly ToolSpec[]): ModelOrder {
  const { tools: _tools, signal: _signal, ...request } = call;
  return { callId: `${host}:${++calls}`, agentId, taskId, request, tools };
}

/** One request; given up at the other side too when its signal is aborted. */
async function ask(port: ModelPort, order: ModelOrder, signal: AbortSignal | undefined): Promise<ModelReply> {
  signal?.throwIfAborted();
  const cancel = (): void => giveUp(port, order.callId);
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    const patience = (order.request.timeoutMs ?? MODEL_TIMEOUT_MS) + MARGIN_MS;
    return await unlessAborted(port.call("model", order, patience), signal) as ModelReply;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

function giveUp(port: ModelPort, callId: string): void {
  port.call("modelCancel", callId, MARGIN_MS).catch(() => undefined); // it ends by its own time-out then
}

async function complete(port: ModelPort, user: ModelUser, call: ModelCall): Promise<ModelReply> {
  const { tools = [] } = call;
  const signal = signalOf(user, call);
  if (tools.length === 0) return await ask(port, orderOf(user, call), signal);
  const specs = specsOf(tools);
  const { prompt, messages, ...rest } = call;
  const said: ModelMessage[] = [...messages ?? [], ...(prompt === undefined ? [] : [{ role: "user" as const, content: prompt }])];
  let sum: ModelReply | undefined;
  for (let round = 0; round < TOOL_ROUNDS_MAX; round++) {
    const reply = await ask(port, orderOf(user, { ...rest, messages: said }, specs), signal);
    sum = sum === undefined ? reply : added(sum, reply);
    if (reply.toolCalls.length === 0) return sum;
    said.push({ role: "assistant", content: reply.text, toolCalls: reply.toolCalls });
    said.push(...await Promise.all(reply.toolCalls.map((wanted) => runTool(tools, wanted, signal ?? new AbortController().signal))));
    signal?.throwIfAborted();
  }
  throw new KernelError(
    "TOOL_ROUNDS",
    `the model asked for tools ${TOOL_ROUNDS_MAX} times and came to no answer. Give it fewer or clearer tools.`,
    {
      roundsMax: TOOL_ROUNDS_MAX,
    },
  );
}

/** The last answer, with what all of them used. */
function added(sum: ModelReply, reply: ModelReply): ModelReply {
  return {
    ...reply,
    attempts: sum.attempts + reply.attempts,
    usage: sum.usage === null || reply.usage === null ? null : {
      inputTokens: sum.usage.inputTokens + reply.usage.inputTokens,
      outputTokens: sum.usage.outputTokens + reply.usage.outputTokens,
    },
    costUsd: sum.costUsd === null || reply.costUsd === null ? null : sum.costUsd + reply.costUsd,
    ...(sum.costUnknown === undefined ? {} : { costUnknown: sum.costUnknown }),
  };
}

/** Tools as the model is told of them. Throws `InvalidArgumentError` that names the field. */
export function specsOf(tools: readonly ModelTool[]): ToolSpec[] {
  if (tools.length > TOOLS_MAX) throw new InvalidArgumentError("tools", tools.length, `give at most ${TOOLS_MAX}.`);
  const names = new Set<string>();
  return tools.map(({ name, description, input, run }, index) => {
    const field = `tools[${index}]`;
    if (typeof name !== "string" || !NAME.test(name)) {
      throw new InvalidArgumentError(`${field}.name`, name, "use up to 64 letters, digits, _ and -.");
    }
    if (names.has(name)) throw new InvalidArgumentError(`${field}.name`, name, "another tool has this name already.");
    if (typeof description !== "string") {
      throw new InvalidArgumentError(`${field}.description`, description, "say in a string what it does.");
    }
    if (typeof run !== "function") throw new InvalidArgumentError(`${field}.run`, run, "give a function.");
    if (typeof input !== "object" || input === null) throw new InvalidArgumentError(`${field}.input`, input, "give a zod schema.");
    names.add(name);
    const schema = isSchema(input) ? input.toJSONSchema() : input;
    return { name, description, inputSchema: JSON.parse(JSON.stringify(schema)) };
  });
}

function isSchema(input: ModelTool["input"]): input is ToolInput<unknown> {
  return typeof (input as ToolInput<unknown>).safeParse === "function" && typeof (input as ToolInput<unknown>).toJSONSchema === "function";
}

/** Whatever goes wrong within a tool is told to the model: it may know better. */
async function runTool(tools: readonly ModelTool[], { id, name, input }: ToolCall, signal: AbortSignal): Promise<ModelMessage> {
  const answer = (content: string, isError: boolean): ModelMessage => ({ role: "tool", toolCallId: id, content: cut(content), isError });
  const tool = tools.find((known) => known.name === name);
  if (tool === undefined) return answer(`There is no tool ${name}.`, true);
  try {
    const checked = isSchema(tool.input) ? tool.input.safeParse(input) : { success: true as const, data: input };
    if (!checked.success) return answer(`The arguments do not fit: ${checked.error.message}`, true);
    const output = await tool.run(checked.data as never, { signal });
    return answer(typeof output === "string" ? output : JSON.stringify(output) ?? "done", false);
  } catch (error) {
    return answer(asError(error).message, true);
  }
}

function cut(text: string): string {
  return text.length <= TOOL_OUTPUT_CHARS_MAX ? text : `${text.slice(0, TOOL_OUTPUT_CHARS_MAX)}\n[cut: ${text.length} characters]`;
}

/** A stream that is fetched as fast as it is read. */
class PulledStream implements ModelStream {
  readonly reply: Promise<ModelReply>;
  #settle!: { resolve: (reply: ModelReply) => void; reject: (reason: unknown) => void };
  readonly #pieces: AsyncGenerator<string>;

  constructor(port: ModelPort, user: ModelUser, call: ModelCall) {
    if (call.tools !== undefined) throw new InvalidArgumentError("tools", call.tools, "tools are run by complete, not by stream.");
    this.reply = new Promise((resolve, reject) => this.#settle = { resolve, reject });
    this.reply.catch(() => undefined); // whoever reads the pieces is told
    this.#pieces = this.#read(port, orderOf(user, call), signalOf(user, call));
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    return this.#pieces;
  }

  async *#read(port: ModelPort, order: ModelOrder, signal: AbortSignal | undefined): AsyncGenerator<string> {
    const patience = (order.request.timeoutMs ?? MODEL_TIMEOUT_MS) + MARGIN_MS;
    let open = false;
    try {
      signal?.throwIfAborted();
      open = true;
      await unlessAborted(port.call("modelOpen", order, patience), signal);
      for (;;) {
        const { pieces, reply } = await unlessAborted(port.call("modelNext", order.callId, patience), signal) as StreamPart;
        if (reply !== undefined) open = false;
        yield* pieces;
        if (reply === undefined) continue;
        this.#settle.resolve(reply);
        return;
      }
    } catch (error) {
      this.#settle.reject(error);
      throw error;
    } finally {
      if (open) {
        giveUp(port, order.callId);
        this.#settle.reject(new KernelError("STREAM_LEFT", "the stream was left before its end; the request has been given up."));
      }
    }
  }
}
