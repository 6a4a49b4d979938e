/**
 * The store's blocks: written once from a thread's scratch buffer, then only read, then freed.
 *
 * Only the holder of the store's lock writes and frees. Anyone may compare and copy; whether the block was still the same is for the entry's version to say.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { StoreHeap } from "./store_heap.ts";
import { STORE, STORE_BLOCK, STORE_ORDER, storeParts } from "./store_layout.ts";
import type { StoreLock } from "./store_lock.ts";
import {
  type BlockImage,
  blockUnits,
  KEY_BYTES_MAX,
  keyBytesOf,
  type StoreScratch,
  VALUE_BYTES_MAX,
  valueOffset,
} from "./store_scratch.ts";

const VALUE_BYTES = STORE_BLOCK.valueBytes >>> 2;
const CHECKSUM = STORE_BLOCK.checksum >>> 2;
const OWNER = STORE_BLOCK.owner >>> 2;
const KEY = STORE_BLOCK.key >>> 2;
/** Up to so many words a loop copies faster than `set` with a view: making the view costs about 60 ns. */
const COPY_BY_LOOP_WORDS = 64;

/** One thread's view on the blocks. A block is named by its first unit. */
export class StoreBlocks {
  /** The room in which they stand. */
  readonly heap: StoreHeap;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #filling: number;
  readonly #fillingUnits: number;

  /** `lock` is asked whether it is still held before anything is published. */
  constructor(memory: SharedMemory, layout: Layout, private readonly lock: StoreLock) {
    const parts = storeParts(layout);
    this.#words = memory.words;
    this.#bytes = memory.bytes;
    this.heap = new StoreHeap(memory, layout);
    this.#end = this.heap.wordOf(parts.count);
    this.#filling = (parts.control + STORE.filling) >>> 2;
    this.#fillingUnits = (parts.control + STORE.fillingUnits) >>> 2;
  }

