/**
 * A kernel that runs: its floors built in order, its threads watched, its notes heard, all stopped in reverse.
 *
 * @module
 */
import workerText from "./agent_worker.bundle.js" with { type: "text" };
import bridgeText from "./isolation_bridge.bundle.js" with { type: "text" };
import type { AgentBehavior, AgentId } from "./agents/agent.ts";
import { AgentManager } from "./agents/agent_manager.ts";
import { type AgentRecord, AgentRegistry, type SnapshotNote } from "./agents/agent_registry.ts";
import { type AssembledHost, assembleHost, type HostPlan, type Office } from "./agents/host_assembly.ts";
import { AgentPart } from "./agents/agent_part.ts";
import type { HostParts } from "./agents/host_parts.ts";
import { pinnedStart, type Placement, placeThreads, readTopology, type StartAt } from "./agents/numa.ts";
import { LetterOffice } from "./agents/letter_office.ts";
import { HOST_STATE } from "./agents/lifecycle.ts";
import { Supervisor } from "./agents/supervisor.ts";
import { WorkerPool } from "./agents/worker_pool.ts";
import type { Clock } from "./base/clock.ts";
import type { KernelConfig } from "./base/config.ts";
import { HostDiedError } from "./base/errors.ts";
import { SPARE_HOSTS_MAX, STOP_TIMEOUT_MS } from "./base/limits.ts";
import { QueuePart } from "./bus/queue_part.ts";
import { openState } from "./kept_state.ts";
import { Isolation } from "./isolation/isolation.ts";
import { startCollector } from "./collector_thread.ts";
import { COLLECTIVE } from "./collective/collective.ts";
import { openMappedState } from "./mapped_state.ts";
import { load, store } from "./memory/atomics.ts";
import { CollectedPart } from "./memory/collected_part.ts";
import { inspectArena, type MemoryReport } from "./memory/inspection.ts";
import { HEADER, HOST, hostField, HOSTS_MAX, type Layout, LAYOUT_MAGIC, LAYOUT_VERSION, planLayout } from "./memory/layout.ts";
import { type LoadedKernels, loadKernels } from "./memory/kernel_loader.ts";
import type { CoreCalls } from "./memory/kernels.ts";
import { MappedArena } from "./memory/mapped_arena.ts";
import type { Persistence } from "./memory/persistence.ts";
import type { PersistenceDisk } from "./memory/persistence_file.ts";
import { allocateMemory, type SharedMemory } from "./memory/shared_memory.ts";
import { notKept } from "./memory/store_errors.ts";
import { StorePart } from "./memory/store_part.ts";
import { HostMetrics } from "./metrics/counters.ts";
import { Monitor } from "./metrics/monitor.ts";
import { type SystemStatus, systemStatus } from "./metrics/system_status.ts";
import { systemUsage } from "./metrics/system_usage.ts";

import { agentModel } from "./models/agent_model.ts";
import { TaskService } from "./task_service.ts";
import { TEAM } from "./team/team.ts";
import { TaskAgents } from "./workflow_agents.ts";
import { DEFAULT_PATTERNS, registerResponseActions } from "./threats/playbooks.ts";
import { ThreatResponseEngine } from "./threats/threat_response.ts";
import { FileJournal } from "./workflows/file_journal.ts";
import { OrchestrationEngine } from "./workflows/orchestration_engine.ts";

/** What tests may replace; see `./testing`. Not an option, so that no configuration can reach it. */
export interface KernelParts {
  /** Parts of the main thread's host. */
  readonly main?: HostParts;
  /** URL of a module whose default export is the `HostParts` of the worker threads. */
  readonly workersUrl?: string;
  /** What keeps threads to processors, in the place of the native library. */
  readonly cores?: CoreCalls;
  /** Behaviors in the place of the manager's own or the team's, by type. */
  readonly behaviors?: Readonly<Record<string, string>>;
  /** Instead of the system's disk. */
  readonly disk?: PersistenceDisk;
}

/** Agents a fifth more than may be alive, so that a claim finds a slot in a few probes; warm ones come on top. */
export const SPARE_SLOTS_RATIO = 1.25;

/** Events that notes of the threads become. */
const NOTE_EVENTS: Readonly<Record<string, string>> = {
  "log": "agent:log",
  "agent-failed": "agent:failed",
  "agent-restarted": "agent:restarted",
  "agent-given-up": "agent:abandoned",
};

interface Registration {
  readonly ids: readonly AgentId[];
  readonly record: AgentRecord;
}

