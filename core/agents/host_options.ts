/**
 * What a host is made of.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Codec } from "../bus/codec.ts";
import type { Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { AgentId } from "../bus/message.ts";
import type { MessageBus } from "../bus/message_bus.ts";
import type { AgentModel, AgentStore } from "./agent.ts";
import type { AgentRecord } from "./agent_registry.ts";
import type { BehaviorLoader } from "./behavior_loader.ts";
import type { ModelAsker } from "./delivery.ts";
import type { Interceptor } from "./host_parts.ts";
import type { ApartBehavior, ApartOrder } from "./isolation.ts";

/** A way to call the main thread. */
export interface MainPort {
  /** Calls it: the kernel's own business. */
  call(method: string, argument: unknown, timeoutMs: number): Promise<unknown>;
}

/** Settings that all hosts of a kernel share; plain data. */
export interface HostSettings {
  /** Bound of living agents. */
  readonly agentsMax: number;
  /** Default bound of an agent's waiting messages. */
  readonly inboxMessagesMax: number;
  /** Whether bytes on loan are made unreadable when the loan ends. */
  readonly debug: boolean;
  /** Default wait for room. */
  readonly sendTimeoutMs: number;
  /** Dead letters that a host keeps; limits.ts bounds them too. */
  readonly deadLettersMax: number;
  /** Whether one delivery in so many is timed. */
  readonly timesDeliveries: boolean;
}

/** What a host is made of. */
export interface HostOptions {
  /** 0 is the main thread. */
  readonly index: number;
  /** The arena. */
  readonly memory: SharedMemory;
  /** Its plan. */
  readonly layout: Layout;
  /** Payloads ↔ bytes. */
  readonly codec: Codec;
  /** Arena time and timers. */
  readonly clock: Clock;
  /** Behaviors of this thread. */
  readonly behaviors: BehaviorLoader;
  /** Shared values. */
  readonly store: AgentStore;
  /** Topics and named queues. */
  readonly bus: MessageBus;
  /** See `HostSettings`. */
  readonly settings: HostSettings;
  /** Only in tests. */
  readonly interceptor?: Interceptor;
  /** Called when there is something to do outside a turn. */
  readonly wake: () => void;
  /** Notes with the main thread how agents are made, before they are. */
  readonly register: (ids: readonly AgentId[], record: AgentRecord) => void | Promise<void>;
  /** Resolves when a thread has been started in the place of a dead one; main thread only. */
  readonly awaitHost?: () => Promise<void>;
  /** Starts an agent in a thread or process of its own; main thread only. */
  readonly isolate?: (order: ApartOrder) => Promise<ApartBehavior>;
  /** Calls that this host answers besides: the main thread's book of agents. */
  readonly calls?: Readonly<Record<string, (argument: unknown) => unknown>>;
  /** Makes an agent's models, which are asked through the main thread. */
  readonly model: (port: MainPort, asker: ModelAsker) => AgentModel;
  /** Takes notes of all hosts; only the main thread's gets any. */
  readonly onNote?: (note: unknown) => void;
}
