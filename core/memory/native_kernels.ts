/**
 * The loops with a library behind them: each call runs in C from the size on at which that is faster, below it in TypeScript. Where that is, is
 * measured once a loop has been in use (see crossover.ts).
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { CROSSOVER_AFTER_CALLS } from "../base/limits.ts";
import { crc32c } from "./crc32c.ts";
import { crossover, type Trial } from "./crossover.ts";
import { checkArguments, gather, outOfRange } from "./gather.ts";
import { type Kernels, LOOP_NAMES, type LoopName, portableKernels, type SystemCalls } from "./kernels.ts";
import type { LoopSymbols, NativeLibrary } from "./kernels_native.ts";
import { keyHash } from "./key_hash.ts";
import { systemCalls } from "./system_calls.ts";

type Loops = Pick<Kernels, LoopName>;

/** Lengths are 32 bits in C; what is longer is cut, or left to TypeScript. */
const CALL_BYTES_MAX = 2 ** 30;
const OUT_OF_RANGE = 0xffffffff;
/**
 * Sizes at which the twins are timed: bytes, for `gather` ranges. None is smaller, for a call into C takes four times as long from code that the runtime
 * has not compiled to its best, and below them that would be a loss.
 */
const SIZES: Readonly<Record<LoopName, readonly number[]>> = {
  crc32c: [256, 512, 1_024, 2_048],
  hash: [256, 512, 1_024, 2_048],
  gather: [8, 16, 32, 64],
};
/** From here on C is faster on any machine: where it runs until it was measured. */
const SAFE: Readonly<Record<LoopName, number>> = { crc32c: 4_096, hash: 4_096, gather: 64 };
/** Bytes of a range of the trial: long ones are copied as quickly by either twin, so short ones decide. */
const TRIAL_RANGE_BYTES = 16;

/** How a loop fares. */
export interface LoopState {
  /** From so many bytes (`gather`: ranges) on it runs in C; Infinity: never. */
  readonly from: number;
  /** Whether that was measured on this machine, or is what is safe on any. */
  readonly measured: boolean;
}

interface Choice extends LoopState {
  from: number;
  measured: boolean;
  /** Calls left to TypeScript, and how many of them until it is measured. */
  calls: number;
  measureAt: number;
}

/** Loops that choose. */
export interface ChoosingKernels {
  /** In TypeScript altogether once they are closed. */
  readonly kernels: Kernels;
  /** How each fares. */
  readonly loops: Readonly<Record<LoopName, LoopState>>;
  /** Measures now, and not after some hundred calls. */
  measure(loop: LoopName): void;
  /** Gives the library back. */
  close(): void;
}

/** The loops of an open library, which is theirs from now on. */
export function choosingKernels(library: NativeLibrary, clock: Clock): ChoosingKernels {
  const native = nativeLoops(library.loops);
  const choice = (name: LoopName): Choice => ({ from: SAFE[name], measured: false, calls: 0, measureAt: CROSSOVER_AFTER_CALLS });
  const choices = { crc32c: choice("crc32c"), hash: choice("hash"), gather: choice("gather") };
  let system: SystemCalls | null | undefined;
  const measure = (name: LoopName): void => {
    const state = choices[name];
    const found = crossover(trials(name, native), clock);
    if (found !== null) [state.from, state.measured] = [found, true];
    // A machine that is too busy to say is asked again, each time after twice as many calls.
    else state.measureAt *= 2;
  };
  const count = (name: LoopName): void => {
    if (++choices[name].calls >= choices[name].measureAt) measure(name);
  };
  const { crc32c: sums, hash: hashes, gather: gathers } = choices;
  const sum: Kernels["crc32c"] = (bytes, seed = 0) => {
    if (bytes.length >= sums.from) return native.crc32c(bytes, seed);
    if (!sums.measured) count("crc32c");
    return crc32c(bytes, seed);
  };
  const kernels: Kernels = {
    name: "native",
    crc32c: sum,
    hash(bytes, seed = 0) {
      if (bytes.length >= hashes.from) return native.hash(bytes, seed);
      if (!hashes.measured) count("hash");
      return keyHash(bytes, seed);
    },
    gather(target, source, ranges, ranged, wanted) {
      // Where checksums are wanted, C pays from the first range on.
      if ((wanted === undefined ? ranged : Math.max(ranged, SAFE.gather)) >= gathers.from) {
        return native.gather(target, source, ranges, ranged, wanted);
      }
      if (!gathers.measured) count("gather");
      return gather(target, source, ranges, ranged, wanted, sum);
    },
    get system() {
      return system === undefined ? system = systemCalls(library.system(), library.features) : system;
    },
  };
  const close = (): void => {
    for (const name of LOOP_NAMES) Object.assign(choices[name], { from: Infinity, measured: true });
    system = null;
    library.close();
  };
  return { kernels, loops: choices, measure, close };
}

/** The loops of C, whatever the size. */
export function nativeLoops({ s3k_crc32c, s3k_hash, s3k_gather }: LoopSymbols): Loops {
  const sum: Kernels["crc32c"] = (bytes, seed = 0) => {
    if (bytes.length <= CALL_BYTES_MAX) return s3k_crc32c(bytes as Uint8Array<ArrayBuffer>, bytes.length, seed >>> 0);
    let result = seed;
    for (let at = 0; at < bytes.length; at += CALL_BYTES_MAX) result = sum(bytes.subarray(at, at + CALL_BYTES_MAX), result);
    return result;
  };
  return {
    crc32c: sum,
    hash: (bytes, seed = 0) =>
      bytes.length > CALL_BYTES_MAX ? keyHash(bytes, seed) : s3k_hash(bytes as Uint8Array<ArrayBuffer>, bytes.length, seed >>> 0),
    gather(target, source, ranges, count, sums) {
      if (source.length >= OUT_OF_RANGE) return gather(target, source, ranges, count, sums, sum);
      checkArguments(target, source, ranges, count, sums);
      const copied = s3k_gather(
        target as Uint8Array<ArrayBuffer>,
        Math.min(target.length, OUT_OF_RANGE - 1),
        source as Uint8Array<ArrayBuffer>,
        source.length,
        ranges as Uint32Array<ArrayBuffer>,
        count,
        (sums ?? ranges) as Uint32Array<ArrayBuffer>,
        sums === undefined ? 0 : 1,
      );
      if (copied === OUT_OF_RANGE) throw outOfRange(target, source, ranges, count);
      return copied;
    },
  };
}

/** A loop over a text of its own, by both twins. */
function trials(name: LoopName, native: Loops): Trial[] {
  const source = new Uint8Array(4_096);
  if (name !== "gather") {
    return SIZES[name].map((size) => {
      const part = source.subarray(3, 3 + size); // keys and texts lie anywhere
      return { size, calls: samples(size, 2_048), portable: () => portableKernels[name](part), native: () => native[name](part) };
    });
  }
  const target = new Uint8Array(source.length);
  const ranges = new Uint32Array(2 * SIZES.gather.at(-1)!).map((_, at) => at % 2 === 0 ? 8 * at : TRIAL_RANGE_BYTES);
  return SIZES.gather.map((size) => ({
    ...{ size, calls: samples(size, 64) },
    portable: () => portableKernels.gather(target, source, ranges, size),
    native: () => native.gather(target, source, ranges, size),
  }));
}

function samples(size: number, units: number): number {
  return Math.max(1, Math.min(32, Math.floor(units / size)));
}
