/**
 * The agents that live on one host: made, adopted, ended here.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { STOP_TIMEOUT_MS } from "../base/limits.ts";
import { type AgentId, priorityLevel } from "../bus/message.ts";
import type { AgentBehavior, SpawnConfig } from "./agent.ts";
import { type AgentDirectory, slotOf } from "./agent_directory.ts";
import type { HostOptions } from "./host_options.ts";
import { type AgentHome, HostedAgent } from "./hosted_agent.ts";
import { AGENT_STATE } from "./lifecycle.ts";

/** Order to make agents, as it travels. */
export interface MakeOrder {
  /** Name of the behavior. */
  readonly type: string;
  /** Claimed slots, in state SPAWNING. */
  readonly ids: readonly AgentId[];
  /** What the caller gave, without its signal. */
  readonly config: SpawnConfig;
  /** Whether they go to a warm pool. */
  readonly warm: boolean;
}

/** The first agent that could not be made, if any; the others of the order are ready. */
export interface MakeResult {
  /** Those that failed; their slots are free again. */
  readonly failed: readonly AgentId[];
  /** Why the first of them failed. */
  readonly error?: unknown;
}

/** One host's agents. */
export class Residents {
  readonly #agents: (HostedAgent | undefined)[] = [];
  /** At most the agents being made. */
  readonly #abandoned = new Set<AgentId>();
  #count = 0;

  /** Nobody lives here yet. */
  constructor(private readonly home: AgentHome, private readonly directory: AgentDirectory, private readonly options: HostOptions) {}

  /** The agent of that id, if it lives here. */
  get(id: AgentId): HostedAgent | undefined {
    const agent = this.#agents[slotOf(id)];
    return agent !== undefined && agent.id === id ? agent : undefined;
  }

  /** Agents here. */
  get count(): number {
    return this.#count;
  }

  /** Makes the agents of an order; a promise only if the behavior must be imported or an onStart takes time. */
  make(argument: unknown): MakeResult | Promise<MakeResult> {
    const order = argument as MakeOrder;
    const behavior = this.options.behaviors.get(order.type);
    if (behavior !== undefined) return this.#makeAll(order, behavior);
    return this.options.behaviors.load(order.type).then(
      (loaded) => this.#makeAll(order, loaded),
      (error) => {
        for (const id of order.ids) this.directory.free(id, AGENT_STATE.spawning);
        return { failed: order.ids, error };
      },
    );
  }

  #makeAll(order: MakeOrder, behavior: AgentBehavior): MakeResult | Promise<MakeResult> {
    const failed: AgentId[] = [];
    let error: unknown;
    const starting: Promise<void>[] = [];
    for (const id of order.ids) {
      const fail = (reason: unknown): void => {
        this.#drop(id);
        this.directory.free(id, AGENT_STATE.spawning);
        error ??= new KernelError("AGENT_START_FAILED", `agent of type ${order.type} could not start: ${messageOf(reason)}`, {
          type: order.type,
        }, {
          cause: reason,
        });
        failed.push(id);
      };
      try {
        const started = this.#start(id, order, behavior);
        if (started === undefined) this.#ready(id, order.warm);
        else starting.push(started.then(() => this.#ready(id, order.warm), fail));
      } catch (reason) {
        fail(reason);
      }
    }
    const result = (): MakeResult => error === undefined ? { failed } : { failed, error };
    return starting.length === 0 ? result() : Promise.all(starting).then(result);
  }

  #start(id: AgentId, order: MakeOrder, behavior: AgentBehavior): Promise<void> | undefined {
    const verdict = this.options.interceptor?.start?.(id) ?? "start";
    if (verdict === "absent") return undefined;
    const { state, capabilities, priority, inboxMessagesMax } = order.config;
    const inboxMax = inboxMessagesMax ?? this.options.settings.inboxMessagesMax;
    this.directory.setInboxMessagesMax(id, inboxMax);
    const agent = new HostedAgent(this.home, {
      id,
      type: order.type,
      behavior,
      // Each agent of a batch gets its own state: the codec made one copy for the order, not one for each.
      state: order.ids.length > 1 && typeof state === "object" && state !== null ? structuredClone(state) : state,
      capabilities: capabilities ?? [],
      priority: priorityLevel(priority),
      inboxMessagesMax: inboxMax,
    });
    this.#agents[slotOf(id)] = agent;
    this.#count++;
    if (verdict === "skip") return undefined;
    const started = agent.start();
    return typeof started?.then === "function" ? started : undefined;
  }

  #ready(id: AgentId, warm: boolean): void {
    this.directory.become(id, AGENT_STATE.spawning, warm ? AGENT_STATE.warm : AGENT_STATE.ready);
    if (this.#abandoned.delete(id)) this.abandon(id);
  }

  /** Whoever ordered the agent has given up waiting for it: it is ended as soon as it is ready. */
  abandon(id: AgentId): void {
    if (this.directory.stateOf(id) === AGENT_STATE.spawning) this.#abandoned.add(id);
    else if (this.#leaves(id)) this.end(id).catch((error) => this.home.failed(id, error));
  }

  /** A warm agent has been taken; it learns what it is wanted for. */
  adopt(argument: unknown): void {
    const { id, priority } = argument as { id: AgentId; priority: number };
    const agent = this.get(id);
    if (agent !== undefined) agent.priority = priority;
  }

  /** Ends an agent that is in state STOPPING. */
  async end(id: AgentId): Promise<void> {
    const agent = this.get(id);
    try {
      if (agent !== undefined) await this.#stop(agent);
    } finally {
      this.#drop(id);
      this.directory.free(id, AGENT_STATE.stopping);
    }
  }

  async #stop(agent: HostedAgent): Promise<void> {
    let cancel = (): void => {};
    const patience = new Promise<void>((resolve) => cancel = this.options.clock.schedule(STOP_TIMEOUT_MS, resolve));
    try {
      await agent.stop(patience);
    } catch (error) {
      this.home.failed(agent.id, error);
    } finally {
      cancel();
    }
  }

  /** Ends all. */
  async stopAll(): Promise<void> {
    const all = this.#agents.filter((agent) => agent !== undefined);
    await Promise.all(all.map((agent) => {
      const { id } = agent;
      return this.#leaves(id) ? this.end(id) : undefined;
    }));
  }

  #leaves(id: AgentId): boolean {
    return this.directory.become(id, AGENT_STATE.ready, AGENT_STATE.stopping) ||
      this.directory.become(id, AGENT_STATE.warm, AGENT_STATE.stopping);
  }

  #drop(id: AgentId): void {
    this.#abandoned.delete(id);
    if (this.get(id) === undefined) return;
    this.#agents[slotOf(id)] = undefined;
    this.#count--;
  }
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
