/**
 * Messages that could not be handled, kept with their reason. Bounded: the oldest give way, the count does not.
 *
 * @module
 */
import { DEAD_LETTERS_KEPT_MAX } from "../base/limits.ts";
import type { Message } from "../bus/message.ts";

/** Why a message was not handled. */
export type DeadLetterReason = "agent-not-found" | "agent-terminated" | "expired" | "no-handler" | "late-reply" | "corrupt" | "host-died";

/** One message that was not handled. */
export interface DeadLetter {
  /** The message as its handler would have got it. */
  readonly message: Message;
  /** Why. */
  readonly reason: DeadLetterReason;
  /** Thread that found it undeliverable. */
  readonly host: number;
  /** Arena time in ms. */
  readonly at: number;
}

/** The dead letters of one host, newest last. */
export class DeadLetters {
  readonly #kept: DeadLetter[] = [];
  #next = 0;

  /** Keeps one. */
  add(letter: DeadLetter): void {
    this.#kept[this.#next] = letter;
    this.#next = (this.#next + 1) % DEAD_LETTERS_KEPT_MAX;
  }

  /** Those kept, oldest first. */
  list(): DeadLetter[] {
    return [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
  }
}
