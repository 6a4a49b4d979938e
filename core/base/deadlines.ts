/**
 * Many deadlines on one timer: a binary heap whose entries know their place, so that a deadline that is met leaves at once
 * (a lazy heap would keep thirty seconds of answered asks).
 *
 * @module
 */
import type { Cancel, Clock } from "./clock.ts";
import { assert, InvalidArgumentError } from "./errors.ts";
import { TIMER_MS_MAX } from "./limits.ts";

/** One deadline; keep it to remove it. */
export interface Deadline {
  /** Arena time in ms. */
  readonly at: number;
  /** Called once when the time has come. */
  expire(): void;
  /** Place in the heap; −1 when it is not there. Owned by `Deadlines`. */
  place: number;
}

/** A duration that a timer can wait. Throws `InvalidArgumentError` that names `field`. */
export function checkedDelay(field: string, ms: number): number {
  if (typeof ms === "number" && ms > 0 && ms <= TIMER_MS_MAX) return ms;
  throw new InvalidArgumentError(field, ms, `use milliseconds above 0, at most ${TIMER_MS_MAX}.`);
}

/** The deadlines of one thread. */
export class Deadlines {
  readonly #heap: Deadline[] = [];
  #cancel: Cancel | null = null;
  #timerAt = Infinity;

  /** Times come from `clock`. */
  constructor(private readonly clock: Clock) {}

  /** Calls `expire` in `delayMs` unless removed before. */
  add(delayMs: number, expire: () => void): Deadline {
    return this.addAt(this.clock.now() + delayMs, expire);
  }

  /** The same, at a time of the clock. */
  addAt(at: number, expire: () => void): Deadline {
    const deadline: Deadline = { at, expire, place: -1 };
    this.insert(deadline);
    return deadline;
  }

  /** Adds a deadline that somebody keeps as a part of something else. */
  insert(deadline: Deadline): void {
    assert(deadline.place < 0, "a deadline stands among the others once");
    deadline.place = this.#heap.length;
    this.#heap.push(deadline);
    this.#up(deadline.place);
    this.#arm();
  }

  /** Forgets a deadline; harmless when it has passed. */
  remove(deadline: Deadline): void {
    const place = deadline.place;
    if (place < 0) return;
    deadline.place = -1;
    const last = this.#heap.pop()!;
    if (last !== deadline) {
      this.#put(last, place);
      this.#up(place);
      this.#down(last.place);
    }
    // The timer is left standing, also for an empty heap: it finds nothing due and arms itself for what is. An ask that is answered at once
    // would otherwise pay for a timer set and a timer cleared, several times its own price.
  }

  /** Forgets everything, the timer too. */
  close(): void {
    for (const deadline of this.#heap) deadline.place = -1;
    this.#heap.length = 0;
    this.#cancel?.();
    this.#cancel = null;
    this.#timerAt = Infinity;
  }

  /** How many are pending. */
  get size(): number {
    return this.#heap.length;
  }

  #fire(): void {
    this.#timerAt = Infinity;
    const now = this.clock.now();
    while (this.#heap.length > 0 && this.#heap[0].at <= now) {
      const due = this.#heap[0];
      this.remove(due);
      due.expire();
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#heap.length === 0 || this.#heap[0].at >= this.#timerAt) return;
    this.#cancel?.();
    this.#timerAt = this.#heap[0].at;
    this.#cancel = this.clock.schedule(Math.max(0, Math.ceil(this.#timerAt - this.clock.now())), () => this.#fire());
  }

  #put(deadline: Deadline, place: number): void {
    this.#heap[place] = deadline;
    deadline.place = place;
  }

  #up(place: number): void {
    const deadline = this.#heap[place];
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#heap[parent].at <= deadline.at) break;
      this.#put(this.#heap[parent], place);
      place = parent;
    }
    this.#put(deadline, place);
  }

  #down(place: number): void {
    const deadline = this.#heap[place];
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && this.#heap[child + 1].at < this.#heap[child].at) child++;
      if (this.#heap[child].at >= deadline.at) break;
      this.#put(this.#heap[child], place);
      place = child;
    }
    this.#put(deadline, place);
  }
}
