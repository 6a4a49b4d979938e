/**
 * Puts one thread's host together from plain data: the same on the main thread and on workers.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { SPAWN_TIMEOUT_MS } from "../base/limits.ts";
import { plainCodec } from "../bus/codec.ts";
import { ShapeCodec } from "../bus/shape_codec.ts";
import { Doorbell } from "../memory/doorbell.ts";
import type { Layout } from "../memory/layout.ts";
import { MemoryStore } from "../memory/memory_store.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { AgentHost } from "./agent_host.ts";
import type { HostOptions, HostSettings } from "./host_options.ts";
import { BehaviorLoader, type BehaviorSource } from "./behavior_loader.ts";
import { HostLoop } from "./host_loop.ts";
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
  /** Whether the loop may poll. */
  readonly polls: boolean;
}

/** A host with its loop and its view of the store. */
export interface AssembledHost {
  /** The host. */
  readonly host: AgentHost;
  /** Its loop, not started. */
  readonly loop: HostLoop;
  /** Its view of the store. */
  readonly store: MemoryStore;
  /** Its behaviors. */
  readonly behaviors: BehaviorLoader;
}

/** What only the main thread's host has: its notes, its book of agents. */
export type Office = Partial<Pick<HostOptions, "onNote" | "register" | "awaitHost" | "calls">>;

/** Attaches a host to the arena. */
export function assembleHost(
  plan: HostPlan,
  memory: SharedMemory,
  realClock: Clock,
  parts: HostParts = {},
  office: Office = {},
): AssembledHost {
  const { index, layout, settings, polls } = plan;
  const clock = parts.clock?.(realClock, index) ?? realClock;
  // The store's values outlive every thread and its tables of shapes.
  const store = new MemoryStore(memory, layout, index, plainCodec);
  const behaviors = new BehaviorLoader(plan.behaviors);
  const loop = new HostLoop(realClock, new Doorbell(memory, layout, index), polls);
  const host: AgentHost = new AgentHost({
    ...{ index, memory, layout, clock, behaviors, store, settings },
    ...office,
    register: office.register ??
      ((ids, record): Promise<void> => host.call(0, "register", { ids, record }, SPAWN_TIMEOUT_MS) as Promise<void>),
    codec: new ShapeCodec(memory, layout, index),
    interceptor: parts.interceptor?.(index),
    wake: () => loop.wake(),
  });
  return { host, loop, store, behaviors };
}
