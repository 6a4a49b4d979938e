/**
 * The C library behind the loops: the only file that opens one. It is asked who it is before anything else is called, and must get known sums right; a
 * library that does not is refused.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { layoutHash } from "./layout_table.ts";

/** Raised with each change of what native/ exports or does. */
export const LIBRARY_VERSION = 1;

const IDENTITY = {
  s3k_library_version: { parameters: [], result: "u32" },
  s3k_layout_hash: { parameters: [], result: "u32" },
} as const;
const LOOPS = {
  ...IDENTITY,
  s3k_features: { parameters: [], result: "u32" },
  s3k_crc32c: { parameters: ["buffer", "u32", "u32"], result: "u32" },
  s3k_hash: { parameters: ["buffer", "u32", "u32"], result: "u32" },
  s3k_gather: { parameters: ["buffer", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"], result: "u32" },
} as const;
const SYSTEM = {
  s3k_monotonic_ms: { parameters: [], result: "f64" },
  s3k_get_cores: { parameters: ["buffer", "u32"], result: "i32" },
  s3k_set_cores: { parameters: ["buffer", "u32"], result: "i32" },
  s3k_futex_wait: { parameters: ["buffer", "u32", "u32", "u32"], result: "i32" },
  s3k_futex_wake: { parameters: ["buffer", "u32", "u32"], result: "i32" },
} as const;

/** Functions of the loops. */
export type LoopSymbols = Deno.DynamicLibrary<typeof LOOPS>["symbols"];
/** Functions of the operating system. */
export type SystemSymbols = Deno.DynamicLibrary<typeof SYSTEM>["symbols"];

/** Bits of `s3k_features`. */
export const FEATURE = { crc32c: 1, cores: 2, futex: 4 } as const;

/** An open library that is what it should be. */
export interface NativeLibrary {
  /** The loops. */
  readonly loops: LoopSymbols;
  /** What it can do on this machine: see `FEATURE`. */
  readonly features: number;
  /** The operating system's functions: bound when first asked for, since each takes a third of a millisecond. */
  system(): SystemSymbols;
  /** Gives the library back: no function of it may be called any more. */
  close(): void;
}

/** Opens a library. Throws `NATIVE_LIBRARY` when it cannot be opened, is another one, is of another build, or miscounts. */
export function openLibrary(path: string): NativeLibrary {
  const library = openLoops(path);
  try {
    checkIdentity(path, library.symbols);
    checkSums(path, library.symbols);
  } catch (error) {
    library.close();
    throw error;
  }
  let system: Deno.DynamicLibrary<typeof SYSTEM> | undefined;
  return {
    loops: library.symbols,
    features: library.symbols.s3k_features(),
    system: () => (system ??= opened(path, SYSTEM)).symbols,
    close() {
      system?.close();
      library.close();
    },
  };
}

function openLoops(path: string): Deno.DynamicLibrary<typeof LOOPS> {
  try {
    return opened(path, LOOPS);
  } catch (error) {
    // One of another version may lack what this one needs, and can still say which it is.
    const identity = opened(path, IDENTITY);
    try {
      checkIdentity(path, identity.symbols);
    } finally {
      identity.close();
    }
    throw error;
  }
}

function opened<const S extends Deno.ForeignLibraryInterface>(path: string, symbols: S): Deno.DynamicLibrary<S> {
  try {
    // Without a slash the system would look in its own folders.
    return Deno.dlopen(path.includes("/") ? path : `./${path}`, symbols);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = (error as Error).message;
    throw refusal(path, /register symbol/i.test(why) ? "it is no library of this kernel" : `it cannot be opened (${why})`, error);
  }
}

function checkIdentity(path: string, symbols: Deno.DynamicLibrary<typeof IDENTITY>["symbols"]): void {
  const [version, layout] = [symbols.s3k_library_version(), symbols.s3k_layout_hash()];
  if (version !== LIBRARY_VERSION) throw refusal(path, `it is version ${version} and not ${LIBRARY_VERSION}; build it again`);
  if (layout === layoutHash()) return;
  throw refusal(path, `it was built for another layout of the shared memory (${hex(layout)} and not ${hex(layoutHash())}); build it again`);
}

/** What TypeScript gives for `knownBytes`, written down so that loading costs nothing: a test holds them together. */
export const KNOWN_SUMS: readonly number[] = [0x3250d5bc, 0x99fe5319, 0xb229ce91, 0x46951f3a];

function checkSums(path: string, { s3k_crc32c, s3k_hash }: LoopSymbols): void {
  const bytes = knownBytes();
  const short = bytes.subarray(1, 256);
  const sums = [s3k_crc32c(bytes, bytes.length, 1), s3k_crc32c(short, 255, 0), s3k_hash(bytes, bytes.length, 1), s3k_hash(short, 255, 0)];
  if (sums.every((sum, at) => sum === KNOWN_SUMS[at])) return;
  throw refusal(path, `its sums of a known text are wrong (${sums.map(hex).join(", ")}); build it with another compiler`);
}

/** Enough for each inner loop; they repeat after 251 bytes, which divide no length of a lane. */
export function knownBytes(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(13_313);
  for (let at = 0; at < 251; at++) bytes[at] = at;
  for (let length = 251; length < bytes.length; length *= 2) bytes.copyWithin(length, 0, Math.min(length, bytes.length - length));
  return bytes;
}

function refusal(path: string, why: string, cause?: unknown): KernelError {
  return new KernelError("NATIVE_LIBRARY", `the library ${path} is refused: ${why}.`, { path, why }, { cause });
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
