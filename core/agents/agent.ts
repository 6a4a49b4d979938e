/**
 * What a behavior module needs: `defineAgent` and the types around it. It imports nothing at run time, so that a thread loads little.
 *
 * @example A behavior module, loaded by the thread that hosts the agent
 * ```ts
 * import { defineAgent } from "@stage3/kernel/agent";
 * export default defineAgent({
 *   onMessage(message, ctx) {
 *     ctx.reply({ echo: message.payload });
 *   },
 * });
 * ```
 *
 * @module
 */
import type { AgentId, Message, Priority } from "../bus/message.ts";
import type { PublishOptions, SubscribeOptions } from "../bus/bus_options.ts";
import type { AgentModel, ModelBudget, ModelTool, ToolInput, ToolRun } from "../bus/model.ts";
import type { TaskDefinition } from "../bus/task.ts";
import type { AgentMetrics } from "../metrics/registry.ts";
import type { StoreEntry } from "../memory/memory_store.ts";
import type { StoreCell } from "../memory/store_cell.ts";
import type { ScanOptions, ScanPage } from "../memory/store_walk.ts";

export type { AgentId, Message, Priority, PriorityName } from "../bus/message.ts";
export type { BorrowedBytes } from "../bus/borrowed_bytes.ts";
export type { PublishOptions, SubscribeOptions } from "../bus/bus_options.ts";
export type {
  AgentModel,
  ModelBudget,
  ModelCall,
  ModelMessage,
  ModelReply,
  ModelRequest,
  ModelStream,
  ModelTool,
  StopReason,
  TokenUsage,
  ToolCall,
  ToolInput,
  ToolRun,
} from "../bus/model.ts";
export type { TaskDefinition, TaskResult, TaskStatus } from "../bus/task.ts";
export type { AgentMetrics, Counter, Distribution, Gauge, MetricLabels } from "../metrics/registry.ts";
export type { StoreEntry } from "../memory/memory_store.ts";
export type { StoreCell } from "../memory/store_cell.ts";
export type { ScannedEntry, ScanOptions, ScanPage } from "../memory/store_walk.ts";

/** Options of a send. */
export interface SendOptions {
  /** Default normal. High and critical messages overtake the others. */
  readonly priority?: Priority;
  /** Not handled any more after so many ms: then it is counted as expired and kept as a dead letter. */
  readonly ttlMs?: number;
  /** Fail at once instead of waiting for room. */
  readonly tryOnly?: boolean;
  /** Gives up waiting for room. */
  readonly signal?: AbortSignal;
  /**
   * The promise settles when the receiver's handler has settled (and rejects with what it threw), not when the message is committed; and a message
   * whose thread dies while it is handled is handled once more elsewhere, with `retryCount` 1: at least once instead of at most once.
   */
  readonly ack?: boolean;
  /** What kind of message it is, in your words; `message.type`. */
  readonly type?: string;
  /** Id of the message that led to this one. */
  readonly causationId?: number | string;
  /** Of the exchange that it belongs to. */
  readonly conversationId?: number | string;
  /** W3C trace context. */
  readonly traceparent?: string;
}

/** What is to be done when a function of an agent throws. */
export interface Supervision {
  /**
   * `resume`: it goes on with its state (default). `restart`: onStop, its first state (or its last snapshot), onStart; what waits for it goes on
   * waiting. `stop`: it is terminated. `escalate`: it is terminated, and its failure is its parent's: the agent that spawned it. An
   * agent whose own thread or process has died (`isolation`) is restarted also where it would resume.
   */
  readonly onFailure?: "resume" | "restart" | "stop" | "escalate";
  /** Restarts within `periodMs` before a further failure escalates. Default 3. */
  readonly restartsMax?: number;
  /** Default 5,000. */
  readonly periodMs?: number;
  /**
   * How long one of the agent's handlers may hold its thread without a turn before the thread is given up: for a type that computes for long, or must not.
   * Looked at four times in the manager's `hangTimeoutMs`, so never noticed sooner than after half of that. Default: the manager's.
   */
  readonly hangTimeoutMs?: number;
}

