/**
 * The agents that live on one host: made, adopted, ended here.
 *
 * @module
 */
import { AgentNotFoundError, KernelError } from "../base/errors.ts";
import { STOP_TIMEOUT_MS } from "../base/limits.ts";
import type { Inbound } from "../bus/inbound.ts";
import { type AgentId, priorityLevel } from "../bus/message.ts";
import type { AgentBehavior, Health, SpawnConfig, Supervision } from "./agent.ts";
import { type AgentDirectory, slotOf } from "./agent_directory.ts";
import { portableError } from "./failures.ts";
import type { HostOptions } from "./host_options.ts";
import { gradeOf, IsolationUnavailableError } from "./isolation.ts";
import type { AgentHome } from "./delivery.ts";
import { BlackBox } from "../memory/black_box.ts";
import { HostedAgent } from "./hosted_agent.ts";
import type { Snapshot } from "./agent_registry.ts";
import { AGENT_STATE } from "./lifecycle.ts";
import type { WaitGraph } from "./wait_graph.ts";

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
  /** What agents bring along that lived elsewhere until their thread died: then all of the order did. */
  readonly moved?: readonly Luggage[];
}

/** What a moved agent brings along. */
export interface Luggage {
  /** Whose it is. */
  readonly id: AgentId;
  /** Its last snapshot. */
  readonly snapshot?: Snapshot;
  /** Messages that waited for it, in order. */
  readonly frames: readonly InheritedFrame[];
}

/** A frame that outlived its receiver's thread. */
export interface InheritedFrame {
  /** Its bytes. */
  readonly frame: Uint8Array;
  /** Host that wrote it. */
  readonly producer: number;
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
  readonly #box: BlackBox | undefined;

  /** Nobody lives here yet. */
  constructor(
    private readonly home: AgentHome,
    private readonly directory: AgentDirectory,
    private readonly options: HostOptions,
    private readonly inbound: Inbound,
    private readonly waits: WaitGraph,
  ) {
    this.#box = BlackBox.of(options.memory, options.layout);
  }

  /** The agent of that id, if it lives here. */
  get(id: AgentId): HostedAgent | undefined {
    const agent = this.#agents[slotOf(id)];
    return agent !== undefined && agent.id === id ? agent : undefined;
  }

  /** Makes the agents of an order; a promise only if the behavior must be imported or an onStart takes time. */
  make(argument: unknown): MakeResult | Promise<MakeResult> {
    const order = argument as MakeOrder;
    if (gradeOf(order.config) !== "shared") return this.#makeApart(order);
    const behavior = this.options.behaviors.get(order.type);
    if (behavior !== undefined) return this.#makeAll(order, behavior);
    return this.options.behaviors.load(order.type).then(
      (loaded) => this.#makeAll(order, loaded),
      (error) => {
        for (const id of order.ids) this.#unmake(id, order);
        return { failed: order.ids, error };
      },
    );
  }

