/**
 * The one entry: checks what it is given, waits until the system runs, and hands it on. It does nothing itself.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers";
import type {
  AgentBehavior,
  AgentId,
  AgentModel,
  AskOptions,
  Health,
  SendOptions,
  SendResult,
  SpawnConfig,
  TaskDefinition,
  TaskResult,
} from "./agents/agent.ts";
import { isAgentId } from "./agents/agent_directory.ts";
import type { AgentHost } from "./agents/agent_host.ts";
import type { DeadLetter } from "./agents/dead_letters.ts";
import type { ReplayOptions, ReplayResult } from "./agents/letter_office.ts";
import { type Clock, epochOffsetMs, SystemClock } from "./base/clock.ts";
import { type KernelConfig, parseConfig } from "./base/config.ts";
import { AgentNotFoundError, ConfigError, InvalidArgumentError, NotInitializedError } from "./base/errors.ts";
import { MULTICAST_MAX, STOP_TIMEOUT_MS } from "./base/limits.ts";
import type { KernelOptions } from "./base/options.ts";
import { EventBus } from "./bus/event_bus.ts";
import type { MessageBus } from "./bus/message_bus.ts";
import { ReplicatedMemory } from "./bus/replicated_memory.ts";
import type { MemoryReport } from "./memory/inspection.ts";
import type { MemoryStore } from "./memory/memory_store.ts";
import type { PerformanceMetrics } from "./metrics/performance.ts";
import type { PerformanceValidation } from "./metrics/performance_validator.ts";
import { fetchSeries, mergeSeries, type MetricSeries } from "./metrics/registry.ts";
import type { SystemStatus } from "./metrics/system_status.ts";
import type { AccountReport } from "./models/ledger.ts";
import { type KernelParts, System } from "./system.ts";
import type { ProviderStatus } from "./task_service.ts";
import type { ExecuteOptions, TaskExecutor } from "./tasks/executor.ts";
import type { ThreatResponseEngine } from "./threats/threat_response.ts";
import type { OrchestrationEngine } from "./workflows/orchestration_engine.ts";

/** Options of a manager. */
export interface ManagerOptions extends KernelOptions {
  /** Behaviors by agent type, beside those of the team (see `AgentType`): the URL of a module whose default export is a `defineAgent({…})`; with `threads: 0` also the behavior itself. */
  behaviors?: Record<string, URL | string | AgentBehavior>;
}

/** One message of a batch. */
export interface BatchMessage {
  /** Sender; 0 for nobody. */
  from: AgentId;
  /** Receiver. */
  to: AgentId;
  /** Payload. */
  message: unknown;
}

/** What a send returns that found room: one promise for all of them. */
const SENT = Promise.resolve();
/** Sends in a row after which the event loop may be due a turn, and the time after which it is. */
const SENDS_PER_CHECK_MASK = 63;
const TURN_DUE_MS = 1;

/**
 * Spawns agents on threads and carries messages between them: the one entry to the whole kernel.
 *
 * Events: `initialized`, `agent:spawned`, `agent:terminated`, `agent:failed` (a handler threw), `agent:log`, `message:sent`, `message:received`,
 * `task:completed`, `threat:incident`, `metrics:updated`, `alert:raised`, `alert:cleared`, `host:stalled`, `host:died`, `host:replaced`, `host:recovered`,
 * `agent:restarted`, `agent:abandoned`, `agent:lost`, `agent:error` (something for an agent went wrong behind everybody's
 * back: a warm pool's refill, a late adoption). There is no `error` event, so an unheard one ends no process.
 *
 * @example
 * ```ts ignore
 * await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { echo: new URL("./echo.ts", import.meta.url) } });
 * await manager.initialize();
 * const agent = await manager.spawnAgent("echo");
 * await manager.ask(agent, { hello: "world" }); // { echo: { hello: "world" } }
 * ```
 */
