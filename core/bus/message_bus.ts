/**
 * Topics and named queues for every thread of a kernel: publish by topic, subscribe queues and agents to patterns, consume by priority.
 *
 * A message goes to each queue that has a matching subscription, once, however many of its subscriptions match; of the members of a group it goes
 * to one. Each queue has its own copy: ownership is then one word, a copy is freed exactly once, and what a dead thread held can be told.
 *
 * @module
 */
import { type Clock, epochOffsetMs, SystemClock } from "../base/clock.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { load } from "../memory/atomics.ts";
import { type BusParts, busParts, CELL, cellField, hostStateOf } from "../memory/bus_layout.ts";
import { HEADER, planLayout } from "../memory/layout.ts";
import { MessageCells, placeOf } from "../memory/message_cells.ts";
import { allocateMemory } from "../memory/shared_memory.ts";
import { notKept } from "../memory/store_errors.ts";
import { closed } from "../memory/store_lock.ts";
import { BusCounters } from "./bus_counters.ts";
import { type BusDeadLetter, BusDeadLetters } from "./bus_dead_letters.ts";
import { type BusMessage, BusMessages } from "./bus_message.ts";
import type { BusRepair, BusStats, MessageBusOptions, PublishOptions, QueueStats, SubscribeOptions } from "./bus_options.ts";
import { BusTables } from "./bus_tables.ts";
import { CellBytes } from "./cell_bytes.ts";
import { plainCodec } from "./codec.ts";
import { type AgentId, PRIORITIES, type Priority } from "./message.ts";
import { MessagePool } from "./message_pool.ts";
import { Publisher } from "./publisher.ts";
import { type NamedQueue, QueueRegistry } from "./queue_registry.ts";
import { QueueWaiters, type WaitOptions } from "./queue_waiters.ts";
import { type SubscriptionRecord, Subscriptions } from "./subscriptions.ts";

const STATE_STOPPED = 3;
const CONSUMED_AT_ONCE = 32;
const STANDALONE_BYTES = 32 * 2 ** 20;

/**
 * One thread's handle on the bus.
 *
 * @example
 * ```ts
 * import { UltraFastCommunicationBus } from "@stage3/kernel";
 * const bus = UltraFastCommunicationBus.standalone(); // in a kernel: manager.communicationBus
 * bus.createQueue("billing", { capacity: 1_000 });
 * bus.subscribe("orders.*.paid", "billing", { filter: { field: "payload.amount", op: "gt", value: 0 } });
 * bus.publish("orders.eu.paid", { amount: 12 }, "high");
 * bus.consume("billing"); // [{ topic: "orders.eu.paid", payload: { amount: 12 }, priority: 2, … }]
 * ```
 */
export class MessageBus {
  /** Room for messages. */
  readonly pool: MessagePool;
  readonly #options: MessageBusOptions;
  readonly #parts: BusParts;
  readonly #cells: MessageCells;
  readonly #tables: BusTables;
  readonly #queues: QueueRegistry;
  readonly #subscriptions: Subscriptions;
  readonly #messages: BusMessages;
  readonly #letters: BusDeadLetters;
  readonly #waiters: QueueWaiters;
  readonly #publisher: Publisher;
  readonly #counters: BusCounters;
  readonly #fence: number;

