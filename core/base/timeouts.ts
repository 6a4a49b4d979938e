/**
 * Deadlines that lie as far ahead as one another, such as those of steps with the same timeout. They come in the order of their times, so that a list keeps them
 * sorted: one is added and removed for two pointers, while a heap would sort each among all.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import { TIMEOUT_LISTS_MAX } from "./limits.ts";

/** One of them: a part of whatever it ends. */
export interface Timeout {
  /** Time of the clock in ms. */
  readonly at: number;
  /** Called once when the time has come. */
  expire(): void;
  /** Neighbours in the list; null when it is in none. Owned by `Timeouts`. */
  before: Timeout | null;
  after: Timeout | null;
}

/** Timeouts of all lengths; each length has a list. */
export class Timeouts {
  readonly #lists = new Map<number, TimeoutList>();

  /** The head of each list stands among `deadlines`. */
  constructor(private readonly deadlines: Deadlines, private readonly clock: Clock) {}

  /** Adds one that is about `delayMs` ahead. */
  insert(timeout: Timeout, delayMs: number): void {
    let list = this.#lists.get(delayMs);
    if (list === undefined) {
      const key = this.#lists.size < TIMEOUT_LISTS_MAX ? delayMs : Infinity; // lengths beyond the bound share a list, where each looks for its place
      list = this.#lists.get(key) ?? new TimeoutList(this.deadlines, this.clock);
      this.#lists.set(key, list);
    }
    list.insert(timeout);
  }

  /** Forgets one; harmless when it is in no list. */
  remove(timeout: Timeout): void {
    const { before, after } = timeout;
    if (before === null || after === null) return;
    before.after = after;
    after.before = before;
    timeout.before = timeout.after = null;
  }
}

/** A ring that begins and ends in itself, before all times. */
class TimeoutList implements Timeout {
  readonly at = -Infinity;
  before: Timeout = this;
  after: Timeout = this;
  readonly #deadline: Deadline & { at: number };

  constructor(private readonly deadlines: Deadlines, private readonly clock: Clock) {
    this.#deadline = { at: 0, place: -1, expire: () => this.expire() };
  }

  insert(timeout: Timeout): void {
    let before = this.before;
    while (before.at > timeout.at) before = before.before!; // clocks of the callers may be a turn apart
    const after = before.after!;
    timeout.before = before;
    timeout.after = after;
    before.after = after.before = timeout;
    if (this.#deadline.place < 0 || timeout.at < this.#deadline.at) this.#arm();
  }

  expire(): void {
    const now = this.clock.now();
    for (let first = this.after; first !== this && first.at <= now; first = this.after) {
      this.after = first.after!;
      first.after!.before = this;
      first.before = first.after = null;
      first.expire();
    }
    if (this.after !== this && this.#deadline.place < 0) this.#arm();
  }

  /** The deadline is left standing when the first is removed: it finds nothing due, and arms itself for what is. */
  #arm(): void {
    this.deadlines.remove(this.#deadline);
    this.#deadline.at = this.after.at;
    this.deadlines.insert(this.#deadline);
  }
}