  /** Each in a thread or process of its own; the agent made here speaks for it. */
  async #makeApart(order: MakeOrder): Promise<MakeResult> {
    const { type, config } = order;
    const results = await Promise.all(order.ids.map(async (id): Promise<MakeResult> => {
      try {
        const { isolate } = this.options;
        if (isolate === undefined) {
          throw new IsolationUnavailableError(gradeOf(config), "a simulated kernel has one thread and no process.");
        }
        const onLost = (error: Error): void => this.get(id)?.suffer(error);
        const onFault = (method: string, error: unknown): void =>
          this.home.notices.send({ kind: "call-failed", agentId: id, method, error: portableError(error) });
        const behavior = await isolate({ id, type, config, onLost, onFault });
        const made = await this.#makeAll({ ...order, ids: [id] }, behavior);
        if (made.failed.length > 0) await behavior.end();
        return made;
      } catch (error) {
        this.#unmake(id, order);
        return { failed: [id], error };
      }
    }));
    const failed = results.flatMap((result) => result.failed);
    const error = results.find((result) => result.error !== undefined)?.error;
    return error === undefined ? { failed } : { failed, error };
  }

  #makeAll(order: MakeOrder, behavior: AgentBehavior): MakeResult | Promise<MakeResult> {
    const failed: AgentId[] = [];
    let error: unknown;
    const starting: Promise<void>[] = [];
    for (const id of order.ids) {
      const fail = (reason: unknown): void => {
        this.#drop(id);
        this.#unmake(id, order);
        error ??= new KernelError("AGENT_START_FAILED", `agent of type ${order.type} could not start: ${messageOf(reason)}`, {
          type: order.type,
        }, {
          cause: reason,
        });
        failed.push(id);
      };
      try {
        const started = this.#start(id, order, behavior);
        if (started === undefined) this.#ready(id, order);
        else starting.push(started.then(() => this.#ready(id, order), fail));
      } catch (reason) {
        fail(reason);
      }
    }
    const result = (): MakeResult => error === undefined ? { failed } : { failed, error };
    return starting.length === 0 ? result() : Promise.all(starting).then(result);
  }

  #start(id: AgentId, order: MakeOrder, behavior: AgentBehavior): Promise<void> | undefined {
    const verdict = this.options.interceptor?.start?.(id, order.moved !== undefined) ?? "start";
    if (verdict === "absent") return undefined;
    const { state, capabilities, priority, inboxMessagesMax, supervision } = order.config;
    const inboxMax = inboxMessagesMax ?? this.options.settings.inboxMessagesMax;
    this.directory.setInboxMessagesMax(id, inboxMax);
    this.waits.clear(id);
    this.#box?.started(slotOf(id), order.type, this.options.clock.now());
    const agent = new HostedAgent(this.home, {
      id,
      type: order.type,
      behavior,
      state: initialState(state, order.ids.length > 1 || mayRestart(supervision ?? behavior.supervision)),
      capabilities: capabilities ?? [],
      priority: priorityLevel(priority),
      inboxMessagesMax: inboxMax,
      supervision,
    });
    this.#agents[slotOf(id)] = agent;
    if (verdict === "skip") return undefined;
    const snapshot = order.moved === undefined ? undefined : luggageOf(order, id)?.snapshot;
    // What another version of the behavior kept may not be what this one understands.
    const started = agent.start(snapshot?.version === (behavior.stateVersion ?? 0) ? snapshot.bytes : undefined);
    return typeof started?.then === "function" ? started : undefined;
  }

  #ready(id: AgentId, order: MakeOrder): void {
    if (order.moved !== undefined) return this.#arrive(id, order);
    this.directory.become(id, AGENT_STATE.spawning, order.warm ? AGENT_STATE.warm : AGENT_STATE.ready);
    if (this.#abandoned.delete(id)) this.abandon(id);
  }

  /** What waited for it comes first: senders' own frames wait until it is ready. */
  #arrive(id: AgentId, order: MakeOrder): void {
    const luggage = luggageOf(order, id);
    if (luggage !== undefined) this.inherit(luggage);
    if (this.directory.become(id, AGENT_STATE.moving, AGENT_STATE.ready)) return;
    // Terminated on its way.
    const agent = this.get(id);
    this.#drop(id);
    if (agent !== undefined) this.#stop(agent).catch((error) => this.home.notices.failed(id, error));
  }

  /** Messages that outlived the thread on which their receiver lived. */
  inherit({ id, frames }: Luggage): void {
    const agent = this.get(id);
    for (const inherited of frames) {
      const frame = this.inbound.adopt(inherited.frame, inherited.producer);
      if (agent !== undefined) agent.park(frame);
      else this.home.buryFrame(frame, "agent-terminated", true);
    }
  }

  /** It could not be made. A moved one stays MOVING: whoever sent it here says what becomes of its messages. */
  #unmake(id: AgentId, order: MakeOrder): void {
    if (order.moved === undefined) this.directory.free(id, AGENT_STATE.spawning);
  }

  /** Whoever ordered the agent has given up waiting for it: it is ended as soon as it is ready. */
  abandon(id: AgentId): void {
    if (this.directory.stateOf(id) === AGENT_STATE.spawning) this.#abandoned.add(id);
    else if (this.#leaves(id)) this.end(id)?.catch((error) => this.home.notices.failed(id, error));
  }

  /** A warm agent has been taken; it learns what it is wanted for. */
  adopt(argument: unknown): void {
    const { id, priority } = argument as { id: AgentId; priority: number };
    const agent = this.get(id);
    if (agent !== undefined) agent.priority = priority;
  }

  /** A child of an agent has failed, and it is for the parent to bear. */
  suffer(argument: unknown): void {
    const { id, error } = argument as { id: AgentId; error: unknown };
    this.get(id)?.suffer(error);
  }

  /** See `AgentBehavior.healthCheck`. */
  health(id: AgentId): Promise<Health> {
    const agent = this.get(id);
    if (agent === undefined) throw new AgentNotFoundError(id);
    return agent.health();
  }

  /** Ends an agent that is in state STOPPING; at once when it is at nothing and has no last words. */
  end(id: AgentId): Promise<void> | undefined {
    const agent = this.get(id);
    if (agent !== undefined && !agent.stopNow()) return this.#stop(agent).finally(() => this.#gone(id));
    this.#gone(id);
  }

  #gone(id: AgentId): void {
    this.#drop(id);
    this.#box?.stopped(slotOf(id), this.options.clock.now());
    this.directory.free(id, AGENT_STATE.stopping);
  }

  async #stop(agent: HostedAgent): Promise<void> {
    let cancel = (): void => {};
    let patience: Promise<void> | undefined;
    try {
      // A timer costs more than the end of an agent whose last words are said at once.
      await agent.stop(() => patience ??= new Promise<void>((resolve) => cancel = this.options.clock.schedule(STOP_TIMEOUT_MS, resolve)));
    } catch (error) {
      this.home.notices.failed(agent.id, error);
    } finally {
      cancel();
    }
  }

  /** Ends all. */
  async stopAll(): Promise<void> {
    const all = this.#agents.filter((agent) => agent !== undefined);
    await Promise.all(all.map((agent) => {
      const { id } = agent;
      agent.keepsAtEnd = true;
      return this.#leaves(id) ? this.end(id) : undefined;
    }));
  }

  /** Ends an agent because it failed. */
  giveUp(id: AgentId): void {
    if (this.#leaves(id)) this.end(id)?.catch((error) => this.home.notices.failed(id, error));
  }

  #leaves(id: AgentId): boolean {
    return this.directory.become(id, AGENT_STATE.ready, AGENT_STATE.stopping) ||
      this.directory.become(id, AGENT_STATE.warm, AGENT_STATE.stopping);
  }

  #drop(id: AgentId): void {
    this.#abandoned.delete(id);
    if (this.get(id) === undefined) return;
    this.#agents[slotOf(id)] = undefined;
  }
}

/** Each agent gets its own state: the codec made one copy for the order, and a restart wants the first one again. */
function initialState(state: unknown, isShared: boolean): () => unknown {
  if (state === undefined) return () => ({});
  return isShared && typeof state === "object" && state !== null ? () => structuredClone(state) : () => state;
}

function mayRestart(supervision: Supervision | undefined): boolean {
  return supervision?.onFailure === "restart";
}

function luggageOf(order: MakeOrder, id: AgentId): Luggage | undefined {
  return order.moved?.find((luggage) => luggage.id === id);
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
