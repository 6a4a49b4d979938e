/**
 * One agent on its host: its behavior, its state, the message it is at, and those that wait while its handler is busy. It is its own context object,
 * so that 10,000 agents are 10,000 objects and not three times as many.
 *
 * @module
 */
import { KernelError, ReplyClosedError } from "../base/errors.ts";
import { PARKED_PER_TURN_MAX } from "../base/limits.ts";
import type { AgentId, Message } from "../bus/message.ts";
import type {
  AgentBehavior,
  AgentContext,
  AgentMetrics,
  AgentStore,
  AskOptions,
  SendOptions,
  SpawnConfig,
  TaskDefinition,
} from "./agent.ts";
import type { DeadLetterReason } from "./dead_letters.ts";

/** One message on its way to a handler. */
export interface Delivery {
  /** What the handler gets. */
  readonly message: Message;
  /** Whether `onTask` is meant. */
  readonly isTask: boolean;
  /** Answer to send, 0 when nobody waits. */
  readonly correlation: number;
  /** Whether the payload was too large for a frame. */
  readonly isLarge: boolean;
}

/** What an agent needs of its host. */
export interface AgentHome {
  /** Index of the thread. */
  readonly index: number;
  /** Arena time. */
  readonly clock: { now(): number };
  /** Shared values. */
  readonly store: AgentStore;
  /** What this thread's agents count for themselves. */
  readonly registry: AgentMetrics;
  /** See `AgentContext.send`. */
  send(from: AgentId, to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined;
  /** See `AgentContext.ask`. */
  ask(from: AgentId, to: AgentId, payload: unknown, options?: AskOptions): Promise<unknown>;
  /** See `AgentContext.spawn`. */
  spawn(type: string, config?: SpawnConfig): Promise<AgentId>;
  /** Answers whoever waits under `correlation`. */
  answer(correlation: number, to: AgentId, failed: boolean, value: unknown): void;
  /** Tells the manager. */
  note(note: unknown): void;
  /** The handler was entered; false when a test stands in its place. */
  entered(delivery: Delivery): boolean;
  /** The handler threw. */
  failed(agent: AgentId, error: unknown): void;
  /** A message will not be handled. */
  bury(delivery: Delivery, reason: DeadLetterReason): void;
  /** The agent is free again and has messages waiting. */
  runnable(agent: HostedAgent): void;
  /** So many more (or fewer) messages wait for busy agents. */
  parked(change: number): void;
  /** Whether the inbox takes more. */
  setFull(id: AgentId, full: boolean): void;
}

/** What the host knows of an agent when it makes it. */
export interface AgentSetup {
  /** Its address. */
  readonly id: AgentId;
  /** Name of its behavior. */
  readonly type: string;
  /** Its behavior. */
  readonly behavior: AgentBehavior;
  /** Initial state. */
  readonly state: unknown;
  /** Words given at the spawn. */
  readonly capabilities: readonly string[];
  /** Level of `SpawnConfig.priority`. */
  readonly priority: number;
  /** Bound of waiting messages. */
  readonly inboxMessagesMax: number;
}

/** An agent and its context in one. */
export class HostedAgent implements AgentContext {
  readonly id: AgentId;
  readonly type: string;
  readonly capabilities: readonly string[];
  state: unknown;
  /** Order within a turn. */
  priority: number;
  readonly #home: AgentHome;
  readonly #behavior: AgentBehavior;
  readonly #inboxMessagesMax: number;
  readonly #parked: Delivery[] = [];
  #current: Delivery | null = null;
  #replied = false;
  #busy = false;
  #full = false;
  #stopping = false;
  #gone = false;
  #abort: AbortController | null = null;
  #whenIdle: (() => void) | null = null;

  /** Made by its host; `start` follows. */
  constructor(home: AgentHome, setup: AgentSetup) {
    this.#home = home;
    this.#behavior = setup.behavior;
    this.#inboxMessagesMax = setup.inboxMessagesMax;
    this.id = setup.id;
    this.type = setup.type;
    this.state = setup.state === undefined ? {} : setup.state;
    this.capabilities = setup.capabilities;
    this.priority = setup.priority;
  }

  get self(): AgentId {
    return this.id;
  }

  get host(): number {
    return this.#home.index;
  }

  get clock(): { now(): number } {
    return this.#home.clock;
  }

  get store(): AgentStore {
    return this.#home.store;
  }

  get metrics(): AgentMetrics {
    return this.#home.registry;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#stopping) this.#abort.abort(stopReason(this.id));
    return this.#abort.signal;
  }

