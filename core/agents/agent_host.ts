/**
 * One thread's part of the kernel: it drains what others sent, hands it to its agents, and sends what they send. It reads no event loop and no timer
 * but through what it is given, so it runs on the main thread, on workers, and in tests turn by turn.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { checkedDelay, Deadlines } from "../base/deadlines.ts";
import { AskTimeoutError, HostDiedError, KernelError, NotInitializedError } from "../base/errors.ts";
import { ASK_TIMEOUT_MS, FRAMES_PER_TURN_MAX, NOTES_WAITING_MAX } from "../base/limits.ts";
import { type Envelope, KIND, messageOf } from "../bus/envelope.ts";
import { Inbound } from "../bus/inbound.ts";
import type { AgentId } from "../bus/message.ts";
import { add } from "../memory/atomics.ts";
import { HOST, hostField } from "../memory/layout.ts";
import { HostMetrics } from "../metrics/counters.ts";
import { MetricsRegistry } from "../metrics/registry.ts";
import type { AgentStore, AskOptions, SendOptions, SpawnConfig } from "./agent.ts";
import { AgentDirectory, hostOfWord } from "./agent_directory.ts";
import { type DeadLetterPage, type DeadLetterReason, DeadLetters } from "./dead_letters.ts";
import { buriedError, portableError } from "./failures.ts";
import type { AgentHome, Delivery, HostedAgent } from "./hosted_agent.ts";
import type { HostOptions } from "./host_options.ts";
import { PostRoom } from "./post_room.ts";
import { Replies } from "./replies.ts";
import { Residents } from "./residents.ts";
import { SpawnDesk } from "./spawn_desk.ts";

/** One delivery in so many is timed for the kernel's own histogram: at millions a second the clock would cost more than the message. */
const DELIVERY_SAMPLE_MASK = 15;
/** Failures are told to the manager at most so often a thread; all of them are counted. */
const FAILURE_NOTE_GAP_MS = 10;

/** A thread's host. */
export class AgentHost implements AgentHome {
  readonly index: number;
  readonly clock: Clock;
  readonly store: AgentStore;
  readonly directory: AgentDirectory;
  readonly metrics: HostMetrics;
  /** What this thread's agents count for themselves. */
  readonly registry: MetricsRegistry = new MetricsRegistry();
  readonly #options: HostOptions;
  readonly #post: PostRoom;
  readonly #inbound: Inbound;
  readonly #deadlines: Deadlines;
  readonly #replies: Replies;
  readonly #residents: Residents;
  readonly #desk: SpawnDesk;
  readonly #deadLetters: DeadLetters;
  readonly #beatWord: number;
  /** Which of so many deliveries is timed; −1: none. */
  readonly #sampled: number;
  #runnable: HostedAgent[] = [];
  #parked = 0;
  #inTurn = false;
  #verdict: "handle" | "drop" | "skip" = "handle";
  #flushQueued = false;
  #failureNotedAt = 0;

  /** Attaches to the arena; nothing happens before the first turn. */
  constructor(options: HostOptions) {
    const { index, memory, layout, codec, clock } = options;
    this.#options = options;
    this.index = index;
    this.clock = clock;
    this.store = options.store;
    this.directory = new AgentDirectory(memory, layout, options.settings.agentsMax);
    this.metrics = new HostMetrics(memory, layout, index);
    this.#inbound = new Inbound(memory, layout, index, codec, (envelope, payload) => this.#receive(envelope, payload));
    this.#deadLetters = new DeadLetters(options.settings.deadLettersMax);
    const deadlines = this.#deadlines = new Deadlines(clock);
    this.#replies = new Replies(index, deadlines);
    this.#post = new PostRoom(options, this.directory, this.metrics, deadlines, (waits) => this.#posted(waits));
    this.#residents = new Residents(this, this.directory, options);
    this.#desk = new SpawnDesk(this, this.directory, options);
    this.#sampled = options.settings.timesDeliveries ? 0 : -1;
    this.#beatWord = hostField(layout, index, HOST.beat) >> 2;
  }

