/**
 * Tasks and models put together: the executor runs a task on its agent, or asks the agent's model where the agent has nothing of its own to do it with.
 *
 * @module
 */
import type { AgentId, AgentModel, TaskDefinition } from "./agents/agent.ts";
import type { AgentHost } from "./agents/agent_host.ts";
import type { AgentRecord, AgentRegistry } from "./agents/agent_registry.ts";
import type { Clock } from "./base/clock.ts";
import type { KernelConfig } from "./base/config.ts";
import { AgentNotFoundError, ConfigError, isKernelError } from "./base/errors.ts";
import { MODEL_CALLS_OPEN_MAX } from "./base/limits.ts";
import { Random } from "./base/random.ts";
import type { TaskResult } from "./bus/task.ts";
import type { PoolStatistics } from "./models/connection_pool.ts";
import { agentModel } from "./models/agent_model.ts";
import { type AgentModelFacts, ModelDesk } from "./models/model_desk.ts";
import { ModelOffice } from "./models/model_office.ts";
import { makeProvider } from "./models/providers.ts";
import { type RunConditions, TaskExecutor } from "./tasks/executor.ts";
import { AsyncFileManager } from "./tasks/file_manager.ts";
import { Resilience, type ResilienceStatistics } from "./tasks/resilience.ts";
import { TEAM } from "./team/team.ts";

/** What it is put together from; the host and the book of agents are made later. */
export interface TaskServiceParts {
  /** Options. */
  readonly config: KernelConfig;
  /** Time. */
  readonly clock: Clock;
  /** The main thread's host. */
  readonly host: () => AgentHost;
  /** How each agent was made. */
  readonly registry: () => AgentRegistry;
  /** Whether the program has a behavior of its own for a type. */
  readonly isOwn: (type: string) => boolean;
  /** Hears each result. */
  readonly onResult: (result: TaskResult) => void;
}

/** How one provider of models fares. */
export interface ProviderStatus {
  /** Connections to it. */
  readonly connections: PoolStatistics;
  /** Requests, retries, circuit breaker; undefined before its first request. */
  readonly requests?: ResilienceStatistics;
}

/** One kernel's tasks and models. */
export class TaskService {
  /** Runs tasks, so many at a time. */
  readonly executor: TaskExecutor;
  /** Asks models. */
  readonly desk: ModelDesk;
  /** Asks them for the agents of all threads. */
  readonly office: ModelOffice;
  /** Models for the program itself. */
  readonly model: AgentModel;
  /** Tries again. */
  readonly retrying: Resilience;
  readonly #parts: TaskServiceParts;
  /** Types that were found to have no `onTask`; at most all types. */
  readonly #withoutHandler = new Set<string>();

  /** Asks nobody yet. */
  constructor(parts: TaskServiceParts) {
    this.#parts = parts;
    const { config: { models, executorConcurrency }, clock } = parts;
    const { providers, recording, retriesMax, pool, routes, prices, cache } = models;
    const files = recording === null ? undefined : recordingFiles(recording.folder);
    const kept = recording === null || files === undefined ? undefined : { mode: recording.mode, files };
    const retrying = this.retrying = new Resilience({
      ...{ clock, random: new Random(Math.floor(clock.now())), retriesMax },
      ...{ runningMax: pool.max, waitingMax: MODEL_CALLS_OPEN_MAX },
    });
    this.desk = new ModelDesk({
      providers: providers.map((plan) => makeProvider(plan, clock, kept)),
      ...{ clock, routes, prices, pool, retrying, models: models.models },
      agents: this.#facts(),
    });
    this.office = new ModelOffice(this.desk);
    this.model = agentModel({ call: (method, argument) => Promise.resolve(this.office.calls[method](argument)) }, { agentId: 0, host: 0 });
    this.executor = new TaskExecutor({
      ...{ clock, concurrency: executorConcurrency, cache, onResult: parts.onResult },
      run: (agentId, task, how) => this.#run(agentId, task, how),
      scopeOf: (agentId) => this.#scopeOf(agentId),
    });
  }

  /** Throws when models cannot be asked: no key, no permission. */
  async start(): Promise<void> {
    const { recording } = this.#parts.config.models;
    if (recording !== null) await checkFolder(recording.mode, recording.folder);
    this.desk.check();
  }

  /** How each provider fares. */
  status(): Record<string, ProviderStatus> {
    const requests = this.retrying.statistics;
    return Object.fromEntries(
      Object.entries(this.desk.connections).map(([name, connections]) => [name, { connections, requests: requests[name] }]),
    );
  }

  /** An agent has been ended: what its model is asked for it is given up. */
  agentEnded(agentId: AgentId): void {
    this.executor.cancelAgent(agentId, () => new AgentNotFoundError(agentId, "it was terminated before the task was done"));
  }

  /** Cancels all tasks and requests. */
  close(): void {
    this.executor.close();
    this.office.close();
    this.desk.close();
  }

  async #run(agentId: AgentId, task: TaskDefinition, how: RunConditions): Promise<unknown> {
    const type = this.#record(agentId)?.type ?? "";
    if (!this.#withoutHandler.has(type) && !this.#isForModel(type, task)) {
      try {
        return await this.office.during(agentId, task, how.use, () => this.#parts.host().task(agentId, task, how));
      } catch (error) {
        if (!isKernelError(error) || error.code !== "NO_HANDLER" || error.data.agentId !== agentId) throw error;
        this.#withoutHandler.add(type);
      }
    }
    return await this.office.perform(agentId, task, how);
  }

  /** The team works on what it is given; what is only said in words is for a model. */
  #isForModel(type: string, { input }: TaskDefinition): boolean {
    return input === undefined && Object.hasOwn(TEAM, type) && !this.#parts.isOwn(type);
  }

  #record(agentId: AgentId): AgentRecord | undefined {
    return this.#parts.registry().get(agentId);
  }

  #scopeOf(agentId: AgentId): string {
    const record = this.#record(agentId);
    return record === undefined ? String(agentId) : `${record.type}\n${record.config.model ?? ""}`;
  }

  #facts(): AgentModelFacts {
    return {
      find: (id) => {
        const record = this.#record(id);
        return record === undefined ? undefined : { parent: record.parent, budget: record.config.budget };
      },
      about: (id) => {
        const record = this.#record(id);
        return record === undefined ? undefined : { type: record.type, model: record.config.model };
      },
      isAlive: (id) => this.#parts.host().directory.lookup(id) !== 0,
    };
  }
}

/** Makes it when it is to be written. Throws `ConfigError`, or the runtime's own word on a permission that is missing. */
async function checkFolder(mode: "record" | "replay", folder: string): Promise<void> {
  try {
    if (mode === "record") await Deno.mkdir(folder, { recursive: true });
    else for await (const _entry of Deno.readDir(folder)) break;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new ConfigError(`executor.${mode}`, `the folder cannot be used: ${(cause as Error).message}.`, { folder }, { cause });
  }
}

function recordingFiles(
  folder: string,
): { write(name: string, text: string): Promise<void>; read(name: string): Promise<string | undefined> } {
  const files = new AsyncFileManager(folder);
  return { write: (name, text) => files.write(name, text), read: (name) => files.readText(name) };
}
