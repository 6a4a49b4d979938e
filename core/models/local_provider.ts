/**
 * A provider that asks no model: what it answers follows from the request alone, so that programs and tests run without key, network and cost. Every
 * answer says so, in its text and in its fields.
 *
 * @module
 */
import type { ToolCall } from "../bus/model.ts";
import type { ModelConnection, ModelProvider, ProviderReply, ProviderRequest } from "./model_provider.ts";

/** Names of its models: `echo` repeats the last turn, `outline` says its size and its first words. */
export const LOCAL_MODELS: readonly string[] = ["echo", "outline"];

const LABEL = "[local, no model was asked]";
const OUTLINE_WORDS = 12;
const BYTES_PER_TOKEN = 4;
/** `tool: NAME {…}` on a line of its own asks for that tool, so that tools can be tried without a model. */
const TOOL_LINE = /^tool: ([\w-]+) (\{.*\})$/gm;

/** Tokens as this provider counts them: four bytes each. */
function tokensOf(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / BYTES_PER_TOKEN);
}

function wantedTools({ messages, tools = [] }: ProviderRequest): ToolCall[] {
  const last = messages.at(-1)!;
  if (last.role !== "user") return [];
  const calls: ToolCall[] = [];
  for (const [, name, json] of last.content.matchAll(TOOL_LINE)) {
    if (tools.some((tool) => tool.name === name)) calls.push({ id: `call_${calls.length + 1}`, name, input: jsonOf(json) });
  }
  return calls;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // the tool's schema refuses it, as it would a model's
  }
}

function answerTo({ model, messages, system }: ProviderRequest): string {
  const said = messages.filter(({ role }) => role !== "assistant").at(-1)!.content;
  if (model === "echo") return `${LABEL} ${said}`;
  const words = said.split(/\s+/).filter((word) => word !== "");
  const head = words.slice(0, OUTLINE_WORDS).join(" ") + (words.length > OUTLINE_WORDS ? " …" : "");
  return `${LABEL} ${messages.length} messages${
    system === undefined ? "" : " and a system prompt"
  }; the last one has ${words.length} words: ${head}`;
}

/** As many words as `maxTokens` allows. */
function cut(text: string, maxTokens: number): string {
  if (tokensOf(text) <= maxTokens) return text;
  let bytes = new TextEncoder().encode(text).subarray(0, maxTokens * BYTES_PER_TOKEN);
  while (bytes.length > 0 && (bytes[bytes.length - 1] & 0xc0) === 0x80) bytes = bytes.subarray(0, -1); // not within a character
  return new TextDecoder().decode(bytes.length > 0 && bytes[bytes.length - 1] >= 0xc0 ? bytes.subarray(0, -1) : bytes);
}

function send(request: ProviderRequest, signal: AbortSignal, onText: (piece: string) => void): Promise<ProviderReply> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const toolCalls = wantedTools(request);
  const whole = toolCalls.length > 0 ? `${LABEL} asks for ${toolCalls.length} tools` : answerTo(request);
  const text = cut(whole, request.maxTokens);
  for (const piece of text.match(/\S+\s*|\s+/g) ?? []) onText(piece);
  const inputTokens = request.messages.reduce((sum, { content }) => sum + tokensOf(content), tokensOf(request.system ?? ""));
  return Promise.resolve({
    ...{ text, toolCalls, model: request.model, usage: { inputTokens, outputTokens: tokensOf(text) } },
    stopReason: toolCalls.length > 0 ? "tools" as const : text === whole ? "end" as const : "length" as const,
  });
}

const CONNECTION: ModelConnection = { send, isUsable: () => true, close: () => undefined };

/** The built-in provider. */
export function localProvider(name = "local", model = "outline"): ModelProvider {
  return {
    ...{ name, defaultModel: model, models: LOCAL_MODELS, priceList: "free", isLocal: true, reportsUsage: true, startsProcess: false },
    check: () => undefined,
    open: () => Promise.resolve(CONNECTION),
  };
}
