/**
 * What has changed in the store, in order: a ring of words that the holder of the lock writes and every watch reads at its own pace. Nothing is written
 * while nobody watches. A change stands here before it can be seen in the store, so a reader that finds the two in agreement knows that it has missed nothing.
 *
 * ```
 * head (kind, namespace, key bytes) │ version, low and high │ key … ║ next change
 * ```
 * Positions count words since the beginning, so that a reader which was overtaken can tell.
 *
 * @module
 */
import { add, compareExchange, load, notify, store, waitAsync } from "./atomics.ts";
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { STORE, STORE_CHANGE, storeParts } from "./store_layout.ts";
import { keyText } from "./store_scratch.ts";

/** Kinds of changes. `clear` is of all keys; `lost`: it is not known which key changed. */
export const CHANGE = { set: 0, delete: 1, evict: 2, clear: 3, lost: 4 } as const;

const VERSION = STORE_CHANGE.version >>> 2;
const KEY = STORE_CHANGE.key >>> 2;
const NAMESPACE_SHIFT = 3;
const KEY_SHIFT = 11;
const EVERY_WAITER = 0x7fff_ffff;
/** 2³². */
export const LOW_RANGE = 4_294_967_296;

/** One change as a reader finds it. */
export interface JournalChange {
  /** See `CHANGE`. */
  readonly kind: number;
  /** Number of the namespace; 0 with `clear` and `lost`. */
  readonly namespaceId: number;
  /** The key; empty when all or unknown keys are meant. */
  readonly key: string;
  /** Its place among all changes. */
  readonly version: number;
}

/** One thread's view on the journal. */
export class StoreJournal {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #ring: number;
  readonly #size: number;
  readonly #end: number;
  readonly #bell: number;
  readonly #watches: number;
  readonly #waiting = new Set<() => void>();
  #isAsleep = false;
  #mustRing = false;
  #keyBytes = new Uint8Array(256);

  /** A view; every thread makes its own. */
  constructor(memory: SharedMemory, layout: Layout) {
    const { control, journal, journalWords } = storeParts(layout);
    this.#words = memory.words;
    this.#floats = memory.floats;
    this.#ring = journal >>> 2;
    this.#size = journalWords;
    this.#end = (control + STORE.journalEnd) >>> 3;
    this.#bell = (control + STORE.journalBell) >>> 2;
    this.#watches = (control + STORE.watches) >>> 2;
  }

  /** Holder of the lock: whether anybody watches. A plain read: a watch is counted in under the lock, and counted out late does no harm. */
  get isRead(): boolean {
    return this.#words[this.#watches] > 0;
  }

  /** Holder of the lock: one watch more. Returns the position behind the last change. */
  enter(): number {
    add(this.#words, this.#watches, 1);
    return this.position();
  }

  /** Holder of the lock: the position behind the last change. Publishes it, for a holder that died may have not come to that. */
  position(): number {
    const end = this.#floats[this.#end];
    store(this.#words, this.#bell, end | 0);
    return end;
  }

  /** One watch less. Those of a thread that died stay counted: then each change costs some 50 ns for nobody. */
  leave(): void {
    add(this.#words, this.#watches, -1);
  }

  /** Holder of the lock: writes a change down; the key stands in `from`. One with a key of a quarter of the ring is written as `lost`. */
  append(kind: number, namespaceId: number, version: number, from: Int32Array, keyWord: number, keyBytes: number): void {
    if (KEY + ((keyBytes + 3) >>> 2) > this.#size >>> 2) [kind, keyBytes] = [CHANGE.lost, 0];
    const words = this.#words;
    const begin = this.#floats[this.#end];
    const mask = this.#size - 1;
    const keyWords = (keyBytes + 3) >>> 2;
    words[this.#ring + (begin & mask)] = kind | (namespaceId << NAMESPACE_SHIFT) | (keyBytes << KEY_SHIFT);
    words[this.#ring + ((begin + VERSION) & mask)] = version | 0;
    words[this.#ring + ((begin + VERSION + 1) & mask)] = Math.floor(version / LOW_RANGE);
    for (let i = 0; i < keyWords; i++) words[this.#ring + ((begin + KEY + i) & mask)] = from[keyWord + i];
    const end = begin + KEY + keyWords;
    this.#floats[this.#end] = end;
    store(words, this.#bell, end | 0);
    this.#mustRing = true;
  }

  /** After the lock was given back: wakes the watches if anything was written. */
  ring(): void {
    if (!this.#mustRing) return;
    this.#mustRing = false;
    this.ringAlways();
  }

  /** Wakes the watches whatever was written: whoever wrote may have died before it rang. */
  ringAlways(): void {
    notify(this.#words, this.#bell, EVERY_WAITER);
    this.#wakeAll();
  }

  /** Hands over the changes from a position on until `take` returns false; returns the new position, or −1 when some are overwritten already. */
  read(from: number, take: (change: JournalChange) => boolean): number {
    const words = this.#words;
    const mask = this.#size - 1;
    const end = this.#endAfter(from);
    if (this.#floats[this.#end] - end >= LOW_RANGE / 2) return -1;
    let at = from;
    while (at < end) {
      const head = words[this.#ring + (at & mask)];
      const low = words[this.#ring + ((at + VERSION) & mask)];
      const high = words[this.#ring + ((at + VERSION + 1) & mask)];
      const keyBytes = head >>> KEY_SHIFT;
      const keyWords = (keyBytes + 3) >>> 2;
      const key = keyWords <= this.#size >>> 2 ? this.#keyAt(at + KEY, keyBytes) : "";
      if (this.#isOvertaken(at)) return -1;
      at += KEY + keyWords;
      const kind = head & ((1 << NAMESPACE_SHIFT) - 1);
      const namespaceId = (head >>> NAMESPACE_SHIFT) & 0xff;
      if (!take({ kind, namespaceId, key, version: high * LOW_RANGE + (low >>> 0) })) break;
    }
    return at;
  }

  /** Calls `wake` once when there may be changes behind `position`. Holds no timer and no event loop. */
  wait(position: number, wake: () => void): void {
    this.#waiting.add(wake);
    if (load(this.#words, this.#bell) !== (position | 0)) return this.#wakeAll();
    if (this.#isAsleep) return;
    const rung = waitAsync(this.#words, this.#bell, position | 0);
    if (rung === null) return this.#wakeAll();
    this.#isAsleep = true;
    rung.then(() => {
      this.#isAsleep = false;
      this.#wakeAll();
    });
  }

  /** Waits no more. */
  cancel(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  /** Whether a writer may have overwritten what was just read at a position: also the one that is writing now, a quarter of the ring at the most. */
  #isOvertaken(position: number): boolean {
    // A read-modify-write, so that the plain reads before it are done before it.
    compareExchange(this.#words, this.#bell, 0, 0);
    return this.#endAfter(position) + (this.#size >>> 2) - position > this.#size;
  }

  /** The end as it was published in 32 bits, seen from a position less than 2³² words before it. */
  #endAfter(position: number): number {
    return position + ((load(this.#words, this.#bell) - (position | 0)) >>> 0);
  }

  #keyAt(position: number, keyBytes: number): string {
    if (keyBytes > this.#keyBytes.length) this.#keyBytes = new Uint8Array(keyBytes * 2);
    const mask = this.#size - 1;
    for (let i = 0; i < keyBytes; i++) {
      this.#keyBytes[i] = this.#words[this.#ring + ((position + (i >>> 2)) & mask)] >>> ((i & 3) * 8);
    }
    return keyText(this.#keyBytes, 0, keyBytes);
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
