/**
 * Models behind OpenAI's API, or any server that speaks it (llama.cpp, Ollama, vLLM, …), through `openai`: loaded when the first connection is opened,
 * run without retries of its own.
 *
 * @module
 */
import type OpenAI from "openai";
import { MODEL_TIMEOUT_MS } from "../base/limits.ts";
import type { ModelMessage, StopReason, TokenUsage } from "../bus/model.ts";
import { boundedFetch } from "./bounded_fetch.ts";
import { ModelError } from "./model_errors.ts";
import type { ModelProvider, ProviderReply, ProviderRequest } from "./model_provider.ts";
import { checkNetwork, keyOf } from "./provider_access.ts";
import { inputOf, type NetworkPlan, type SdkAnswer, SdkConnection } from "./sdk_connection.ts";

const BASE_URL = "https://api.openai.com/v1";
const STOP_REASONS: Readonly<Record<string, StopReason>> = { length: "length", tool_calls: "tools", content_filter: "refusal" };

/** OpenAI, or a server that speaks its protocol: such a one at another `baseUrl` needs no key unless one is given. */
export function openAiProvider(plan: NetworkPlan): ModelProvider {
  const { name, baseUrl = BASE_URL } = plan;
  const isOpenAi = baseUrl === BASE_URL;
  const key = (): string =>
    !isOpenAi && plan.apiKey === undefined ? "none" : keyOf({ provider: name, apiKey: plan.apiKey, variable: "OPENAI_API_KEY" });
  return {
    ...{
      name,
      defaultModel: plan.model ?? (isOpenAi ? "gpt-5-mini" : undefined),
      isLocal: false,
      reportsUsage: true,
      startsProcess: false,
    },
    priceList: isOpenAi ? "openai" : undefined,
    check: () => {
      key();
      checkNetwork(name, baseUrl);
    },
    open: async () => {
      const { default: Client } = await import("openai");
      const http = Deno.createHttpClient({ poolMaxIdlePerHost: 1 });
      const client = new Client({
        // What is null here is not looked for in the environment.
        ...{ apiKey: key(), adminAPIKey: null, organization: null, project: null, webhookSecret: null },
        ...{ baseURL: baseUrl, maxRetries: 0, timeout: MODEL_TIMEOUT_MS },
        ...{ logLevel: "off" as const, fetch: boundedFetch(name), fetchOptions: { client: http } },
      });
      return new SdkConnection(plan, http, {
        stream: (request, signal) => client.chat.completions.create(paramsOf(request, isOpenAi), { signal }).withResponse(),
        answer: (model, onText) => new Answer(model, onText),
      });
    },
  };
}

/** An answer as it comes, piece by piece. */
class Answer implements SdkAnswer<OpenAI.ChatCompletionChunk> {
  answered = false;
  #text = "";
  #model: string;
  #stop: string | null = null;
  #usage: TokenUsage | null = null;
  readonly #tools = new Map<number, { id: string; name: string; json: string }>();

  constructor(model: string, private readonly onText: (piece: string) => void) {
    this.#model = model;
  }

  take({ model, choices, usage }: OpenAI.ChatCompletionChunk): void {
    this.answered = true;
    if (model) this.#model = model;
    if (usage) this.#usage = { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens };
    const choice = choices?.[0];
    if (choice === undefined) return;
    const { content, tool_calls = [] } = choice.delta;
    if (content) {
      this.#text += content;
      this.onText(content);
    }
    for (const { index, id, function: part } of tool_calls) {
      const tool = this.#tools.get(index) ?? { id: "", name: "", json: "" };
      this.#tools.set(index, { id: tool.id + (id ?? ""), name: tool.name + (part?.name ?? ""), json: tool.json + (part?.arguments ?? "") });
    }
    this.#stop = choice.finish_reason ?? this.#stop;
  }

  whole(provider: string): ProviderReply {
    if (this.#stop === null) {
      throw new ModelError("MODEL_CONNECTION", provider, "the answer was cut off before its end", { mayHaveCost: true });
    }
    const toolCalls = [...this.#tools.values()].map(({ id, name, json }) => ({ id, name, input: inputOf(json) }));
    const stopReason = STOP_REASONS[this.#stop] ?? (toolCalls.length > 0 ? "tools" : "end");
    return { text: this.#text, toolCalls, model: this.#model, stopReason, usage: this.#usage };
  }
}

function paramsOf(request: ProviderRequest, isOpenAi: boolean): OpenAI.ChatCompletionCreateParamsStreaming {
  const { model, messages, system, maxTokens, temperature, tools } = request;
  return {
    ...{ model, stream: true, stream_options: { include_usage: true } },
    messages: [...(system === undefined ? [] : [{ role: "system" as const, content: system }]), ...messages.map(turnOf)],
    // Its newer models refuse the old name, other servers know no other.
    ...(isOpenAi ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(tools === undefined || tools.length === 0 ? {} : {
      tools: tools.map(({ name, description, inputSchema }) => ({
        type: "function" as const,
        function: { name, description, parameters: inputSchema as Record<string, unknown> },
      })),
    }),
  };
}

function turnOf({ role, content, toolCalls = [], toolCallId = "" }: ModelMessage): OpenAI.ChatCompletionMessageParam {
  if (role === "tool") return { role, content, tool_call_id: toolCallId };
  if (role === "user" || toolCalls.length === 0) return { role, content };
  const calls = toolCalls.map(({ id, name, input }) => ({
    ...{ id, type: "function" as const },
    function: { name, arguments: typeof input === "string" ? input : JSON.stringify(input) },
  }));
  return { role, content, tool_calls: calls };
}
