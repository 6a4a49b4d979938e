/**
 * All that one host posts: users' messages (which wait for room with a bound and a time-out) and the kernel's own frames between hosts.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Deadlines } from "../base/deadlines.ts";
import { AgentNotFoundError, InboxFullError, InvalidArgumentError, KernelError, NotInitializedError } from "../base/errors.ts";
import { ASK_TIMEOUT_MS, LABEL_CHARS_MAX } from "../base/limits.ts";
import { emptyEnvelope, type Envelope, KIND, type Labels } from "../bus/envelope.ts";
import { type AgentId, PRIORITIES, priorityLevel } from "../bus/message.ts";
import { LANE_URGENT_FROM, Outbound, type ReclaimedFrame } from "../bus/outbound.ts";
import { load } from "../memory/atomics.ts";
import { HOST, hostField, HOSTS_MAX } from "../memory/layout.ts";
import { COUNT, type HostMetrics } from "../metrics/counters.ts";
import { HOST_STATE } from "./lifecycle.ts";
import type { SendOptions } from "./agent.ts";
import { type AgentDirectory, hostOfWord, isClosedWord } from "./agent_directory.ts";
import type { HostOptions } from "./host_options.ts";
import { portableError } from "./failures.ts";
import { Replies } from "./replies.ts";
import { NO_ROOM, type ReturnedFrame, SENT, WaitingRoom, type WaitingSend } from "./waiting_room.ts";

/** Messages that may share one reading of the clock, sent or handled in between: at millions a second it would cost more than they do. */
const STAMP_USES = 16;

/** Options of a send that the bus makes. */
export interface TopicOptions extends SendOptions {
  /** Under which the message was published. */
  readonly topic?: string;
}

/** The posting side of one host. */
export class PostRoom {
  readonly #outbound: Outbound;
  readonly #waiting: WaitingRoom;
  readonly #envelope = emptyEnvelope();
  readonly #clock: Clock;
  #nextMessage = 1;
  #stamp = 0;
  #stampUses = 0;
  #closed = false;

  /** `posted` is called when something has been written or must be tried again outside a turn. */
  constructor(
    private readonly options: HostOptions,
    private readonly directory: AgentDirectory,
    private readonly metrics: HostMetrics,
    deadlines: Deadlines,
    private readonly posted: (waits: boolean) => void,
    private readonly checkAlive: () => void,
  ) {
    this.#clock = options.clock;
    this.#outbound = new Outbound(options.memory, options.layout, options.index, options.codec);
    this.#waiting = new WaitingRoom(deadlines, (send) => this.#attempt(send));
  }

  /** Sends that wait for room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Tries those that wait; returns how many went. */
  retry(): number {
    return this.#waiting.size > 0 ? this.#waiting.retry() : 0;
  }

  /** A message is handled meanwhile: time passes. */
  tick(): void {
    this.#stampUses--;
  }

  /** Shows the receivers what was posted. */
  flush(): void {
    this.#stampUses = 0;
    this.metrics.counts[COUNT.slabMessages] = this.#outbound.slabFrames;
    this.#outbound.flush();
  }

  /** Fails all that waits; nothing is posted any more. */
  close(error: Error): void {
    this.#waiting.failAll(error);
    this.#closed = true;
  }

  /** Slot word of a living agent. Throws `AgentNotFoundError`. */
  living(to: AgentId): number {
    const word = this.directory.lookup(to);
    if (word === 0) throw new AgentNotFoundError(to);
    return word;
  }

