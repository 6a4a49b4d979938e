/**
 * One thread's part of the kernel: it drains what others sent, hands it to its agents, and sends what they send. It reads no event loop and no timer
 * but through what it is given, so it runs on the main thread, on workers, and in tests turn by turn.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { checkedDelay, Deadlines } from "../base/deadlines.ts";
import { HostDiedError, KernelError, NotInitializedError } from "../base/errors.ts";
import { FRAMES_PER_TURN_MAX } from "../base/limits.ts";
import { emptyEnvelope, type Envelope, KIND } from "../bus/envelope.ts";
import { Inbound, type KeptFrame } from "../bus/inbound.ts";
import type { AgentId } from "../bus/message.ts";
import type { MessageBus } from "../bus/message_bus.ts";
import { BlackBox } from "../memory/black_box.ts";
import { HOST, hostField } from "../memory/layout.ts";
import { COUNT, HostMetrics } from "../metrics/counters.ts";
import { MetricsRegistry } from "../metrics/registry.ts";
import type { AgentModel, AgentStore, AskOptions, SendOptions, SendResult, SpawnConfig } from "./agent.ts";
import { AgentDirectory, slotOf } from "./agent_directory.ts";
import { Asks } from "./asks.ts";
import { Bereavement, type DeathNotice } from "./bereavement.ts";
import { Calls } from "./calls.ts";
import type { DeadLetterPage, DeadLetterReason, DeadLetters } from "./dead_letters.ts";
import { type AgentHome, type Delivery, deliveryOf, type ModelAsker, type Stage } from "./delivery.ts";
import type { HostedAgent } from "./hosted_agent.ts";
import type { HostOptions } from "./host_options.ts";
import type { Interceptor } from "./host_parts.ts";
import { HostPulse } from "./host_pulse.ts";
import { HOST_STATE } from "./lifecycle.ts";
import { multicast } from "./multicast.ts";
import { Notices } from "./notices.ts";
import { PostRoom, type TopicOptions } from "./post_room.ts";
import { Replies } from "./replies.ts";
import { type Luggage, Residents } from "./residents.ts";
import { SpawnDesk } from "./spawn_desk.ts";
import { Undeliverable } from "./undeliverable.ts";
import { WaitGraph } from "./wait_graph.ts";

/** One delivery in so many is timed for the kernel's own histogram: at millions a second the clock would cost more than the message. */
const DELIVERY_SAMPLE_MASK = 15;

/** A thread's host. */
export class AgentHost implements AgentHome {
  readonly index: number;
  readonly clock: Clock;
  readonly store: AgentStore;
  readonly bus: MessageBus;
  readonly poisons: boolean;
  readonly directory: AgentDirectory;
  readonly metrics: HostMetrics;
  readonly notices: Notices;
  /** Where agents are made and ended. */
  readonly desk: SpawnDesk;
  /** What this thread's agents count for themselves. */
  readonly registry: MetricsRegistry = new MetricsRegistry();
  readonly stage: Stage = { agent: null, delivery: null };
  readonly #options: HostOptions;
  readonly #interceptor: Interceptor | undefined;
  readonly #words: Int32Array;
  readonly #box: BlackBox | undefined;
  readonly #post: PostRoom;
  readonly #inbound: Inbound;
  readonly #deadlines: Deadlines;
  readonly #replies: Replies;
  readonly #residents: Residents;
  readonly #calls: Calls;
  readonly #bereavement: Bereavement;
  readonly #asks: Asks;
  readonly #undeliverable: Undeliverable;
  readonly #keptEnvelope = emptyEnvelope();
  readonly #pulse: HostPulse;
  readonly #stateWord: number;
  /** Which of so many deliveries is timed; −1: none. */
  readonly #sampled: number;
  #runnable: HostedAgent[] = [];
  #parked = 0;
  #inTurn = false;
  #flushQueued = false;