  /** Attaches to the bus of an arena. */
  constructor(options: MessageBusOptions) {
    const { memory, layout, host, clock, codec = plainCodec } = options;
    const parts = busParts(layout);
    this.#options = options;
    this.#parts = parts;
    this.#cells = new MessageCells(memory, parts, host);
    const content = new CellBytes(memory, this.#cells);
    this.pool = new MessagePool(memory, this.#cells, content);
    this.#tables = new BusTables(memory, layout, parts, host);
    this.#queues = new QueueRegistry(memory, this.#tables, this.#cells);
    this.#subscriptions = new Subscriptions(memory, this.#tables, this.#cells, this.pool, content, codec);
    this.#messages = new BusMessages(memory, parts, content, codec);
    this.#counters = new BusCounters(memory, parts, host, layout.hosts);
    this.#letters = new BusDeadLetters(memory, this.#cells, this.#queues, this.#messages, this.#counters, clock);
    this.#waiters = new QueueWaiters(clock, (queue) => this.#queues.live(queue.index, queue.generation) === queue);
    const { pool } = this;
    this.#publisher = new Publisher(options, {
      ...{ parts, pool, messages: this.#messages, queues: this.#queues },
      ...{ subscriptions: this.#subscriptions, letters: this.#letters, counters: this.#counters },
    });
    this.#fence = hostStateOf(layout, host) >> 2;
  }

  /** A bus of its own, for one thread without a kernel. */
  static standalone(options: { messagePoolSize?: number; clock?: Clock; seed?: number } = {}): MessageBus {
    const { messagePoolSize, clock = new SystemClock(epochOffsetMs()), seed } = options;
    const planned = planLayout({ hosts: 1, agentSlots: 1, sharedBufferBytes: STANDALONE_BYTES, storeBytes: 0 });
    const layout = { ...planned, messagesMax: messagePoolSize ?? planned.messagesMax };
    return new MessageBus({ memory: allocateMemory(layout.totalBytes), layout, host: 0, clock, seed });
  }

  /**
   * Makes a queue, or finds the one of that name. `capacity`: messages of ONE priority that it holds, 1,024 by default, so that a flood of one never refuses
   * another. `durable`: its messages are kept on disk with the rest of the state (option `persistence`, else `PERSISTENCE_OFF`) and are in it again after the
   * next start, until they have been consumed and a flush has followed. Its subscriptions are not kept: make them at each start.
   */
  createQueue(queueId: string, { capacity, durable }: { capacity?: number; durable?: boolean } = {}): void {
    this.#guard();
    if (durable && load(this.#options.memory.words, HEADER.keepsState >> 2) === 0) throw notKept("no queue is durable without a file");
    this.#queues.create(queueId, capacity, durable);
  }

  /** Deletes a queue with its subscriptions; what waits in it becomes dead letters. Returns how many. Throws `QUEUE_NOT_FOUND`. */
  deleteQueue(queueId: string): number {
    this.#guard();
    const queue = this.#queues.close(queueId);
    this.#subscriptions.removeWhere((one) => one.queue === queue.index && one.generation === queue.generation);
    let moved = 0;
    for (let cell = queue.queue.tryPop(); cell >= 0; cell = queue.queue.tryPop(), moved++) this.#letters.keep(cell, "queue-deleted");
    queue.bell.ringAlways();
    return moved;
  }

  /** Names of the live queues. */
  queueIds(): string[] {
    return this.#queues.all().map(({ name }) => name);
  }

  /** Sends what is published to matching topics to a queue. Returns the subscription's number. Throws `QUEUE_NOT_FOUND` or `InvalidArgumentError`. */
  subscribe(pattern: string, queueId: string, options: SubscribeOptions = {}): number {
    this.#guard();
    const { index, generation } = this.#queues.find(queueId);
    return this.#subscriptions.add(record(pattern, { queue: index, generation, agent: 0 }, options));
  }

  /** The same for an agent: it receives matching messages in its inbox. */
  subscribeAgent(pattern: string, agentId: AgentId, options: SubscribeOptions = {}): number {
    this.#guard();
    if (this.#options.deliver === undefined) {
      throw new InvalidArgumentError("agentId", agentId, "this bus has no agents; subscribe a queue.");
    }
    if (!Number.isSafeInteger(agentId) || agentId <= 0) throw new InvalidArgumentError("agentId", agentId, "give the id of an agent.");
    return this.#subscriptions.add(record(pattern, { queue: -1, generation: 0, agent: agentId }, options));
  }

  /** Ends a subscription; false when it has ended before. What is in a queue already stays there. */
  unsubscribe(subscriptionId: number): boolean {
    this.#guard();
    return this.#subscriptions.remove(subscriptionId);
  }

  /** Ends all subscriptions of an agent; returns how many there were. */
  unsubscribeAgent(agentId: AgentId): number {
    this.#guard();
    return this.#subscriptions.removeWhere((one) => one.agent === agentId);
  }

  /**
   * Publishes to everybody who has subscribed. An ArrayBuffer or Uint8Array arrives byte-identical, other values as structured clone copies them.
   *
   * Returns true when every one of them has it, also when there are none (`stats().unrouted` counts those). False: at least one queue or agent was full. A
   * full queue's copy is then a dead letter (reason `queue-full`), to be replayed, so do not publish again unless you said `deadLetter: false`.
   * Throws `PayloadNotCloneableError` or `MessageTooLargeError` (1 MiB) before anybody has it.
   */
  publish(topic: string, payload: unknown, priority: Priority = PRIORITIES.low as 0, options: PublishOptions = {}): boolean {
    this.#guard();
    return this.#publisher.publish(topic, payload, priority, options);
  }

  /** Takes at most `maxBatch` messages, highest priority first, first in first out within one. Throws `QUEUE_NOT_FOUND`. */
  consume(queueId: string, maxBatch: number = CONSUMED_AT_ONCE): BusMessage[] {
    this.#guard();
    if (!Number.isInteger(maxBatch) || maxBatch < 1) throw new InvalidArgumentError("maxBatch", maxBatch, "give an integer from 1 on.");
    const queue = this.#queues.find(queueId);
    const messages: BusMessage[] = [];
    const read: number[] = [];
    const now = this.#options.clock.now();
    while (messages.length < maxBatch) {
      const cell = queue.queue.tryPop();
      if (cell < 0) break;
      const message = this.#open(cell, queue, now);
      if (message === null) continue;
      messages.push(message);
      read.push(cell);
    }
    // Not before all are read: what a thread has taken when it dies in here is still whole, and is kept as dead letters.
    for (const cell of read) this.#cells.free(cell);
    this.#counters.add("consumed", messages.length);
    return messages;
  }

  /** Resolves to true as soon as a message waits (another consumer may be quicker), to false after `timeoutMs`. Waits without polling. */
  async waitFor(queueId: string, options: WaitOptions = {}): Promise<boolean> {
    this.#guard();
    return await this.#waiters.wait(this.#queues.find(queueId), options);
  }

  /** Messages that no consumer got, of all threads, oldest first. */
  deadLetters(): BusDeadLetter[] {
    return this.#letters.list();
  }

  /** Puts dead letters back into their queues with `retryCount + 1` and without their deadline; those without a live queue, or room in it, stay. Returns how many went. */
  replay(which: (letter: BusDeadLetter) => boolean = () => true): number {
    this.#guard();
    const replayed = this.#letters.replay(which);
    for (const queue of replayed) queue.bell.ring();
    this.#counters.add("queued", replayed.length);
    return replayed.length;
  }

  /** Figures of one queue. Throws `QUEUE_NOT_FOUND`. */
  stats(queueId: string): QueueStats;
  /** Figures of the bus. */
  stats(): BusStats;
  /** See above. */
  stats(queueId?: string): QueueStats | BusStats {
    if (queueId !== undefined) {
      const { queue, capacity } = this.#queues.find(queueId);
      const levels = queue.place.cursors.map((_unused, level) => level);
      const depthByPriority = levels.map((level) => queue.depthOf(level));
      const depth = depthByPriority.reduce((sum, one) => sum + one, 0);
      return {
        queueId,
        capacity,
        depth,
        depthByPriority,
        published: levels.reduce((sum, level) => (sum + queue.publishedOf(level)) >>> 0, 0),
      };
    }
    return {
      ...this.#counters.sums(),
      queues: this.#queues.all().length,
      subscriptions: this.#subscriptions.size,
      deadLetters: this.#letters.size,
      pool: this.pool.stats(),
    };
  }

  /**
   * Frees what a dead host held, and wakes all waiters. To be called by whoever found it dead, after its state word says so; harmless when repeated.
   */
  repair(deadHost: number): BusRepair {
    const found = this.#tables.change(() => {
      const inTable = this.#subscriptions.cellsInTable();
      return this.#cells.repair(deadHost, (cell) => inTable.has(cell), (cell, ready) => {
        const { queue, level, position } = placeOf(ready);
        return this.#queues.at(queue).queue.names(level, position, cell);
      });
    });
    for (const cell of found.taken) this.#letters.keep(cell, "host-died");
    // It may have died between a message's publication and the ring.
    for (const queue of this.#queues.all()) queue.bell.ringAlways();
    return { unpublished: found.freed, deadLettered: found.taken.length };
  }

  /** Ends the waits of this thread. The queues stay. */
  close(): void {
    this.#waiters.close();
  }

  /** What is in a cell just taken; null when it is not to be handed out, and is a dead letter now. */
  #open(cell: number, queue: NamedQueue, now: number): BusMessage | null {
    const { view } = this.#options.memory;
    const at = cellField(this.#parts, cell, 0);
    const expiresAt = view.getFloat64(at + CELL.expiresAt, true);
    // Put in by a slow publisher after the queue of that name had been deleted and its rings given to this one.
    if (view.getInt32(at + CELL.generation, true) !== queue.generation) return this.#letters.keep(cell, "queue-deleted");
    if (expiresAt !== 0 && expiresAt <= now) {
      this.#counters.add("expired");
      return this.#letters.keep(cell, "expired");
    }
    try {
      return this.#messages.read(cell);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "CORRUPT_MESSAGE") throw error;
      return this.#letters.keep(cell, "corrupt");
    }
  }

  /** A thread that was given up for dead may still run; its state word is its fence. */
  #guard(): void {
    if (load(this.#options.memory.words, this.#fence) >= STATE_STOPPED) throw closed("bus", this.#options.host);
  }
}

function record(
  pattern: string,
  target: Pick<SubscriptionRecord, "queue" | "generation" | "agent">,
  { filter, group, groupPolicy }: SubscribeOptions,
): SubscriptionRecord {
  return { pattern, ...target, filter: filter ?? null, group: group ?? null, policy: groupPolicy ?? null };
}
