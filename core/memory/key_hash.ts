/**
 * XXH32 (Yann Collet), for long keys: four sums side by side over 16 bytes a step, the same value on every machine and in the native twin.
 *
 * @module
 */
const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;
const PRIME_5 = 0x165667b1 | 0;
const STRIPE_BYTES = 16;

/** The hash as an unsigned 32-bit number. */
export function xxh32(bytes: Uint8Array<ArrayBufferLike>, seed = 0): number {
  const end = bytes.length;
  let at = 0;
  let sum = (seed + PRIME_5) | 0;
  if (end >= STRIPE_BYTES) {
    let a = (seed + PRIME_1 + PRIME_2) | 0;
    let b = (seed + PRIME_2) | 0;
    let c = seed | 0;
    let d = (seed - PRIME_1) | 0;
    for (; at + STRIPE_BYTES <= end; at += STRIPE_BYTES) {
      a = round(a, wordAt(bytes, at));
      b = round(b, wordAt(bytes, at + 4));
      c = round(c, wordAt(bytes, at + 8));
      d = round(d, wordAt(bytes, at + 12));
    }
    sum = (turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18)) | 0;
  }
  sum = (sum + end) | 0;
  for (; at + 4 <= end; at += 4) sum = Math.imul(turn((sum + Math.imul(wordAt(bytes, at), PRIME_3)) | 0, 17), PRIME_4);
  for (; at < end; at++) sum = Math.imul(turn((sum + Math.imul(bytes[at], PRIME_5)) | 0, 11), PRIME_1);
  sum = Math.imul(sum ^ (sum >>> 15), PRIME_2);
  sum = Math.imul(sum ^ (sum >>> 13), PRIME_3);
  return (sum ^ (sum >>> 16)) >>> 0;
}

function wordAt(bytes: Uint8Array<ArrayBufferLike>, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function round(sum: number, word: number): number {
  return Math.imul(turn((sum + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);
}

function turn(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