  /** Attaches to the arena; nothing happens before the first turn. */
  constructor(options: HostOptions) {
    const { index, memory, layout, codec, clock } = options;
    this.#options = options;
    this.#interceptor = options.interceptor;
    this.#words = memory.words;
    this.#box = BlackBox.of(memory, layout);
    [this.index, this.clock] = [index, clock];
    [this.store, this.bus] = [options.store, options.bus];
    this.poisons = options.settings.debug;
    this.directory = new AgentDirectory(memory, layout, options.settings.agentsMax);
    this.metrics = new HostMetrics(memory, layout, index);
    const receive = (envelope: Envelope, payload: () => unknown): void => this.#receive(envelope, payload);
    this.#inbound = new Inbound(memory, layout, index, codec, receive, () => this.alive, this.metrics.counts);
    const deadlines = this.#deadlines = new Deadlines(clock);
    this.#replies = new Replies(index, deadlines);
    this.#post = new PostRoom(options, this.directory, this.metrics, deadlines, (waits) => this.#posted(waits), () => this.checkAlive());
    this.notices = new Notices({ host: index, clock, metrics: this.metrics, post: this.#post, box: this.#box });
    const waits = new WaitGraph(memory, layout);
    this.#asks = new Asks(clock, this.directory, this.#post, this.#replies, waits);
    this.#residents = new Residents(this, this.directory, options, this.#inbound, waits);
    this.desk = new SpawnDesk(this, this.directory, options);
    this.#undeliverable = new Undeliverable(this, this.#inbound, options.settings.deadLettersMax);
    this.#bereavement = new Bereavement({
      ...{ index, memory, post: this.#post, replies: this.#replies, directory: this.directory, inbound: this.#inbound },
      undeliverable: this.#undeliverable,
    });
    this.#calls = new Calls(this.#post, this.#handlers());
    this.#sampled = options.settings.timesDeliveries ? 0 : -1;
    this.#pulse = new HostPulse(memory, layout, index);
    this.#stateWord = hostField(layout, index, HOST.state) >> 2;
  }

  /** One turn: drain, run, send. Returns how much was done. */
  turn(): number {
    this.checkAlive();
    this.#inTurn = true;
    let done = this.#inbound.drain(FRAMES_PER_TURN_MAX);
    if (this.#bereavement.due) this.#bereavement.act();
    if (this.#runnable.length > 0) done += this.#runParked();
    done += this.#post.retry();
    this.#inTurn = false;
    this.#pulse.turned();
    this.metrics.counts[COUNT.turns]++;
    this.#finish();
    return done;
  }

  /** Whether a turn would find something at once. */
  get ready(): boolean {
    return this.#runnable.length > 0 || this.#bereavement.due || this.#inbound.readable();
  }

  /** Whether sends wait for room: then turns must go on although nothing rings. */
  get hasWaiting(): boolean {
    return this.#post.waiting > 0;
  }

  /** Tries them; true when some went. */
  retryWaiting(): boolean {
    const went = this.#post.retry() > 0;
    if (went) this.#finish();
    return went;
  }

  /** Sends for an agent, or for nobody (from 0). See `AgentContext.send`. */
  send(from: AgentId, to: AgentId, payload: unknown, options?: TopicOptions): Promise<void> | undefined {
    if (options?.ack) return this.#asks.request(KIND.acked, from, to, payload, options) as Promise<void>;
    const expiresAt = options?.ttlMs === undefined ? 0 : this.clock.now() + checkedDelay("ttlMs", options.ttlMs);
    const { sendTimeoutMs } = this.#options.settings;
    return this.#post.post(KIND.message, from, to, payload, 0, expiresAt, sendTimeoutMs, options);
  }

  /** Sends the same to several; one result each, in order. */
  multicast(from: AgentId, to: readonly AgentId[], payload: unknown, options?: SendOptions): Promise<SendResult[]> {
    return multicast(to, (id) => this.send(from, id, payload, options));
  }

  /** Asks for an agent, or for nobody. See `AgentContext.ask`. `blocks`: the asker handles nothing until the reply has come. */
  ask(from: AgentId, to: AgentId, payload: unknown, options?: AskOptions, blocks = false): Promise<unknown> {
    return blocks ? this.#asks.blocking(from, to, payload, options) : this.#asks.request(KIND.ask, from, to, payload, options);
  }

  /** Hands a task to an agent; resolves to what `onTask` returned. */
  task(to: AgentId, task: unknown, options?: AskOptions): Promise<unknown> {
    return this.#asks.request(KIND.task, 0, to, task, options);
  }

  /** Makes an agent on the host that fits. */
  spawn(type: string, config?: SpawnConfig, parent: AgentId = 0): Promise<AgentId> {
    return this.desk.spawn(type, config, parent);
  }

  /** Ends an agent. */
  terminate(id: AgentId): Promise<void> {
    return this.desk.terminate(id);
  }

  /** Calls a host of the kernel (itself included): the kernel's own business. */
  async call(host: number, method: string, argument: unknown, timeoutMs: number): Promise<unknown> {
    const why = `thread ${host} did not answer ${method} within ${timeoutMs} ms; it may be busy or hang.`;
    const timeoutError = (): Error => new KernelError("HOST_TIMEOUT", why, { host, method });
    if (this.#post.isDead(host)) throw new HostDiedError(host, "it died earlier");
    const { correlation, reply } = this.#replies.open({ host, agent: 0, timeoutMs, timeoutError });
    this.#post.control(host, KIND.call, correlation, { method, argument });
    return await reply;
  }

  /** Fails the calls that a dead host owes this one. */
  failCalls(host: number, error: HostDiedError): void {
    this.#replies.failCalls(host, error);
  }

  /** Dead letters of this host. */
  get letters(): DeadLetters {
    return this.#undeliverable.letters;
  }

  /** Fails all that waits; the host is not used any more. */
  close(): void {
    this.#replies.failAll(new NotInitializedError("waiting call", true));
    this.#post.close(new NotInitializedError("waiting call", true));
    this.#deadlines.close();
    this.#finish();
  }

  // ——— what agents need (AgentHome) ———
  model(asker: ModelAsker): AgentModel {
    return this.#options.model({ call: (...call) => this.call(0, ...call) }, asker);
  }

  get alive(): boolean {
    // A plain read: whoever was given up hung for seconds before, and then comes here by a call that no compiler looks through.
    return this.#words[this.#stateWord] !== HOST_STATE.dead;
  }

  checkAlive(): void {
    if (this.alive) return;
    throw new KernelError("HOST_FENCED", `thread ${this.index} was given up as hanging; its agents live elsewhere now.`, {
      host: this.index,
    });
  }

  answer(delivery: Delivery, failed: boolean, value: unknown): void {
    const { correlation, acked, message } = delivery;
    if (acked) return this.#post.answer(failed ? KIND.refusal : KIND.result, correlation, message.from, value);
    this.#post.answer(failed ? KIND.failure : KIND.reply, correlation, message.from, value);
    // Nobody waits for it on a thread that has died: neither sent nor lost.
    if (!this.#post.isDead(Replies.hostOf(correlation))) this.#post.countSent(Replies.hostOf(correlation));
  }

  begin(delivery: Delivery, patienceMs: number): void {
    const { message, isTask, kept } = delivery;
    if (kept !== null) this.checkAlive(); // the ring has looked for the others
    const { counts, delivery: histogram } = this.metrics;
    // Handled again after its thread had died in it: it was counted then.
    if (message.retryCount === 0) {
      if ((counts[COUNT.delivered]++ & DELIVERY_SAMPLE_MASK) === this.#sampled) {
        histogram.record((this.clock.now() - message.timestamp) * 1_000);
      }
      if (isTask) counts[COUNT.tasks]++;
    }
    this.#pulse.runs(message.to, patienceMs);
    this.#box?.handled(slotOf(message.to), message.id, message.timestamp, isTask);
    this.#post.tick();
    if (kept === null) this.#inbound.begin();
    else this.#inbound.beginKept(kept);
  }

  keep(): KeptFrame {
    return this.#inbound.keep(true);
  }

  open(kept: KeptFrame): Delivery | null {
    const envelope = this.#keptEnvelope;
    return this.#read(envelope, this.#inbound.open(kept, envelope), kept);
  }

  release(kept: KeptFrame): void {
    this.#inbound.release(kept);
  }

  giveUp(agent: AgentId, error: unknown, escalates: boolean): void {
    this.notices.givenUp(agent, error, escalates);
    this.#residents.giveUp(agent);
  }

  bury(delivery: Delivery, reason: DeadLetterReason): void {
    this.#undeliverable.bury(delivery, reason);
  }

  buryFrame(frame: KeptFrame, reason: DeadLetterReason, counted: boolean): void {
    this.#undeliverable.buryFrame(frame, reason, counted);
  }

  runnable(agent: HostedAgent): void {
    this.#runnable.push(agent);
    if (!this.#inTurn) this.#options.wake();
  }

  parked(change: number): void {
    this.#parked += change;
  }

  // ——— sending and receiving ———

  #posted(waits: boolean): void {
    if (this.#inTurn) return;
    if (waits) this.#options.wake();
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => this.#finish());
  }

  #finish(): void {
    this.#flushQueued = false;
    if (!this.alive) return;
    this.metrics.counts[COUNT.pending] = this.#post.waiting + this.#parked;
    this.#post.flush();
  }

  #receive(envelope: Envelope, payload: () => unknown): void {
    switch (envelope.kind) {
      case KIND.message:
      case KIND.ask:
      case KIND.task:
      case KIND.acked:
        return this.#deliver(envelope, payload);
      case KIND.reply:
      case KIND.failure:
      case KIND.result:
      case KIND.refusal:
        return this.#settle(envelope, payload);
      case KIND.call:
        return this.#calls.answer(envelope.correlation, payload);
      default:
        return this.#noted(payload());
    }
  }

  #deliver(envelope: Envelope, payload: () => unknown): void {
    if (this.#interceptor !== undefined && !this.#passes(this.#interceptor, envelope)) return;
    const agent = this.#residents.get(envelope.to);
    if (agent !== undefined && !agent.stopping && !agent.free) return agent.park(this.#inbound.keep(false));
    const delivery = this.#read(envelope, payload, null);
    if (delivery === null) return;
    // It was on its way when the agent was told to stop.
    if (agent === undefined || agent.stopping) return this.bury(delivery, "agent-terminated");
    agent.run(delivery);
  }

  /** A test stands between the ring and the handler. */
  #passes(interceptor: Interceptor, envelope: Envelope): boolean {
    const verdict = interceptor.deliver?.(envelope.to, envelope.correlation !== 0) ?? "handle";
    if (verdict === "skip") this.metrics.counts[COUNT.delivered]++;
    return verdict === "handle";
  }

  /** A frame as its handler gets it; null when it cannot be read: then it has been buried. */
  #read(envelope: Envelope, payload: () => unknown, kept: KeptFrame | null): Delivery | null {
    let value: unknown;
    try {
      value = payload();
    } catch {
      // Its sender is not to be trusted, but this thread and its agents are: the message is kept by its envelope, and counted.
      this.bury(deliveryOf(envelope, undefined, kept), "corrupt");
      return null;
    }
    return deliveryOf(envelope, value, kept);
  }

  #settle(envelope: Envelope, payload: () => unknown): void {
    const { correlation, kind } = envelope;
    const counted = kind === KIND.reply || kind === KIND.failure;
    let value: unknown;
    let succeeded = kind === KIND.reply || kind === KIND.result;
    try {
      value = payload();
    } catch (error) {
      value = error;
      succeeded = false;
    }
    const awaited = succeeded ? this.#replies.settle(correlation, value) : this.#replies.fail(correlation, value);
    if (!counted) return;
    if (awaited) this.metrics.counts[COUNT.delivered]++;
    else this.#undeliverable.keep(envelope, value, "late-reply");
  }

  #handlers(): Record<string, (argument: unknown) => unknown> {
    return {
      spawn: (order) => this.#residents.make(order),
      abandon: (id) => this.#residents.abandon(id as AgentId),
      adopt: (order) => this.#residents.adopt(order),
      terminate: (id) => this.#residents.end(id as AgentId),
      suffer: (blow) => this.#residents.suffer(blow),
      health: (id) => this.#residents.health(id as AgentId),
      deadLetters: (page) => this.#undeliverable.letters.page(page as DeadLetterPage),
      inherit: (luggage) => this.#residents.inherit(luggage as Luggage),
      dropLetters: (ids) => this.#undeliverable.drop(ids as number[]),
      metrics: (from) => this.registry.page(from as number),
      bereave: (notice) => this.#bereavement.mourn(notice as DeathNotice),
      stop: () => this.#residents.stopAll(),
      ...this.#options.calls,
    };
  }

  #noted(note: unknown): void {
    const { kind, agentId, correlation } = note as { kind: string; agentId: AgentId; correlation: number };
    if (kind === "cancel") this.#residents.get(agentId)?.cancel(correlation, new KernelError("CANCELLED", "its caller has given it up."));
    else this.#options.onNote?.(note);
  }

  #runParked(): number {
    const turn = this.#runnable.sort((a, b) => b.priority - a.priority);
    this.#runnable = [];
    let handled = 0;
    for (const agent of turn) handled += agent.runParked();
    return handled;
  }
}
