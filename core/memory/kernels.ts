/**
 * The loops that a small C library may run instead of TypeScript (see kernels_native.ts): what they do, and the portable way that is always there.
 * Both give the same values; which one runs is a matter of time only, so what they return may be stored.
 *
 * @module
 */
import { crc32c } from "./crc32c.ts";
import { gather } from "./gather.ts";
import { keyHash } from "./key_hash.ts";

/** Loops of which either twin may run. */
export type LoopName = "crc32c" | "hash" | "gather";
/** All of them. */
export const LOOP_NAMES: readonly LoopName[] = ["crc32c", "hash", "gather"];

/** The loops. */
export interface Kernels {
  /** Which ones these are. */
  readonly name: "native" | "portable";
  /** CRC32C as an unsigned 32-bit number; `seed` is the sum of what stands before (0 for nothing). */
  crc32c(bytes: Uint8Array<ArrayBufferLike>, seed?: number): number;
  /** Hash of a key as an unsigned 32-bit number: see key_hash.ts. */
  hash(bytes: Uint8Array<ArrayBufferLike>, seed?: number): number;
  /**
   * Copies `count` ranges of `source`, each two numbers (first byte, length), one behind the other to `target`, and writes the CRC32C of each copy to
   * `sums`. Returns the bytes copied. Throws before anything is copied when a range lies outside or all of them do not fit. The two must not overlap.
   */
  gather(
    target: Uint8Array<ArrayBufferLike>,
    source: Uint8Array<ArrayBufferLike>,
    ranges: Uint32Array<ArrayBufferLike>,
    count: number,
    sums?: Uint32Array<ArrayBufferLike>,
  ): number;
  /** What only a library can do; null without one. */
  readonly system: SystemCalls | null;
}

/** Calls of the operating system that the runtime does not offer. */
export interface SystemCalls {
  /** Monotonic time of the machine in ms: the same in all of its processes. */
  monotonicMs(): number;
  /** Which cores a thread runs on; null where the system cannot say. */
  readonly cores: CoreCalls | null;
  /** Waiting for words that processes share, which `Atomics.wait` does within one process only; null where the system cannot. */
  readonly futex: FutexCalls | null;
}

/** Of the calling thread, and of those that it starts later. */
export interface CoreCalls {
  /** Numbers of the cores that it may run on. */
  get(): number[];
  /** Keeps it to these. Throws `CORES_REFUSED` when it may run on none of them. */
  set(cores: readonly number[]): void;
}

/** Like `Atomics.wait` and `Atomics.notify`, for memory that is mapped in several processes. */
export interface FutexCalls {
  /** Blocks the thread while the word is `expected`, `timeoutMs` at most; it may also return "ok" for no reason, so look again. */
  wait(words: Int32Array<ArrayBufferLike>, index: number, expected: number, timeoutMs: number): "ok" | "not-equal" | "timed-out";
  /** Wakes at most `count` waiters and returns how many. */
  wake(words: Int32Array<ArrayBufferLike>, index: number, count: number): number;
}

/** Needs no library and no permission. */
export const portableKernels: Kernels = {
  ...{ name: "portable", crc32c, hash: keyHash, system: null },
  gather: (target, source, ranges, count, sums) => gather(target, source, ranges, count, sums, crc32c),
};
