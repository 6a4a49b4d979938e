/**
 * Agents as the main thread manages them: spawned (out of a warm pool where that is asked for), timed, ended.
 *
 * @module
 */
import type { WarmPoolPlan } from "../base/config.ts";
import { checkedDelay } from "../base/deadlines.ts";
import { AgentNotFoundError, InvalidArgumentError } from "../base/errors.ts";
import { ASK_TIMEOUT_MS } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import { Histogram } from "../metrics/histogram.ts";
import type { Health, SpawnConfig } from "./agent.ts";
import type { AgentHost } from "./agent_host.ts";
import { WarmPools } from "./warm_pools.ts";

/** What the manager of agents tells the outside. */
export type AgentEvent = (name: "agent:spawned" | "agent:terminated" | "agent:error", data: unknown) => void;

/** Spawns, tasks and ends, seen from the main thread. */
export class AgentManager {
  /** Time from the call of a spawn to its agent being ready, in µs. */
  readonly spawnTime: Histogram = Histogram.private();
  readonly #pools: WarmPools;
  #agentsPeak = 0;

  /** Works through the main thread's host. */
  constructor(
    private readonly host: AgentHost,
    private readonly agentsMax: number,
    warmPools: Readonly<Record<string, WarmPoolPlan>>,
    private readonly emit: AgentEvent,
    private readonly check: (config: SpawnConfig) => void = () => undefined,
  ) {
    this.#pools = new WarmPools(warmPools, host.desk, host.clock, (type, error) => emit("agent:error", { type, error }));
  }

  /** Fills the warm pools. */
  async warmUp(): Promise<void> {
    await this.#pools.open();
  }

  /** Ends the warm agents. */
  async close(): Promise<void> {
    await this.#pools.close();
  }

  /** Warm agents by type: those ready to be taken, and as many as there are to be. */
  get warm(): Record<string, { ready: number; size: number }> {
    return this.#pools.sizes;
  }

  /** Most agents that were seen alive at once: after each spawn of the manager's own, and whenever this is read. */
  get agentsPeak(): number {
    this.#agentsPeak = Math.max(this.#agentsPeak, this.host.directory.live);
    return this.#agentsPeak;
  }

  /** One agent. */
  async spawn(type: string, config: SpawnConfig = {}): Promise<AgentId> {
    this.check(config);
    const startedAt = this.host.clock.now();
    const warm = config.preWarm ? this.#pools.take(type, config) : undefined;
    const id = warm ?? await this.host.spawn(type, config);
    this.spawnTime.record((this.host.clock.now() - startedAt) * 1_000);
    this.#spawned();
    this.emit("agent:spawned", { agentId: id, type });
    return id;
  }

  /** Several agents of a kind. Their time is that of the batch, and counts once. */
  async spawnBatch(type: string, count: number, config: SpawnConfig = {}): Promise<AgentId[]> {
    if (!Number.isInteger(count) || count < 0 || count > this.agentsMax) {
      throw new InvalidArgumentError("count", count, `use a whole number from 0 to maxConcurrentAgents (${this.agentsMax}).`);
    }
    this.check(config);
    const startedAt = this.host.clock.now();
    const ids = await this.host.desk.spawnMany(type, count, config);
    if (count > 0) this.spawnTime.record((this.host.clock.now() - startedAt) * 1_000);
    this.#spawned();
    for (const agentId of ids) this.emit("agent:spawned", { agentId, type });
    return ids;
  }

  /** Ends an agent. */
  async terminate(id: AgentId): Promise<void> {
    await this.host.desk.terminate(id);
    this.emit("agent:terminated", { agentId: id });
  }

  /** Asks an agent how it is. */
  async health(id: AgentId, timeoutMs = ASK_TIMEOUT_MS): Promise<Health> {
    const host = this.host.directory.hostOf(id);
    if (host < 0) throw new AgentNotFoundError(id);
    return await this.host.call(host, "health", id, checkedDelay("timeoutMs", timeoutMs)) as Health;
  }

  #spawned(): void {
    this.#agentsPeak = Math.max(this.#agentsPeak, this.host.directory.live);
  }
}
