/**
 * Models behind Anthropic's API, or whatever speaks it, through `@anthropic-ai/sdk`: loaded when the first connection is opened, run without retries
 * of its own.
 *
 * @module
 */
import type Anthropic from "@anthropic-ai/sdk";
import type { Clock } from "../base/clock.ts";
import { MODEL_TIMEOUT_MS } from "../base/limits.ts";
import type { ModelMessage, StopReason, ToolCall } from "../bus/model.ts";
import { ModelError } from "./model_errors.ts";
import type { ModelConnection, ModelProvider, ProviderReply, ProviderRequest } from "./model_provider.ts";
import { checkNetwork, keyOf } from "./provider_access.ts";
import { holdMs } from "./rate_limits.ts";
import { modelError } from "./sdk_errors.ts";

/** How a provider on the network is reached. */
export interface NetworkPlan {
  /** As results and errors name it. */
  readonly name: string;
  /** Instead of the variable's. */
  readonly apiKey?: string;
  /** Instead of the provider's own. */
  readonly baseUrl?: string;
  /** Asked when nothing names a model. */
  readonly model?: string;
  /** Time, for waits that are given as dates. */
  readonly clock: Clock;
}

const BASE_URL = "https://api.anthropic.com";
const STOP_REASONS: Readonly<Record<string, StopReason>> = { max_tokens: "length", tool_use: "tools", refusal: "refusal" };

/** Anthropic. */
export function anthropicProvider(plan: NetworkPlan): ModelProvider {
  const { name, baseUrl = BASE_URL } = plan;
  const key = (): string =>
    keyOf({ provider: name, apiKey: plan.apiKey, variable: "ANTHROPIC_API_KEY", alsoReads: ["ANTHROPIC_CUSTOM_HEADERS"] });
  return {
    ...{ name, defaultModel: plan.model ?? "claude-sonnet-4-5", isLocal: false, reportsUsage: true, startsProcess: false },
    priceList: "anthropic",
    check: () => {
      key();
      checkNetwork(name, baseUrl);
    },
    open: async () => {
      const { default: Client } = await import("@anthropic-ai/sdk");
      const http = Deno.createHttpClient({ poolMaxIdlePerHost: 1 });
      const client = new Client({
        ...{ apiKey: key(), authToken: null, webhookKey: null, baseURL: baseUrl, maxRetries: 0, timeout: MODEL_TIMEOUT_MS },
        ...{ logLevel: "off" as const, openTelemetry: false as const, fetchOptions: { client: http } },
      });
      return new AnthropicConnection(client, http, plan);
    },
  };
}

class AnthropicConnection implements ModelConnection {
  #closed = false;

  constructor(private readonly client: Anthropic, private readonly http: Deno.HttpClient, private readonly plan: NetworkPlan) {}

  async send(request: ProviderRequest, signal: AbortSignal, onText: (piece: string) => void): Promise<ProviderReply> {
    const answer = new Answer(request.model, onText);
    try {
      const { data, response } = await this.client.messages.create(paramsOf(request), { signal }).withResponse();
      for await (const event of data) answer.take(event);
      if (!signal.aborted) return { ...answer.whole(this.plan.name), holdMs: holdMs(response.headers, this.plan.clock.now()) };
    } catch (error) {
      throw modelError(this.plan.name, error, signal, this.plan.clock, answer);
    }
    throw signal.reason; // an aborted stream of the library ends as if it were complete
  }

  isUsable(): boolean {
    return !this.#closed;
  }

  close(): void {
    if (!this.#closed) this.http.close();
    this.#closed = true;
  }
}

/** An answer as it comes, event by event. */
class Answer {
  answered = false;
  #text = "";
  #model: string;
  #stop: string | null = null;
  #ended = false;
  #inputTokens = 0;
  #outputTokens = 0;
  readonly #tools = new Map<number, { id: string; name: string; json: string }>();

  constructor(model: string, private readonly onText: (piece: string) => void) {
    this.#model = model;
  }

  take(event: Anthropic.RawMessageStreamEvent): void {
    this.answered = true;
    if (event.type === "message_start") {
      const { model, usage } = event.message;
      this.#model = model;
      this.#inputTokens = usage.input_tokens + (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
      this.#outputTokens = usage.output_tokens;
    } else if (event.type === "content_block_start" && event.content_block.type === "tool_use") {
      const { id, name } = event.content_block;
      this.#tools.set(event.index, { id, name, json: "" });
    } else if (event.type === "content_block_delta") {
      const { delta, index } = event;
      if (delta.type === "text_delta") {
        this.#text += delta.text;
        this.onText(delta.text);
      } else if (delta.type === "input_json_delta") this.#tools.get(index)!.json += delta.partial_json;
    } else if (event.type === "message_delta") {
      this.#stop = event.delta.stop_reason;
      this.#outputTokens = event.usage.output_tokens;
    } else if (event.type === "message_stop") this.#ended = true;
  }

  whole(provider: string): ProviderReply {
    if (!this.#ended) {
      throw new ModelError("MODEL_CONNECTION", provider, "the answer was cut off before its end", { mayHaveCost: true });
    }
    const toolCalls = [...this.#tools.values()].map(({ id, name, json }): ToolCall => ({ id, name, input: inputOf(json) }));
    return {
      ...{ text: this.#text, toolCalls, model: this.#model },
      stopReason: STOP_REASONS[this.#stop ?? ""] ?? "end",
      usage: { inputTokens: this.#inputTokens, outputTokens: this.#outputTokens },
    };
  }
}

/** Arguments as they were written; what is no JSON goes to the tool's schema as text, which refuses it. */
export function inputOf(json: string): unknown {
  if (json.trim() === "") return {};
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

function paramsOf(request: ProviderRequest): Anthropic.MessageCreateParamsStreaming {
  const { model, messages, system, maxTokens, temperature, tools } = request;
  return {
    ...{ model, max_tokens: maxTokens, stream: true, messages: turnsOf(messages) },
    ...(system === undefined ? {} : { system }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(tools === undefined || tools.length === 0 ? {} : {
      tools: tools.map(({ name, description, inputSchema }) => ({
        ...{ name, description },
        input_schema: inputSchema as Anthropic.Tool.InputSchema,
      })),
    }),
  };
}

/** Results of tools are blocks of one user turn. */
function turnsOf(messages: readonly ModelMessage[]): Anthropic.MessageParam[] {
  const turns: Anthropic.MessageParam[] = [];
  let results: Anthropic.ToolResultBlockParam[] | undefined;
  for (const { role, content, toolCalls = [], toolCallId = "", isError = false } of messages) {
    if (role === "tool") {
      if (results === undefined) turns.push({ role: "user", content: results = [] });
      results.push({ type: "tool_result", tool_use_id: toolCallId, content, is_error: isError });
      continue;
    }
    results = undefined;
    if (toolCalls.length === 0) turns.push({ role, content });
    else {
      const text = content === "" ? [] : [{ type: "text" as const, text: content }];
      turns.push({ role, content: [...text, ...toolCalls.map(({ id, name, input }) => ({ type: "tool_use" as const, id, name, input }))] });
    }
  }
  return turns;
}
