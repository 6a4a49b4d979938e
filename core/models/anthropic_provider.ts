/**
 * Models behind Anthropic's API, or whatever speaks it, through `@anthropic-ai/sdk`: loaded when the first connection is opened, run without retries
 * of its own.
 *
 * @module
 */
import type Anthropic from "@anthropic-ai/sdk";
import { MODEL_TIMEOUT_MS } from "../base/limits.ts";
import type { ModelMessage, StopReason, ToolCall } from "../bus/model.ts";
import { boundedFetch } from "./bounded_fetch.ts";
import { ModelError } from "./model_errors.ts";
import type { ModelProvider, ProviderReply, ProviderRequest } from "./model_provider.ts";
import { checkNetwork, keyOf } from "./provider_access.ts";
import { inputOf, type NetworkPlan, type SdkAnswer, SdkConnection } from "./sdk_connection.ts";

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
        ...{ logLevel: "off" as const, openTelemetry: false as const, fetch: boundedFetch(name), fetchOptions: { client: http } },
      });
      return new SdkConnection(plan, http, {
        stream: (request, signal) => client.messages.create(paramsOf(request), { signal }).withResponse(),
        answer: (model, onText) => new Answer(model, onText),
      });
    },
  };
}

/** An answer as it comes, event by event. */
class Answer implements SdkAnswer<Anthropic.RawMessageStreamEvent> {
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