export class Kernel extends EventEmitter implements AsyncDisposable {
  readonly #config: KernelConfig;
  readonly #behaviors: Record<string, string | AgentBehavior>;
  readonly #parts: KernelParts;
  readonly #clock: Clock = new SystemClock(epochOffsetMs());
  #system: System | null = null;
  #starting: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  #initialized = false;
  #sends = 0;
  #yieldedAt = 0;

  /** Checks the options; starts nothing. Throws `ConfigError`. */
  constructor(options: ManagerOptions = {}, parts: KernelParts = {}) {
    super();
    const { behaviors, ...rest } = options;
    this.#config = parseConfig(rest, navigator.hardwareConcurrency);
    this.#behaviors = behaviorSources({ ...behaviors, ...parts.behaviors }, this.#config.threads);
    this.#parts = parts;
  }

  /** Starts the threads and fills the warm pools. Calling it again returns the same promise. */
  initialize(): Promise<void> {
    if (this.#closing !== null) return Promise.reject(new NotInitializedError("initialize", true));
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Stops the agents (onStop runs), then the threads. Calling it again returns the same promise. */
  shutdown(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  /** `await using` shuts down. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Makes an agent and resolves when it takes messages. Rejects with code `AGENT_LIMIT`, `AGENT_START_FAILED`, `BEHAVIOR_LOAD`, … */
  async spawnAgent(type: string, config?: SpawnConfig): Promise<AgentId> {
    return await (await this.#ready()).agents.spawn(type, config);
  }

  /** Makes `count` agents of a kind, spread over the threads: all of them, or none and an error. */
  async spawnAgentBatch(type: string, count: number, config?: SpawnConfig): Promise<AgentId[]> {
    return await (await this.#ready()).agents.spawnBatch(type, count, config);
  }

  /** Ends an agent: from the call on it takes no messages; resolves when its onStop has settled. */
  async terminateAgent(id: AgentId): Promise<void> {
    await (await this.#ready()).agents.terminate(checkedId("id", id));
  }

  /** Sends a message; resolves when it is committed, not when it is handled. `from` may be 0. */
  sendMessage(from: AgentId, to: AgentId, message: unknown, options?: SendOptions): Promise<void> {
    const system = this.#initialized && this.#closing === null ? this.#system : null;
    if (system === null) return this.#ready().then(({ main }) => this.#send(main.host, from, to, message, options));
    try {
      return this.#send(system.main.host, from, to, message, options) ?? SENT;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #send(host: AgentHost, from: AgentId, to: AgentId, message: unknown, options?: SendOptions): Promise<void> | undefined {
    if (from !== 0) checkedId("from", from);
    const wait = host.send(from, checkedId("to", to), message, options);
    return wait === undefined ? this.#sent(from, to) : wait.then(() => this.#sent(from, to));
  }

  #sent(from: AgentId, to: AgentId): Promise<void> | undefined {
    if (this.listenerCount("message:sent") > 0) this.emit("message:sent", { from, to });
    return (++this.#sends & SENDS_PER_CHECK_MASK) === 0 ? this.#turnIfDue() : undefined;
  }

  /** Sends several messages in order, one result each: one that cannot be sent stops no other. */
  async sendMessages(messages: readonly BatchMessage[], options?: SendOptions): Promise<SendResult[]> {
    const sending = messages.map(({ from, to, message }) => this.sendMessage(from, to, message, options));
    const outcomes = await Promise.allSettled(sending);
    return outcomes.map((outcome) => outcome.status === "fulfilled" ? { ok: true } : { ok: false, error: outcome.reason });
  }

  /** Sends the same message to several agents, one result each: one that cannot be sent stops no other. */
  async multicast(from: AgentId, to: readonly AgentId[], message: unknown, options?: SendOptions): Promise<SendResult[]> {
    const { main } = await this.#ready();
    return await main.host.multicast(from === 0 ? 0 : checkedId("from", from), to, message, options);
  }

  /** Sends the same message to all agents, or to all of one type (`agentType`), but not to its sender. Resolves to the number of those that it was sent to. */
  async broadcast(from: AgentId, message: unknown, { agentType, ...options }: SendOptions & { agentType?: string } = {}): Promise<number> {
    const { registry } = await this.#ready();
    const ids = registry.living(agentType).filter((id) => id !== from);
    let sent = 0;
    for (let at = 0; at < ids.length; at += MULTICAST_MAX) {
      const results = await this.multicast(from, ids.slice(at, at + MULTICAST_MAX), message, options);
      sent += results.filter(({ ok }) => ok).length;
    }
    return sent;
  }

  /** Asks an agent and resolves to its reply; rejects with what its handler threw, `AskTimeoutError`, `AgentNotFoundError` or `HostDiedError`. */
  async ask<Reply = unknown>(to: AgentId, message: unknown, options: AskOptions & { from?: AgentId } = {}): Promise<Reply> {
    const { main } = await this.#ready();
    const { from = 0, ...rest } = options;
    const reply = await main.host.ask(from === 0 ? 0 : checkedId("from", from), checkedId("to", to), message, rest);
    if (this.listenerCount("message:received") > 0) this.emit("message:received", { from: to, to: from });
    return reply as Reply;
  }

  /**
   * Hands a task to an agent's `onTask`; of an agent that has none, the model is asked for the objective. What became of it is in the result's `status`; only what was not taken is thrown: an unknown agent, a task that
   * cannot be used, `ExecutorFullError`.
   */
  async executeTask(agentId: AgentId, task: TaskDefinition, options?: ExecuteOptions): Promise<TaskResult> {
    const { tasks, main } = await this.#ready();
    if (main.host.directory.lookup(checkedId("agentId", agentId)) === 0) throw new AgentNotFoundError(agentId);
    return await tasks.executor.executeTask(task, agentId, options);
  }

  /** Runs tasks, `executorConcurrency` at a time: one by one or as batches. Throws `NotInitializedError` before `initialize()`. */
  get executor(): TaskExecutor {
    return this.#open("executor").tasks.executor;
  }

  /** Models for the program itself, outside any agent and its budget. Throws `NotInitializedError` before `initialize()`. */
  get model(): AgentModel {
    return this.#open("model").tasks.model;
  }

  /** What an agent and all agents that it spawned have spent on models, and what is left of its budget. Without an id: the program itself. */
  modelSpending(agentId?: AgentId): AccountReport {
    return this.#open("modelSpending").tasks.desk.report(agentId === undefined ? 0 : checkedId("agentId", agentId));
  }

  /** How each provider of models fares: requests, retries, circuit breaker, connections. */
  modelProviders(): Record<string, ProviderStatus> {
    return this.#open("modelProviders").tasks.status();
  }

  /** Runs workflows whose steps are actions of this thread or tasks of agents. Throws `NotInitializedError` before `initialize()`. */
  get orchestration(): OrchestrationEngine {
    return this.#open("orchestration").orchestration;
  }

  /** Finds incidents in events and answers them by playbooks; three are there from the beginning. Throws `NotInitializedError` before `initialize()`. */
  get threats(): ThreatResponseEngine {
    return this.#open("threats").threats;
  }

  /** Values that every thread sees at once. Throws `NotInitializedError` before `initialize()`. */
  get memoryStore(): MemoryStore {
    return this.#open("memoryStore").main.store;
  }

  /** Topics and named queues of all threads. Throws `NotInitializedError` before `initialize()`. */
  get communicationBus(): MessageBus {
    return this.#open("communicationBus").main.bus;
  }

  /** Events within this thread, for the program's own use: typed, with wildcards and priorities. Apart from the manager's own events. */
  readonly eventBus: EventBus = new EventBus();

  /** The same values as spaces: one namespace each. Throws `NotInitializedError` before `initialize()`. */
  get distributedMemory(): ReplicatedMemory {
    return new ReplicatedMemory(this.#open("distributedMemory").main.store);
  }

  /** Messages that could not be handled, of all living threads, oldest first. */
  async deadLetters(): Promise<DeadLetter[]> {
    return await (await this.#ready()).letters.fetch();
  }

  /** Sends dead letters again, as new messages: all, or those that `select` chooses; to their receivers, or to another. */
  async replayDeadLetters(options?: ReplayOptions): Promise<ReplayResult> {
    return await (await this.#ready()).letters.replay(options);
  }

  /** Asks an agent whether it can do its work; see `AgentBehavior.healthCheck`. */
  async checkHealth(id: AgentId, options: { timeoutMs?: number } = {}): Promise<Health> {
    return await (await this.#ready()).agents.health(checkedId("id", id), options.timeoutMs);
  }

  /** Counts, spawn times and delivery times since the start. */
  getPerformanceMetrics(): PerformanceMetrics {
    return this.#open("getPerformanceMetrics").monitor.metrics();
  }

  /** What behaviors count by `ctx.metrics`, added up over all threads, and the kernel's own counts (`kernel_…`). See `prometheusText`. */
  async metrics(): Promise<MetricSeries[]> {
    const { main, workers, monitor } = await this.#ready();
    const ask = (host: number) => (from: number) => main.host.call(host, "metrics", from, STOP_TIMEOUT_MS) as Promise<MetricSeries[]>;
    const lists = await Promise.all([0, ...workers.alive].map((host) => fetchSeries(ask(host))));
    return mergeSeries([monitor.series(), ...lists]);
  }

  /** Whether the targets of the options are kept to, by all that was measured since the start. What was not measured does not pass. */
  validatePerformanceTargets(): PerformanceValidation {
    return this.#open("validatePerformanceTargets").monitor.validate();
  }

  /** How the system fares: operational, degraded or critical, with the reasons and what they were read from. */
  getSystemStatus(): SystemStatus {
    return this.#open("getSystemStatus").status();
  }

  /** Shared memory in use by region, counted now. */
  inspectMemory(): MemoryReport {
    return this.#open("inspectMemory").inspect();
  }

  /** Worker threads that run. */
  get threads(): number {
    return this.#system?.workers.alive.length ?? this.#config.threads;
  }

  /** Arena time in ms: monotonic, the same on every thread. */
  get clock(): { now(): number } {
    return this.#clock;
  }

  async #start(): Promise<void> {
    const system = this.#system = new System(
      this.#config,
      this.#behaviors,
      this.#clock,
      this.#parts,
      (name, data) => this.emit(name, data),
    );
    try {
      await system.start();
    } catch (error) {
      this.#system = null;
      throw error;
    }
    this.#initialized = true;
    this.emit("initialized", { threads: this.#config.threads });
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => undefined); // whoever called initialize() has its error
    await this.#system?.stop();
    this.#system = null;
  }

  async #ready(): Promise<System> {
    if (!this.#initialized && this.#starting !== null) await this.#starting;
    return this.#open("this call");
  }

  #open(what: string): System {
    if (this.#system === null || !this.#initialized || this.#closing !== null) throw new NotInitializedError(what, this.#closing !== null);
    return this.#system;
  }

  /** Millions of awaited promises that are already resolved give timers, replies and Ctrl-C no turn; this one does. */
  async #turnIfDue(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#yieldedAt < TURN_DUE_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#yieldedAt = this.#clock.now();
  }
}

function behaviorSources(behaviors: Record<string, URL | string | AgentBehavior>, threads: number): Record<string, string | AgentBehavior> {
  const sources = Object.create(null) as Record<string, string | AgentBehavior>;
  for (const [type, source] of Object.entries(behaviors)) {
    if (source instanceof URL) sources[type] = source.href;
    else if (typeof source === "string" && URL.canParse(source)) sources[type] = new URL(source).href;
    else if (typeof source === "object" && source !== null && threads === 0) sources[type] = source;
    else {throw new ConfigError(
        `behaviors.${type}`,
        'give the URL of a module, such as new URL("./echo.ts", import.meta.url); a behavior itself only with threads: 0.',
      );}
  }
  return sources;
}

function checkedId(field: string, value: unknown): AgentId {
  if (isAgentId(value)) return value;
  throw new InvalidArgumentError(field, value, "use an agent's id, as spawnAgent returned it.");
}
