/**
 * One agent on its host: its behavior, its state, the message it is at, and those that wait while its handler is busy. It is its own context object,
 * so that 10,000 agents are 10,000 objects and not three times as many; only one with `concurrency` gives each message a context of its own.
 *
 * @module
 */
import { ReplyClosedError } from "../base/errors.ts";
import { PARKED_PER_TURN_MAX } from "../base/limits.ts";
import type { KeptFrame } from "../bus/inbound.ts";
import type { AgentId, Priority } from "../bus/message.ts";
import type {
  AgentBehavior,
  AgentContext,
  AgentMetrics,
  AgentModel,
  AgentStore,
  AskOptions,
  Health,
  PublishOptions,
  SendOptions,
  SendResult,
  SpawnConfig,
  SubscribeOptions,
  TaskDefinition,
} from "./agent.ts";
import { type AgentHome, type AgentSetup, type Delivery, outgoing, taskIdOf } from "./delivery.ts";
import { answerAbandoned, answerFailure, answerSettled, isAccepted, isTriedAgain, refuseUnhandled } from "./answers.ts";
import { stopReason } from "./failures.ts";
import { HandlerContext } from "./handler_context.ts";
import { ParkedMessages } from "./parked_messages.ts";
import { restore, Snapshots } from "./snapshots.ts";
import { FailureRule } from "./supervision.ts";

const AsyncFunction = (async () => {}).constructor as new () => (...all: never[]) => Promise<unknown>;
/** Of all agents that have never waited for a handler: each message looks at it, and an empty one each would be two more places in memory to look at. */
const NONE_ACTIVE: Set<Delivery> = new Set();

/** An agent and its context in one. */
export class HostedAgent implements AgentContext {
  readonly id: AgentId;
  readonly type: string;
  readonly capabilities: readonly string[];
  state: unknown;
  /** Order within a turn. */
  priority: number;
  readonly #home: AgentHome;
  readonly #setup: AgentSetup;
  readonly #behavior: AgentBehavior;
  readonly #concurrency: number;
  readonly #hangTimeoutMs: number;
  /** Made for the first failure. */
  #rule: FailureRule | null = null;
  readonly #snapshots: Snapshots | null;
  /** Made for the first message that must wait. */
  #parked: ParkedMessages | null = null;
  /** Messages whose handlers have not settled, but for the one on the thread's stage. At most `concurrency`. */
  #active: Set<Delivery> = NONE_ACTIVE;
  /** The one message of an agent without concurrency, once its handler has returned a promise. */
  #awaited: Delivery | null = null;
  #restarting = false;
  /** Whether its state is wanted once more before it ends: its thread stops, and another may take it up from there. */
  keepsAtEnd = false;
  #stopping = false;
  #gone = false;
  #abort: AbortController | null = null;
  #whenIdle: (() => void) | null = null;

