/**
 * Many ranges into one buffer: a batch of blocks or frames, and if wanted the checksum of each.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";

/** A CRC32C of some kind. */
export type Checksum = (bytes: Uint8Array<ArrayBufferLike>, seed?: number) => number;

/** Up to here bytes are copied one by one: two views cost more. */
const SMALL_BYTES_MAX = 64;

/**
 * Copies `count` ranges of `source`, each two numbers (first byte, length), one behind the other to `target`, and writes the CRC32C of each copy to
 * `sums`. Returns the bytes copied. Throws before anything is copied when a range lies outside or all of them do not fit.
 */
export function gather(
  target: Uint8Array<ArrayBufferLike>,
  source: Uint8Array<ArrayBufferLike>,
  ranges: Uint32Array<ArrayBufferLike>,
  count: number,
  sums: Uint32Array<ArrayBufferLike> | undefined,
  checksum: Checksum,
): number {
  checkArguments(target, source, ranges, count, sums);
  let total = 0;
  for (let range = 0; range < count; range++) {
    if (ranges[2 * range] + ranges[2 * range + 1] > source.length) throw outOfRange(target, source, ranges, count);
    total += ranges[2 * range + 1];
  }
  if (total > target.length) throw outOfRange(target, source, ranges, count);
  for (let range = 0, at = 0; range < count; range++) {
    const [from, length] = [ranges[2 * range], ranges[2 * range + 1]];
    if (length > SMALL_BYTES_MAX) target.set(source.subarray(from, from + length), at);
    else for (let byte = 0; byte < length; byte++) target[at + byte] = source[from + byte];
    // Of the copy: the source may be written meanwhile, and the sum must be that of what was copied.
    if (sums !== undefined) sums[range] = checksum(target.subarray(at, at + length));
    at += length;
  }
  return total;
}

/** What costs nothing to check for either twin. */
export function checkArguments(
  target: Uint8Array<ArrayBufferLike>,
  source: Uint8Array<ArrayBufferLike>,
  ranges: Uint32Array<ArrayBufferLike>,
  count: number,
  sums: Uint32Array<ArrayBufferLike> | undefined,
): void {
  if (!(count >= 0 && 2 * count <= ranges.length)) {
    throw new InvalidArgumentError("count", count, `give at most ${ranges.length >> 1}, half the length of ranges.`);
  }
  if (sums !== undefined && sums.length < count) {
    throw new InvalidArgumentError("sums", sums, `give an array of at least ${count} numbers.`);
  }
  if (target.buffer !== source.buffer) return;
  if (target.byteOffset < source.byteOffset + source.length && source.byteOffset < target.byteOffset + target.length) {
    throw new InvalidArgumentError("target", target, "it must not overlap the source.");
  }
}

/** Says which range is the first that cannot be copied. */
export function outOfRange(
  target: Uint8Array<ArrayBufferLike>,
  source: Uint8Array<ArrayBufferLike>,
  ranges: Uint32Array<ArrayBufferLike>,
  count: number,
): InvalidArgumentError {
  let total = 0;
  for (let range = 0; range < count; range++) {
    const [from, length] = [ranges[2 * range], ranges[2 * range + 1]];
    if (from + length > source.length) {
      return new InvalidArgumentError(`ranges[${range}]`, from + length, `it ends behind the source's ${source.length} bytes.`);
    }
    total += length;
  }
  return new InvalidArgumentError("target", target, `its ${target.length} bytes do not hold the ${total} of all ranges.`);
}
