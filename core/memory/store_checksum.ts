/**
 * The checksum of a block: xxHash32's rounds (Yann Collet) over whole words. Each round is a bijection of the word and of what was before, so a change
 * within one word is always found; any other goes unnoticed once in 2³². CRC32C would find every burst of 32 bits, and its table costs JavaScript
 * four times as much a byte.
 *
 * @module
 */
const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;

/** Adds `count` words to a sum; begin with 0. */
export function addWords(sum: number, words: Int32Array, from: number, count: number): number {
  const end = from + count;
  let at = from;
  let result = (sum + PRIME_1) | 0;
  if (count >= 16) {
    // Four sums side by side: the processor does them at once.
    let [a, b, c, d] = [result, result ^ PRIME_2, result ^ PRIME_3, result ^ PRIME_4];
    for (; at + 4 <= end; at += 4) {
      a = round(a, words[at]);
      b = round(b, words[at + 1]);
      c = round(c, words[at + 2]);
      d = round(d, words[at + 3]);
    }
    result = (turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18)) | 0;
  }
  for (; at < end; at++) result = round(result, words[at]);
  return result;
}

/** Ends a sum with one more word. Never 0 for a block of zeros. */
export function endSum(sum: number, word: number): number {
  let result = round(sum, word);
  result = Math.imul(result ^ (result >>> 15), PRIME_2);
  result = Math.imul(result ^ (result >>> 13), PRIME_3);
  return result ^ (result >>> 16);
}

function round(sum: number, word: number): number {
  return Math.imul(turn((sum + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);
}

function turn(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