  /** Made by its host; `start` follows. */
  constructor(home: AgentHome, setup: AgentSetup) {
    this.#home = home;
    this.#setup = setup;
    this.#behavior = setup.behavior;
    this.#concurrency = setup.behavior.concurrency ?? 1;
    this.#hangTimeoutMs = (setup.supervision ?? setup.behavior.supervision)?.hangTimeoutMs ?? 0;
    this.#snapshots = setup.behavior.snapshot === undefined ? null : new Snapshots(home, setup.behavior);
    this.id = setup.id;
    this.type = setup.type;
    this.state = setup.state();
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

  /** What is asked on behalf of a message ends with it, and counts for its task. */
  get model(): AgentModel {
    return this.modelFor(this.#current);
  }

  modelFor(delivery: Delivery | null): AgentModel {
    return this.#home.model({ agentId: this.id, host: this.host, taskId: taskIdOf(delivery), signal: this.signalOf(delivery) });
  }

  get signal(): AbortSignal {
    return this.signalOf(this.#current);
  }

  /** Aborted when the agent stops or is restarted. */
  get lifeSignal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#stopping) this.#abort.abort(stopReason(this.id));
    return this.#abort.signal;
  }

  /** The same, and when whoever waits for this message gives it up. */
  signalOf(delivery: Delivery | null): AbortSignal {
    if (delivery === null || delivery.correlation === 0) return this.lifeSignal;
    delivery.abort ??= new AbortController();
    return AbortSignal.any([this.lifeSignal, delivery.abort.signal]);
  }

  send(to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined {
    this.#checkHere();
    return this.#home.send(this.id, to, outgoing(this.#current, payload), options);
  }

  multicast(to: readonly AgentId[], payload: unknown, options?: SendOptions): Promise<SendResult[]> {
    this.#checkHere();
    return this.#home.multicast(this.id, to, payload, options);
  }

  ask<Reply>(to: AgentId, payload: unknown, options?: AskOptions): Promise<Reply> {
    this.#checkHere();
    // The handler is on the stack or awaited: meanwhile nothing else is handled, unless there is concurrency.
    const blocks = this.#concurrency === 1 && this.#current !== null;
    return this.#home.ask(this.id, to, outgoing(this.#current, payload), options, blocks) as Promise<Reply>;
  }

  spawn(type: string, config?: SpawnConfig): Promise<AgentId> {
    this.#checkHere();
    return this.#home.spawn(type, config, this.id);
  }

  terminate(id: AgentId): Promise<void> {
    this.#checkHere();
    return this.#home.terminate(id);
  }

  publish(topic: string, payload: unknown, priority?: Priority, options?: PublishOptions): boolean {
    this.#checkHere();
    return this.#home.bus.publish(topic, payload, priority, { ...options, from: this.id });
  }

  subscribe(pattern: string, options?: SubscribeOptions): number {
    this.#checkHere();
    return this.#home.bus.subscribeAgent(pattern, this.id, options);
  }

  log(text: string, data?: unknown): void {
    this.#checkHere();
    this.#home.notices.send({ kind: "log", agentId: this.id, text, data });
  }

  reply(payload: unknown): void {
    this.replyTo(this.#current, payload);
  }

  /** Answers one message. */
  replyTo(delivery: Delivery | null, payload: unknown): void {
    if (delivery === null || delivery.replied || (delivery !== this.#current && !this.#active.has(delivery))) {
      throw new ReplyClosedError(this.id);
    }
    if (delivery.correlation === 0 || delivery.acked) return;
    this.#home.checkAlive();
    this.#home.answer(delivery, false, payload);
    delivery.replied = true;
  }

  /** Restores a snapshot if there is one, then runs onStart; undefined when both settled at once. Throws or rejects what they do. */
  start(snapshot?: Uint8Array): void | Promise<void> {
    const behavior = this.#behavior;
    const restored = snapshot === undefined ? undefined : restore(this, behavior, snapshot);
    return restored === undefined ? behavior.onStart?.(this) : restored.then(() => behavior.onStart?.(this));
  }

  /** Whether a message would be handled at once. */
  get free(): boolean {
    return this.#waiting === 0 && this.#mayRun();
  }

  /** Whether no more messages are taken. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Lets a message wait behind others. */
  park(frame: KeptFrame): void {
    this.#queue.push(frame);
    if (this.#waiting === 1 && this.#mayRun()) this.#home.runnable(this);
  }

  /** Handles messages that have waited; returns how many. */
  runParked(): number {
    let handled = 0;
    while (this.#mayRun() && this.#waiting > 0 && handled < PARKED_PER_TURN_MAX) {
      handled++;
      const delivery = this.#home.open(this.#queue.take());
      if (delivery !== null) this.run(delivery);
    }
    if (this.#waiting > 0 && this.#mayRun()) this.#home.runnable(this);
    return handled;
  }

  /** Whoever waits for this message has given it up: forgotten if it waits, told if it is being handled. */
  cancel(correlation: number, reason: unknown): void {
    for (const delivery of this.#active) if (delivery.correlation === correlation) delivery.abort?.abort(reason);
    this.#parked?.cancel(correlation);
  }

  /** Asks the behavior; see `AgentBehavior.healthCheck`. */
  async health(): Promise<Health> {
    const said = await this.#behavior.healthCheck?.(this);
    return typeof said === "object" ? said : { healthy: said ?? true };
  }

  /** A failure from outside a handler: a child's. */
  suffer(error: unknown): void {
    this.#home.notices.failed(this.id, error);
    this.#act(error);
  }

  /** Ends an agent that is at nothing and need not be told; false when it is or must be. */
  stopNow(): boolean {
    if (this.#behavior.onStop !== undefined || this.#active.size > 0 || this.#waiting > 0 || this.#restarting) return false;
    this.#stopping = this.#gone = true;
    if (this.keepsAtEnd) this.#snapshots?.atEnd(this);
    this.#abort?.abort(stopReason(this.id));
    return true;
  }

  /** Takes no more messages, waits `patience` for the handler, buries what waits, runs onStop. Asks for patience only if something takes time. */
  async stop(patience: () => Promise<void>): Promise<void> {
    this.#stopping = true;
    this.#abort?.abort(stopReason(this.id));
    this.#parked?.buryAll();
    if (this.#active.size > 0) await Promise.race([new Promise<void>((resolve) => this.#whenIdle = resolve), patience()]);
    if (this.keepsAtEnd) await Promise.race([this.#snapshots?.atEnd(this), patience()]);
    try {
      const ended = this.#behavior.onStop?.(this);
      if (ended !== undefined) await Promise.race([ended, patience()]);
    } finally {
      this.#leave();
    }
  }

  /** Handles a message now. */
  run(delivery: Delivery): void {
    const behavior = this.#behavior;
    if ((delivery.isTask ? behavior.onTask : behavior.onMessage) === undefined) return refuseUnhandled(this.#home, delivery);
    const { expiresAt } = delivery.message;
    if (expiresAt !== undefined && this.#home.clock.now() > expiresAt) return this.#home.bury(delivery, "expired");
    if (behavior.accepts !== undefined && !delivery.isTask && !isAccepted(this.#home, this, behavior.accepts, delivery)) return;
    // What an async function was lent must stay where it is when it waits.
    if (delivery.lent !== null && behavior.onMessage instanceof AsyncFunction) delivery.kept ??= this.#home.keep();
    this.#home.begin(delivery, this.#hangTimeoutMs);
    const context: AgentContext = this.#concurrency === 1 ? this : new HandlerContext(this, delivery);
    const { stage } = this.#home;
    if (context === this) {
      stage.agent = this;
      stage.delivery = delivery;
    } else this.#enter(delivery);
    let result: unknown;
    try {
      result = delivery.isTask
        ? behavior.onTask!(delivery.message.payload as TaskDefinition, context)
        : behavior.onMessage!(delivery.message, context);
    } catch (error) {
      this.#done(delivery);
      return this.#fail(delivery, error);
    }
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") {
      this.#done(delivery);
      return this.#settle(delivery, result);
    }
    delivery.kept ??= this.#home.keep();
    if (context === this) {
      stage.agent = stage.delivery = null;
      this.#awaited = delivery;
      this.#enter(delivery);
    }
    (result as PromiseLike<unknown>).then(
      (value) => this.#later(delivery, () => this.#settle(delivery, value)),
      (error) => this.#later(delivery, () => this.#fail(delivery, error)),
    );
  }

  /** The message that an agent without concurrency is at. */
  get #current(): Delivery | null {
    const { stage } = this.#home;
    return stage.agent === this ? stage.delivery : this.#awaited;
  }

  get #queue(): ParkedMessages {
    return this.#parked ??= new ParkedMessages(this.#home, this.id, this.#setup.inboxMessagesMax);
  }

  get #waiting(): number {
    return this.#parked === null ? 0 : this.#parked.length;
  }

  #mayRun(): boolean {
    return this.#active.size < this.#concurrency && !this.#restarting && !this.#stopping;
  }

  #enter(delivery: Delivery): void {
    if (this.#active === NONE_ACTIVE) this.#active = new Set();
    this.#active.add(delivery);
  }

  /** The handler is not at work any more: what it does from here on finds no message. */
  #done(delivery: Delivery): void {
    const { stage } = this.#home;
    if (stage.delivery === delivery) stage.agent = stage.delivery = null;
    else if (this.#awaited === delivery) this.#awaited = null;
    if (this.#active.size > 0) this.#active.delete(delivery);
    delivery.lent?.end(this.#home.poisons);
  }

  #settle(delivery: Delivery, value: unknown): void {
    answerSettled(this.#home, this, delivery, value);
    if (this.#snapshots !== null) this.#snapshots.afterMessage(this);
  }

  #fail(delivery: Delivery, error: unknown): void {
    this.#home.notices.failed(this.id, error);
    if (!this.#stopping && isTriedAgain(delivery, error)) this.#queue.putFirst(delivery.kept!);
    else answerFailure(this.#home, delivery, error);
    this.#act(error);
  }

  #later(delivery: Delivery, settle: () => void): void {
    if (this.#gone || !this.#home.alive || !this.#active.has(delivery)) return;
    this.#done(delivery);
    settle();
    if (this.#active.size === 0) this.#whenIdle?.();
    if (this.#waiting > 0 && this.#mayRun()) this.#home.runnable(this);
  }

  #act(error: unknown): void {
    if (this.#stopping || this.#restarting) return;
    this.#rule ??= new FailureRule(this.#setup.supervision ?? this.#behavior.supervision);
    const measure = this.#rule.decide(() => this.#home.clock.now(), error);
    if (measure === "restart") {
      this.#restarting = true;
      this.#restart(error).catch((reason) => this.#home.giveUp(this.id, reason, true));
    } else if (measure !== "resume") this.#home.giveUp(this.id, error, measure === "escalate");
  }

  /** Made anew in place: its address, and what waits for it, stay. */
  async #restart(error: unknown): Promise<void> {
    if (this.#active.size > 0) await new Promise<void>((resolve) => this.#whenIdle = resolve);
    this.#whenIdle = null;
    this.#abort?.abort(error);
    this.#abort = null;
    try {
      await this.#behavior.onStop?.(this);
    } catch (reason) {
      this.#home.notices.failed(this.id, reason);
    }
    this.state = this.#setup.state();
    const snapshot = this.#snapshots?.last;
    await this.start(snapshot);
    if (this.#stopping) return;
    this.#restarting = false;
    this.#home.notices.restarted(this.id, error, snapshot !== undefined);
    if (this.#waiting > 0) this.#home.runnable(this);
  }

  /** A handler that never settled may go on; what it does from here on is refused, and its asker need not wait any longer. */
  #leave(): void {
    this.#gone = true;
    for (const delivery of this.#active) answerAbandoned(this.#home, delivery, stopReason(this.id));
    this.#active.clear();
    this.#awaited = null;
  }

  /** Whether the whole thread still counts is asked where something leaves it. */
  #checkHere(): void {
    if (this.#gone) throw stopReason(this.id);
  }
}
