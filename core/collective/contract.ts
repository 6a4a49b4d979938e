/**
 * What every agent of the collective has: a name, capabilities, commands and queries, measured metrics, a health check, and the states of the owner's
 * document. A behavior is made from a description of these.
 *
 * @module
 */
import { type AgentBehavior, type AgentContext, defineAgent, type Health } from "../agents/agent.ts";
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { isPlainObject, objectAt } from "../team/input.ts";
import { type CollectiveMessage, messageId } from "./message.ts";

/** States of an agent of the collective. */
export type CollectiveState = "Initializing" | "Ready" | "Processing" | "Paused" | "Failed" | "Shutdown";

/** What a command or query is given besides its name. */
export type Params = Readonly<Record<string, unknown>>;

/** Context of its functions. */
export type CollectiveContext<Memory> = AgentContext<AgentRecord<Memory>>;

/** Does what a command or query says and returns the answer. */
export type Handler<Memory> = (params: Params, memory: Memory, ctx: CollectiveContext<Memory>) => unknown;

/** A description. */
export interface CollectiveContract<Memory> {
  /** As in the document, such as `FORTRESS`. */
  readonly name: string;
  /** What it can do, in the document's words. */
  readonly capabilities: readonly string[];
  /** By name; each changes something, or does work. */
  readonly commands: Readonly<Record<string, Handler<Memory>>>;
  /** By name; none changes anything. */
  readonly queries: Readonly<Record<string, Handler<Memory>>>;
  /** What it remembers, at first. */
  readonly memory: () => Memory;
  /** Whether it can do its work; what it throws is why not. */
  readonly selfTest?: (memory: Memory) => void | Promise<void>;
  /** What is to survive its thread, and back. Without these it begins anew. */
  readonly save?: (memory: Memory) => unknown;
  /** See `save`. */
  readonly load?: (saved: unknown) => Memory | Promise<Memory>;
}

/** What an agent of the collective tells of itself. Times in ms. */
export interface CollectiveMetrics {
  /** Messages and tasks answered. */
  readonly messagesProcessed: number;
  /** Of those, with an error. */
  readonly messagesFailed: number;
  /** Mean time of an answer; null before the first. */
  readonly averageResponseTimeMs: number | null;
  /** Time of the clock of the last health check; null before the first. */
  readonly lastHealthCheck: number | null;
  /** Since its start. */
  readonly uptimeSeconds: number;
  /** Share of that time in which it was answering. */
  readonly busyPercent: number;
  /** An agent has no processor and no memory of its own: see `notMeasured`. */
  readonly cpuUsagePercent: null;
  /** See `cpuUsagePercent`. */
  readonly memoryUsageMb: null;
  /** Why the two are null. */
  readonly notMeasured: string;
  /** What the last health check said; true before the first. */
  readonly isHealthy: boolean;
}

/** What an agent keeps. */
export interface AgentRecord<Memory> {
  /** Of the description. */
  memory?: Memory;
  state?: CollectiveState;
  startedAt?: number;
  processed?: number;
  failed?: number;
  busyMs?: number;
  lastHealthCheck?: number;
  isHealthy?: boolean;
}

/** An answer: a `CollectiveMessage` of type Response. */
export type CollectiveResponse = CollectiveMessage;

const WHY_NOT_MEASURED = "agents share the threads and the heap of their kernel: see manager.getSystemStatus() for the process";

/** Makes a behavior of a description. It takes `CollectiveMessage`s, and tasks whose objective is the name of a command. */
export function collectiveAgent<Memory>(contract: CollectiveContract<Memory>): AgentBehavior {
  type Ctx = CollectiveContext<Memory>;
  return defineAgent<unknown, unknown, AgentRecord<Memory>>({
    onStart(ctx) {
      const { memory = contract.memory() } = ctx.state ?? {};
      ctx.state = { memory, state: "Ready", startedAt: ctx.clock.now(), processed: 0, failed: 0, busyMs: 0, isHealthy: true };
    },
    async onMessage({ payload }, ctx) {
      const request = requestOf(payload);
      const result = await measured(ctx, () => answer(contract, request, ctx));
      ctx.reply(responseTo(request, result, contract.name, ctx));
    },
    onTask(task, ctx) {
      return measured(ctx, () => obey(contract, task.objective, paramsOf(task.input), ctx));
    },
    onStop(ctx) {
      ctx.state.state = "Shutdown";
    },
    healthCheck: (ctx) => checkHealth(contract, ctx as Ctx),
    ...(contract.save === undefined ? {} : {
      snapshot: (ctx) => contract.save!((ctx as Ctx).state.memory!),
      async restore(saved, ctx) {
        (ctx as Ctx).state = { memory: await contract.load!(saved) };
      },
    }),
  }) as AgentBehavior;
}

/** A message as it is answered. */
type Request = Pick<CollectiveMessage, "type" | "payload" | "priority"> & Partial<CollectiveMessage>;

function requestOf(payload: unknown): Request {
  if (!isPlainObject(payload) || typeof payload.type !== "string") {
    throw new InvalidArgumentError("input", payload, 'give a message such as { type: "Command", payload: { command: "health_check" } }.');
  }
  return { priority: "normal", ...payload } as Request;
}