  send(to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined {
    this.#checkHere();
    return this.#home.send(this.id, to, payload, options);
  }

  ask<Reply>(to: AgentId, payload: unknown, options?: AskOptions): Promise<Reply> {
    this.#checkHere();
    return this.#home.ask(this.id, to, payload, options) as Promise<Reply>;
  }

  spawn(type: string, config?: SpawnConfig): Promise<AgentId> {
    this.#checkHere();
    return this.#home.spawn(type, config);
  }

  log(text: string, data?: unknown): void {
    this.#checkHere();
    this.#home.note({ kind: "log", agentId: this.id, text, data });
  }

  reply(payload: unknown): void {
    const current = this.#current;
    if (current === null || this.#replied) throw new ReplyClosedError(this.id);
    if (current.correlation === 0) return;
    this.#home.answer(current.correlation, current.message.from, false, payload);
    this.#replied = true;
  }

  /** Runs onStart; undefined when it settled at once. Throws or rejects what onStart does. */
  start(): void | Promise<void> {
    return this.#behavior.onStart?.(this);
  }

  /** Takes a message: runs it, or lets it wait behind others. */
  accept(delivery: Delivery): void {
    // It was on its way when the agent was told to stop.
    if (this.#stopping) return this.#home.bury(delivery, "agent-terminated");
    if (!this.#busy && this.#parked.length === 0) return this.#run(delivery);
    this.#parked.push(delivery);
    this.#home.parked(1);
    if (!this.#full && this.#parked.length >= this.#inboxMessagesMax) {
      this.#full = true;
      this.#home.setFull(this.id, true);
    }
  }

  /** Handles messages that have waited; returns how many. */
  runParked(): number {
    let handled = 0;
    while (!this.#busy && !this.#stopping && this.#parked.length > 0 && handled < PARKED_PER_TURN_MAX) {
      const delivery = this.#parked.shift()!;
      this.#home.parked(-1);
      if (this.#full && this.#parked.length <= this.#inboxMessagesMax >> 1) {
        this.#full = false;
        this.#home.setFull(this.id, false);
      }
      handled++;
      this.#run(delivery);
    }
    if (!this.#busy && this.#parked.length > 0 && !this.#stopping) this.#home.runnable(this);
    return handled;
  }

  /** Takes no more messages, waits `patience` for the handler, buries what waits, runs onStop. */
  async stop(patience: Promise<void>): Promise<void> {
    this.#stopping = true;
    this.#abort?.abort(stopReason(this.id));
    this.#home.parked(-this.#parked.length);
    for (const delivery of this.#parked.splice(0)) this.#home.bury(delivery, "agent-terminated");
    if (this.#busy) await Promise.race([new Promise<void>((resolve) => this.#whenIdle = resolve), patience]);
    try {
      await Promise.race([this.#behavior.onStop?.(this), patience]);
    } finally {
      this.#leave();
    }
  }

  /** A handler that never settled may go on; what it does from here on is refused, and its asker need not wait any longer. */
  #leave(): void {
    this.#gone = true;
    const current = this.#current;
    this.#current = null;
    if (current === null || current.correlation === 0 || this.#replied) return;
    this.#home.answer(current.correlation, current.message.from, true, stopReason(this.id));
  }

  #checkHere(): void {
    if (this.#gone) throw stopReason(this.id);
  }

  #run(delivery: Delivery): void {
    const behavior = this.#behavior;
    if ((delivery.isTask ? behavior.onTask : behavior.onMessage) === undefined) return this.#home.bury(delivery, "no-handler");
    const expiresAt = delivery.message.expiresAt;
    if (expiresAt !== undefined && this.#home.clock.now() > expiresAt) return this.#home.bury(delivery, "expired");
    this.#current = delivery;
    this.#replied = false;
    if (!this.#home.entered(delivery)) return this.#settle(undefined);
    let result: unknown;
    try {
      result = delivery.isTask
        ? behavior.onTask!(delivery.message.payload as TaskDefinition, this)
        : behavior.onMessage!(delivery.message, this);
    } catch (error) {
      return this.#fail(error);
    }
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") return this.#settle(result);
    this.#busy = true;
    (result as PromiseLike<unknown>).then(
      (value) => this.#settleLater(() => this.#settle(value)),
      (error) => this.#settleLater(() => this.#fail(error)),
    );
  }

  #settle(value: unknown): void {
    const { correlation, message, isTask } = this.#current!;
    this.#current = null;
    if (correlation === 0 || this.#replied) return;
    if (isTask) return this.#answerTask(correlation, message.from, value);
    this.#home.answer(correlation, message.from, true, noReply(this.id, this.type));
  }

  #answerTask(correlation: number, to: AgentId, value: unknown): void {
    try {
      this.#home.answer(correlation, to, false, value);
    } catch (error) { // what onTask returned cannot be copied
      this.#home.answer(correlation, to, true, error);
    }
  }

  #fail(error: unknown): void {
    const { correlation, message } = this.#current!;
    this.#current = null;
    this.#home.failed(this.id, error);
    if (correlation !== 0 && !this.#replied) this.#home.answer(correlation, message.from, true, error);
  }

  #settleLater(settle: () => void): void {
    if (this.#gone) return;
    this.#busy = false;
    settle();
    this.#whenIdle?.();
    if (this.#parked.length > 0 && !this.#stopping) this.#home.runnable(this);
  }
}

function stopReason(id: AgentId): KernelError {
  return new KernelError("AGENT_STOPPED", `agent ${id} has been terminated.`, { agentId: id });
}

function noReply(id: AgentId, type: string): KernelError {
  return new KernelError(
    "NO_REPLY",
    `agent ${id} (${type}) handled the message without calling ctx.reply. Reply in onMessage, or use sendMessage.`,
    {
      agentId: id,
      type,
    },
  );
}
