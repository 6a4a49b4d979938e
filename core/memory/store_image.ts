/**
 * A store read from outside, without a lock and without a single write: of a process that crashed, or of one that is running.
 *
 * Nothing in it is believed. A record's block counts only if its lengths are possible, its checksum is right, it says that it is this entry's, and its key
 * belongs where it was found. What a writer that died was at is then seen as it was before or after, because one word publishes a value; what
 * a flipped bit or a page that never reached the disk has made of an entry is seen as damage.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { compareExchange, load } from "./atomics.ts";
import type { Layout } from "./layout.ts";
import type { ByteWindow } from "./shared_memory.ts";
import {
  STORE,
  STORE_BLOCK,
  STORE_KEY_BITS,
  STORE_NAMESPACES_MAX,
  STORE_ORIGIN_BITS,
  STORE_RECORD,
  STORE_RECORD_BYTES,
  STORE_UNIT_BYTES,
  storeParts,
} from "./store_layout.ts";
import { type BlockImage, blockUnits, KEY_BYTES_MAX, keyBytesOf, StoreScratch, VALUE_BYTES_MAX, valueOffset } from "./store_scratch.ts";

const RECORD_WORDS = STORE_RECORD_BYTES >>> 2;
const BLOCK = STORE_RECORD.block >>> 2;
const HASH = STORE_RECORD.hash >>> 2;
const ORIGIN = STORE_RECORD.origin >>> 2;
const ORIGIN_MASK = (1 << STORE_ORIGIN_BITS) - 1;
const UNIT_WORDS = STORE_UNIT_BYTES >>> 2;
const LOW_RANGE = 4_294_967_296;
/** Looks at a key that a running writer changes all the time. */
const LOOKS_MAX = 10_000;

/** What stands behind an entry's index. */
export type ImageState = "free" | "valid" | "damaged";

/** Counts of what a store image holds. */
export interface ImageCheck {
  /** Entries whose bytes are those that were written. */
  readonly valid: number;
  /** Entries that are not. */
  readonly damaged: number;
  /** The damaged ones' indices, the first so many, with what is wrong. */
  readonly found: readonly { readonly entry: number; readonly why: string }[];
}

/** A store as its bytes stand in a window. */
export class StoreImage {
  /** Where `look` leaves the entry that it saw: its image begins at byte 0. */
  readonly scratch = new StoreScratch();
  /** After `look`: what is wrong with a damaged entry. */
  why = "";
  /** After `look`: its version, its namespace's number, its image. */
  version = 0;
  namespaceId = 0;
  image: BlockImage = { word: 0, keyBytes: 0, valueAt: 0, end: 0, hash: 0, sum: 0 };
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #parts: ReturnType<typeof storeParts>;
  readonly #probe = new StoreScratch();
  readonly #fence = new Int32Array(1);
  readonly #names: (string | undefined)[] = [];

  /** `window` holds an arena of that layout. */
  constructor(window: ByteWindow, layout: Layout) {
    this.#words = window.words;
    this.#floats = window.floats;
    this.#parts = storeParts(layout);
  }

  /** Indices that may hold an entry. Not `entriesEnd` of the control block: that word's page may be older than the records'. */
  get capacity(): number {
    return this.#parts.count;
  }