/** Options of an ask. */
export interface AskOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** Default normal. */
  readonly priority?: Priority;
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

/** How far an agent is kept apart: an object on a shared thread, a thread of its own, a process of its own. */
export type Isolation = "shared" | "worker" | "process";

/** Permissions of an agent that is a process: each all (true), none (false, or left out) or a list as the runtime's flag takes it. */
export interface AgentPermissions {
  /** Files and folders that it may read. The modules of its behavior it may read in any case. */
  readonly read?: boolean | readonly string[];
  /** Files and folders that it may write. */
  readonly write?: boolean | readonly string[];
  /** Hosts that it may reach. */
  readonly net?: boolean | readonly string[];
  /** Variables of the environment that it may read. */
  readonly env?: boolean | readonly string[];
  /** Programs that it may start: they are under no permissions. */
  readonly run?: boolean | readonly string[];
  /** What it may ask about the system. */
  readonly sys?: boolean | readonly string[];
  /** Native libraries that it may load: they are under no permissions. */
  readonly ffi?: boolean | readonly string[];
  /** Hosts from which it may import. Without: only what is in the runtime's cache. */
  readonly import?: boolean | readonly string[];
}

/** What can be set for one agent at its spawn. */
export interface SpawnConfig {
  /** Take a started instance from the type's warm pool when there is one. */
  readonly preWarm?: boolean;
  /** Agents with messages waiting are served in this order within a turn of their thread. Default normal. */
  readonly priority?: Priority;
  /** Thread to live on: 0 is the main thread, 1…threads the workers. Default: the one with the fewest agents. */
  readonly host?: number;
  /** Live on the same thread as this agent. */
  readonly near?: AgentId;
  /** Free words by which others may choose it; handed to the agent as `ctx.capabilities`. */
  readonly capabilities?: readonly string[];
  /** Initial `ctx.state`. */
  readonly state?: unknown;
  /** Messages that may wait while the handler is busy. Default: the manager's. */
  readonly inboxMessagesMax?: number;
  /** What to do when it fails; overrides the behavior's. */
  readonly supervision?: Supervision;
  /** Model that it asks unless a task or a request names another, if need be with its provider: `openai:gpt-5-mini`. */
  readonly model?: string;
  /** What it, and all agents that it spawns, may spend together on models. */
  readonly budget?: ModelBudget;
  /**
   * How far it is kept apart from others. `shared`: an object on a thread, beside others. `worker`: a thread of its own with a heap of its own. `process`: a
   * process of its own with its own permissions. Default: `shared`; with `permissions`, `process`.
   */
  readonly isolation?: Isolation;
  /** Bytes of the heap of a `worker` or `process`, in which all objects lie, though not the bytes of buffers; who needs more is ended, alone. Default 256 MiB. */
  readonly heapBytesMax?: number;
  /** What a `process` may do beyond computing. Default: nothing. */
  readonly permissions?: AgentPermissions;
  /** Gives up the spawn; an agent that was already being made is ended. */
  readonly signal?: AbortSignal;
}

/** Values that every thread sees at once. */
export interface AgentStore {
  /** The value, read-only, or undefined. */
  get(namespace: string, key: string): unknown;
  /** False when the store is full. */
  set(namespace: string, key: string, value: unknown): boolean;
  /** One result each. */
  setBatch(namespace: string, entries: { key: string; value: unknown }[]): boolean[];
  /** Whether there was one. */
  delete(namespace: string, key: string): boolean;
  /** Whether there is one. */
  has(namespace: string, key: string): boolean;
  /** The value and its version, or undefined. */
  getEntry(namespace: string, key: string): StoreEntry | undefined;
  /** One value each, in the order of the keys. */
  getBatch(namespace: string, keys: readonly string[]): unknown[];
  /** Sets the value if the key still has this version (0: no value); false when it has another. */
  compareAndSet(namespace: string, key: string, expectedVersion: number, value: unknown): boolean;
  /** A handle on one key, for values read very often. */
  cell(namespace: string, key: string): StoreCell;
  /** A page of a namespace's entries. */
  scan(namespace: string, options?: ScanOptions): ScanPage;
  /** Resolves when everything that was set before, by whichever thread, survives a kill and a loss of power. Needs the manager's option `persistence`. */
  flush(): Promise<void>;
}

