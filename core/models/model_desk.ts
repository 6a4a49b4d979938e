/**
 * Where all requests to models go through, of tasks and of agents on every thread: routed, checked, reserved in the budgets, sent by a connection of
 * the provider's pool, tried again where that helps, settled and noted.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { InvalidArgumentError, isKernelError, KernelError } from "../base/errors.ts";
import { checkedDelay, Deadlines } from "../base/deadlines.ts";
import { MODEL_CALLS_OPEN_MAX, MODEL_FRAMING_TOKENS, MODEL_OUTPUT_TOKENS, MODEL_TIMEOUT_MS } from "../base/limits.ts";
import type { ModelRoute } from "../base/options.ts";
import type { AgentId } from "../bus/message.ts";
import type { ModelReply, ModelRequest, TokenUsage, ToolSpec } from "../bus/model.ts";
import { ConnectionPool, type PoolPlan, type PoolStatistics } from "./connection_pool.ts";
import { type AccountReport, type AgentFacts, type Amounts, Ledger, type Reservation } from "./ledger.ts";
import { BudgetUnenforceableError, ModelError } from "./model_errors.ts";
import type { ModelConnection, ModelProvider, ProviderReply, ProviderRequest } from "./model_provider.ts";
import { costUsd, type Price, priceOf } from "./prices.ts";
import { charsOf, checkedMessages } from "./request_checks.ts";
import { type Route, Router } from "./routes.ts";

/** Tries again where that helps; the executor's (core/tasks/resilience.ts). */
export interface Retrying {
  /** See `Resilience.run`. */
  run<Value>(provider: string, attempt: (count: number) => Promise<Value>, signal: AbortSignal): Promise<Value>;
  /** See `Resilience.hold`. */
  hold(provider: string, ms: number): void;
}

/** What the desk knows of an agent. */
export interface AgentModelFacts extends AgentFacts {
  /** Its type and its own model. */
  about(id: AgentId): { readonly type: string; readonly model?: string } | undefined;
}

/** What a desk is made of. */
export interface DeskOptions {
  /** The first is the default one. */
  readonly providers: readonly ModelProvider[];
  /** Rules of routing. */
  readonly routes: readonly ModelRoute[];
  /** Models by agent type. */
  readonly models: Readonly<Record<string, string>>;
  /** Prices that go before the table's. */
  readonly prices: Readonly<Record<string, Price>>;
  /** Bounds of each provider's connections. */
  readonly pool: PoolPlan;
  /** Time. */
  readonly clock: Clock;
  /** Retries. */
  readonly retrying: Retrying;
  /** Agents. */
  readonly agents: AgentModelFacts;
}

/** One request as the desk gets it. */
export interface DeskCall {
  /** Who asks; 0: nobody. */
  readonly agentId: AgentId;
  /** What. */
  readonly request: ModelRequest;
  /** Tools that the model may ask for. */
  readonly tools?: readonly ToolSpec[];
  /** Model of the task that it is for. */
  readonly taskModel?: string;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** Whether `signal` is aborted in time by whoever asks, so that the desk need not look at the clock. */
  readonly isTimed?: boolean;
  /** Hears the text as it comes. With it, an answer that has begun is not asked for again. */
  readonly onText?: (piece: string) => void;
}

/** The desk of one kernel. */
export class ModelDesk {
  /** Who has spent what. */
  readonly ledger: Ledger;
  readonly #options: DeskOptions;
  readonly #router: Router;
  readonly #pools = new Map<string, ConnectionPool<ModelConnection>>();
  readonly #deadlines: Deadlines;
  #open = 0;

  /** Opens nothing yet. */
  constructor(options: DeskOptions) {
    this.#options = options;
    this.ledger = new Ledger(options.agents);
    this.#router = new Router(new Map(options.providers.map((provider) => [provider.name, provider])), options.routes, options.models);
    this.#deadlines = new Deadlines(options.clock);
    for (const provider of options.providers) {
      this.#pools.set(provider.name, new ConnectionPool(() => provider.open(), options.pool, options.clock));
    }
  }

  /** Throws when the default provider cannot be used. Sends nothing. */
  check(): void {
    this.#options.providers[0].check();
  }

  /** Throws unless a request for this model could be routed. */
  checkModel(model: string, field: string): void {
    this.#router.check(model, field);
  }

