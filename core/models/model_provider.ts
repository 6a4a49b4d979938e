/**
 * The one interface behind which all providers stand. The layers above (routes, budgets, retries, pools, records) know nothing else of them.
 *
 * @module
 */
import type { ModelMessage, StopReason, TokenUsage, ToolCall, ToolSpec } from "../bus/model.ts";

/** What a provider is asked: checked, with every default filled in. */
export interface ProviderRequest {
  /** As the provider names it. */
  readonly model: string;
  /** At least one. */
  readonly messages: readonly ModelMessage[];
  /** What the model is told to be. */
  readonly system?: string;
  /** Output tokens at most. */
  readonly maxTokens: number;
  /** Default: the provider's. */
  readonly temperature?: number;
  /** What the model may ask for. */
  readonly tools?: readonly ToolSpec[];
}

/** What came back. */
export interface ProviderReply {
  /** Text. */
  readonly text: string;
  /** Tools wanted. */
  readonly toolCalls: readonly ToolCall[];
  /** Why it stopped. */
  readonly stopReason: StopReason;
  /** The model that answered. */
  readonly model: string;
  /** Null when the provider does not say. */
  readonly usage: TokenUsage | null;
  /** The provider's limit is used up: leave it alone for so long. */
  readonly holdMs?: number;
}

/** One way to a provider. Sends one request at a time. */
export interface ModelConnection {
  /** Sends a request; `onText` hears the text as it comes. Rejects with `ModelError`, or with the signal's reason. */
  send(request: ProviderRequest, signal: AbortSignal, onText: (piece: string) => void): Promise<ProviderReply>;
  /** Whether it can be used again; asked before it is lent. */
  isUsable(): boolean;
  /** Ends it. */
  close(): void;
}

/** A provider of models. */
export interface ModelProvider {
  /** As results and errors name it. */
  readonly name: string;
  /** Model that is asked when nothing names one. */
  readonly defaultModel: string | undefined;
  /** Models that it knows; undefined: only the provider itself can say. */
  readonly models?: readonly string[];
  /** Whose prices hold, see prices.ts; undefined: unknown. */
  readonly priceList?: "anthropic" | "openai" | "free";
  /** Whether no model is asked at all. */
  readonly isLocal: boolean;
  /** Whether it says what a request used. */
  readonly reportsUsage: boolean;
  /** Whether each request starts a process. */
  readonly startsProcess: boolean;
  /** Throws when it cannot be used: no key, no permission. Sends nothing. */
  check(): void;
  /** A new connection. */
  open(): Promise<ModelConnection>;
}
