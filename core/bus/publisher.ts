/**
 * The publishing side of one thread: who gets a message, and its copies on their way.
 *
 * @module
 */
import { checkedDelay } from "../base/deadlines.ts";
import { KernelError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { add } from "../memory/atomics.ts";
import { BUS, type BusParts } from "../memory/bus_layout.ts";
import type { BusCounters } from "./bus_counters.ts";
import type { BusDeadLetters } from "./bus_dead_letters.ts";
import type { BusEnvelope, BusMessages } from "./bus_message.ts";
import type { MessageBusOptions, PublishOptions } from "./bus_options.ts";
import { GroupChoice } from "./group_choice.ts";
import { type AgentId, type Priority, priorityLevel } from "./message.ts";
import type { Filterable } from "./message_filter.ts";
import type { MessagePool, PooledMessage } from "./message_pool.ts";
import type { NamedQueue, QueueRegistry } from "./queue_registry.ts";
import type { Subscription, Subscriptions } from "./subscriptions.ts";

/** What a publisher works with. */
export interface PublisherParts {
  /** Where the bus lies. */
  readonly parts: BusParts;
  /** Room for copies. */
  readonly pool: MessagePool;
  /** Message ↔ bytes. */
  readonly messages: BusMessages;
  /** Targets. */
  readonly queues: QueueRegistry;
  /** Who wants what. */
  readonly subscriptions: Subscriptions;
  /** For copies that find no room. */
  readonly letters: BusDeadLetters;
  /** Counts. */
  readonly counters: BusCounters;
}

/** Message ids are handed to threads in blocks, so that a new id is usually one addition. */
const IDS_PER_BLOCK = 65_536;
/** Dead letters that give way to one message before it is refused. */
const MAKE_ROOM_TRIES = 8;

/** A message on its way. */
interface Draft {
  readonly bytes: number;
  readonly message: Filterable;
  readonly ttlMs: number | undefined;
  /** Whether refused copies are kept. */
  readonly keep: boolean;
  /** Queues that were tried, and with what success: each gets a message once. */
  served: Map<number, boolean> | null;
  /** What handing it to agents threw. */
  errors: unknown[] | null;
}

/** Publishes for one thread. */
export class Publisher {
  readonly #groups: GroupChoice;
  readonly #envelope: BusEnvelope = { id: 0, priority: 0, timestamp: 0, from: 0, expiresAt: 0 };
  #sending = false;
  #nextId = 0;
  #idsEnd = 0;

  /** Part of a bus. */
  constructor(private readonly options: MessageBusOptions, private readonly parts: PublisherParts) {
    const { host, seed = 1 } = options;
    this.#groups = new GroupChoice(new Random(seed + host), host, (member) => this.#queueOf(member)?.queue.depth() ?? 0);
  }

  /** See `MessageBus.publish`. */
  publish(topic: string, payload: unknown, priority: Priority, options: PublishOptions): boolean {
    // A getter of the payload may publish: it would write over the message that is just being sent.
    if (this.#sending) throw new KernelError("SEND_IN_GETTER", "a getter of a payload published a message. Publish plain data.");
    const { from = 0, correlationId, causationId, ttlMs } = options;
    const level = priorityLevel(priority);
    if (ttlMs !== undefined) checkedDelay("ttlMs", ttlMs);
    const { subscriptions, counters, messages } = this.parts;
    const matching = subscriptions.match(topic);
    counters.add("published");
    const message: Filterable = { topic, payload, priority: level, from, correlationId, causationId };
    const wanting = matching.some((one) => one.test !== null) ? matching.filter((one) => one.test === null || one.test(message)) : matching;
    if (wanting.length === 0) {
      counters.add("unrouted");
      return true;
    }
    this.#sending = true;
    try {
      const bytes = wanting.some((one) => one.agent === 0) ? messages.encode(topic, payload, correlationId, causationId) : 0;
      this.#address(level, from, ttlMs);
      const draft: Draft = { bytes, message, ttlMs, keep: options.deadLetter ?? true, served: null, errors: null };
      // The usual case has nothing to remember: one subscriber.
      return wanting.length === 1 && !subscriptions.grouped ? this.#sendOnce(wanting[0], draft) : this.#sendToAll(wanting, draft);
    } finally {
      this.#sending = false;
    }
  }

  #address(level: number, from: AgentId, ttlMs: number | undefined): void {
    const now = this.options.clock.now();
    const envelope = this.#envelope;
    envelope.id = this.#takeId();
    envelope.priority = level;
    envelope.timestamp = now;
    envelope.from = from;
    envelope.expiresAt = ttlMs === undefined ? 0 : now + ttlMs;
  }

  #sendOnce(one: Subscription, draft: Draft): boolean {
    const sent = this.#sendTo(one, draft, draft.keep);
    if (draft.errors !== null) throw draft.errors[0];
    return sent;
  }

  /** One that fails stops no other. */
  #sendToAll(wanting: readonly Subscription[], draft: Draft): boolean {
    draft.served = new Map();
    const groups = this.parts.subscriptions.grouped ? new Map<string, Subscription[]>() : null;
    let all = true;
    for (const one of wanting) {
      if (groups !== null && one.group !== null) {
        const members = groups.get(one.group);
        if (members === undefined) groups.set(one.group, [one]);
        else members.push(one);
      } else if (!this.#sendTo(one, draft, draft.keep)) all = false;
    }
    for (const [group, members] of groups ?? []) if (!this.#sendToGroup(group, members, draft)) all = false;
    if (draft.errors !== null) throw draft.errors[0];
    return all;
  }

  /** Tries the members in turn; only the last one's refusal makes a dead letter. */
  #sendToGroup(group: string, members: readonly Subscription[], draft: Draft): boolean {
    const order = this.#groups.order(group, members);
    return order.some((member, at) => this.#sendTo(member, draft, draft.keep && at === order.length - 1));
  }

  /** Sends to one subscriber; false when it is full. */
  #sendTo(one: Subscription, draft: Draft, keep: boolean): boolean {
    if (one.agent !== 0) return this.#sendToAgent(one.agent, draft);
    const queue = this.#queueOf(one);
    // Deleted a moment ago, with its subscriptions: it wants nothing any more.
    if (queue === undefined) return true;
    const before = draft.served?.get(queue.index);
    if (before !== undefined) return before;
    const sent = this.#sendToQueue(queue, draft.bytes, keep);
    draft.served?.set(queue.index, sent);
    this.parts.counters.add(sent ? "queued" : "refused");
    return sent;
  }

  #sendToQueue(queue: NamedQueue, bytes: number, keep: boolean): boolean {
    const { pool, messages, letters } = this.parts;
    const room = this.#acquire(bytes);
    if (room === null) return false;
    messages.write(room.cell, this.#envelope, queue.index, queue.generation, this.options.host);
    if (queue.queue.tryPush(room.cell, this.#envelope.priority + 1)) {
      queue.bell.ring();
      return true;
    }
    if (keep) letters.keep(room.cell, "queue-full");
    else pool.release(room);
    return false;
  }

  #sendToAgent(agent: AgentId, draft: Draft): boolean {
    const { topic, payload, priority, from } = draft.message;
    let sent = false;
    try {
      sent = this.options.deliver?.(agent, payload, { topic, priority, from, ttlMs: draft.ttlMs }) ?? false;
    } catch (error) {
      (draft.errors ??= []).push(error);
    }
    this.parts.counters.add(sent ? "delivered" : "refused");
    return sent;
  }

  /** Room for a message; dead letters give way to it. */
  #acquire(bytes: number): PooledMessage | null {
    const { pool, letters } = this.parts;
    let room = pool.acquire(bytes);
    for (let tries = 0; room === null && tries < MAKE_ROOM_TRIES && letters.dropOldest(); tries++) room = pool.acquire(bytes);
    return room;
  }

  #queueOf(one: Subscription): NamedQueue | undefined {
    return this.parts.queues.live(one.queue, one.generation);
  }

  #takeId(): number {
    if (this.#nextId === this.#idsEnd) {
      const block = add(this.options.memory.words, (this.parts.parts.control + BUS.idBlocks) >> 2, 1) >>> 0;
      this.#nextId = block * IDS_PER_BLOCK + 1;
      this.#idsEnd = this.#nextId + IDS_PER_BLOCK;
    }
    return this.#nextId++;
  }
}
