/**
 * The store's one write lock, and the same for the tables of the bus. Its word names the holder, so that a holder that died can be told from a slow one, and no thread waits for ever.
 *
 * The holder may vanish at any instruction. `whole` in the control block says whether it had finished: 0 makes the next holder rebuild the tables
 * (see store_entries.ts). A thread that was ended may run on for a while in this runtime, so the lock of a dead host is taken only after it
 * has not moved for `TAKEOVER_SLICES`: by then a running thread has left the section (microseconds), and it cannot enter again, for it reads its own state.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { compareExchange, load, notify, store, wait } from "./atomics.ts";
import { HEADER, HOST, hostField, HOSTS_MAX, type Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { STORE, storeParts } from "./store_layout.ts";

/** Reads of the word before the thread sleeps: about a microsecond, several times what a small write takes. */
const SPINS = 100;
/** Longest sleep before the holder is looked at again. */
const SLICE_MS = 1;
/** Slices without any progress before a dead host's lock is taken. */
const TAKEOVER_SLICES = 50;
/** Slices without any progress of a living holder before the caller is told. */
const STUCK_SLICES_MAX = 2_000;
/** Slices in all: others make progress and this thread always comes too late. */
const SLICES_MAX = 20_000;
/** Stands for the thread that collects what is kept on disk: it is no host, and takes the lock. */
export const COLLECTOR = HOSTS_MAX;
/** Host states from here on are stopped or dead. */
const STATE_STOPPED = 3;

/** Where a lock's words are (bytes from the start of the arena), and what it guards, for errors: `STORE_BUSY`, `BUS_CLOSED`, … */
export interface LockPlace {
  /** 0 free, else the holder's host + 1. */
  readonly lock: number;
  /** 1 when somebody sleeps on the lock. */
  readonly waiting: number;
  /** Times the lock was taken. */
  readonly turns: number;
  /** What it guards. */
  readonly of: "store" | "bus";
}

function storePlace(layout: Layout): LockPlace {
  const { control } = storeParts(layout);
  return { lock: control + STORE.lock, waiting: control + STORE.waiting, turns: control + STORE.turns, of: "store" };
}

/** One thread's handle on the lock. */
export class StoreLock {
  readonly #words: Int32Array;
  readonly #lock: number;
  readonly #waiting: number;
  readonly #turns: number;
  readonly #me: number;
  readonly #ownState: number;
  readonly #of: LockPlace["of"];

  /** `host` is the index of this thread. */
  constructor(memory: SharedMemory, private readonly layout: Layout, host: number, place: LockPlace = storePlace(layout)) {
    this.#words = memory.words;
    this.#lock = place.lock >>> 2;
    this.#waiting = place.waiting >>> 2;
    this.#turns = place.turns >>> 2;
    this.#of = place.of;
    this.#me = host + 1;
    this.#ownState = this.#stateOf(host);
  }

  /** Takes the lock. Throws `…_BUSY` when a living holder does not move, `…_CLOSED` when this thread itself is stopped or dead. */
  acquire(): void {
    const words = this.#words;
    if (compareExchange(words, this.#lock, 0, this.#me) !== 0) this.#contend();
    // A plain read: the exchange above keeps it from being done before, and a stop that is a moment old is no better than one that comes a moment later.
    if (words[this.#ownState] >= STATE_STOPPED) {
      this.release();
      throw closed(this.#of, this.#me - 1);
    }
    words[this.#turns]++;
  }

  /** Whether nobody has the lock, or only a host that is stopped or dead. */
  isFree(): boolean {
    const holder = load(this.#words, this.#lock);
    return holder === 0 || load(this.#words, this.#stateOf(holder - 1)) >= STATE_STOPPED;
  }

  /** Whether the lock is still ours: a thread that was asleep and given up for dead asks before it publishes anything. */
  held(): boolean {
    return load(this.#words, this.#lock) === this.#me;
  }

  /** Gives the lock back; does nothing when it was taken from us. */
  release(): void {
    const words = this.#words;
    if (compareExchange(words, this.#lock, this.#me, 0) !== this.#me) return;
    // A plain read: seen late, a sleeper wakes by its own time-out, one slice later.
    if (words[this.#waiting] === 0) return;
    store(words, this.#waiting, 0);
    notify(words, this.#lock, HOSTS_MAX + 1);
  }

  #contend(): void {
    const words = this.#words;
    let turns = load(words, this.#turns);
    for (let slices = 0, stuck = 0; slices < SLICES_MAX; slices++) {
      for (let spin = 0; spin < SPINS; spin++) {
        if (load(words, this.#lock) === 0 && compareExchange(words, this.#lock, 0, this.#me) === 0) return;
      }
      const holder = load(words, this.#lock);
      if (holder === 0) continue;
      // Our own number: this thread left the section without releasing (its stack or heap ran out there).
      const gone = holder === this.#me || (stuck >= TAKEOVER_SLICES && load(words, this.#stateOf(holder - 1)) >= STATE_STOPPED);
      if (gone && compareExchange(words, this.#lock, holder, this.#me) === holder) return;
      if (stuck >= STUCK_SLICES_MAX) this.#giveUp(holder, slices);
      store(words, this.#waiting, 1);
      wait(words, this.#lock, holder, SLICE_MS);
      const now = load(words, this.#turns);
      stuck = now === turns ? stuck + 1 : 0;
      turns = now;
    }
    this.#giveUp(load(words, this.#lock), SLICES_MAX);
  }

  #giveUp(holder: number, slices: number): never {
    throw new KernelError(
      `${this.#of.toUpperCase()}_BUSY`,
      `the ${this.#of} could not be written to: thread ${holder - 1} has held its lock for ${slices} waits of ${SLICE_MS} ms. ` +
        "Try again; if it lasts, that thread hangs: see the manager's supervision events.",
      { holder: holder - 1, slices, sliceMs: SLICE_MS },
    );
  }

  #stateOf(host: number): number {
    return (host === COLLECTOR ? HEADER.collector : hostField(this.layout, host, HOST.state)) >>> 2;
  }
}

/** The error of a thread that is stopped, or was given up for dead, and still wants to write. */
export function closed(of: LockPlace["of"], host: number): KernelError {
  return new KernelError(`${of.toUpperCase()}_CLOSED`, `thread ${host} is stopped: it can no longer write to the ${of}.`, { host });
}
