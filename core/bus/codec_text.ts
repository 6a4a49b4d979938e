/**
 * Strings of payloads. Measured over shared memory: to write, a loop wins up to some 60 characters, `encodeInto` beyond; to read, `fromCharCode` of as
 * many arguments wins up to 8 (25 ns), of a list up to some 24 (50–100 ns), node's `latin1Slice` beyond (110 ns);
 * text that is not ASCII by `utf8Slice` up to some 256 bytes (0.3–1.4 µs), by TextDecoder beyond: it needs a private copy and 0.4 µs and 1 µs more for 1,000
 * characters, twice to three times as much when it is to throw (and then what it makes takes two bytes a character also where one would do), and 2 µs more
 * where that copy is made anew each time. Short strings repeat (keys, types, names):
 * they are looked up by content before they are made.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ByteWindow } from "../memory/shared_memory.ts";
import { KEY_BYTES_MAX, KEY_TEXT, SHORT_TEXT, SHORT_TEXT_MAX, TAG } from "./codec_format.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Works on any Uint8Array; `toString("latin1")` is its public name, which first looks the encoding up. */
const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as Record<
  "latin1Slice" | "utf8Slice",
  (this: Uint8Array, from: number, to: number) => string
>;

/** Strings a cache remembers (a power of two). */
const CACHE_ENTRIES = 1_024;
/** Longest string worth looking up. */
const CACHED_CHARACTERS_MAX = 32;
/** Longest string for which `fromCharCode` of a list is quicker than `latin1Slice`. */
const LISTED_CHARACTERS_MAX = 24;
/** One list for each length, so that none is made. */
const lists: readonly number[][] = Array.from({ length: LISTED_CHARACTERS_MAX + 1 }, (_, length) => new Array<number>(length).fill(0));
/** Longest UTF-8 for which `utf8Slice` is quicker than TextDecoder. */
const SLICED_UTF8_BYTES_MAX = 256;
/** Stands where bytes were no UTF-8, or for itself. */
const REPLACEMENT = "\ufffd";
/** Where text is copied for TextDecoder: longer than any frame, so that only text out of slabs gets a copy of its own. */
const aside = new Uint8Array(16_384);
/** Characters that one `fromCharCode` takes, well below any bound on arguments. */
const CHUNK_CHARACTERS = 4_096;

/** Writes a string value at `at`; returns the byte after it, or -1 when it does not fit. */
export function writeText(value: string, target: ByteWindow, at: number, limit: number): number {
  const { bytes, view } = target;
  const length = value.length;
  if (length <= SHORT_TEXT_MAX) {
    // Any other form is longer: no room for this one is no room at all.
    if (at + 1 + length > limit) return -1;
    bytes[at] = SHORT_TEXT | length;
    let all = 0;
    for (let index = 0; index < length; index++) {
      const unit = value.charCodeAt(index);
      all |= unit;
      bytes[at + 1 + index] = unit;
    }
    return all <= 0xff ? at + 1 + length : writeUnits(value, target, at, limit);
  }
  if (at + 5 + length > limit) return -1;
  const { read, written } = encoder.encodeInto(value, bytes.subarray(at + 5, limit));
  if (written === length && read === length) bytes[at] = TAG.ascii;
  // encodeInto replaces lone surrogates: only what is no ASCII can hold any.
  else if (!value.isWellFormed()) return writeUnits(value, target, at, limit);
  else if (read < length) return -1;
  else bytes[at] = TAG.utf8;
  view.setUint32(at + 1, written, true);
  return at + 5 + written;
}

/** Writes a property key at `at`; returns the byte after it, or -1 when it does not fit. */
export function writeKey(key: string, target: ByteWindow, at: number, limit: number): number {
  const length = key.length;
  if (at + 1 + length > limit) return -1;
  const bytes = target.bytes;
  if (length <= KEY_BYTES_MAX) {
    bytes[at] = length;
    let all = 0;
    for (let index = 0; index < length; index++) {
      const unit = key.charCodeAt(index);
      all |= unit;
      bytes[at + 1 + index] = unit;
    }
    if (all <= 0xff) return at + 1 + length;
  }
  bytes[at] = KEY_TEXT;
  return writeText(key, target, at + 1, limit);
}

