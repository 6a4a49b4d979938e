/**
 * Agents as the main thread manages them: spawned (out of a warm pool where that is asked for), timed, ended.
 *
 * @module
 */
import { checkedDelay } from "../base/deadlines.ts";
import { AgentNotFoundError, InvalidArgumentError } from "../base/errors.ts";
import { ASK_TIMEOUT_MS } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import { checkTask, type TaskDefinition, type TaskResult } from "../bus/task.ts";
import { Histogram } from "../metrics/histogram.ts";
import type { Health, SpawnConfig } from "./agent.ts";
import type { AgentHost } from "./agent_host.ts";
import { WarmPool } from "./warm_pool.ts";

/** What the manager of agents tells the outside. */
export type AgentEvent = (name: "agent:spawned" | "agent:terminated" | "task:completed" | "agent:error", data: unknown) => void;

/** Spawns, tasks and ends, seen from the main thread. */
export class AgentManager {
  /** Time from the call of a spawn to its agent being ready, in µs. */
  readonly spawnTime: Histogram = Histogram.private();
  readonly #pools = new Map<string, WarmPool>();

  /** Works through the main thread's host. */
  constructor(
    private readonly host: AgentHost,
    private readonly agentsMax: number,
    warmPools: Readonly<Record<string, number>>,
    private readonly emit: AgentEvent,
  ) {
    for (const [type, size] of Object.entries(warmPools)) {
      if (size > 0) this.#pools.set(type, new WarmPool(host.desk, type, size, (error) => emit("agent:error", { type, error })));
    }
  }

  /** Fills the warm pools. */
  async warmUp(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.refill()));
  }

  /** Ends the warm agents. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  /** Warm agents of a type, ready to be taken. */
  warm(type: string): number {
    return this.#pools.get(type)?.available ?? 0;
  }

  /** One agent. */
  async spawn(type: string, config: SpawnConfig = {}): Promise<AgentId> {
    const startedAt = this.host.clock.now();
    const warm = config.preWarm ? this.#pools.get(type)?.take(config) : undefined;
    const id = warm ?? await this.host.spawn(type, config);
    this.spawnTime.record((this.host.clock.now() - startedAt) * 1_000);
    this.host.metrics.counts.spawned++;
    this.emit("agent:spawned", { agentId: id, type });
    return id;
  }

  /** Several agents of a kind. Their time is that of the batch, and counts once. */
  async spawnBatch(type: string, count: number, config: SpawnConfig = {}): Promise<AgentId[]> {
    if (!Number.isInteger(count) || count < 0 || count > this.agentsMax) {
      throw new InvalidArgumentError("count", count, `use a whole number from 0 to maxConcurrentAgents (${this.agentsMax}).`);
    }
    const startedAt = this.host.clock.now();
    const ids = await this.host.desk.spawnMany(type, count, config);
    if (count > 0) this.spawnTime.record((this.host.clock.now() - startedAt) * 1_000);
    this.host.metrics.counts.spawned += count;
    for (const agentId of ids) this.emit("agent:spawned", { agentId, type });
    return ids;
  }

  /** Ends an agent. */
  async terminate(id: AgentId): Promise<void> {
    await this.host.desk.terminate(id);
    this.host.metrics.counts.terminated++;
    this.emit("agent:terminated", { agentId: id });
  }

  /** Asks an agent how it is. */
  async health(id: AgentId, timeoutMs = ASK_TIMEOUT_MS): Promise<Health> {
    const host = this.host.directory.hostOf(id);
    if (host < 0) throw new AgentNotFoundError(id);
    return await this.host.call(host, "health", id, checkedDelay("timeoutMs", timeoutMs)) as Health;
  }

  /** Hands a task to an agent. What its `onTask` throws comes back as a failed result; an agent that does not exist is thrown. */
  async execute(agentId: AgentId, task: TaskDefinition, signal?: AbortSignal): Promise<TaskResult> {
    checkTask(task);
    const startedAt = this.host.clock.now();
    const timeoutMs = task.constraints?.timeout ?? ASK_TIMEOUT_MS;
    const outcome = await this.host.task(agentId, task, { timeoutMs, signal }).then(
      (output) => ({ status: "completed" as const, output }),
      (error) => {
        if (signal?.aborted || error.code === "AGENT_NOT_FOUND" || error.code === "HOST_DIED" || error.code === "NOT_INITIALIZED") {
          throw error;
        }
        return { status: error.code === "ASK_TIMEOUT" ? "timeout" as const : "failed" as const, error };
      },
    );
    const result: TaskResult = { taskId: task.id, agentId, durationMs: this.host.clock.now() - startedAt, ...outcome };
    this.emit("task:completed", result);
    return result;
  }
}
