/**
 * The loops that a small C library may run instead of TypeScript (see kernels_native.ts): what they do, and the portable way that is always there.
 * Both give the same values; which one runs is a matter of time only, so what they return may be stored.
 *
 * @module
 */
import { crc32c } from "./crc32c.ts";
import { xxh32 } from "./key_hash.ts";

/** The loops. */
export interface Kernels {
  /** Which ones these are. */
  readonly name: "native" | "portable";
  /** CRC32C as an unsigned 32-bit number; `seed` is the sum of what stands before (0 for nothing). */
  crc32c(bytes: Uint8Array<ArrayBufferLike>, seed?: number): number;
  /** XXH32 as an unsigned 32-bit number. */
  hash(bytes: Uint8Array<ArrayBufferLike>, seed?: number): number;
}

/** Needs no library and no permission. */
export const portableKernels: Kernels = { name: "portable", crc32c, hash: xxh32 };