  /** Connections by provider. */
  get connections(): Record<string, PoolStatistics> {
    return Object.fromEntries([...this.#pools].map(([name, pool]) => [name, pool.statistics]));
  }

  /** What an agent and its tree have spent. */
  report(id: AgentId): AccountReport {
    return this.ledger.report(id);
  }

  /** Asks a model; rejects with why it did not answer. */
  async ask(call: DeskCall): Promise<ModelReply> {
    if (this.#open >= MODEL_CALLS_OPEN_MAX) {
      throw new KernelError("MODEL_CALLS_OPEN", `${MODEL_CALLS_OPEN_MAX} requests to models are open. Await some of them first.`);
    }
    const { route, request } = this.#prepared(call);
    const timeoutMs = checkedDelay("timeoutMs", call.request.timeoutMs ?? MODEL_TIMEOUT_MS);
    route.provider.check();
    this.#open++;
    try {
      if (call.isTimed) return await this.#send(route, request, call, timeoutMs, call.signal!);
      const late = (): Error => tooLate(route.provider.name, `no answer within ${Math.round(timeoutMs)} ms`);
      return await this.#within(timeoutMs, late, call.signal, (signal) => this.#send(route, request, call, timeoutMs, signal));
    } finally {
      this.#open--;
    }
  }

  /** Closes all connections. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close();
    this.#deadlines.close();
  }

  #prepared({ agentId, request, tools, taskModel }: DeskCall): { route: Route; request: ProviderRequest } {
    const messages = checkedMessages(request);
    const { system, temperature, maxTokens = MODEL_OUTPUT_TOKENS } = request;
    if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
      throw new InvalidArgumentError("maxTokens", maxTokens, "use a whole number of at least 1.");
    }
    const about = agentId === 0 ? undefined : this.#options.agents.about(agentId);
    const asked = [request.model, taskModel, about?.model];
    const route = this.#router.route({ asked, agentType: about?.type, chars: charsOf(messages, system) });
    return { route, request: { model: route.model, messages, system, maxTokens, temperature, tools } };
  }

  async #send(route: Route, request: ProviderRequest, call: DeskCall, timeoutMs: number, signal: AbortSignal): Promise<ModelReply> {
    const { provider, model } = route;
    const price = priceOf(provider, model, this.#options.prices);
    const wanted = this.ledger.isBounded(call.agentId) ? this.#wanted(route, request, call.agentId, price, timeoutMs) : UNBOUNDED;
    let attempts = 0;
    let begun = false;
    const onText = (piece: string): void => {
      begun = true;
      call.onText?.(piece);
    };
    const reply = await this.#options.retrying.run(provider.name, async (count) => {
      attempts = count;
      const reservation = await this.ledger.reserve(call.agentId, wanted, signal);
      try {
        return await this.#attempt(provider, request, signal, onText, reservation, price);
      } catch (error) {
        throw begun && call.onText !== undefined ? final(error) : error;
      }
    }, signal);
    const cost = reply.usage === null || price === undefined ? null : costUsd(price, reply.usage);
    const { text, toolCalls, stopReason, usage } = reply;
    return {
      ...{
        text,
        toolCalls,
        stopReason,
        model: reply.model,
        provider: provider.name,
        isLocal: provider.isLocal,
        usage,
        costUsd: cost,
        attempts,
      },
      ...(cost === null
        ? { costUnknown: usage === null ? `${provider.name} does not say what it used` : `no price is known for ${model}` }
        : {}),
    };
  }

  /** One request, with its reservation settled however it ends. */
  async #attempt(
    provider: ModelProvider,
    request: ProviderRequest,
    signal: AbortSignal,
    onText: (piece: string) => void,
    { amounts, settle }: Reservation,
    price: Price | undefined,
  ): Promise<ProviderReply> {
    const pool = this.#pools.get(provider.name)!;
    const startedAt = this.#options.clock.now();
    const took = (): number => Math.max(0, Math.min(amounts.wallMs, this.#options.clock.now() - startedAt));
    let connection: ModelConnection | undefined;
    let sent = false;
    let broken = true;
    try {
      connection = await pool.acquire(signal);
      sent = true;
      const said = await this.#sendWithin(amounts.wallMs, connection, request, signal, onText);
      const reply = { ...said, usage: checkedUsage(said.usage) };
      broken = false;
      const { inputTokens, outputTokens } = reply.usage ?? { inputTokens: 0, outputTokens: 0 };
      const usd = reply.usage === null || price === undefined ? null : costUsd(price, reply.usage);
      const tokens = reply.usage === null ? amounts.tokens : inputTokens + outputTokens;
      settle({ charged: { ...amounts, tokens, usd: usd ?? amounts.usd, wallMs: took() }, inputTokens, outputTokens, usd });
      if (reply.holdMs !== undefined) this.#options.retrying.hold(provider.name, reply.holdMs);
      return reply;
    } catch (error) {
      // What may have been worked at may be charged for: then all that was reserved counts as spent.
      const free = !sent || (isKernelError(error) && error.data.mayHaveCost === false);
      const charged: Amounts = { ...(free ? NOTHING : amounts), wallMs: took(), processes: sent ? amounts.processes : 0 };
      settle({ charged, inputTokens: 0, outputTokens: 0, usd: free ? 0 : null });
      broken = !(isKernelError(error) && typeof error.data.status === "number");
      throw error;
    } finally {
      if (connection !== undefined) pool.release(connection, broken);
    }
  }

  /** The most that one request can use. A token is a byte at least. */
  #wanted({ provider, model }: Route, request: ProviderRequest, agentId: AgentId, price: Price | undefined, timeoutMs: number): Amounts {
    const inputTokens = inputTokensMax(request);
    const usd = price === undefined ? 0 : costUsd(price, { inputTokens, outputTokens: request.maxTokens });
    for (const { id, limits } of this.ledger.limitsAbove(agentId)) {
      for (const resource of ["tokens", "usd"] as const) {
        if (limits[resource] === undefined) continue;
        if (!provider.reportsUsage) {
          throw new BudgetUnenforceableError(
            id,
            resource,
            `${provider.name} does not say what it uses. Bound wallMs and processes instead.`,
          );
        }
        if (resource === "usd" && price === undefined) {
          throw new BudgetUnenforceableError(
            id,
            resource,
            `no price is known for ${provider.name}:${model}. Give it under executor.prices.`,
          );
        }
      }
    }
    return { tokens: inputTokens + request.maxTokens, usd, wallMs: timeoutMs, processes: provider.startsProcess ? 1 : 0 };
  }

  /** Sends; ends with what was reserved of the time, where that is bounded. */
  #sendWithin(
    wallMs: number,
    connection: ModelConnection,
    request: ProviderRequest,
    signal: AbortSignal,
    onText: (piece: string) => void,
  ): Promise<ProviderReply> {
    if (wallMs === Infinity) return connection.send(request, signal, onText);
    const late = (): Error => tooLate("budget", `the ${Math.round(wallMs)} ms that the agent's budget had left are over`);
    return this.#within(wallMs, late, signal, (inner) => connection.send(request, inner, onText));
  }

  /** Does something under a signal that is aborted by `signal`, or with the error that `late` makes when the time is over. */
  async #within<Value>(
    ms: number,
    late: () => Error,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    signal?.throwIfAborted();
    const own = new AbortController();
    const stop = (): void => own.abort(signal!.reason);
    signal?.addEventListener("abort", stop, { once: true });
    const deadline = this.#deadlines.add(ms, () => own.abort(late()));
    try {
      return await work(own.signal);
    } finally {
      this.#deadlines.remove(deadline);
      signal?.removeEventListener("abort", stop);
    }
  }
}

