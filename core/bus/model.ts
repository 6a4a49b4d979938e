/**
 * Models as agents see them: what they are asked, what they answer, and the tools that they may call. What asks them is in core/models/.
 *
 * @module
 */

/** One turn of a conversation with a model. */
export interface ModelMessage {
  /** Who says it; `tool` is the result of a tool call. */
  readonly role: "user" | "assistant" | "tool";
  /** What is said. */
  readonly content: string;
  /** Tools that an `assistant` turn asked for. */
  readonly toolCalls?: readonly ToolCall[];
  /** Call that a `tool` turn answers. */
  readonly toolCallId?: string;
  /** Whether a `tool` turn says why the tool failed. */
  readonly isError?: boolean;
}

/** A tool that the model wants to be run. */
export interface ToolCall {
  /** Names the call within its conversation. */
  readonly id: string;
  /** Name of the tool. */
  readonly name: string;
  /** Its arguments, not yet checked. */
  readonly input: unknown;
}

/** A tool as the model is told of it. */
export interface ToolSpec {
  /** Letters, digits, `_` and `-`. */
  readonly name: string;
  /** What it does, for the model. */
  readonly description: string;
  /** JSON schema of its arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** A schema that checks a tool's arguments and can say itself as JSON schema: one of zod 4.2 or later. */
export interface ToolInput<Input> {
  /** Checks. */
  safeParse(value: unknown): { readonly success: true; readonly data: Input } | { readonly success: false; readonly error: Error };
  /** Says itself. */
  toJSONSchema(): unknown;
}

/** How a tool is run. */
export interface ToolRun {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** A tool that an agent offers to a model. It runs where the agent runs, with the same rights. `defineTool` makes one whose `run` is typed. */
export interface ModelTool {
  /** Letters, digits, `_` and `-`. */
  readonly name: string;
  /** What it does, for the model. */
  readonly description: string;
  /** Schema of its arguments, of zod or as JSON schema. What zod does not accept is told to the model, and the tool is not run. */
  readonly input: ToolInput<unknown> | Readonly<Record<string, unknown>>;
  /** Does it. What it throws is told to the model. Anything but a string is told as JSON. */
  run(input: never, how: ToolRun): unknown;
}

/** What a model is asked. */
export interface ModelRequest {
  /** One user turn; or `messages`. */
  readonly prompt?: string;
  /** A whole conversation. */
  readonly messages?: readonly ModelMessage[];
  /** What the model is told to be. */
  readonly system?: string;
  /** Which model, if need be with its provider: `openai:gpt-5-mini`. Default: the task's, the agent's, its type's, the manager's. */
  readonly model?: string;
  /** Output tokens at most. Default 4,096. */
  readonly maxTokens?: number;
  /** Default: the provider's. */
  readonly temperature?: number;
  /** For all of it, retries and waits included. Default 300,000. */
  readonly timeoutMs?: number;
}

/** A request with what cannot travel. */
export interface ModelCall extends ModelRequest {
  /** Tools that the model may have run. */
  readonly tools?: readonly ModelTool[];
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** Tokens as the provider counted them. */
export interface TokenUsage {
  /** Read by the model, cached ones included. */
  readonly inputTokens: number;
  /** Written by it. */
  readonly outputTokens: number;
}

/** Why a model stopped: it was done, it met `maxTokens`, it wants tools, or it refused. */
export type StopReason = "end" | "length" | "tools" | "refusal";

/** What a model answered. */
export interface ModelReply {
  /** Its text. */
  readonly text: string;
  /** Tools that it wants; empty unless `stopReason` is `tools`. */
  readonly toolCalls: readonly ToolCall[];
  /** Why it stopped. */
  readonly stopReason: StopReason;
  /** The model that answered, as its provider names it. */
  readonly model: string;
  /** Who was asked. */
  readonly provider: string;
  /** Whether no model was asked at all: the text was made by the built-in `local` provider. */
  readonly isLocal: boolean;
  /** Tokens; null when the provider does not say. */
  readonly usage: TokenUsage | null;
  /** US dollars by the price table; null when that cannot be said. */
  readonly costUsd: number | null;
  /** Why not. */
  readonly costUnknown?: string;
  /** Requests that it took: 1 when the first one went well. */
  readonly attempts: number;
}

/** An answer piece by piece. The request is given up when the loop over it ends early. */
export interface ModelStream extends AsyncIterable<string> {
  /** The whole answer, once the last piece has come. */
  readonly reply: Promise<ModelReply>;
}

/** The models that an agent may ask; `ctx.model`. */
export interface AgentModel {
  /** Asks, runs the tools that the model wants, and resolves to its last answer. */
  complete(request: string | ModelCall): Promise<ModelReply>;
  /** The same without tools, piece by piece. */
  stream(request: string | Omit<ModelCall, "tools">): ModelStream;
}

/** What an agent and all agents that it spawned may spend together on models. */
export interface ModelBudget {
  /** Tokens, read and written. */
  readonly tokens?: number;
  /** US dollars. A model without a known price is refused then. */
  readonly usd?: number;
  /** Time in ms that all calls take together. */
  readonly wallMs?: number;
  /** Commands started by a `process` provider. */
  readonly processes?: number;
}