/** What an agent can do; handed to each of its functions. */
export interface AgentContext<State = unknown, Out = unknown> {
  /** This agent's address. */
  readonly id: AgentId;
  /** The same: what others write to. */
  readonly self: AgentId;
  /** Name of its behavior. */
  readonly type: string;
  /** Index of the thread it lives on. */
  readonly host: number;
  /** Words given at the spawn. */
  readonly capabilities: readonly string[];
  /** The agent's own state: what was given at the spawn, `{}` otherwise. Replace or change it freely. */
  state: State;
  /** Aborted when the agent is told to stop or restarted, and while a task or an ask is handled also when its caller gives it up. */
  readonly signal: AbortSignal;
  /** Arena time in ms: monotonic, the same on every thread. */
  readonly clock: { now(): number };
  /** Shared values. */
  readonly store: AgentStore;
  /** Models: what it asks counts for the task that it is at, and against its budget. */
  readonly model: AgentModel;
  /** Counts, gauges and histograms of the behavior's own: added up over threads by `manager.metrics()`. */
  readonly metrics: AgentMetrics;
  /**
   * Sends a message. Returns undefined when it was committed at once, or a promise when it must wait (for room, or with `ack`): await it before
   * sending more.
   * Throws `AgentNotFoundError` when there is no such agent, `SendsPendingError` when too many sends wait already.
   */
  send(to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined;
  /** The same message to several agents, one result each: one that cannot be sent stops no other. */
  multicast(to: readonly AgentId[], payload: unknown, options?: SendOptions): Promise<SendResult[]>;
  /**
   * Asks and waits for the reply. Meanwhile this agent handles no other message; its neighbours go on. Rejects with `AskCycleError` when the agent asked
   * waits, directly or through others, for this one.
   */
  ask<Reply = unknown>(to: AgentId, payload: unknown, options?: AskOptions): Promise<Reply>;
  /**
   * Answers the message being handled. Without effect when nobody waits for an answer. Throws `ReplyClosedError` when the handler has already
   * settled or has replied before.
   */
  reply(payload: Out): void;
  /** Makes another agent, whose parent this one is. */
  spawn(type: string, config?: SpawnConfig): Promise<AgentId>;
  /** Ends an agent. */
  terminate(id: AgentId): Promise<void>;
  /**
   * Publishes under a topic to all queues and agents that subscribed to it. False when one of them had no room (its queue then keeps the message as a
   * dead letter); true also when nobody wants it. Priority: low by default.
   */
  publish(topic: string, payload: unknown, priority?: Priority, options?: PublishOptions): boolean;
  /** From now on messages of these topics come here (`message.topic`): `*` stands for one level, `#` for the rest. Returns the subscription's number. */
  subscribe(pattern: string, options?: SubscribeOptions): number;
  /** Tells the manager something: it emits it as `agent:log`. */
  log(text: string, data?: unknown): void;
}

/** What became of one message of several. */
export type SendResult = { ok: true } | { ok: false; error: Error };

/** Checks values at the door; a schema of zod is one. */
export interface Acceptor<In> {
  /** The value as it is to be handled, or what is wrong with it. */
  safeParse(value: unknown): { success: true; data: In } | { success: false; error: { message: string } };
}

/** What `healthCheck` says. */
export interface Health {
  /** Whether the agent can do its work. */
  readonly healthy: boolean;
  /** Whatever helps to understand it. */
  readonly details?: unknown;
}

/**
 * What an agent does: takes `In`, replies `Out`, keeps `State`. Everything is optional; each function may be async. An agent handles one message at a time
 * unless `concurrency` says more.
 */
export interface AgentBehavior<In = unknown, Out = unknown, State = unknown> {
  /** Checks each message before `onMessage`; one that is not accepted becomes a dead letter, and its asker gets `PayloadRefusedError`. */
  readonly accepts?: Acceptor<In>;
  /** Messages handled at a time. Default 1. With more, each is given a context of its own. */
  readonly concurrency?: number;
  /** What to do when it fails. Default: resume. */
  readonly supervision?: Supervision;
  /** Version of what `snapshot` returns; a snapshot of another version is not restored. */
  readonly stateVersion?: number;
  /** Least time between two snapshots. Default 1,000; 0: after each message. */
  readonly snapshotIntervalMs?: number;
  /** Before the first message. The spawn resolves when it has settled, and fails when it throws. */
  onStart?(ctx: AgentContext<State, Out>): void | Promise<void>;
  /** One message. When it throws, the asker gets the error and the agent goes on with its state. */
  onMessage?(message: Message<In>, ctx: AgentContext<State, Out>): void | Promise<void>;
  /** One task; what it returns is the result's output. */
  onTask?(task: TaskDefinition, ctx: AgentContext<State, Out>): unknown;
  /** After the last message. */
  onStop?(ctx: AgentContext<State, Out>): void | Promise<void>;
  /** Asked by `manager.checkHealth`. Without it an agent that answers at all is healthy. */
  healthCheck?(ctx: AgentContext<State, Out>): Health | boolean | Promise<Health | boolean>;
  /**
   * What is to survive the agent's thread: taken after messages, at most every `snapshotIntervalMs`. Without it (or before the first) an agent that is
   * restarted begins anew.
   */
  snapshot?(ctx: AgentContext<State, Out>): unknown;
  /** Before onStart of a restarted agent: what `snapshot` last returned. Default: it becomes `ctx.state`. */
  restore?(state: unknown, ctx: AgentContext<State, Out>): void | Promise<void>;
}

/** What a behavior takes: `InputOf<typeof behavior>`. */
export type InputOf<Behavior> = Behavior extends AgentBehavior<infer In, infer _Out, infer _State> ? In : never;

/** What a behavior replies, to type an ask: `manager.ask<ReplyOf<typeof behavior>>(…)`. */
export type ReplyOf<Behavior> = Behavior extends AgentBehavior<infer _In, infer Out, infer _State> ? Out : never;

/** Marks behaviors across copies of this package. */
export const BEHAVIOR_BRAND: symbol = Symbol.for("@stage3/kernel.behavior");

/** Declares a behavior: returns its argument, branded so that any copy of the package recognises it. */
export function defineAgent<In = unknown, Out = unknown, State = unknown>(
  behavior: AgentBehavior<In, Out, State>,
): AgentBehavior<In, Out, State> {
  if (typeof behavior !== "object" || behavior === null) {
    throw new TypeError(`defineAgent: behavior is ${typeof behavior}; give an object with onStart, onMessage, onTask or onStop.`);
  }
  for (const name of ["onStart", "onMessage", "onTask", "onStop", "healthCheck", "snapshot", "restore"] as const) {
    const part = behavior[name];
    if (part !== undefined && typeof part !== "function") {
      throw new TypeError(`defineAgent: ${name} is ${typeof part}; give a function or leave it out.`);
    }
  }
  const { concurrency, accepts } = behavior;
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0)) {
    throw new TypeError(`defineAgent: concurrency is ${String(concurrency)}; give a whole number of at least 1.`);
  }
  if (accepts !== undefined && typeof accepts.safeParse !== "function") {
    throw new TypeError("defineAgent: accepts has no safeParse; give a zod schema.");
  }
  Object.defineProperty(behavior, BEHAVIOR_BRAND, { value: true });
  return behavior;
}

/** Declares a tool for `ctx.model.complete`: returns its argument, so that `run` gets what the schema makes of the model's arguments. */
export function defineTool<Input>(tool: {
  readonly name: string;
  readonly description: string;
  readonly input: ToolInput<Input>;
  run(input: Input, how: ToolRun): unknown;
}): ModelTool {
  return tool;
}