/** One kernel from its start to its stop. */
export class System {
  /** The main thread's host. */
  readonly main: AssembledHost;
  /** The worker threads. */
  readonly workers: WorkerPool;
  /** Agents as the main thread manages them. */
  readonly agents: AgentManager;
  /** How each agent was made. */
  readonly registry: AgentRegistry;
  /** Agents with a thread or a process of their own. */
  readonly isolation: Isolation;
  /** What follows when a thread dies. */
  readonly supervisor: Supervisor;
  /** Dead letters of all threads. */
  readonly letters: LetterOffice;
  /** Runs tasks and asks models. */
  readonly tasks: TaskService;
  /** Runs workflows, on actions and on agents. */
  readonly orchestration: OrchestrationEngine;
  /** Finds incidents in events, and answers them by playbooks. */
  readonly threats: ThreatResponseEngine;
  /** Figures, targets and alerts. */
  readonly monitor: Monitor;
  readonly #native: LoadedKernels;
  readonly #memory: SharedMemory;
  readonly #layout: Layout;
  readonly #placement: Placement;
  #state: Persistence | null = null;
  readonly #arena: MappedArena | null = null;

  /** Builds the floors; no thread runs yet. */
  constructor(
    private readonly config: KernelConfig,
    private readonly behaviors: Readonly<Record<string, string | AgentBehavior>>,
    private readonly clock: Clock,
    private readonly parts: KernelParts,
    private readonly emit: (name: string, data: unknown) => void,
  ) {
    const { threads, agentsMax, hangTimeoutMs, warmPools } = config;
    const layout = this.#layout = layoutFor(config);
    const memory = this.#memory = allocateMemory(layout.totalBytes);
    this.#native = loadKernels(config.native, clock);
    const { placement, startAt } = this.#orUndo(() => this.#place(parts.cores ?? this.#native.kernels.system?.cores ?? null));
    this.#placement = placement;
    const { persistence } = config;
    if (persistence?.mode === "mapped") {
      const { path } = persistence;
      this.#arena = this.#orUndo(() => MappedArena.open({ path, memory, layout, now: clock.now() }));
    }
    memory.words[HEADER.magic >> 2] = LAYOUT_MAGIC;
    memory.words[HEADER.version >> 2] = LAYOUT_VERSION;
    memory.words[HEADER.hostsStarted >> 2] = threads + 1;
    memory.words[HEADER.keepsState >> 2] = config.persistence === null ? 0 : 1;
    store(memory.words, hostField(layout, 0, HOST.state) >> 2, HOST_STATE.running);
    this.tasks = new TaskService({
      ...{ config, clock, host: () => this.main.host, registry: () => this.registry },
      isOwn: (type) => behaviors[type] !== undefined,
      onResult: (result) => emit("task:completed", result),
    });
    this.isolation = new Isolation({
      ...{ clock, hangTimeoutMs, debug: config.debug, workerText, bridgeText, behaviors, modelCalls: this.tasks.office.calls },
    });
    const plan = this.#plan(0);
    // The threads know the team themselves: behaviors cannot be sent to them.
    this.main = assembleHost(
      { ...plan, behaviors: { ...TEAM, ...COLLECTIVE, ...plan.behaviors } },
      memory,
      clock,
      parts.main,
      this.#office(),
    );
    this.registry = new AgentRegistry(this.main.host.directory);
    const workers = this.workers = new WorkerPool({
      ...{ workerText, memory, layout, hangTimeoutMs, clock, startAt, partsUrl: parts.workersUrl },
      plan: (index) => this.#plan(index),
      onDeath: (host, why, cause) => this.#hostDied(host, why, cause),
      onStall: (host, stalledMs, agentId) => emit("host:stalled", { host, stalledMs, agentId }),
    });
    this.supervisor = new Supervisor({
      ...{ main: this.main.host, memory, layout, registry: this.registry, emit },
      isDead: (host) => load(memory.words, hostField(layout, host, HOST.state) >> 2) === HOST_STATE.dead,
      alive: () => workers.alive,
      awaitHost: () => workers.anyStarted(),
    });
    this.agents = new AgentManager(this.main.host, agentsMax, warmPools, (name, data) => this.#told(name, data), (config) => {
      if (config.model !== undefined) this.tasks.desk.checkModel(config.model, "config.model");
    });
    const { workflowJournal } = config;
    const journal = workflowJournal === null ? undefined : this.#orUndo(() => new FileJournal(workflowJournal));
    this.orchestration = new OrchestrationEngine({ clock, journal, agents: new TaskAgents(this.registry, this.tasks.executor, clock) });
    this.threats = new ThreatResponseEngine({
      ...{ clock, runner: this.orchestration },
      onIncident: (incident) => emit("threat:incident", incident),
    });
    registerResponseActions(this.orchestration, () => this.threats.effector);
    for (const pattern of DEFAULT_PATTERNS) this.threats.register(pattern);
    this.letters = new LetterOffice(this.main.host, () => [0, ...workers.alive]);
    this.monitor = this.#monitor();
  }

  /** Starts the threads and fills the warm pools. When that fails, all is stopped again. */
  async start(): Promise<void> {
    this.main.loop.start(this.main.host);
    try {
      await this.tasks.start();
      // Before any thread runs: nobody looks at the store while it is filled.
      await this.#openState();
      await this.workers.start(this.config.threads);
      await this.#state?.start();
      await this.agents.warmUp();
      await this.monitor.start();
    } catch (error) {
      this.orchestration.close();
      await this.agents.close();
      await this.workers.end();
      await this.isolation.close();
      await this.#state?.close();
      this.tasks.close();
      this.#closeMain();
      this.#arena?.close(false);
      throw error;
    }
  }

  /** Stops the agents (onStop runs), then the threads. */
  async stop(): Promise<void> {
    const { main, workers, agents, monitor } = this;
    await monitor.stop();
    this.orchestration.close();
    this.#state?.freeze();
    this.tasks.close();
    await agents.close();
    const stops = [0, ...workers.alive].map((host) => main.host.call(host, "stop", null, 2 * STOP_TIMEOUT_MS));
    await Promise.allSettled(stops);
    await workers.end();
    await this.isolation.close();
    let inOrder = false;
    try {
      await this.#state?.close();
      inOrder = true;
    } finally {
      this.#closeMain();
      this.#arena?.close(inOrder);
    }
  }

  /** Shared memory in use by region, counted now. */
  inspect(): MemoryReport {
    return inspectArena(this.#memory, this.#layout, this.main.host.directory.live, this.main.store.stats().bytesUsed);
  }

  /** How the system fares. */
  status(): SystemStatus {
    const { config, workers, agents, monitor, main } = this;
    return systemStatus({
      threads: { configured: config.threads, running: workers.alive.length },
      placement: this.#placement,
      agents: { live: main.host.directory.live, max: config.agentsMax, warm: agents.warm, isolated: this.isolation.counts },
      memory: { ...monitor.memory, regions: this.inspect().regions },
      ...{ native: this.#native.report(), alerts: monitor.alerts, metricsLogFailure: monitor.logFailure, uptimeMs: monitor.uptimeMs },
      ...{ persistence: this.#state?.status ?? null, recovery: this.#state?.recovery ?? null },
    });
  }

  /** Where the threads are to run. Throws `ConfigError` and `AFFINITY_UNAVAILABLE`. */
  #place(cores: CoreCalls | null): { placement: Placement; startAt: StartAt } {
    const { affinity, threads } = this.config;
    const placement = placeThreads(affinity, threads, readTopology(navigator.hardwareConcurrency), cores?.get());
    return { placement, startAt: pinnedStart(placement, cores) };
  }

  /** While it is being made: what cannot be had gives back what it already holds, the library and the mapped file with its lock. */
  #orUndo<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      this.#arena?.close(false);
      this.#native.close();
      throw error;
    }
  }

  async #openState(): Promise<void> {
    const { persistence } = this.config;
    if (persistence === null) return;
    const kept = {
      store: this.#storePart(),
      queues: new QueuePart(this.#memory, this.#layout, 0),
      agents: new AgentPart(this.main.host, this.registry),
    };
    const { clock, emit, parts: { disk } } = this;
    const means = { kernels: this.#native.kernels, disk };
    if (this.#arena === null) this.#state = await openState(persistence, kept, clock, emit, means);
    else {
      const mapped = { plan: persistence, parts: kept, arena: this.#arena, memory: this.#memory, layout: this.#layout };
      this.#state = await openMappedState({ ...mapped, ...means, clock, emit });
    }
  }

  /** Where there are threads, one more collects what a flush writes. */
  #storePart(): StorePart | CollectedPart {
    const [memory, layout] = [this.#memory, this.#layout];
    const part = new StorePart(memory, layout, 0);
    if (this.config.threads === 0) return part;
    const { library } = this.#native.report();
    return new CollectedPart(part, this.clock, (events) => startCollector({ workerText, memory, layout, library }, events));
  }

  #flush(): Promise<void> {
    return this.#state?.flush() ?? Promise.reject(notKept("this manager keeps its state in memory only"));
  }

  #closeMain(): void {
    this.main.bus.close();
    this.main.host.close();
    this.main.store.close();
    this.main.loop.stop();
    this.#native.close();
  }

  #office(): Office {
    return {
      onNote: (note) => this.#noted(note),
      register: (ids, record) => this.#register(ids, record),
      calls: {
        register: (order) => this.#register((order as Registration).ids, (order as Registration).record),
        flush: () => this.#flush(),
        ...this.tasks.office.calls,
      },
      model: agentModel,
      flush: () => this.#flush(),
      awaitHost: () => this.workers.anyStarted(),
      isolate: (order) => this.isolation.isolate(order),
    };
  }

  #register(ids: readonly AgentId[], record: AgentRecord): void {
    this.registry.add(ids, record);
    for (const id of ids) this.tasks.desk.ledger.opened(id, record.parent, record.config.budget);
  }

  #told(name: string, data: unknown): void {
    this.emit(name, data);
    if (name === "agent:terminated") this.tasks.agentEnded((data as { agentId: AgentId }).agentId);
  }

  #monitor(): Monitor {
    const { monitoring: plan, targets } = this.config;
    const { main, agents } = this;
    const hosts = Array.from({ length: this.#layout.hosts }, (_, host) => new HostMetrics(this.#memory, this.#layout, host));
    const counted = { agentsLive: () => main.host.directory.live, agentsPeak: () => agents.agentsPeak };
    const sources = { clock: this.clock, spawnTime: agents.spawnTime, hosts, usage: systemUsage(), ...counted };
    return new Monitor({ sources, plan, targets, emit: this.emit });
  }

  #plan(index: number): HostPlan {
    const { agentsMax, inboxMessagesMax, sendTimeoutMs, pooledMessagesMax, monitoring, debug } = this.config;
    const deadLettersMax = Math.max(2, Math.floor(pooledMessagesMax / this.#layout.hosts));
    return {
      ...{ index, layout: this.#layout, behaviors: this.behaviors },
      settings: { agentsMax, inboxMessagesMax, sendTimeoutMs, debug, deadLettersMax, timesDeliveries: monitoring.enabled },
      cores: navigator.hardwareConcurrency,
    };
  }

  #hostDied(host: number, why: string, cause: unknown): void {
    const error = new HostDiedError(host, why, { cause });
    const { bus } = this.main;
    bus.repair(host);
    this.tasks.office.abandon(host);
    const report = (reason: unknown): void => this.emit("agent:error", { host, error: reason });
    this.main.store.wakeWatches();
    const replaced = this.workers.replace();
    // Twice: a thread that was ended may write on for a moment.
    this.supervisor.died(error).then(() => bus.repair(host)).catch(report);
    this.emit("host:died", error);
    replaced.then((replacement) => this.emit("host:replaced", { host, replacement }), report);
  }

  #noted(note: unknown): void {
    const { kind, ...data } = note as { kind: string; agentId: AgentId; error: unknown; escalates: boolean };
    if (kind !== "snapshot") this.emit(NOTE_EVENTS[kind] ?? "agent:error", data);
    else if (!this.registry.keep(data as unknown as SnapshotNote)) this.emit("agent:error", { ...data, bytes: undefined });
    if (kind === "agent-given-up" && data.escalates) this.#tellParent(data.agentId, data.error);
  }

  /** A child's failure is its parent's, where it has one that lives. */
  #tellParent(child: AgentId, error: unknown): void {
    const { host } = this.main;
    const id = this.registry.get(child)?.parent ?? 0;
    const at = host.directory.hostOf(id);
    if (at < 0) return;
    host.call(at, "suffer", { id, error }, STOP_TIMEOUT_MS).catch((reason) => this.emit("agent:error", { agentId: id, error: reason }));
  }
}

/** The arena that a configuration asks for. Throws `ConfigError` when none can hold it. */
export function layoutFor(
  { threads, agentsMax, sharedBufferBytes, storeBytes, warmPools, pooledMessagesMax, persistence }: KernelConfig,
): Layout {
  const warm = Object.values(warmPools).reduce((sum, { dynamic, sizeMin, sizeMax }) => sum + (dynamic ? sizeMax : sizeMin), 0);
  const agentSlots = Math.ceil((agentsMax + warm) * SPARE_SLOTS_RATIO) + 64;
  // A dead thread's index is never used again: it may write once more.
  const spare = threads === 0 ? 0 : Math.max(2, Math.min(SPARE_HOSTS_MAX, threads));
  const hosts = Math.min(HOSTS_MAX, threads + 1 + spare);
  return planLayout({
    hosts,
    agentSlots,
    sharedBufferBytes,
    storeBytes,
    slabsMax: pooledMessagesMax,
    blackBox: persistence?.mode === "mapped",
  });
}