function answer<Memory>(contract: CollectiveContract<Memory>, { type, payload }: Request, ctx: CollectiveContext<Memory>): unknown {
  switch (type) {
    case "Command":
      return obey(contract, named("command", payload), paramsOf(payload, "command"), ctx);
    case "Query":
      return tell(contract, named("query", payload), paramsOf(payload, "query"), ctx);
    case "Event":
    case "Alert": {
      const handler = contract.commands[type === "Event" ? "on_event" : "on_alert"];
      if (handler === undefined) return { accepted: false };
      return obey(contract, type === "Event" ? "on_event" : "on_alert", paramsOf(payload), ctx);
    }
    case "Coordination":
      return { name: contract.name, capabilities: contract.capabilities, state: ctx.state.state };
    default:
      throw new InvalidArgumentError("message.type", type, "use Command, Query, Event, Alert or Coordination.");
  }
}

function obey<Memory>(contract: CollectiveContract<Memory>, name: string, params: Params, ctx: CollectiveContext<Memory>): unknown {
  if (name === "pause" || name === "resume") {
    ctx.state.state = name === "pause" ? "Paused" : "Ready";
    return { state: ctx.state.state };
  }
  const handler = handlerOf(contract, "command", contract.commands, name);
  if (ctx.state.state === "Paused") {
    throw new KernelError("AGENT_PAUSED", `${contract.name} is paused. Send it the command resume first.`, { agent: contract.name });
  }
  return handler(params, ctx.state.memory!, ctx);
}

function tell<Memory>(contract: CollectiveContract<Memory>, name: string, params: Params, ctx: CollectiveContext<Memory>): unknown {
  if (name === "status") return statusOf(contract, ctx);
  if (name === "metrics") return metricsOf(ctx);
  return handlerOf(contract, "query", contract.queries, name)(params, ctx.state.memory!, ctx);
}

function handlerOf<Memory>(
  { name: agent }: CollectiveContract<Memory>,
  kind: "command" | "query",
  handlers: Readonly<Record<string, Handler<Memory>>>,
  name: string,
): Handler<Memory> {
  if (Object.hasOwn(handlers, name)) return handlers[name];
  const always = kind === "command" ? ["pause", "resume"] : ["status", "metrics"];
  throw new InvalidArgumentError(kind, name, `${agent} knows ${[...Object.keys(handlers), ...always].join(", ")}.`);
}

/** What an agent says of itself when asked for its status. */
function statusOf<Memory>({ name, capabilities, commands, queries }: CollectiveContract<Memory>, ctx: CollectiveContext<Memory>): unknown {
  return {
    ...{ id: ctx.id, name, state: ctx.state.state, capabilities, commands: Object.keys(commands), queries: Object.keys(queries) },
    metrics: metricsOf(ctx),
  };
}

function metricsOf<Memory>({ state, clock }: CollectiveContext<Memory>): CollectiveMetrics {
  const { processed = 0, failed = 0, busyMs = 0, startedAt = 0, lastHealthCheck = null, isHealthy = true } = state;
  const uptimeMs = clock.now() - startedAt;
  return {
    ...{ messagesProcessed: processed, messagesFailed: failed, averageResponseTimeMs: processed > 0 ? busyMs / processed : null },
    ...{ lastHealthCheck, uptimeSeconds: uptimeMs / 1_000, busyPercent: uptimeMs > 0 ? 100 * busyMs / uptimeMs : 0 },
    ...{ cpuUsagePercent: null, memoryUsageMb: null, notMeasured: WHY_NOT_MEASURED, isHealthy },
  };
}

async function measured<Memory>(ctx: CollectiveContext<Memory>, work: () => unknown): Promise<unknown> {
  const { state } = ctx;
  const startedAt = ctx.clock.now();
  const before = state.state;
  if (before === "Ready") state.state = "Processing";
  try {
    return await work();
  } catch (error) {
    state.failed = (state.failed ?? 0) + 1;
    throw error;
  } finally {
    state.processed = (state.processed ?? 0) + 1;
    state.busyMs = (state.busyMs ?? 0) + ctx.clock.now() - startedAt;
    if (state.state === "Processing") state.state = "Ready";
  }
}

async function checkHealth<Memory>(contract: CollectiveContract<Memory>, ctx: CollectiveContext<Memory>): Promise<Health> {
  const { state } = ctx;
  let trouble: string | undefined;
  try {
    await contract.selfTest?.(state.memory!);
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
  }
  state.lastHealthCheck = ctx.clock.now();
  state.isHealthy = trouble === undefined;
  if (trouble !== undefined) state.state = "Failed";
  else if (state.state === "Failed") state.state = "Ready";
  return { healthy: state.isHealthy, details: { state: state.state, trouble, metrics: metricsOf(ctx) } };
}

function responseTo(request: Request, payload: unknown, name: string, ctx: AgentContext): CollectiveResponse {
  const timestamp = ctx.clock.now();
  return {
    ...{
      id: messageId(name, timestamp),
      from: name,
      to: [request.from ?? ""],
      type: "Response",
      priority: request.priority,
      payload,
      timestamp,
    },
    ...(request.id === undefined ? {} : { correlationId: request.id }),
  };
}

function named(field: "command" | "query", payload: unknown): string {
  const name = isPlainObject(payload) ? payload[field] : undefined;
  if (typeof name === "string") return name;
  throw new InvalidArgumentError(`payload.${field}`, name, `give the name of a ${field}.`);
}

function paramsOf(payload: unknown, less?: "command" | "query"): Params {
  if (payload === undefined || payload === null) return {};
  if (!isPlainObject(payload)) throw new InvalidArgumentError("params", payload, "give an object of fields.");
  if (less === undefined) return payload;
  const { [less]: _name, ...params } = payload;
  return params;
}

/** Parameters with no other fields than these. */
export function fields<Key extends string>(params: Params, ...keys: Key[]): Partial<Record<Key, unknown>> {
  return objectAt("params", params, keys);
}
