/**
 * Knows agents by name and carries messages of the collective to them: typed, measured, and one that is slow or fails stops no other.
 *
 * @module
 */
import type { AgentId, AskOptions, Health, SendOptions, SpawnConfig } from "../agents/agent.ts";
import { InvalidArgumentError, KernelError, NotInitializedError } from "../base/errors.ts";
import { COLLECTIVE_TARGETS_MAX, STOP_TIMEOUT_MS } from "../base/limits.ts";
import { Histogram } from "../metrics/histogram.ts";
import { type TimeFigures, timeFigures } from "../metrics/performance.ts";
import { failureOf } from "./asking.ts";
import { checkedMessage, type CollectiveMessage, type CollectiveMessageType, MESSAGE_TYPES, MessageBuilder, nameAt } from "./message.ts";

/** What a coordinator needs of a kernel; a manager fits. */
export interface CoordinatedKernel {
  /** See `UltraFastAgentManager`. */
  ask<Reply>(to: AgentId, message: unknown, options?: AskOptions): Promise<Reply>;
  /** See `UltraFastAgentManager`. */
  sendMessage(from: AgentId, to: AgentId, message: unknown, options?: SendOptions): Promise<void>;
  /** See `UltraFastAgentManager`. */
  checkHealth(id: AgentId, options?: { timeoutMs?: number }): Promise<Health>;
  /** See `UltraFastAgentManager`. */
  spawnAgent(type: string, config?: SpawnConfig): Promise<AgentId>;
  /** See `UltraFastAgentManager`. */
  terminateAgent(id: AgentId): Promise<void>;
  /** See `UltraFastAgentManager`. */
  readonly clock: { now(): number };
}

/** What became of a message at one of its receivers. */
export type CollectiveDelivery =
  /** `response` is the answer to a Command or Query; other messages have none. */
  | { readonly ok: true; readonly response: CollectiveMessage | null; readonly timeMs: number }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string }; readonly timeMs: number };

/** Figures since the coordinator was made. */
export interface CoordinatorStatistics {
  /** Agents that it knows. */
  readonly agents: number;
  /** Messages by type; one to several receivers counts for each. */
  readonly sent: Readonly<Record<CollectiveMessageType, number>>;
  /** Those that arrived; of Commands and Queries those that were answered. */
  readonly delivered: number;
  /** The others. */
  readonly failed: number;
  /** On their way now. */
  readonly open: number;
  /** Time to the answer. */
  readonly responseTime: TimeFigures;
}

/** Options of a send. */
export interface CollectiveSendOptions {
  /** Patience with each receiver. Default 30,000. */
  readonly timeoutMs?: number;
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

/** Messages that are answered. */
const ANSWERED: ReadonlySet<CollectiveMessageType> = new Set(["Command", "Query"]);

/**
 * See the module.
 *
 * @example
 * ```ts
 * import { CollectiveCoordinator, UltraFastAgentManager } from "@stage3/kernel";
 * await using manager = new UltraFastAgentManager({ threads: 0 });
 * await manager.initialize();
 * const collective = new CollectiveCoordinator(manager);
 * await collective.spawn("aegis");
 * const order = collective.message().from("operator").to("aegis").command("lock_user_account", { target: "ann" }).build();
 * const { aegis } = await collective.send(order);
 * console.log(aegis.ok && aegis.response?.payload); // { measure: "lock_account", target: "ann", stands: true, … }
 * await collective.shutdown();
 * ```
 */
export class CollectiveCoordinator {
  readonly #kernel: CoordinatedKernel;
  readonly #agents = new Map<string, AgentId>();
  readonly #sent = Object.fromEntries(MESSAGE_TYPES.map((type) => [type, 0])) as Record<CollectiveMessageType, number>;
  readonly #responseTime = Histogram.private();
  readonly #open = new Set<Promise<unknown>>();
  #delivered = 0;
  #failed = 0;
  #closing: Promise<string[]> | null = null;

  /** Knows nobody yet. */
  constructor(kernel: CoordinatedKernel) {
    this.#kernel = kernel;
  }

  /** Makes an agent known. Throws `InvalidArgumentError` for a name that is taken. */
  register(name: string, agentId: AgentId): void {
    this.#checkRoom(name);
    this.#agents.set(name, agentId);
  }

  /** Spawns an agent and makes it known, under the name of its type unless another is given. */
  async spawn(type: string, name: string = type, config?: SpawnConfig): Promise<AgentId> {
    this.#checkRoom(name);
    const id = await this.#kernel.spawnAgent(type, config);
    try {
      this.register(name, id);
    } catch (error) {
      await this.#kernel.terminateAgent(id); // the name was taken meanwhile
      throw error;
    }
    return id;
  }

