/**
 * The part of the layout that lies inside slabs: one whose state names its host and says PARKING holds records of one size, each with a frame.
 *
 * @module
 */
import { CACHE_LINE_BYTES, SLAB_BYTES } from "./layout.ts";

/** In a slab's state, beside host + 1: it holds parked frames. */
export const SLAB_PARKING = 0x100;
/** Fields of such a slab. */
export const PARKING_SLAB = {
  /** Bytes of one record; written before the state says PARKING. */
  recordBytes: 0,
  /** The first record. */
  records: CACHE_LINE_BYTES,
} as const;
/** Fields of a parked record. */
export const PARKED = {
  /** 0 free, 1 waiting, 2 begun. Written last when it is filled. */
  state: 0,
  bytes: 4,
  /** Host that wrote the frame. */
  producer: 8,
  /** Order of arrival at the host (f64). */
  sequence: 16,
  /** The frame as it lay in the ring. */
  frame: 24,
} as const;
/** Records of so many in a slab; each size is the largest multiple of 8 that fits so often. */
export const PARKED_PER_SLAB: readonly number[] = [127, 63, 31, 15, 7, 3, 1];

/** Bytes of a record of which `count` fit a slab. */
export function parkedRecordBytes(count: number): number {
  return Math.floor((SLAB_BYTES - PARKING_SLAB.records) / count / 8) * 8;
}
