/**
 * The bytes of a payload, as `codec_encode.ts` writes and `codec_decode.ts` reads them. One tag byte stands before each value:
 *
 * ```
 * 0x00–0x1f  a tag of the table below       0x20–0x3f  word of which the number's upper 5 bits stand here and 8 in the next byte (shape_format.ts)
 * 0x40–0x7f  Latin-1 string, 0–63 characters  0x80–0xff  integer 0–127
 * ```
 * A property list is `key value … KEY_END`; a key is one length byte and that many Latin-1 characters, or KEY_TEXT and a string value. Objects are
 * numbered in the order in which their first byte is written; REFERENCE names one of them. Numbers are little-endian at any alignment.
 *
 * @module
 */

/** Levels of objects in objects that a payload may have: measured, the recursion of either side then takes less than half of V8's usual stack. */
export const DEPTH_MAX = 500;

/** First byte of a value. */
export const TAG = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** 32-bit integer. */
  integer: 4,
  /** 64-bit float. */
  float: 5,
  /** 64-bit integer of a bigint. */
  bigint: 6,
  /** Larger bigint: sign byte, string value of its hexadecimal digits. */
  hugeBigint: 7,
  /** Byte count (32 bits), ASCII. */
  ascii: 8,
  /** Byte count (32 bits), UTF-8. */
  utf8: 9,
  /** Unit count (32 bits), UTF-16 units: short text beyond Latin-1, and what is not well-formed. */
  utf16: 10,
  /** Property list. */
  object: 11,
  /** Count (32 bits), values. */
  array: 12,
  /** Length (32 bits), property list: arrays with holes or with named properties. */
  keyedArray: 13,
  /** Object number (32 bits). */
  reference: 14,
  /** 64-bit float. */
  date: 15,
  /** String value of the source, of the flags. */
  regExp: 16,
  /** Count (32 bits), key, value, … */
  map: 17,
  /** Count (32 bits), values. */
  set: 18,
  /** Primitive value. */
  boxed: 19,
  /** Byte count (32 bits), bytes. */
  buffer: 20,
  /** View kind, byte offset and length in elements (32 bits each), value of the buffer. */
  view: 21,
  /** Error kind; of a DOMException the string values of name and message; property list. */
  error: 22,
  /** Shape number (16 bits), values. Like the next three only where shapes are used: see shape_format.ts. */
  record: 23,
  /** In the place of a record's value: the key is not there. */
  absent: 24,
  /** First in a payload: host whose table it refers to (8 bits), value. */
  table: 25,
  /** First in a payload, both in one: host (8 bits), shape number (16 bits), values. */
  tableRecord: 26,
} as const;

/** Tags from here on are words. */
export const WORD = 0x20;
/** Tags from here on are Latin-1 strings with the length in the low bits. */
export const SHORT_TEXT = 0x40;
/** Longest string with its length in the tag. */
export const SHORT_TEXT_MAX = 0x3f;
/** Tags from here on are integers with the value in the low bits. */
export const SMALL_INTEGER = 0x80;
/** Longest key with its length in its first byte. */
export const KEY_BYTES_MAX = 0xfd;
/** A string value follows: a key that is long or not Latin-1. */
export const KEY_TEXT = 0xfe;
/** The property list ends. */
export const KEY_END = 0xff;
