/**
 * Puts one thread's host together from plain data: the same on the main thread and on workers.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { AgentNotFoundError, InboxFullError, KernelError } from "../base/errors.ts";
import { FLUSH_TIMEOUT_MS, SPAWN_TIMEOUT_MS } from "../base/limits.ts";
import type { Delivery as TopicDelivery } from "../bus/bus_options.ts";
import type { AgentId, Priority } from "../bus/message.ts";
import { MessageBus } from "../bus/message_bus.ts";
import { plainCodec } from "../bus/codec.ts";
import { ShapeCodec } from "../bus/shape_codec.ts";
import { Doorbell } from "../memory/doorbell.ts";
import { load } from "../memory/atomics.ts";
import { HEADER, HOST, hostField, type Layout } from "../memory/layout.ts";
import { MemoryStore } from "../memory/memory_store.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { AgentHost } from "./agent_host.ts";
import type { HostOptions, HostSettings } from "./host_options.ts";
import { HostPulse } from "./host_pulse.ts";
import { BehaviorLoader, type BehaviorSource } from "./behavior_loader.ts";
import { HostLoop } from "./host_loop.ts";
import { HOST_STATE } from "./lifecycle.ts";
import type { HostParts } from "./host_parts.ts";

/** What a host is put together from. */
export interface HostPlan {
  /** 0 is the main thread. */
  readonly index: number;
  /** The arena's plan. */
  readonly layout: Layout;
  /** Shared settings. */
  readonly settings: HostSettings;
  /** Behaviors by name. */
  readonly behaviors: Readonly<Record<string, BehaviorSource>>;
  /** Cores of the machine: a loop that has nothing to do polls for a moment while no more hosts than that are awake. 0: never. */
  readonly cores: number;
}

/** A host with its loop and its view of the store. */
export interface AssembledHost {
  /** The host. */
  readonly host: AgentHost;
  /** Its loop, not started. */
  readonly loop: HostLoop;
  /** Its view of the store. */
  readonly store: MemoryStore;
  /** Its handle on topics and named queues. */
  readonly bus: MessageBus;
  /** Its behaviors. */
  readonly behaviors: BehaviorLoader;
}

/** What is handed down to a host: its models; to the main thread's also its notes and its book of agents. */
export type Office = Partial<Pick<HostOptions, "onNote" | "register" | "awaitHost" | "isolate" | "calls" | "model">> & {
  /** Puts the state on the disk. */
  readonly flush?: () => Promise<void>;
};

/** Attaches a host to the arena. */
export function assembleHost(
  plan: HostPlan,
  memory: SharedMemory,
  realClock: Clock,
  parts: HostParts = {},
  office: Office = {},
): AssembledHost {
  const { index, layout, settings, cores } = plan;
  const clock = parts.clock?.(realClock, index) ?? realClock;
  // The store's values outlive every thread and its tables of shapes.
  const keep = office.flush ?? ((): Promise<void> => host.call(0, "flush", null, FLUSH_TIMEOUT_MS) as Promise<void>);
  const store: MemoryStore = new MemoryStore(memory, layout, index, plainCodec, keep);
  const pulse = new HostPulse(memory, layout, index);
  const behaviors = new BehaviorLoader(plan.behaviors, (change) => pulse.imports(change));
  const loop = new HostLoop(realClock, new Doorbell(memory, layout, index), () => awakeHosts(memory, layout) <= cores);
  const bus: MessageBus = new MessageBus({
    ...{ memory, layout, host: index, clock },
    deliver: (agent, payload, delivery) => deliverTopic(host, bus, agent, payload, delivery),
  });
  const host: AgentHost = new AgentHost({
    ...{ index, memory, layout, clock, behaviors, store, bus, settings },
    model: noModels,
    ...office,
    register: office.register ??
      ((ids, record): Promise<void> => host.call(0, "register", { ids, record }, SPAWN_TIMEOUT_MS) as Promise<void>),
    codec: new ShapeCodec(memory, layout, index),
    interceptor: parts.interceptor?.(index),
    wake: () => loop.wake(),
  });
  return { host, loop, store, bus, behaviors };
}

/** A simulated kernel asks nobody. */
function noModels(): never {
  throw new KernelError("NO_MODELS", "there are no models here: ctx.model is of kernels that a manager has started.");
}

/** Hands a published message to an agent as a message like any other; false when it has no room. One that has ended leaves its topics. */
function deliverTopic(host: AgentHost, bus: MessageBus, agent: AgentId, payload: unknown, delivery: TopicDelivery): boolean {
  const { topic, priority, from, ttlMs } = delivery;
  try {
    host.send(from, agent, payload, { topic, priority: priority as Priority, ttlMs, tryOnly: true });
    return true;
  } catch (error) {
    if (error instanceof InboxFullError) return false;
    if (!(error instanceof AgentNotFoundError)) throw error;
    bus.unsubscribeAgent(agent);
    return true;
  }
}

function awakeHosts({ words }: SharedMemory, layout: Layout): number {
  let awake = 0;
  for (let host = load(words, HEADER.hostsStarted >> 2) - 1; host >= 0; host--) {
    const runs = load(words, hostField(layout, host, HOST.state) >> 2) === HOST_STATE.running;
    if (runs && load(words, hostField(layout, host, HOST.sleeping) >> 2) === 0) awake++;
  }
  return awake;
}