  /**
   * Takes a block and copies an image into it; −1 when there is no room. The caller publishes it and calls `settle`. Until then the block is named in
   * `filling`: if this thread sleeps here and is given up for dead, it may write on when it wakes, so `rebuild` keeps that block out of use.
   */
  write(scratch: StoreScratch, image: BlockImage): number {
    const words = this.#words;
    const units = blockUnits(image.keyBytes, image.end - image.valueAt);
    const unit = this.heap.allocate(units);
    if (unit < 0) return unit;
    words[this.#fillingUnits] = units;
    words[this.#filling] = unit + 1;
    copyWords(scratch.words, image.word, words, this.heap.wordOf(unit), (image.end - image.word * 4 + 3) >>> 2);
    this.assertHeld();
    return unit;
  }

  /** Says whose block it is: an entry, or −1 for a name. */
  own(unit: number, entry: number): void {
    this.#words[this.heap.wordOf(unit) + OWNER] = entry + 1;
  }

  /** The entry that a block says is its own, or −1. */
  ownerOf(unit: number): number {
    return this.#words[this.heap.wordOf(unit) + OWNER] - 1;
  }

  /** The block that was written is published. */
  settle(): void {
    this.#words[this.#filling] = 0;
  }

  /** Throws when this thread was given up for dead and the lock taken from it. */
  assertHeld(): void {
    if (this.lock.held()) return;
    throw new KernelError(
      "STORE_CLOSED",
      "this thread was asleep for so long that it was declared dead; it can no longer write to the store.",
    );
  }

  /** Units of a block. */
  unitsOf(unit: number): number {
    const at = this.heap.wordOf(unit);
    return blockUnits(keyBytesOf(this.#words[at]), this.#words[at + VALUE_BYTES]);
  }

  /** Gives a block back; returns its units: those of the map, for the block itself may be damaged. */
  free(unit: number): number {
    const units = this.heap.usedUnitsAt(unit);
    this.heap.free(unit, units);
    return units;
  }

  /** Whether the block has the image's namespace and key. */
  holds(unit: number, scratch: StoreScratch, image: BlockImage): boolean {
    return this.hasKey(unit, scratch.words, image.word);
  }

  /** Whether the block has the namespace and key of another one that stands in `other`. */
  hasKey(unit: number, other: Int32Array, word: number): boolean {
    const words = this.#words;
    const at = this.heap.wordOf(unit);
    if (words[at] !== other[word]) return false;
    const count = (keyBytesOf(other[word]) + 3) >>> 2;
    for (let i = 0; i < count; i++) {
      if (words[at + KEY + i] !== other[word + KEY + i]) return false;
    }
    return true;
  }

  /** Words of a block with its key and value; −1 when what stands there are no lengths. */
  wordsOf(unit: number): number {
    const at = this.heap.wordOf(unit);
    const count = wordsOfBlock(this.#words, at);
    return at + count > this.#end ? -1 : count;
  }

  /** Copies so many words of a block out. */
  copyOut(unit: number, count: number, target: Int32Array, word: number): void {
    copyWords(this.#words, this.heap.wordOf(unit), target, word, count);
  }

  /** Units of the block that words which were copied out make. */
  unitsFor(from: Int32Array, word: number): number {
    return blockUnits(keyBytesOf(from[word]), from[word + VALUE_BYTES]);
  }

  /** Takes a block for words that were copied out once; −1 when there is no room. */
  adopt(from: Int32Array, word: number, count: number): number {
    const unit = this.heap.allocate(this.unitsFor(from, word));
    if (unit >= 0) copyWords(from, word, this.#words, this.heap.wordOf(unit), count);
    return unit;
  }

  /**
   * Copies the value of a block behind the key in `scratch`, and length and checksum before it; false when what stands there is no length: the block was
   * freed under a reader, or is damaged.
   */
  copyValue(unit: number, scratch: StoreScratch, image: BlockImage): boolean {
    const words = this.#words;
    const at = this.heap.wordOf(unit);
    const from = at + (valueOffset(image.keyBytes) >>> 2);
    const valueBytes = words[at + VALUE_BYTES];
    const count = (valueBytes + 3) >>> 2;
    if (valueBytes < 0 || valueBytes > VALUE_BYTES_MAX || from + count > this.#end) return false;
    copyWords(words, from, scratch.words, image.valueAt >>> 2, count);
    scratch.words[image.word + VALUE_BYTES] = valueBytes;
    scratch.words[image.word + CHECKSUM] = words[at + CHECKSUM];
    image.end = image.valueAt + valueBytes;
    return true;
  }

  /** Copies a block of unknown key to the beginning of `scratch`; undefined when what stands there are no lengths. */
  copy(unit: number, scratch: StoreScratch): BlockImage | undefined {
    const at = this.heap.wordOf(unit);
    const keyBytes = keyBytesOf(this.#words[at]);
    const valueBytes = this.#words[at + VALUE_BYTES];
    const valueAt = valueOffset(keyBytes);
    const count = (valueAt + valueBytes + 3) >>> 2;
    if (keyBytes > KEY_BYTES_MAX || valueBytes < 0 || valueBytes > VALUE_BYTES_MAX || at + count > this.#end) return undefined;
    copyWords(this.#words, at, scratch.words, 0, count);
    return { word: 0, keyBytes, valueAt, end: valueAt + valueBytes, hash: 0, sum: 0 };
  }

  /** Whether the key of a block begins so. */
  keyBegins(unit: number, prefix: Uint8Array): boolean {
    const at = this.heap.wordOf(unit);
    if (keyBytesOf(this.#words[at]) < prefix.length) return false;
    const begin = (at + KEY) * 4;
    for (let i = 0; i < prefix.length; i++) if (this.#bytes[begin + i] !== prefix[i]) return false;
    return true;
  }

  /** The key of a block, for the holder of the lock: bytes, and index of its first word. */
  keyOf(unit: number): { keyBytes: number; word: number } {
    const at = this.heap.wordOf(unit);
    return { keyBytes: keyBytesOf(this.#words[at]), word: at + KEY };
  }

  /** The key of a block as words, for names of namespaces. */
  keyWords(unit: number): Int32Array {
    const at = this.heap.wordOf(unit);
    return this.#words.subarray(at + KEY, at + KEY + (keyBytesOf(this.#words[at]) >>> 2));
  }

  /** Begins to find out anew what is free; `keep` every block in use, then call `sweep`. */
  beginRebuild(): void {
    this.heap.beginRebuild();
  }

  /** This block is in use. */
  keep(unit: number): void {
    this.heap.mark(unit, STORE_ORDER.used);
  }

  /** Frees all the rest, but for the block that a lost holder may still be filling: that one leaks until the next rebuild. */
  sweep(): void {
    const filling = this.#words[this.#filling] - 1;
    const lost = filling >= 0 && this.heap.mark(filling, STORE_ORDER.lost) ? filling : -1;
    this.heap.sweep((unit) => unit === lost ? this.#words[this.#fillingUnits] : this.unitsOf(unit));
  }

  /** Free units, counted one by one. */
  auditFree(): number {
    return this.heap.audit();
  }
}

/** Words of a block that begins at a word; −1 when what stands there are no lengths. */
export function wordsOfBlock(words: Int32Array, at: number): number {
  const keyBytes = keyBytesOf(words[at]);
  const valueBytes = words[at + VALUE_BYTES];
  if (keyBytes > KEY_BYTES_MAX || valueBytes < 0 || valueBytes > VALUE_BYTES_MAX) return -1;
  return (valueOffset(keyBytes) + valueBytes + 3) >>> 2;
}

function copyWords(from: Int32Array, fromWord: number, to: Int32Array, toWord: number, count: number): void {
  if (count > COPY_BY_LOOP_WORDS) to.set(from.subarray(fromWord, fromWord + count), toWord);
  else for (let i = 0; i < count; i++) to[toWord + i] = from[fromWord + i];
}
