/**
 * The composition root: builds the floors in order, stops them in reverse. It does nothing itself.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers";
import workerText from "./agent_worker.bundle.js" with { type: "text" };
import type {
  AgentBehavior,
  AgentId,
  AskOptions,
  Health,
  SendOptions,
  SendResult,
  SpawnConfig,
  TaskDefinition,
  TaskResult,
} from "./agents/agent.ts";
import { isAgentId } from "./agents/agent_directory.ts";
import { AgentManager } from "./agents/agent_manager.ts";
import type { DeadLetter } from "./agents/dead_letters.ts";
import { LetterOffice, type ReplayOptions, type ReplayResult } from "./agents/letter_office.ts";
import { type AgentRecord, AgentRegistry, type SnapshotNote } from "./agents/agent_registry.ts";
import { type AssembledHost, assembleHost, type HostPlan, type Office } from "./agents/host_assembly.ts";
import type { HostParts } from "./agents/host_parts.ts";
import { HOST_STATE } from "./agents/lifecycle.ts";
import { Supervisor } from "./agents/supervisor.ts";
import { WorkerPool } from "./agents/worker_pool.ts";
import { type Clock, epochOffsetMs, SystemClock } from "./base/clock.ts";
import { type KernelConfig, type KernelOptions, parseConfig } from "./base/config.ts";
import { ConfigError, HostDiedError, InvalidArgumentError, NotInitializedError } from "./base/errors.ts";
import { MULTICAST_MAX, SPARE_HOSTS_MAX, STOP_TIMEOUT_MS } from "./base/limits.ts";
import { load, store } from "./memory/atomics.ts";
import { inspectArena, type MemoryReport } from "./memory/inspection.ts";
import { HEADER, HOST, hostField, HOSTS_MAX, type Layout, LAYOUT_MAGIC, LAYOUT_VERSION, planLayout } from "./memory/layout.ts";
import type { MemoryStore } from "./memory/memory_store.ts";
import { allocateMemory, type SharedMemory } from "./memory/shared_memory.ts";
import { HostMetrics } from "./metrics/counters.ts";
import { type PerformanceMetrics, performanceMetrics } from "./metrics/performance.ts";
import { TEAM } from "./team/team.ts";

/** Options of a manager. */
export interface ManagerOptions extends KernelOptions {
  /** Behaviors by agent type, beside those of the team (see `AgentType`): the URL of a module whose default export is a `defineAgent({…})`; with `threads: 0` also the behavior itself. */
  behaviors?: Record<string, URL | string | AgentBehavior>;
}

