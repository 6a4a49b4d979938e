/**
 * How a host waits, and how others wake it. The waker skips the costly notify when nobody sleeps.
 *
 * ```
 * sleeper: epoch = arm()  (reads the bell, then says "sleeping")      waker: publish the data
 *          look again     (else the wake-up could be lost)                   ring()  (reads "sleeping" after its data is out)
 *          wait while the bell is still `epoch`
 * ```
 * The bell is a full 32-bit epoch that is never reset: one that wraps between read and wait would deadlock.
 *
 * @module
 */
import { add, exchange, load, notify, store, wait, waitAsync } from "./atomics.ts";
import { HOST, hostField, type Layout } from "./layout.ts";
import { allocateMemory, type SharedMemory } from "./shared_memory.ts";

const EVERY_WAITER = 0x7fff_ffff;

/** A bell, as its owner or any other thread holds it. */
export class Bell {
  readonly #words: Int32Array;
  readonly #bell: number;
  readonly #sleeping: number;

  /** Where its two words are: byte offsets in the arena. */
  constructor(memory: SharedMemory, place: { readonly bell: number; readonly sleeping: number }) {
    this.#words = memory.words;
    this.#bell = place.bell >> 2;
    this.#sleeping = place.sleeping >> 2;
  }

  /** Wakes the host if it sleeps. Call it after the data is published. */
  ring(): void {
    // A plain load first: it is the cheap and the usual case. The exchange lets only one of several wakers pay for the notify.
    if (load(this.#words, this.#sleeping) === 1 && exchange(this.#words, this.#sleeping, 0) === 1) this.ringAlways();
  }

  /** Wakes the host whatever the flag says: a waker may have died between clearing the flag and ringing. */
  ringAlways(): void {
    add(this.#words, this.#bell, 1);
    // All waiters, not one: they are all this host's, and the oldest may be a promise of an earlier `whenRung` that it gave up on.
    notify(this.#words, this.#bell, EVERY_WAITER);
  }

  /** Owner: announces sleep and returns the epoch to wait on. Look at the queues once more after it. */
  arm(): number {
    const epoch = load(this.#words, this.#bell);
    store(this.#words, this.#sleeping, 1);
    return epoch;
  }

  /** Owner: awake. Several sleepers on one bell leave this out: one that wakes would speak for those that sleep on. */
  disarm(): void {
    store(this.#words, this.#sleeping, 0);
  }

  /** Owner: resolves at the next ring; `null` when it has already rung since `arm`. Does not hold the event loop open. */
  whenRung(epoch: number): Promise<unknown> | null {
    return waitAsync(this.#words, this.#bell, epoch);
  }

  /** Owner: blocks its thread until the next ring, `timeoutMs` at most. */
  blockUntilRung(epoch: number, timeoutMs: number): void {
    wait(this.#words, this.#bell, epoch, timeoutMs);
  }
}

/** One host's bell. */
export class Doorbell extends Bell {
  /** The bell of `host`. */
  constructor(memory: SharedMemory, layout: Layout, host: number) {
    super(memory, { bell: hostField(layout, host, HOST.bell), sleeping: hostField(layout, host, HOST.sleeping) });
  }
}

/** Nobody ever notifies it. One a thread. */
let napWord: Int32Array | null = null;

/**
 * Blocks this thread for about `ms` (the system adds some 0.05 ms), so that others get its core. For loops that poll beside handlers: a thread that never
 * sleeps is set aside for milliseconds when there are more threads than cores, one that naps is woken at once.
 */
export function nap(ms: number): void {
  napWord ??= new Int32Array(allocateMemory(4).memory.buffer);
  wait(napWord, 0, 0, ms);
}