  /** Entries ever used, as the control block says. */
  get end(): number {
    return Math.min(this.#parts.count, Math.max(0, load(this.#words, this.#control(STORE.entriesEnd))));
  }

  /** The version of the latest change, as the control block says; 0 when what stands there is no count. */
  get sequence(): number {
    const sequence = this.#floats[(this.#parts.control + STORE.sequence) >>> 3];
    return Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : 0;
  }

  /** What the holder of the lock was changing: an entry's index, `all`, or undefined. It may have its new value without its new version. */
  get changing(): number | "all" | undefined {
    const word = load(this.#words, this.#control(STORE.changing));
    return word === 0 ? undefined : word < 0 ? "all" : word - 1;
  }

  /** The host that holds the lock, −1 when nobody does; and whether a change is unfinished. */
  get lock(): { holder: number; turns: number; isWhole: boolean } {
    const word = (field: number): number => load(this.#words, this.#control(field));
    return { holder: word(STORE.lock) - 1, turns: word(STORE.turns), isWhole: word(STORE.whole) === 1 };
  }

  /** Namespaces by number; undefined where there is none, or its name is damaged. Not so many as `namespaceCount` says: that word may be damaged too. */
  names(): (string | undefined)[] {
    for (let id = 0; id < STORE_NAMESPACES_MAX; id++) {
      const unit = load(this.#words, this.#control(STORE.namespaces) + id) - 1;
      if (unit >= 0) this.#names[id] ??= this.#nameAt(unit);
    }
    return this.#names;
  }

  /** Looks at an entry by its index. With `deep` its key must also be where it belongs. */
  look(entry: number, deep = false): ImageState {
    const words = this.#words;
    const record = this.#record(entry);
    // A plain read first: most of a store's entries were never used.
    if (words[record + BLOCK] === 0) return "free";
    const low = load(words, (this.#parts.versions >>> 2) + entry);
    const block = load(words, record + BLOCK);
    if (block === 0) return "free";
    const origin = words[record + ORIGIN];
    this.namespaceId = origin & ORIGIN_MASK;
    this.version = (origin >>> STORE_ORIGIN_BITS) * LOW_RANGE + (low >>> 0);
    const why = this.#copy(block - 1) ?? this.#judge(entry, words[record + HASH], deep);
    if (why === undefined) return "valid";
    this.why = why;
    return "damaged";
  }

  /** Looks at every entry. One of a running process that was being changed meanwhile is looked at again. */
  check(foundMax: number): ImageCheck {
    let [valid, damaged] = [0, 0];
    const found: { entry: number; why: string }[] = [];
    for (let entry = 0; entry < this.capacity; entry++) {
      const state = this.lookSettled(entry);
      if (state === "valid") valid++;
      if (state !== "damaged") continue;
      damaged++;
      if (found.length < foundMax) found.push({ entry, why: this.why });
    }
    return { valid, damaged, found };
  }

  /** As `look`, but damage is only believed of an entry whose version stands still. */
  lookSettled(entry: number, deep = false): ImageState {
    if (this.#words[this.#record(entry) + BLOCK] === 0) return "free";
    for (let looks = 0;; looks++) {
      const before = load(this.#words, (this.#parts.versions >>> 2) + entry);
      const state = this.look(entry, deep);
      if (state !== "damaged" || looks === LOOKS_MAX || this.#isStill(entry, before)) return state;
    }
  }

  /**
   * Finds a key in the store of a running process: whether it is there; then its value stands in `scratch` as `image` says. Throws `PERSISTENCE_DAMAGED` when its bytes
   * are not what was written, `STORE_BUSY` when a writer was faster all the time.
   */
  find(namespace: string, key: string): boolean {
    const id = this.names().indexOf(namespace);
    const wanted = this.#probe.writeKey(0, key);
    if (id < 0) return false;
    this.#probe.claim(wanted, id);
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const chains = load(this.#words, this.#control(STORE.chains));
      const found = this.#walk(wanted);
      if (found === "valid") return true;
      const isSure = (chains & 1) === 0 && load(this.#words, this.#control(STORE.chains)) === chains;
      if (found === "moved" || !isSure) continue;
      if (found === "free") return false;
      throw new KernelError(
        "PERSISTENCE_DAMAGED",
        `the value of ${JSON.stringify(key.slice(0, 80))} is not what was written: ${this.why}.`,
        {
          namespace,
        },
      );
    }
    throw new KernelError(
      "STORE_BUSY",
      "the store was being rebuilt or changed the whole time. Try again; if its process has ended, open the file with a manager.",
    );
  }

  /** The bytes of the value that `look` or `find` saw: a view that the next look overwrites. */
  get value(): Uint8Array {
    return this.scratch.window.bytes.subarray(this.image.valueAt, this.image.end) as Uint8Array;
  }

  /** Follows the chain of a key. `moved`: an entry changed under the look. */
  #walk(wanted: BlockImage): ImageState | "moved" {
    const words = this.#words;
    let result: ImageState = "free";
    let link = load(words, (this.#parts.heads >>> 2) + (wanted.hash & (this.#parts.buckets - 1)));
    for (let steps = this.end; link > 0 && link <= this.#parts.count; steps--) {
      if (steps < 0) return "moved";
      const record = this.#record(link - 1);
      if (words[record + HASH] === wanted.hash) {
        const before = load(words, (this.#parts.versions >>> 2) + link - 1);
        const state = this.look(link - 1);
        if (!this.#isStill(link - 1, before)) return "moved";
        if (state === "valid" && this.#holds(wanted)) return state;
        // Which key it was cannot be told: perhaps this one.
        if (state === "damaged") result = state;
      }
      link = load(words, record);
    }
    return result;
  }

  /** Whether the entry in `scratch` has the key in the probe. */
  #holds(wanted: BlockImage): boolean {
    if (this.image.keyBytes !== wanted.keyBytes) return false;
    for (let at = STORE_BLOCK.key >>> 2; at < wanted.valueAt >>> 2; at++) {
      if (this.scratch.words[at] !== this.#probe.words[at]) return false;
    }
    return true;
  }

  /** What is wrong with the lengths of a block, if anything; else it is copied. */
  #copy(unit: number): string | undefined {
    const { count, units } = this.#parts;
    if (unit < 0 || unit >= count) return "its block is outside the store";
    const words = this.#words;
    const at = (units >>> 2) + unit * UNIT_WORDS;
    const keyBytes = keyBytesOf(words[at]);
    const valueBytes = words[at + (STORE_BLOCK.valueBytes >>> 2)];
    if (keyBytes > KEY_BYTES_MAX || valueBytes < 0 || valueBytes > VALUE_BYTES_MAX) return "its lengths are impossible";
    if (unit + blockUnits(keyBytes, valueBytes) > count) return "it ends outside the store";
    const valueAt = valueOffset(keyBytes);
    const end = valueAt + valueBytes;
    this.scratch.words.set(words.subarray(at, at + ((end + 3) >>> 2)));
    this.image = { word: 0, keyBytes, valueAt, end, hash: 0, sum: 0 };
    return undefined;
  }

  #judge(entry: number, hash: number, deep: boolean): string | undefined {
    const { scratch, image } = this;
    if (!scratch.isIntact(image)) return "its checksum differs";
    if (scratch.words[STORE_BLOCK.owner >>> 2] !== entry + 1) return "its block is another entry's";
    if (scratch.words[0] >>> STORE_KEY_BITS !== this.namespaceId) return "its block is of another namespace";
    if (!deep) return undefined;
    const again = this.#probe.writeKey(0, scratch.keyText(image));
    this.#probe.claim(again, this.namespaceId);
    return again.hash === hash ? undefined : "its block holds another key";
  }

  #nameAt(unit: number): string | undefined {
    if (this.#copy(unit) !== undefined) return undefined;
    const { scratch, image } = this;
    if (!scratch.isIntact(image) || scratch.words[STORE_BLOCK.owner >>> 2] !== 0) return undefined;
    const from = STORE_BLOCK.key >>> 2;
    return String.fromCharCode(...scratch.words.subarray(from, from + (image.keyBytes >>> 2)));
  }

  /** Whether an entry still has a version. The exchange, on a word of our own, keeps the plain reads before it from being done after it. */
  #isStill(entry: number, low: number): boolean {
    compareExchange(this.#fence, 0, 0, 0);
    return load(this.#words, (this.#parts.versions >>> 2) + entry) === low;
  }

  #record(entry: number): number {
    return (this.#parts.records >>> 2) + entry * RECORD_WORDS;
  }

  #control(field: number): number {
    return (this.#parts.control + field) >>> 2;
  }
}