/** What tests may replace; see `./testing`. Not an option, so that no configuration can reach it. */
export interface KernelParts {
  /** Parts of the main thread's host. */
  readonly main?: HostParts;
  /** URL of a module whose default export is the `HostParts` of the worker threads. */
  readonly workersUrl?: string;
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

/** Agents a fifth more than may be alive, so that a claim finds a slot in a few probes; warm ones come on top. */
const SPARE_SLOTS_RATIO = 1.25;
/** Sends in a row after which the event loop may be due a turn, and the time after which it is. */
const SENDS_PER_CHECK_MASK = 63;
const TURN_DUE_MS = 1;

/**
 * Spawns agents on threads and carries messages between them: the one entry to the whole kernel.
 *
 * Events: `initialized`, `agent:spawned`, `agent:terminated`, `agent:failed` (a handler threw), `agent:log`, `message:sent`, `message:received`,
 * `task:completed`, `host:died`.
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
  #running: Running | null = null;
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
    this.#behaviors = behaviorSources(behaviors ?? {}, this.#config.threads);
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
  async sendMessage(from: AgentId, to: AgentId, message: unknown, options?: SendOptions): Promise<void> {
    const { main } = await this.#ready();
    if (from !== 0) checkedId("from", from);
    await main.host.send(from, checkedId("to", to), message, options);
    if (this.listenerCount("message:sent") > 0) this.emit("message:sent", { from, to });
    if ((++this.#sends & SENDS_PER_CHECK_MASK) === 0) await this.#turnIfDue();
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

  /** Sends the same message to all agents, or to all of a type, but not to its sender. Resolves to the number of those that it was sent to. */
  async broadcast(from: AgentId, message: unknown, { type, ...options }: SendOptions & { type?: string } = {}): Promise<number> {
    const { registry } = await this.#ready();
    const ids = registry.living(type).filter((id) => id !== from);
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

  /** Hands a task to an agent's `onTask`. */
  async executeTask(agentId: AgentId, task: TaskDefinition, options?: { signal?: AbortSignal }): Promise<TaskResult> {
    return await (await this.#ready()).agents.execute(checkedId("agentId", agentId), task, options?.signal);
  }

  /** Values that every thread sees at once. Throws `NotInitializedError` before `initialize()`. */
  get memoryStore(): MemoryStore {
    return this.#open("memoryStore").main.store;
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
    const { agents, metrics, main } = this.#open("getPerformanceMetrics");
    return performanceMetrics(agents.spawnTime, metrics, main.host.directory.live);
  }

  /** Shared memory in use by region, counted now. */
  inspectMemory(): MemoryReport {
    const { memory, layout, main } = this.#open("inspectMemory");
    return inspectArena(memory, layout, main.host.directory.live, main.store.stats().bytesUsed);
  }

  /** Worker threads that run. */
  get threads(): number {
    return this.#running?.workers.alive.length ?? this.#config.threads;
  }

  /** Arena time in ms: monotonic, the same on every thread. */
  get clock(): { now(): number } {
    return this.#clock;
  }

  async #start(): Promise<void> {
    const { threads, agentsMax, sharedBufferBytes, storeBytes, hangTimeoutMs, warmPools } = this.#config;
    const warm = Object.values(warmPools).reduce((sum, size) => sum + size, 0);
    const agentSlots = Math.ceil((agentsMax + warm) * SPARE_SLOTS_RATIO) + 64;
    const spare = threads === 0 ? 0 : Math.max(2, Math.min(SPARE_HOSTS_MAX, threads));
    const layout = planLayout({ hosts: Math.min(HOSTS_MAX, threads + 1 + spare), agentSlots, sharedBufferBytes, storeBytes });
    const memory = allocateMemory(layout.totalBytes);
    memory.words[HEADER.magic >> 2] = LAYOUT_MAGIC;
    memory.words[HEADER.version >> 2] = LAYOUT_VERSION;
    memory.words[HEADER.hostsStarted >> 2] = threads + 1;
    const office: Office = {
      onNote: (note) => this.#noted(note),
      register: (ids, record) => registry.add(ids, record),
      calls: { register: (order) => registry.add((order as Registration).ids, (order as Registration).record) },
      awaitHost: () => workers.replace(),
    };
    const plan = this.#plan(layout, 0);
    // The threads know the team themselves: behaviors cannot be sent to them.
    const main = assembleHost({ ...plan, behaviors: { ...TEAM, ...plan.behaviors } }, memory, this.#clock, this.#parts.main, office);
    const registry = new AgentRegistry(main.host.directory);
    store(memory.words, hostField(layout, 0, HOST.state) >> 2, HOST_STATE.running);
    const workers = new WorkerPool({
      ...{ workerText, memory, layout, hangTimeoutMs, clock: this.#clock, partsUrl: this.#parts.workersUrl },
      plan: (index) => this.#plan(layout, index),
      onDeath: (host, why, cause) => this.#hostDied(host, why, cause),
      onStall: (host, stalledMs, agentId) => this.emit("host:stalled", { host, stalledMs, agentId }),
    });
    const isDead = (host: number): boolean => load(memory.words, hostField(layout, host, HOST.state) >> 2) === HOST_STATE.dead;
    const supervisor = new Supervisor({
      ...{ main: main.host, memory, layout, registry, isDead, alive: () => workers.alive, awaitHost: () => workers.replace() },
      emit: (name, data) => this.emit(name, data),
    });
    const agents = new AgentManager(main.host, agentsMax, warmPools, (name, data) => this.emit(name, data));
    const letters = new LetterOffice(main.host, () => [0, ...workers.alive]);
    const metrics = Array.from({ length: layout.hosts }, (_, host) => new HostMetrics(memory, layout, host));
    this.#running = { memory, layout, main, workers, agents, metrics, registry, supervisor, letters };
    main.loop.start(main.host);
    try {
      await workers.start(threads);
      await agents.warmUp();
    } catch (error) {
      await workers.end();
      this.#closeMain(this.#running);
      throw error;
    }
    this.#initialized = true;
    this.emit("initialized", { threads });
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => undefined); // whoever called initialize() has its error
    const running = this.#running;
    if (running === null) return;
    await running.agents.close();
    const stops = [0, ...running.workers.alive].map((host) => running.main.host.call(host, "stop", null, 2 * STOP_TIMEOUT_MS));
    await Promise.allSettled(stops);
    await running.workers.end();
    this.#closeMain(running);
  }

  #closeMain({ main }: Running): void {
    main.host.close();
    main.loop.stop();
    this.#running = null;
  }

  #plan(layout: Layout, index: number): HostPlan {
    const { agentsMax, inboxMessagesMax, sendTimeoutMs } = this.#config;
    const behaviors = this.#behaviors;
    return {
      index,
      layout,
      behaviors,
      settings: { agentsMax, inboxMessagesMax, sendTimeoutMs },
      polls: this.#config.threads < navigator.hardwareConcurrency,
    };
  }

