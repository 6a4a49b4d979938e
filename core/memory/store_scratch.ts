/**
 * A private buffer in which a thread builds the image of a block before it takes the store's lock: user code (getters of the value) runs here and
 * never under the lock, a value that cannot be encoded has touched nothing shared, and what is copied under the lock is a run of words.
 *
 * ```
 * identity │ value bytes │ checksum │ owner (4 B each) │ key, UTF-8, lone surrogates as 3 bytes, zeros up to a multiple of 8 │ value by the codec
 * ```
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { type ByteWindow, privateWindow } from "./shared_memory.ts";
import { addWords, endSum } from "./store_checksum.ts";
import { STORE_BLOCK, STORE_KEY_BITS, STORE_UNIT_BYTES } from "./store_layout.ts";

/** How values become bytes and come back. Handed in: the codec of messages lives on a higher floor. */
export interface ValueCodec {
  /** Writes `value` from byte `at`; returns the end, or a negative number when it does not fit below `limit`. */
  encode(value: unknown, target: ByteWindow, at: number, limit: number): number;
  /** Reads the value between `at` and `end`. What it returns holds no view on `source`. */
  decode(source: ByteWindow, at: number, end: number): unknown;
  /** The same for a writer that nearly always writes into this window. */
  writingInto?(home: ByteWindow): ValueCodec;
}

/** Longest key in bytes of UTF-8. */
export const KEY_BYTES_MAX = 65_536;
/** Largest encoded value: larger data belongs into a file whose path is stored. */
export const VALUE_BYTES_MAX = 1 << 20;

/** A key of the greatest length before it is refused: three bytes a code unit. */
const IMAGE_BYTES_MAX = STORE_BLOCK.key + 3 * KEY_BYTES_MAX + 8 + VALUE_BYTES_MAX;
/** Room for one image of any size behind a batch of small ones; what was never touched costs nothing. */
const SCRATCH_BYTES = 2 * IMAGE_BYTES_MAX;
const VALUE_BYTES = STORE_BLOCK.valueBytes >>> 2;
const CHECKSUM = STORE_BLOCK.checksum >>> 2;
const KEY = STORE_BLOCK.key >>> 2;
const UNIT_SHIFT = Math.log2(STORE_UNIT_BYTES);
const SEED = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

/** One image: where it stands in its scratch buffer and what the store needs to know of it. */
export interface BlockImage {
  /** Index of its first word. */
  readonly word: number;
  /** Length of the key in bytes. */
  readonly keyBytes: number;
  /** First byte of the value. */
  readonly valueAt: number;
  /** Behind the value. */
  end: number;
  /** Hash of the key, and once `claim` has been called of namespace and key. */
  hash: number;
  /** Sum of the words from the value's length on. */
  sum: number;
}

/** Bytes of the key of a block, from its first word. */
export function keyBytesOf(identity: number): number {
  return identity & ((1 << STORE_KEY_BITS) - 1);
}

/** Bytes of a block with such a key before its value. */
export function valueOffset(keyBytes: number): number {
  return (STORE_BLOCK.key + keyBytes + 7) & ~7;
}

/** Units of a block. */
export function blockUnits(keyBytes: number, valueBytes: number): number {
  return (valueOffset(keyBytes) + valueBytes + STORE_UNIT_BYTES - 1) >>> UNIT_SHIFT;
}

/** The buffer. It grows for a batch of many megabytes and is not meant to be kept when it has. */
export class StoreScratch {
  /** The bytes, for the codec. */
  window: ByteWindow = privateWindow(SCRATCH_BYTES);
  /** The same bytes. */
  words: Int32Array = new Int32Array(this.window.bytes.buffer);