/** What a server says it used, if that can be: one that leaves a field out, or takes some away, would open every budget for good. */
function checkedUsage(usage: TokenUsage | null): TokenUsage | null {
  if (usage === null) return null;
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  return isCount(usage.inputTokens) && isCount(usage.outputTokens) ? usage : null;
}

const NOTHING: Amounts = { tokens: 0, usd: 0, wallMs: 0, processes: 0 };

/** Of a call that no budget stands above: nothing is reserved, and its time is bounded by its own signal. */
const UNBOUNDED: Amounts = { ...NOTHING, wallMs: Infinity };

function tooLate(provider: string, why: string): ModelError {
  return new ModelError("MODEL_TIMEOUT", provider, why, { mayHaveCost: true, data: { retryable: false } });
}

/** Upper bound: no tokenizer makes more tokens than there are bytes. */
export function inputTokensMax({ messages, system, tools = [] }: ProviderRequest): number {
  const encoder = new TextEncoder();
  const said = JSON.stringify([messages, system, tools]);
  return encoder.encode(said).length + MODEL_FRAMING_TOKENS * (messages.length + tools.length + 2);
}

/** The same error, not to be tried again: the reader has had the beginning. */
function final(error: unknown): unknown {
  if (!isKernelError(error) || error.data.retryable !== true) return error;
  return new KernelError(error.code, `${error.message} The answer had begun, so it was not asked for again.`, {
    ...error.data,
    retryable: false,
  }, {
    cause: error,
  });
}