  /**
   * Posts a message: undefined when it is committed, or a promise that settles when it is or never will be. `correlation` says who waits for an answer, 0
   * for nobody; `expiresAt` is arena time, 0 for never; room is waited for `timeoutMs`. One by one and not as an object: it is the hottest call there is.
   */
  post(
    kind: number,
    from: AgentId,
    to: AgentId,
    payload: unknown,
    correlation: number,
    expiresAt: number,
    timeoutMs: number,
    options?: TopicOptions,
  ): Promise<void> | undefined {
    const word = this.living(to);
    const envelope = this.#fill(
      kind,
      from,
      to,
      correlation,
      options?.priority === undefined ? PRIORITIES.normal : priorityLevel(options.priority),
    );
    envelope.expiresAt = expiresAt;
    if (options !== undefined) envelope.labels = labelsOf(options);
    if (!isClosedWord(word) && !this.#waiting.has(to) && this.#outbound.trySend(hostOfWord(word), envelope, payload)) {
      this.countSent(hostOfWord(word));
      this.posted(false);
      return undefined;
    }
    const full = (waitedMs: number): InboxFullError => new InboxFullError(to, this.directory.inboxMessagesMax(to), waitedMs);
    if (options?.tryOnly) throw full(0);
    const wait = this.#waiting.enter(envelope, payload, {
      queue: to,
      timeoutMs,
      timeoutError: () => full(timeoutMs),
      signal: options?.signal,
    });
    // Counted here, and handled: a sender that does not look at its promise must not end its thread as an unhandled rejection.
    wait.catch(() => this.metrics.counts[COUNT.refused]++);
    this.posted(true);
    return wait;
  }

  /** Takes back what a dead host has not handled of ours; see `Outbound.reclaim`. */
  reclaim(host: number, take: ReclaimedFrame): void {
    this.#outbound.reclaim(host, take);
  }

  /** Sends frames again once their receiver is ready elsewhere, before all that waits for it already. */
  readmit(to: AgentId, frames: readonly ReturnedFrame[]): void {
    this.#waiting.readmit(to, frames);
  }

  /** Answers of ours that still waited for room in the ring to a dead host. */
  abandon(host: number): readonly WaitingSend[] {
    return this.#waiting.abandon(-1 - host);
  }

  /** Posts a frame of the kernel's own to a host. */
  control(host: number, kind: number, correlation: number, value: unknown): void {
    this.#toHost(host, this.#fill(kind, 0, 0, correlation, PRIORITIES.normal), value);
  }

  /** Posts an answer to whoever waits for it. An answer that cannot be copied is thrown; an error that cannot goes by name and message. */
  answer(kind: number, correlation: number, to: AgentId, value: unknown): void {
    const host = Replies.hostOf(correlation);
    if (this.#closed || this.isDead(host)) return; // nobody waits any more
    if (kind !== KIND.reply && this.isDead(this.options.index)) return; // nor for what a thread says that was given up
    try {
      this.#toHost(host, this.#fill(kind, 0, to, correlation, PRIORITIES.normal), value);
    } catch (error) {
      if (kind !== KIND.failure && kind !== KIND.refusal) throw error;
      this.#toHost(host, this.#fill(kind, 0, to, correlation, PRIORITIES.normal), portableError(value));
    }
  }

  /** Whether a host has been given up. */
  isDead(host: number): boolean {
    return load(this.options.memory.words, hostField(this.options.layout, host, HOST.state) >> 2) === HOST_STATE.dead;
  }

  /** Counts a message to a host. */
  countSent(host: number): void {
    const { counts } = this.metrics;
    counts[COUNT.sent]++;
    if (host !== this.options.index) counts[COUNT.sentElsewhere]++;
  }

  /** For frames that must arrive: they wait for room without a bound of their own, since each answers something that is bounded. */
  #toHost(host: number, envelope: Envelope, value: unknown): void {
    const queue = -1 - host;
    if (!this.#waiting.has(queue) && this.#outbound.trySend(host, envelope, value)) return this.posted(false);
    this.#waiting.enter(envelope, value, {
      queue,
      timeoutMs: ASK_TIMEOUT_MS,
      timeoutError: () => new KernelError("HOST_TIMEOUT", `no room in the ring to thread ${host} for ${ASK_TIMEOUT_MS} ms.`, { host }),
    }).catch((error) => this.options.onNote?.({ kind: "undeliverable", host, error }));
    this.posted(true);
  }

  /** See `WaitingRoom`. */
  #attempt({ envelope, payload, queue }: WaitingSend): number {
    const word = queue < 0 ? 0 : this.living(queue);
    if (queue >= 0 && isClosedWord(word)) return NO_ROOM;
    const host = queue < 0 ? -1 - queue : hostOfWord(word);
    const isFrame = envelope === null;
    const urgent = isFrame ? (payload as ReturnedFrame).urgent : envelope.priority >= LANE_URGENT_FROM;
    const went = isFrame
      ? this.#outbound.tryForward(host, urgent, (payload as ReturnedFrame).frame)
      : this.#outbound.trySend(host, envelope, payload);
    if (!went) return this.#outbound.isFull(host, urgent) ? 2 * host + Number(urgent) : NO_ROOM;
    if (queue >= 0 && !isFrame) this.countSent(host);
    return SENT;
  }

  /** The time of a send: never later than it, and earlier by no more than a few messages take. */
  #now(): number {
    if (this.#stampUses-- <= 0) {
      this.#stampUses = STAMP_USES;
      this.#stamp = this.#clock.now();
    }
    return this.#stamp;
  }

  #fill(kind: number, from: AgentId, to: AgentId, correlation: number, priority: number): Envelope {
    if (this.#closed) throw new NotInitializedError("send", true);
    this.checkAlive();
    if (this.#outbound.encoding) {
      throw new KernelError(
        "SEND_IN_GETTER",
        "a getter of a payload tried to send a message while the payload was being copied; send plain data.",
      );
    }
    const envelope = this.#envelope;
    envelope.kind = kind;
    envelope.from = from;
    envelope.to = to;
    envelope.correlation = correlation;
    envelope.priority = priority;
    envelope.retryCount = 0;
    envelope.expiresAt = 0;
    envelope.labels = null;
    envelope.id = this.#nextMessage++ * HOSTS_MAX + this.options.index;
    envelope.timestamp = this.#now();
    return envelope;
  }
}

const LABELS = ["topic", "type", "causationId", "conversationId", "traceparent"] as const;

/** The texts of a message; null when there are none, as there mostly are. */
function labelsOf(options: TopicOptions): Labels | null {
  let labels: Record<string, string | number> | null = null;
  for (const name of LABELS) {
    const value = options[name];
    if (value === undefined) continue;
    const isId = name === "causationId" || name === "conversationId";
    if (!(typeof value === "string" && value.length <= LABEL_CHARS_MAX) && !(isId && Number.isFinite(value))) {
      throw new InvalidArgumentError(name, value, `use a string of at most ${LABEL_CHARS_MAX} characters${isId ? " or a number" : ""}.`);
    }
    labels ??= {};
    labels[name] = value;
  }
  return labels;
}