  /** Forgets an agent, which lives on; false when there is none of that name. */
  unregister(name: string): boolean {
    return this.#agents.delete(name);
  }

  /** The agent of a name. */
  get(name: string): AgentId | undefined {
    return this.#agents.get(name);
  }

  /** All that are known, in the order in which they were registered. */
  list(): { name: string; agentId: AgentId }[] {
    return [...this.#agents].map(([name, agentId]) => ({ name, agentId }));
  }

  /** Begins a message. */
  message(): MessageBuilder {
    return new MessageBuilder(this.#kernel.clock);
  }

  /**
   * Sends a message to all its receivers at the same time; resolves with what became of it at each. Rejects with `UnknownTargetError`, before anything
   * is sent, when it names somebody who is not known.
   */
  async send(message: CollectiveMessage, options: CollectiveSendOptions = {}): Promise<Record<string, CollectiveDelivery>> {
    if (this.#closing !== null) throw new NotInitializedError("coordinator.send", true);
    checkedMessage(message);
    const targets = message.to.map((name) => [name, this.#target(name)] as const);
    const sending = Promise.all(targets.map(async ([name, id]) => [name, await this.#deliver(id, message, options)] as const));
    this.#open.add(sending);
    try {
      return Object.fromEntries(await sending);
    } finally {
      this.#open.delete(sending);
    }
  }

  /** Asks every agent whether it can do its work. One that does not answer is not healthy. */
  async health({ timeoutMs = STOP_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<Record<string, Health>> {
    const checks = this.list().map(async ({ name, agentId }) => {
      try {
        return [name, await this.#kernel.checkHealth(agentId, { timeoutMs })] as const;
      } catch (error) {
        return [name, { healthy: false, details: failureOf(error) }] as const;
      }
    });
    return Object.fromEntries(await Promise.all(checks));
  }

  /** See `CoordinatorStatistics`. */
  get statistics(): CoordinatorStatistics {
    return {
      ...{ agents: this.#agents.size, sent: { ...this.#sent }, delivered: this.#delivered, failed: this.#failed },
      ...{ open: this.#open.size, responseTime: timeFigures(this.#responseTime) },
    };
  }

  /**
   * Takes no more messages, waits for those on their way, then ends the agents, the last registered first. Resolves with the names of those that could not
   * be ended. Calling it again returns the same promise.
   */
  shutdown(): Promise<string[]> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  async #shutdown(): Promise<string[]> {
    await Promise.allSettled(this.#open);
    const left: string[] = [];
    for (const { name, agentId } of this.list().reverse()) {
      try {
        await this.#kernel.terminateAgent(agentId);
      } catch (error) {
        if (failureOf(error).code !== "AGENT_NOT_FOUND") left.push(name); // one that is gone has ended
      }
      this.#agents.delete(name);
    }
    return left;
  }

  async #deliver(id: AgentId, message: CollectiveMessage, { timeoutMs, signal }: CollectiveSendOptions): Promise<CollectiveDelivery> {
    const { clock } = this.#kernel;
    const startedAt = clock.now();
    this.#sent[message.type]++;
    try {
      const { priority } = message;
      let response: CollectiveMessage | null = null;
      if (ANSWERED.has(message.type)) response = await this.#kernel.ask<CollectiveMessage>(id, message, { priority, timeoutMs, signal });
      else await this.#kernel.sendMessage(0, id, message, { priority, signal });
      this.#delivered++;
      if (response !== null) this.#responseTime.record((clock.now() - startedAt) * 1_000);
      return { ok: true, response, timeMs: clock.now() - startedAt };
    } catch (error) {
      this.#failed++;
      return { ok: false, error: failureOf(error), timeMs: clock.now() - startedAt };
    }
  }

  #target(name: string): AgentId {
    const id = this.#agents.get(name);
    if (id !== undefined) return id;
    const known = [...this.#agents.keys()].slice(0, 10).join(", ");
    throw new KernelError("UNKNOWN_TARGET", `nobody is registered as ${name}; known are ${known || "none"}.`, { target: name });
  }

  #checkRoom(name: string): void {
    if (this.#closing !== null) throw new NotInitializedError("coordinator.register", true);
    if (this.#agents.has(nameAt("name", name))) {
      throw new InvalidArgumentError("name", name, "an agent of this name is registered already.");
    }
    if (this.#agents.size < COLLECTIVE_TARGETS_MAX) return;
    throw new InvalidArgumentError("name", name, `a coordinator knows at most ${COLLECTIVE_TARGETS_MAX} agents.`);
  }
}
