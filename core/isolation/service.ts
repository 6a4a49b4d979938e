/**
 * What an agent that is apart may call, done by the context of the one that speaks for it. Nothing else is to be had over the line: a far end that is not
 * trusted gets an error for any other name, and for each of these no more than the agent itself may do.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import type { AgentId, Priority } from "../bus/message.ts";
import type {
  AgentContext,
  AskOptions,
  Isolation,
  MetricLabels,
  PublishOptions,
  ScanOptions,
  SendOptions,
  SpawnConfig,
  SubscribeOptions,
} from "../agents/agent.ts";
import { IsolationUnavailableError } from "../agents/isolation.ts";
import { ModelCalls } from "./model_calls.ts";

/** One call of the far end. */
export interface ServedCall {
  /** What. */
  readonly method: string;
  /** With what. */
  readonly args: readonly unknown[];
  /** As whom; null before the agent's start. */
  readonly ctx: AgentContext | null;
  /** Aborted when the caller gives it up. */
  readonly signal: AbortSignal;
  /** How far the caller is kept apart. */
  readonly grade: Isolation;
  /** Its models. */
  readonly models: ModelCalls;
}

/** What was counted under one name since it was last told. */
export interface Counted {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly labels?: MetricLabels;
  /** Gauge: what it was set to, before `add`. */
  readonly set?: number;
  /** Counter and gauge. */
  readonly add: number;
  /** Histogram. */
  readonly values: readonly number[];
}

type Served = (ctx: AgentContext, args: readonly unknown[], call: ServedCall) => unknown;

const CALLS: Readonly<Record<string, Served>> = {
  send: (ctx, [to, payload, options], { signal }) => ctx.send(to as AgentId, payload, withSignal(options as SendOptions, signal)),
  multicast: (ctx, [to, payload, options], { signal }) =>
    ctx.multicast(to as AgentId[], payload, withSignal(options as SendOptions, signal)),
  ask: (ctx, [to, payload, options], { signal }) => ctx.ask(to as AgentId, payload, withSignal(options as AskOptions, signal)),
  reply: (ctx, [payload]) => ctx.reply(payload),
  spawn: (ctx, [type, config], { signal, grade }) => ctx.spawn(type as string, withSignal(narrowed(config as SpawnConfig, grade), signal)),
  terminate: (ctx, [id]) => ctx.terminate(id as AgentId),
  publish: (ctx, [topic, payload, priority, options]) =>
    ctx.publish(topic as string, payload, priority as Priority, options as PublishOptions),
  subscribe: (ctx, [pattern, options]) => ctx.subscribe(pattern as string, options as SubscribeOptions),
  log: (ctx, [text, data]) => ctx.log(String(text), data),
  metrics: (ctx, [counted]) => count(ctx, counted as Counted[]),
  "store.get": ({ store }, [namespace, key]) => store.get(namespace as string, key as string),
  "store.set": ({ store }, [namespace, key, value]) => store.set(namespace as string, key as string, value),
  "store.setBatch": ({ store }, [namespace, entries]) => store.setBatch(namespace as string, entries as { key: string; value: unknown }[]),
  "store.delete": ({ store }, [namespace, key]) => store.delete(namespace as string, key as string),
  "store.has": ({ store }, [namespace, key]) => store.has(namespace as string, key as string),
  "store.getEntry": ({ store }, [namespace, key]) => {
    const entry = store.getEntry(namespace as string, key as string);
    return entry === undefined ? undefined : { value: entry.value, version: entry.version };
  },
  "store.getBatch": ({ store }, [namespace, keys]) => store.getBatch(namespace as string, keys as string[]),
  "store.compareAndSet": ({ store }, [namespace, key, version, value]) =>
    store.compareAndSet(namespace as string, key as string, version as number, value),
  "store.scan": ({ store }, [namespace, options]) => store.scan(namespace as string, options as ScanOptions),
  "store.flush": ({ store }) => store.flush(),
};

/** Does one call. Throws or rejects as the context does. */
export function serve(call: ServedCall): unknown {
  const { method, args, ctx, models } = call;
  if (ModelCalls.has(method)) return models.serve(method, args[0]);
  if (!Object.hasOwn(CALLS, method)) throw new KernelError("UNKNOWN_CALL", `no such call of an agent: ${method}`);
  if (ctx === null) throw new KernelError("AGENT_STOPPED", "the agent has not started yet, or has ended.");
  return CALLS[method](ctx, args, call);
}

function withSignal<Options extends object>(options: Options | undefined, signal: AbortSignal): Options & { signal: AbortSignal } {
  return { ...options as Options, signal };
}

/**
 * What an agent that may do little may not have done by one of its children: those of a process are processes, without permissions. Its own code, or
 * any other, on a thread of the program could do all that the program may.
 */
function narrowed(config: SpawnConfig | undefined, grade: Isolation): SpawnConfig | undefined {
  if (grade !== "process") return config;
  if (config?.permissions !== undefined) {
    throw new IsolationUnavailableError(grade, "an agent of a process cannot give permissions; have the program spawn this one.");
  }
  if (config?.isolation !== undefined && config.isolation !== "process") {
    throw new IsolationUnavailableError(config.isolation, "an agent of a process spawns processes; have the program spawn this one.");
  }
  return { ...config, isolation: "process" };
}

function count({ metrics }: AgentContext, counted: readonly Counted[]): void {
  for (const { kind, name, labels, set, add, values } of counted) {
    if (kind === "counter") metrics.counter(name, labels).add(add);
    else if (kind === "histogram") { for (const value of values) metrics.histogram(name, labels).record(value); }
    else {
      const gauge = metrics.gauge(name, labels);
      if (set !== undefined) gauge.set(set);
      gauge.add(add);
    }
  }
}
