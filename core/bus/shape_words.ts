/**
 * Which strings a field repeats: types, names, states. Once it is known that it does, a number stands for them.
 *
 * A string is remembered by its hash alone until then: keeping the caller's string could keep alive the large text that it was cut from.
 *
 * @module
 */
import type { ByteWindow } from "../memory/shared_memory.ts";
import { SHORT_TEXT, WORD } from "./codec_format.ts";
import { writeText } from "./codec_text.ts";
import { WORD_CHARACTERS_MAX } from "./shape_format.ts";

/** Strings that a field tells apart at a time (a power of two): more of them in turn are written out. */
const PLACES = 8;

/** What one field of one shape has repeated lately. */
export class FieldWords {
  /** The word that was written last, and the two bytes of its number. */
  last: string | null = null;
  /** See `last`: the first of its two bytes. */
  first = 0;
  /** See `last`: the second. */
  second = 0;
  readonly #words: (string | null)[] = new Array(PLACES).fill(null);
  readonly #numbers: number[] = new Array(PLACES).fill(0);
  readonly #hashes: number[] = new Array(PLACES).fill(0);
  readonly #seen: number[] = new Array(PLACES).fill(0);

  /** Whether the string is a known word; then it is `last`. */
  find(value: string): boolean {
    if (value.length === 0) return false;
    const place = placeOf(value);
    if (this.#words[place] !== value) return false;
    this.last = this.#words[place];
    this.first = WORD | this.#numbers[place] >> 8;
    this.second = this.#numbers[place] & 0xff;
    return true;
  }

  /** Counts a string that was written out; a number stands for it once it has been repeated often. */
  wrote(value: string, hash: number, book: WordBook): void {
    const place = placeOf(value);
    if (this.#hashes[place] !== hash) {
      this.#hashes[place] = hash;
      this.#seen[place] = 0;
    }
    if (++this.#seen[place] < book.repeatsMin) return;
    const number = book.numberOf(value);
    if (number < 0) {
      this.#seen[place] = 0; // the table is full: not asked again soon
      return;
    }
    this.#words[place] = book.word(number);
    this.#numbers[place] = number;
  }
}

/** Where words get their numbers. */
export interface WordBook {
  /** A string repeated so often becomes a word. */
  readonly repeatsMin: number;
  /** The number of a string, a new one if need be; -1 when there is no room. */
  numberOf(text: string): number;
  /** The word of a number. */
  word(number: number): string;
}

/** Where a field looks for a string; three characters tell apart what usually stands in one field. The string is not empty. */
function placeOf(value: string): number {
  const { length } = value;
  return (length + value.charCodeAt(0) + value.charCodeAt(length >> 1) * 3 + value.charCodeAt(length - 1) * 5) & (PLACES - 1);
}

/** Writes out a string that is no word (yet); of a short Latin-1 one a hash is taken on the way. */
export function writeFieldText(value: string, target: ByteWindow, at: number, limit: number, words: FieldWords, book: WordBook): number {
  const { length } = value;
  if (length > WORD_CHARACTERS_MAX || length === 0) return writeText(value, target, at, limit);
  if (at + 1 + length > limit) return -1;
  const { bytes } = target;
  bytes[at] = SHORT_TEXT | length;
  let all = 0;
  let hash = length;
  for (let index = 0; index < length; index++) {
    const unit = value.charCodeAt(index);
    all |= unit;
    hash = Math.imul(hash ^ unit, 0x0100_0193);
    bytes[at + 1 + index] = unit;
  }
  if (all > 0xff) return writeText(value, target, at, limit);
  words.wrote(value, hash, book);
  return at + 1 + length;
}