function writeUnits(value: string, target: ByteWindow, at: number, limit: number): number {
  const { bytes, view } = target;
  if (at + 5 + value.length * 2 > limit) return -1;
  bytes[at] = TAG.utf16;
  view.setUint32(at + 1, value.length, true);
  for (let index = 0; index < value.length; index++) view.setUint16(at + 5 + index * 2, value.charCodeAt(index), true);
  return at + 5 + value.length * 2;
}

/** Recently read short strings by content: bounded, one entry a slot, the newest stays. */
export class TextCache {
  readonly #entries: string[] = new Array(CACHE_ENTRIES).fill("");

  /** `intern` keeps strings in the form in which the engine stores property names, which makes them quick keys. */
  constructor(private readonly intern: boolean) {}

  /** The `length` Latin-1 characters at `at`; all of them must lie inside the window. */
  read(bytes: Uint8Array, at: number, length: number): string {
    if (length > CACHED_CHARACTERS_MAX) return latin1Slice.call(bytes, at, at + length);
    if (length === 0) return "";
    const last = at + length - 1;
    // A sample is enough to find the slot: the content is compared below.
    const hash = length + bytes[at] * 31 + bytes[last] * 197 + bytes[at + (length >> 1)] * 1_031 + bytes[at + (length >> 2)] * 2_053;
    const slot = (hash ^ (hash >> 10)) & (CACHE_ENTRIES - 1);
    const known = this.#entries[slot];
    if (known.length === length) {
      let index = 0;
      while (index < length && known.charCodeAt(index) === bytes[at + index]) index++;
      if (index === length) return known;
    }
    const text = readLatin1(bytes, at, length);
    return this.#entries[slot] = this.intern ? Object.keys({ [text]: 0 })[0] : text;
  }
}

/** The string of `length` Latin-1 characters, at least one, at `at`. */
function readLatin1(bytes: Uint8Array, at: number, length: number): string {
  if (length > LISTED_CHARACTERS_MAX) return latin1Slice.call(bytes, at, at + length);
  if (length <= 8) return readFew(bytes, at, length);
  const units = lists[length];
  for (let index = 0; index < length; index++) units[index] = bytes[at + index];
  return String.fromCharCode.apply(null, units);
}

function readFew(b: Uint8Array, at: number, length: number): string {
  switch (length) {
    case 1:
      return String.fromCharCode(b[at]);
    case 2:
      return String.fromCharCode(b[at], b[at + 1]);
    case 3:
      return String.fromCharCode(b[at], b[at + 1], b[at + 2]);
    case 4:
      return String.fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3]);
    case 5:
      return String.fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4]);
    case 6:
      return String.fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5]);
    case 7:
      return String.fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5], b[at + 6]);
    default:
      return String.fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5], b[at + 6], b[at + 7]);
  }
}

/** The ASCII characters of `length` bytes at `at`. */
export function readAscii(bytes: Uint8Array, at: number, length: number): string {
  return latin1Slice.call(bytes, at, at + length);
}

/** The text of `length` bytes of UTF-8 at `at`, or null when they are none. */
export function readUtf8(bytes: Uint8Array, at: number, length: number): string | null {
  let text: string;
  if (length <= SLICED_UTF8_BYTES_MAX) text = utf8Slice.call(bytes, at, at + length);
  else {
    const own = length > aside.length ? new Uint8Array(length) : aside;
    own.set(bytes.subarray(at, at + length));
    text = decoder.decode(own.subarray(0, length));
  }
  return text.includes(REPLACEMENT) ? checkedUtf8(bytes, at, length) : text;
}

/** It may be what was sent. */
function checkedUtf8(bytes: Uint8Array, at: number, length: number): string | null {
  try {
    return strictDecoder.decode(bytes.slice(at, at + length));
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The string of `count` UTF-16 units at `at`. */
export function readUnits(view: DataView, at: number, count: number): string {
  let text = "";
  for (let from = 0; from < count; from += CHUNK_CHARACTERS) {
    const units = new Array<number>(Math.min(CHUNK_CHARACTERS, count - from));
    for (let index = 0; index < units.length; index++) units[index] = view.getUint16(at + (from + index) * 2, true);
    text += String.fromCharCode.apply(null, units);
  }
  return text;
}
