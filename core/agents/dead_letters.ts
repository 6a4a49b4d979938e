/**
 * Messages that could not be handled, kept with their reason. Bounded: the oldest give way, the count does not.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { DEAD_LETTERS_KEPT_MAX, DEAD_LETTERS_PER_CALL_MAX, LARGE_DEAD_LETTERS_KEPT_MAX } from "../base/limits.ts";
import type { Message } from "../bus/message.ts";

/** Why a message was not handled. */
export type DeadLetterReason =
  | "agent-not-found"
  | "agent-terminated"
  | "expired"
  | "no-handler"
  | "late-reply"
  | "corrupt"
  | "host-died"
  | "refused"
  | "cancelled";

/** One message that was not handled. */
export interface DeadLetter {
  /** Names it on its thread. */
  readonly id: number;
  /** The message as its handler would have got it. */
  readonly message: Message;
  /** Why. */
  readonly reason: DeadLetterReason;
  /** Thread that found it undeliverable. */
  readonly host: number;
  /** Arena time in ms. */
  readonly at: number;
  /** Set where the payload was too large to be fetched: `message.payload` is undefined then. */
  readonly isBare?: true;
}

/** Which of a host's dead letters are asked for. */
export interface DeadLetterPage {
  /** Place of the first, counted from the oldest. */
  readonly from: number;
  /** How many. */
  readonly count: number;
  /** Without payloads. */
  readonly bare: boolean;
}

/** The dead letters of one host. Large ones have a list of their own: a few of them hold as much memory as a thousand small ones. */
export class DeadLetters {
  readonly #small: Latest<DeadLetter>;
  readonly #large: Latest<DeadLetter>;

  /** Keeps at most `keptMax` (2 at least: one of each list), and at most what limits.ts allows. */
  constructor(keptMax: number) {
    const largeMax = Math.min(LARGE_DEAD_LETTERS_KEPT_MAX, keptMax >> 1);
    this.#large = new Latest(largeMax);
    this.#small = new Latest(Math.min(DEAD_LETTERS_KEPT_MAX, keptMax - largeMax));
  }

  #next = 1;

  /** Keeps one. */
  add(letter: Omit<DeadLetter, "id">, isLarge: boolean): void {
    (isLarge ? this.#large : this.#small).add({ id: this.#next++, ...letter });
  }

  /** Forgets those of these ids: they have been sent again. */
  drop(ids: readonly number[]): void {
    const gone = new Set(ids);
    for (const kept of [this.#small, this.#large]) kept.drop((letter) => gone.has(letter.id));
  }

  /** How many are kept. */
  get size(): number {
    return this.#small.size + this.#large.size;
  }

  /** Those kept, oldest first. */
  list(): DeadLetter[] {
    return [...this.#small.list(), ...this.#large.list()].sort((a, b) => a.at - b.at);
  }

  /** Some of them. */
  page({ from, count, bare }: DeadLetterPage): DeadLetter[] {
    const letters = this.list().slice(from, from + count);
    return bare ? letters.map((letter) => ({ ...letter, message: { ...letter.message, payload: undefined }, isBare: true })) : letters;
  }
}

/** The last so many of something. */
class Latest<T> {
  readonly #kept: T[] = [];
  #next = 0;

  constructor(private readonly sizeMax: number) {}

  get size(): number {
    return this.#kept.length;
  }

  add(item: T): void {
    this.#kept[this.#next] = item;
    this.#next = (this.#next + 1) % this.sizeMax;
  }

  drop(isGone: (item: T) => boolean): void {
    const left = this.list().filter((item) => !isGone(item));
    this.#kept.splice(0, Infinity, ...left);
    this.#next = left.length % this.sizeMax;
  }

  list(): T[] {
    return [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
  }
}

/** Fetches all dead letters of a host page by page; one whose payload does not fit in a message comes without it. */
export async function fetchDeadLetters(ask: (page: DeadLetterPage) => Promise<DeadLetter[]>): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (let count = DEAD_LETTERS_PER_CALL_MAX, bare = false;;) {
    try {
      const page = await ask({ from: letters.length, count, bare });
      letters.push(...page);
      if (page.length < count) return letters;
      bare = false;
    } catch (error) {
      if (!(error instanceof KernelError) || error.code !== "MESSAGE_TOO_LARGE" || bare) throw error;
      if (count > 1) count = 1;
      else bare = true;
    }
  }
}