  /** Begins an image at byte `at` (a multiple of 8) with its key. Throws when the key cannot be one. */
  writeKey(at: number, key: unknown): BlockImage {
    if (typeof key !== "string") throw new InvalidArgumentError("key", key, "give a string.");
    if (key.length === 0) throw new InvalidArgumentError("key", key, "give a string of at least one character.");
    if (key.length > KEY_BYTES_MAX) throw keyTooLong(key);
    if (at + IMAGE_BYTES_MAX > this.window.bytes.length) this.#grow(at + IMAGE_BYTES_MAX);
    const bytes = this.window.bytes;
    const begin = at + STORE_BLOCK.key;
    let end = begin;
    let hash = SEED;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      hash = Math.imul(hash ^ unit, PRIME);
      if (unit < 0x80) bytes[end++] = unit;
      else if (unit >= 0xd800 && unit < 0xe000) end = writeSurrogate(bytes, end, key, i);
      else end = writeWide(bytes, end, unit);
    }
    const keyBytes = end - begin;
    if (keyBytes > KEY_BYTES_MAX) throw keyTooLong(key);
    const valueAt = at + valueOffset(keyBytes);
    while (end < valueAt) bytes[end++] = 0;
    return { word: at >>> 2, keyBytes, valueAt, end, hash, sum: 0 };
  }

  /** Makes the image of a namespace's name: one character a word where the key would be, no value. */
  writeName(at: number, name: string): BlockImage {
    const keyBytes = name.length * 4;
    const valueAt = at + valueOffset(keyBytes);
    if (valueAt > this.window.bytes.length) this.#grow(valueAt);
    const word = at >>> 2;
    this.words[word] = keyBytes;
    this.words[word + VALUE_BYTES] = 0;
    for (let i = 0; i < name.length; i++) this.words[word + KEY + i] = name.charCodeAt(i);
    if (name.length % 2 === 1) this.words[word + KEY + name.length] = 0;
    this.words[word + CHECKSUM] = endSum(this.#sumBody(word, valueAt), keyBytes);
    this.words[word + (STORE_BLOCK.owner >>> 2)] = 0;
    return { word, keyBytes, valueAt, end: valueAt, hash: 0, sum: 0 };
  }

  /** Adds the value. Throws what the codec throws, and `VALUE_TOO_LARGE`. */
  writeValue(image: BlockImage, value: unknown, codec: ValueCodec): void {
    if (value === undefined) {
      throw new InvalidArgumentError("value", value, "get could not tell it from an absent key; call delete, or store null.");
    }
    const end = codec.encode(value, this.window, image.valueAt, image.valueAt + VALUE_BYTES_MAX);
    if (end < 0) {
      throw new KernelError(
        "VALUE_TOO_LARGE",
        `value is larger than ${VALUE_BYTES_MAX} bytes once encoded. Store its parts under several keys, or keep it in a file and store the path.`,
        { valueBytesMax: VALUE_BYTES_MAX },
      );
    }
    image.end = end;
    this.words[image.word + VALUE_BYTES] = end - image.valueAt;
    image.sum = this.#sumBody(image.word, end);
  }

  /** Makes the image one of a namespace. */
  claim(image: BlockImage, namespaceId: number): void {
    const identity = image.keyBytes | (namespaceId << STORE_KEY_BITS);
    this.words[image.word] = identity;
    this.words[image.word + CHECKSUM] = endSum(image.sum, identity);
    // The last step of MurmurHash3: FNV alone leaves the low bits, which choose the bucket, poorly mixed.
    let hash = Math.imul(image.hash ^ namespaceId, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    image.hash = hash ^ (hash >>> 16);
  }

  /** Whether the image that a block was copied into has the sum that stands in it. */
  isIntact(image: BlockImage): boolean {
    return endSum(this.#sumBody(image.word, image.end), this.words[image.word]) === this.words[image.word + CHECKSUM];
  }

  /** The key of an image as text. */
  keyText(image: BlockImage): string {
    return keyText(this.window.bytes, image.word * 4 + STORE_BLOCK.key, image.keyBytes);
  }

  /** Of the words from the key up to byte `end`: whole words, for whole words are what is copied. */
  #sumBody(word: number, end: number): number {
    return addWords(this.words[word + VALUE_BYTES], this.words, word + KEY, ((end + 3) >>> 2) - word - KEY);
  }

  #grow(bytes: number): void {
    const old = this.window.bytes;
    this.window = privateWindow(Math.max(bytes, 2 * old.length));
    this.window.bytes.set(old);
    this.words = new Int32Array(this.window.bytes.buffer);
  }

  /** Whether a batch made it grow. */
  get grown(): boolean {
    return this.window.bytes.length > SCRATCH_BYTES;
  }
}

function writeWide(bytes: Uint8Array, at: number, unit: number): number {
  if (unit < 0x800) bytes[at++] = 0xc0 | (unit >> 6);
  else {
    bytes[at++] = 0xe0 | (unit >> 12);
    bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (unit & 0x3f);
  return at;
}

/** A pair becomes the four bytes of UTF-8, written at its low half; a lone half three bytes that UTF-8 does not use, so that it stays distinct. */
function writeSurrogate(bytes: Uint8Array, at: number, key: string, index: number): number {
  const unit = key.charCodeAt(index);
  const isHigh = unit < 0xdc00;
  if (isHigh && (key.charCodeAt(index + 1) & 0xfc00) === 0xdc00) return at;
  const high = isHigh || index === 0 ? 0 : key.charCodeAt(index - 1);
  if ((high & 0xfc00) !== 0xd800) return writeWide(bytes, at, unit);
  const point = 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff);
  bytes[at++] = 0xf0 | (point >> 18);
  bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
  bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
  bytes[at++] = 0x80 | (point & 0x3f);
  return at;
}

/** What `writeKey` wrote, as text again: UTF-8 with lone surrogates. Bytes that it never writes give some other text, and no error. */
export function keyText(bytes: Uint8Array<ArrayBufferLike>, at: number, keyBytes: number): string {
  const end = at + keyBytes;
  let text = "";
  while (at < end) {
    const first = bytes[at];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      at++;
    } else if (first < 0xe0) {
      text += String.fromCharCode(((first & 0x1f) << 6) | (bytes[at + 1] & 0x3f));
      at += 2;
    } else if (first < 0xf0) {
      text += String.fromCharCode(((first & 0xf) << 12) | ((bytes[at + 1] & 0x3f) << 6) | (bytes[at + 2] & 0x3f));
      at += 3;
    } else {
      const point = ((first & 7) << 18) | ((bytes[at + 1] & 0x3f) << 12) | ((bytes[at + 2] & 0x3f) << 6) | (bytes[at + 3] & 0x3f);
      text += String.fromCharCode(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
      at += 4;
    }
  }
  return text;
}

function keyTooLong(key: string): InvalidArgumentError {
  return new InvalidArgumentError(
    "key",
    key,
    `its UTF-8 form is longer than ${KEY_BYTES_MAX} bytes; use a shorter key, such as a hash of it.`,
  );
}