  /** One turn: drain, run, send. Returns how much was done. */
  turn(): number {
    this.#inTurn = true;
    let done = this.#inbound.drain(FRAMES_PER_TURN_MAX);
    if (this.#runnable.length > 0) done += this.#runParked();
    done += this.#post.retry();
    this.#inTurn = false;
    add(this.#options.memory.words, this.#beatWord, 1);
    this.metrics.counts.turns++;
    this.#finish();
    return done;
  }

  /** Whether a turn would find something at once. */
  get ready(): boolean {
    return this.#runnable.length > 0 || this.#inbound.readable();
  }

  /** Whether sends wait for room: then turns must go on although nothing rings. */
  get hasWaiting(): boolean {
    return this.#post.waiting > 0;
  }

  /** Sends for an agent, or for nobody (from 0). See `AgentContext.send`. */
  send(from: AgentId, to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined {
    const expiresAt = options?.ttlMs === undefined ? 0 : this.clock.now() + checkedDelay("ttlMs", options.ttlMs);
    const { sendTimeoutMs } = this.#options.settings;
    return this.#post.post({ kind: KIND.message, from, to, payload, correlation: 0, expiresAt, timeoutMs: sendTimeoutMs }, options);
  }

  /** Asks for an agent, or for nobody. See `AgentContext.ask`. */
  ask(from: AgentId, to: AgentId, payload: unknown, options?: AskOptions): Promise<unknown> {
    return this.#request(KIND.ask, from, to, payload, options);
  }

  /** Hands a task to an agent; resolves to what `onTask` returned. */
  task(to: AgentId, task: unknown, options?: AskOptions): Promise<unknown> {
    return this.#request(KIND.task, 0, to, task, options);
  }

  /** Makes an agent on the host that fits. */
  spawn(type: string, config?: SpawnConfig): Promise<AgentId> {
    return this.#desk.spawn(type, config);
  }

  /** Where agents are made and ended. */
  get desk(): SpawnDesk {
    return this.#desk;
  }

  /** Calls a host of the kernel (itself included): the kernel's own business. */
  async call(host: number, method: string, argument: unknown, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    const timeoutError = (): Error =>
      new KernelError("HOST_TIMEOUT", `thread ${host} did not answer ${method} within ${timeoutMs} ms; it may be busy or hang.`, {
        host,
        method,
      });
    const { correlation, reply } = this.#replies.open({ host, counted: false, timeoutMs, timeoutError, signal });
    this.#post.control(host, KIND.call, correlation, { method, argument });
    return await reply;
  }

  /** Tells the main thread; counted and dropped when too much waits for it already. */
  note(note: unknown): void {
    if (this.#post.waiting >= NOTES_WAITING_MAX) {
      this.metrics.counts.notesDropped++;
      return;
    }
    this.#post.control(0, KIND.note, 0, note);
  }

  /** Tells a host that another has died, and acts on it here. */
  announceDeath(hosts: readonly number[], died: number, why: string): void {
    this.#forgetHost(died, why);
    for (const host of hosts) this.#post.control(host, KIND.note, 0, { kind: "host-died", host: died, why });
  }

  /** Dead letters of this host. */
  deadLetters(): ReturnType<DeadLetters["list"]> {
    return this.#deadLetters.list();
  }

  /** Ends all agents of this host. */
  async stopAgents(): Promise<void> {
    await this.#residents.stopAll();
  }

  /** Fails all that waits; the host is not used any more. */
  close(): void {
    const error = new NotInitializedError("waiting call", true);
    this.#replies.failAll(error);
    this.#post.close(error);
    this.#deadlines.close();
    this.#finish();
  }

  // ——— what agents need (AgentHome) ———

  answer(correlation: number, to: AgentId, failed: boolean, value: unknown): void {
    this.#post.answer(failed ? KIND.failure : KIND.reply, correlation, to, value);
    this.#post.countSent(Replies.hostOf(correlation));
  }

  entered(delivery: Delivery): boolean {
    const { counts, delivery: histogram } = this.metrics;
    if ((counts.delivered++ & DELIVERY_SAMPLE_MASK) === this.#sampled) {
      histogram.record((this.clock.now() - delivery.message.timestamp) * 1_000);
    }
    if (delivery.isTask) counts.tasks++;
    return this.#options.interceptor?.deliver === undefined || this.#verdict !== "skip";
  }

  failed(agent: AgentId, error: unknown): void {
    this.metrics.counts.failed++;
    const now = this.clock.now();
    if (now - this.#failureNotedAt < FAILURE_NOTE_GAP_MS) return;
    this.#failureNotedAt = now;
    const note = (value: unknown): void => this.note({ kind: "agent-failed", agentId: agent, error: value });
    try {
      note(error);
    } catch {
      note(portableError(error)); // it carries something that cannot be copied
    }
  }

  bury(delivery: Delivery, reason: DeadLetterReason): void {
    this.metrics.counts[reason === "expired" ? "expired" : "deadLettered"]++;
    this.#deadLetters.add({ message: delivery.message, reason, host: this.index, at: this.clock.now() }, delivery.isLarge);
    if (delivery.correlation === 0 || reason === "expired") return;
    const { to, from } = delivery.message;
    this.answer(delivery.correlation, from, true, buriedError(to, reason));
  }

  runnable(agent: HostedAgent): void {
    this.#runnable.push(agent);
    if (!this.#inTurn) this.#options.wake();
  }

  parked(change: number): void {
    this.#parked += change;
  }

  setFull(id: AgentId, full: boolean): void {
    this.directory.setFull(id, full);
  }

  // ——— sending and receiving ———

  async #request(kind: number, from: AgentId, to: AgentId, payload: unknown, options?: AskOptions): Promise<unknown> {
    const timeoutMs = options?.timeoutMs === undefined ? ASK_TIMEOUT_MS : checkedDelay("timeoutMs", options.timeoutMs);
    const word = this.#post.living(to);
    const { correlation, reply } = this.#replies.open({
      host: hostOfWord(word),
      counted: true,
      timeoutMs,
      timeoutError: () => new AskTimeoutError(to, timeoutMs),
      signal: options?.signal,
    });
    try {
      // Nobody listens any more once the deadline has passed, so the request need not be handled then.
      const expiresAt = this.clock.now() + timeoutMs;
      const wait = this.#post.post({ kind, from, to, payload, correlation, expiresAt, timeoutMs }, options);
      wait?.catch((error) => this.#replies.fail(correlation, error));
    } catch (error) {
      this.#replies.fail(correlation, error);
    }
    return await reply;
  }

  #posted(waits: boolean): void {
    if (this.#inTurn) return;
    if (waits) this.#options.wake();
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => this.#finish());
  }

  #finish(): void {
    this.#flushQueued = false;
    const { counts } = this.metrics;
    counts.pending = this.#post.waiting + this.#parked;
    // Counts first: whoever is woken by the flush may read them.
    this.metrics.publish();
    this.#post.flush();
  }

  #receive(envelope: Envelope, payload: () => unknown): void {
    switch (envelope.kind) {
      case KIND.message:
      case KIND.ask:
      case KIND.task:
        return this.#deliver(envelope, payload);
      case KIND.reply:
      case KIND.failure:
      case KIND.result:
      case KIND.refusal:
        return this.#settle(envelope, payload);
      case KIND.call:
        return this.#answerCall(envelope.correlation, payload() as { method: string; argument: unknown });
      default:
        return this.#noted(payload());
    }
  }

  #deliver(envelope: Envelope, payload: () => unknown): void {
    const interceptor = this.#options.interceptor;
    if (interceptor?.deliver !== undefined && (this.#verdict = interceptor.deliver(envelope.to, envelope.correlation !== 0)) === "drop") {
      return;
    }
    const { correlation } = envelope;
    const isTask = envelope.kind === KIND.task;
    let value: unknown;
    try {
      value = payload();
    } catch {
      // Its sender is not to be trusted, but this thread and its agents are: the message is kept by its envelope, and counted.
      return this.bury({ message: messageOf(envelope, undefined), isTask, correlation, isLarge: false }, "corrupt");
    }
    const delivery: Delivery = { message: messageOf(envelope, value), isTask, correlation, isLarge: envelope.inSlabs };
    const agent = this.#residents.get(envelope.to);
    if (agent === undefined) return this.bury(delivery, "agent-terminated");
    agent.accept(delivery);
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
    if (awaited) this.metrics.counts.delivered++;
    else this.bury({ message: messageOf(envelope, value), isTask: false, correlation: 0, isLarge: envelope.inSlabs }, "late-reply");
  }

  #answerCall(correlation: number, call: { method: string; argument: unknown }): void {
    let result: unknown;
    try {
      result = this.#dispatch(call.method, call.argument);
    } catch (error) {
      return this.#post.answer(KIND.refusal, correlation, 0, error);
    }
    if (!(result instanceof Promise)) return this.#respond(correlation, result);
    result.then((value) => this.#respond(correlation, value), (error) => this.#post.answer(KIND.refusal, correlation, 0, error));
  }

  /** What a call returned may hold something of a user's that cannot travel: then the caller gets an error, and this thread goes on. */
  #respond(correlation: number, value: unknown): void {
    try {
      this.#post.answer(KIND.result, correlation, 0, value);
    } catch (error) {
      const held = (value as { error?: unknown } | null)?.error;
      this.#post.answer(KIND.refusal, correlation, 0, held === undefined ? error : portableError(held));
    }
  }

  #dispatch(method: string, argument: unknown): unknown {
    switch (method) {
      case "spawn":
        return this.#residents.make(argument);
      case "abandon":
        return this.#residents.abandon(argument as AgentId);
      case "adopt":
        return this.#residents.adopt(argument);
      case "terminate":
        return this.#residents.end(argument as AgentId);
      case "deadLetters":
        return this.#deadLetters.page(argument as DeadLetterPage);
      case "metrics":
        return this.registry.page(argument as number);
      case "stop":
        return this.stopAgents();
      default:
        throw new KernelError("UNKNOWN_CALL", `no such call between hosts: ${method}`);
    }
  }

  #noted(note: unknown): void {
    const { kind, host, why } = note as { kind: string; host: number; why: string };
    if (kind === "host-died") return this.#forgetHost(host, why);
    this.#options.onNote?.(note);
  }

  #forgetHost(host: number, why: string): void {
    this.#replies.failHost(host, new HostDiedError(host, why));
  }

  #runParked(): number {
    const turn = this.#runnable.sort((a, b) => b.priority - a.priority);
    this.#runnable = [];
    let handled = 0;
    for (const agent of turn) handled += agent.runParked();
    return handled;
  }
}
