/**
 * What the bus is given and what it says of itself.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { BusCounts } from "./bus_counters.ts";
import type { Codec } from "./codec.ts";
import type { AgentId } from "./message.ts";
import type { MessageFilter } from "./message_filter.ts";
import type { PoolStats } from "./message_pool.ts";
import type { GroupPolicy } from "./subscriptions.ts";

/** What is known of a message that is handed to an agent. */
export interface Delivery {
  /** As published. */
  readonly topic: string;
  /** −1…3. */
  readonly priority: number;
  /** Publishing agent, or 0. */
  readonly from: AgentId;
  /** Milliseconds that it may still wait, if it expires. */
  readonly ttlMs?: number;
}

/** What a bus is made of. */
export interface MessageBusOptions {
  /** The arena. */
  readonly memory: SharedMemory;
  /** Its plan. */
  readonly layout: Layout;
  /** Index of this thread. */
  readonly host: number;
  /** Arena time and timers. */
  readonly clock: Clock;
  /** Payloads ↔ bytes. */
  readonly codec?: Codec;
  /** Of the choice in groups with policy `random`. */
  readonly seed?: number;
  /** Hands a message to an agent; false when it has no room. Left out: agents cannot subscribe on this thread, and messages to those of others are refused. */
  readonly deliver?: (agent: AgentId, payload: unknown, delivery: Delivery) => boolean;
}

/** How a message is published. */
export interface PublishOptions {
  /** Handed through. */
  readonly correlationId?: string | number;
  /** Handed through. */
  readonly causationId?: string | number;
  /** After so long it is a dead letter instead of being handed out. */
  readonly ttlMs?: number;
  /** Publishing agent. */
  readonly from?: AgentId;
  /** Whether copies for which a queue has no room are kept as dead letters, to be replayed. Default true; false for who publishes again until it succeeds. */
  readonly deadLetter?: boolean;
}

/** Conditions of a subscription. */
export interface SubscribeOptions {
  /** Only messages that meet it. It is asked on the publishing thread, before the message is copied. */
  readonly filter?: MessageFilter;
  /** Of all matching subscriptions with this name, whatever their patterns, one gets the message. */
  readonly group?: string;
  /** Default `round-robin`. The oldest member's counts. */
  readonly groupPolicy?: GroupPolicy;
}

/** Figures of one queue. */
export interface QueueStats {
  /** Its name. */
  readonly queueId: string;
  /** Messages of one priority that it holds at most. */
  readonly capacity: number;
  /** Messages that wait. */
  readonly depth: number;
  /** The same by priority, bulk first. */
  readonly depthByPriority: readonly number[];
  /** Messages ever put in, modulo 2³². */
  readonly published: number;
}

/** Figures of the bus, of all threads unless said otherwise. */
export interface BusStats extends BusCounts {
  /** Live queues. */
  readonly queues: number;
  /** Subscriptions. */
  readonly subscriptions: number;
  /** Dead letters kept now. */
  readonly deadLetters: number;
  /** The room for messages. */
  readonly pool: PoolStats;
}

/** What `repair` found of a dead host. */
export interface BusRepair {
  /** Messages whose publish had not come to its end: they do not exist. */
  readonly unpublished: number;
  /** Messages that it was consuming: dead letters now, reason `host-died`. */
  readonly deadLettered: number;
}
