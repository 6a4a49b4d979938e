/**
 * Messages of one host that no handler will get: counted, kept as dead letters, their askers told.
 *
 * @module
 */
import { BorrowedBytes } from "../bus/borrowed_bytes.ts";
import { type Envelope, KIND, messageOf } from "../bus/envelope.ts";
import type { Inbound, KeptFrame } from "../bus/inbound.ts";
import { COUNT, type HostMetrics } from "../metrics/counters.ts";
import { type DeadLetterReason, DeadLetters } from "./dead_letters.ts";
import type { Delivery } from "./delivery.ts";
import { buriedError } from "./failures.ts";

/** What it needs of its host. */
export interface Burying {
  /** Its index. */
  readonly index: number;
  /** Arena time. */
  readonly clock: { now(): number };
  /** Its counts. */
  readonly metrics: HostMetrics;
  /** Reads a kept frame. */
  open(kept: KeptFrame): Delivery | null;
  /** Answers whoever waits. */
  answer(delivery: Delivery, failed: boolean, value: unknown): void;
}

/** The undertaker of one host. */
export class Undeliverable {
  /** What is kept. */
  readonly letters: DeadLetters;

  /** For one host; `lettersMax` are kept. */
  constructor(private readonly host: Burying, private readonly inbound: Inbound, lettersMax: number) {
    this.letters = new DeadLetters(lettersMax);
  }

  /** A message will not be handled. */
  bury(delivery: Delivery, reason: DeadLetterReason): void {
    const { message, kept, correlation } = delivery;
    // One that is tried again has been counted.
    if (message.retryCount === 0) this.host.metrics.counts[reason === "expired" ? COUNT.expired : COUNT.deadLettered]++;
    this.#add(message, reason, delivery.isLarge);
    const nobodyWaits = correlation === 0 || reason === "cancelled" || (reason === "expired" && !delivery.acked);
    if (!nobodyWaits) this.host.answer(delivery, true, buriedError(message.to, reason));
    if (kept !== null) this.inbound.release(kept);
  }

  /** A frame will not be handled; uncounted when its handler had been entered, for it was counted then. */
  buryFrame(frame: KeptFrame, reason: DeadLetterReason, counted: boolean): void {
    const delivery = this.host.open(frame);
    if (delivery === null) return;
    const { isRequest, message } = delivery;
    if (counted) return this.bury(reason !== "host-died" && isRequest ? delivery : { ...delivery, correlation: 0 }, reason);
    this.#add(message, reason, delivery.isLarge);
    this.inbound.release(frame);
  }

  /** Keeps an answer that nobody waits for. */
  keep(envelope: Envelope, payload: unknown, reason: DeadLetterReason): void {
    if (envelope.kind !== KIND.reply && envelope.kind !== KIND.failure) return;
    this.host.metrics.counts[COUNT.deadLettered]++;
    this.#add(messageOf(envelope, payload), reason, envelope.inSlabs);
  }

  #add(message: Delivery["message"], reason: DeadLetterReason, isLarge: boolean): void {
    // What is kept is kept in private memory.
    const kept = message.payload instanceof BorrowedBytes ? { ...message, payload: message.payload.copy() } : message;
    this.letters.add({ message: kept, reason, host: this.host.index, at: this.host.clock.now() }, isLarge);
    this.#count();
  }

  /** These have been sent again. */
  drop(ids: readonly number[]): void {
    this.letters.drop(ids);
    this.#count();
  }

  /** Where the supervisor finds it should this thread die. */
  #count(): void {
    this.host.metrics.counts[COUNT.lettersKept] = this.letters.size;
  }
}