  #hostDied(host: number, why: string, cause: unknown): void {
    const { workers, supervisor } = this.#running!;
    const error = new HostDiedError(host, why, { cause });
    const replaced = workers.replace();
    supervisor.died(error).catch((reason) => this.emit("agent:error", { host, error: reason }));
    this.emit("host:died", error);
    replaced.then(() => this.emit("host:replaced", { host }), (reason) => this.emit("agent:error", { host, error: reason }));
  }

  #noted(note: unknown): void {
    const { kind, ...data } = note as { kind: string; agentId: AgentId; error: unknown; escalates: boolean };
    const { registry, main } = this.#running!;
    if (kind === "snapshot") return registry.keep(data as unknown as SnapshotNote) ? undefined : void this.emit("agent:error", data);
    this.emit(NOTE_EVENTS[kind] ?? "agent:error", data);
    if (kind !== "agent-given-up") return;
    const parent = data.escalates ? registry.get(data.agentId)?.parent ?? 0 : 0;
    const host = main.host.directory.hostOf(parent);
    if (host >= 0) {
      void main.host.call(host, "suffer", { id: parent, error: data.error }, STOP_TIMEOUT_MS).catch((error) =>
        this.emit("agent:error", { agentId: parent, error })
      );
    }
  }

  async #ready(): Promise<Running> {
    if (!this.#initialized && this.#starting !== null) await this.#starting;
    return this.#open("this call");
  }

  #open(what: string): Running {
    if (this.#running === null || !this.#initialized || this.#closing !== null) throw new NotInitializedError(what, this.#closing !== null);
    return this.#running;
  }

  /** Millions of awaited promises that are already resolved give timers, replies and Ctrl-C no turn; this one does. */
  async #turnIfDue(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#yieldedAt < TURN_DUE_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#yieldedAt = this.#clock.now();
  }
}

interface Running {
  readonly memory: SharedMemory;
  readonly layout: Layout;
  readonly main: AssembledHost;
  readonly workers: WorkerPool;
  readonly agents: AgentManager;
  readonly metrics: readonly HostMetrics[];
  readonly registry: AgentRegistry;
  readonly supervisor: Supervisor;
  readonly letters: LetterOffice;
}

interface Registration {
  readonly ids: readonly AgentId[];
  readonly record: AgentRecord;
}

/** Events that notes of the threads become. */
const NOTE_EVENTS: Readonly<Record<string, string>> = {
  "log": "agent:log",
  "agent-failed": "agent:failed",
  "agent-restarted": "agent:restarted",
  "agent-given-up": "agent:given-up",
};

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
