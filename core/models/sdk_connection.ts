/**
 * One connection to a provider on the network, through the provider's own library: its answer comes as a stream of events.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { ModelConnection, ProviderReply, ProviderRequest } from "./model_provider.ts";
import { holdMs } from "./rate_limits.ts";
import { modelError, type Progress } from "./sdk_errors.ts";

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

/** An answer as it comes, event by event. */
export interface SdkAnswer<Event> extends Progress {
  /** The next one. */
  take(event: Event): void;
  /** All of it. Throws `ModelError` when it was cut off. */
  whole(provider: string): ProviderReply;
}

/** What is a provider's own. */
export interface SdkCalls<Event> {
  /** Sends a request. */
  stream(request: ProviderRequest, signal: AbortSignal): Promise<{ data: AsyncIterable<Event>; response: Response }>;
  /** Gathers its answer; texts are handed on as they come. */
  answer(model: string, onText: (piece: string) => void): SdkAnswer<Event>;
}

/** See the module. */
export class SdkConnection<Event> implements ModelConnection {
  #closed = false;

  /** The library uses `http`, which closes with the connection. */
  constructor(private readonly plan: NetworkPlan, private readonly http: Deno.HttpClient, private readonly calls: SdkCalls<Event>) {}

  async send(request: ProviderRequest, signal: AbortSignal, onText: (piece: string) => void): Promise<ProviderReply> {
    const answer = this.calls.answer(request.model, onText);
    try {
      const { data, response } = await this.calls.stream(request, signal);
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

/** Arguments as they were written; what is no JSON goes to the tool's schema as text, which refuses it. */
export function inputOf(json: string): unknown {
  if (json.trim() === "") return {};
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
