/**
 * A file over memory: the only place that calls the system's libc. Parts of a file are mapped over a shared `WebAssembly.Memory` at its own address, so
 * the arena stays a SharedArrayBuffer that every thread has by postMessage and can wait on, while its bytes are the file's: what was written survives
 * the process however it ends.
 *
 * What keeps SIGBUS away: the file's blocks are reserved before it is mapped (a full disk is an error then, and not a signal in the middle of a write),
 * and only its owner may open it. Whoever truncates it while it is mapped ends the process; no program can prevent that. What keeps a second writer
 * away: `flock`, which ends with the process. Memory that was mapped is never unmapped, anonymous pages are mapped over it: its owner is the engine.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import type { SharedMemory } from "./shared_memory.ts";

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  pwrite: { parameters: ["i32", "usize", "usize", "i64"], result: "isize" },
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "usize" },
  posix_fallocate: { parameters: ["i32", "i64", "i64"], result: "i32", optional: true },
  sysctlbyname: { parameters: ["buffer", "buffer", "buffer", "pointer", "usize"], result: "i32", optional: true },
  errnoOfLinux: { name: "__errno_location", parameters: [], result: "pointer", optional: true },
  errnoOfDarwin: { name: "__error", parameters: [], result: "pointer", optional: true },
} as const;
type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The numbers that differ between systems; those of the processors agree where they are used here. */
interface Numbers {
  readonly library: string;
  readonly closeOnExec: number;
  readonly anonymous: number;
  readonly wouldBlock: number;
}
const NUMBERS: Readonly<Record<string, Numbers>> = {
  linux: { library: "libc.so.6", closeOnExec: 0x80000, anonymous: 0x20, wouldBlock: 11 },
  darwin: { library: "/usr/lib/libSystem.B.dylib", closeOnExec: 0x1000000, anonymous: 0x1000, wouldBlock: 35 },
};
const OPEN = { read: 0, write: 2 } as const;
const LOCK_NOW = 2 | 4;
const PROT = { read: 1, write: 3, private: 3 } as const;
const MAP = { read: 1, write: 1, private: 2 } as const;
const MAP_FIXED = 0x10;
const ERRORS: Readonly<Record<number, string>> = {
  ...{ 1: "not permitted", 2: "not found", 4: "interrupted", 5: "input/output error", 12: "out of memory", 13: "no access" },
  ...{
    19: "this file system cannot map",
    22: "invalid",
    27: "file too large",
    28: "no space left on the disk",
    30: "read-only file system",
  },
};
const NO_SPACE: readonly number[] = [28, 122, 69]; // ENOSPC, EDQUOT on Linux and macOS
/** Parts of a file are mapped in such units, which every system's page divides. */
export const MAPPED_UNIT_BYTES = 65_536;
const ZEROS_BYTES = 1 << 20;
const BOOT_ID_BYTES = 64;

/** Bytes of memory and where they stand in the file. All three are multiples of `MAPPED_UNIT_BYTES`. */
export interface MappedRange {
  /** In the memory. */
  readonly offset: number;
  /** Length. */
  readonly bytes: number;
  /** In the file. */
  readonly fileOffset: number;
}

/** How memory sees the file: `write` shares, `read` shares and a write ends the process, `private` keeps writes to itself. */
export type MappedAccess = keyof typeof PROT;

let loaded: { readonly libc: Libc; readonly numbers: Numbers } | undefined;

/** Why no file can be mapped here, or undefined. Loads the libc. */
export function whyNoMapping(): string | undefined {
  if (loaded !== undefined) return undefined;
  const numbers = NUMBERS[Deno.build.os];
  if (numbers === undefined) return `${Deno.build.os} has no constants here; linux and darwin have`;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return "it needs --allow-ffi, without a path";
  try {
    loaded = { libc: Deno.dlopen(numbers.library, SYMBOLS).symbols, numbers };
  } catch (error) {
    return `the system's libc could not be loaded: ${(error as Error).message}`;
  }
  return undefined;
}

function system(): { libc: Libc; numbers: Numbers } {
  const why = whyNoMapping();
  if (loaded !== undefined) return loaded;
  throw new KernelError(
    "MAPPING_UNAVAILABLE",
    `persistence.mode is "mapped", and no file can be mapped into memory here: ${why}. Grant it, or use mode "portable", which needs no FFI.`,
    { os: Deno.build.os, why },
  );
}

/** Throws `MAPPING_UNAVAILABLE` when no file can be mapped here. */
export function requireMapping(): void {
  system();
}

/** An open file that memory may be mapped to. */
export class MappedFile {
  #open = true;

  private constructor(readonly path: string, private readonly fd: number) {}

  /** Opens a file that exists, to write it or only to read it. Throws `MAPPING_UNAVAILABLE`, `PERSISTENCE_FAILED`. */
  static open(path: string, access: "read" | "write"): MappedFile {
    const { libc, numbers } = system();
    // Without a mode: `open` is variadic, and its further arguments travel differently on some processors. So the file is created elsewhere.
    const fd = libc.open(nameOf(path), OPEN[access] | numbers.closeOnExec);
    if (fd < 0) throw failed("open", path, errno());
    return new MappedFile(path, fd);
  }

  /** Locks the file against every other process and handle; false when one has it. The lock ends with the process. */
  tryLock(): boolean {
    const { libc, numbers } = system();
    if (libc.flock(this.fd, LOCK_NOW) === 0) return true;
    const code = errno();
    if (code === numbers.wouldBlock || code === 0) return false;
    throw failed("lock", this.path, code);
  }

  /** Reserves the disk's blocks for parts of the file. Throws `PERSISTENCE_FULL` when there are not so many. */
  reserve(ranges: readonly MappedRange[]): void {
    const { libc } = system();
    const all = ranges.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { fileOffset, bytes } of ranges) {
      const code = libc.posix_fallocate?.(this.fd, BigInt(fileOffset), BigInt(bytes));
      if (code === undefined) writeZeros(this.path, fileOffset, bytes);
      else if (code !== 0) throw failed("reserve", this.path, code, { bytes: all });
    }
  }

  /**
   * Writes what the memory holds to where its ranges stand in the file, zeros left out. A new file's page takes ten times as long to be made by a fault in
   * the mapping as by this.
   */
  copyIn(memory: SharedMemory, ranges: readonly MappedRange[]): void {
    const base = addressOf(memory);
    for (const { offset, bytes, fileOffset } of ranges) {
      for (let at = 0; at < bytes; at += MAPPED_UNIT_BYTES) {
        if (isZero(memory.words, (offset + at) >>> 2, MAPPED_UNIT_BYTES >>> 2)) continue;
        for (let done = 0; done < MAPPED_UNIT_BYTES;) {
          const left = BigInt(MAPPED_UNIT_BYTES - done);
          const wrote = Number(system().libc.pwrite(this.fd, base + BigInt(offset + at + done), left, BigInt(fileOffset + at + done)));
          if (wrote <= 0) throw failed("write", this.path, errno(), { bytes });
          done += wrote;
        }
      }
    }
  }

  /** Maps ranges over memory: what stood there is the file's from now on. */
  map(memory: SharedMemory, ranges: readonly MappedRange[], access: MappedAccess): void {
    for (const { offset, bytes, fileOffset } of ranges) {
      if (!mapOver(memory, offset, bytes, PROT[access], MAP[access] | MAP_FIXED, this.fd, fileOffset)) {
        throw failed("map", this.path, errno(), { bytes });
      }
    }
  }

  /** Lays anonymous zeros over the ranges: the memory is the engine's again. */
  release(memory: SharedMemory, ranges: readonly MappedRange[]): void {
    const { numbers } = system();
    for (const { offset, bytes } of ranges) {
      if (!mapOver(memory, offset, bytes, PROT.write, MAP.private | MAP_FIXED | numbers.anonymous, -1, 0)) {
        throw failed("release", this.path, errno(), { bytes });
      }
    }
  }

  /** Closes the file and gives its lock back. Memory that is still mapped stays so. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    system().libc.close(this.fd);
  }
}

/** Names the start of the system that runs now; empty when it has none. */
export function bootId(): string {
  const { libc } = system();
  const text = new Uint8Array(BOOT_ID_BYTES);
  let bytes = 0;
  if (Deno.build.os === "darwin") {
    const length = new BigUint64Array([BigInt(BOOT_ID_BYTES)]);
    const failed = libc.sysctlbyname?.(nameOf("kern.bootsessionuuid"), text, new Uint8Array(length.buffer), null, 0n) ?? 1;
    bytes = failed === 0 ? Number(length[0]) : 0;
  } else {
    // Not by the runtime, which would ask for another permission.
    const fd = libc.open(nameOf("/proc/sys/kernel/random/boot_id"), OPEN.read);
    if (fd < 0) return "";
    bytes = Number(libc.read(fd, text, BigInt(BOOT_ID_BYTES)));
    libc.close(fd);
  }
  return new TextDecoder().decode(text.subarray(0, Math.max(0, bytes))).replace(/[^0-9A-Za-z-]/g, "");
}

function nameOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

function mapOver(
  memory: SharedMemory,
  offset: number,
  bytes: number,
  protection: number,
  flags: number,
  fd: number,
  fileOffset: number,
): boolean {
  if (bytes === 0) return true;
  const address = addressOf(memory) + BigInt(offset);
  if (address % BigInt(4096) !== 0n || offset + bytes > memory.bytes.length) return false;
  return BigInt(system().libc.mmap(address, BigInt(bytes), protection, flags, fd, BigInt(fileOffset))) === address;
}

function addressOf({ bytes }: SharedMemory): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>)));
}

/** What the last call on this thread failed with; 0 when it cannot be told. */
function errno(): number {
  const { libc } = system();
  const pointer = libc.errnoOfLinux?.() ?? libc.errnoOfDarwin?.() ?? null;
  return pointer === null ? 0 : new Deno.UnsafePointerView(pointer).getInt32();
}

function isZero(words: Int32Array, from: number, count: number): boolean {
  const end = from + count;
  for (let at = from; at < end; at++) if (words[at] !== 0) return false;
  return true;
}

/** Where blocks cannot be reserved, writing them does. */
function writeZeros(path: string, from: number, bytes: number): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(from, Deno.SeekMode.Start);
  const zeros = new Uint8Array(ZEROS_BYTES);
  try {
    for (let at = 0; at < bytes;) at += file.writeSync(zeros.subarray(0, Math.min(ZEROS_BYTES, bytes - at)));
  } catch (error) {
    throw failed("reserve", path, /os error 28|No space/i.test((error as Error).message) ? NO_SPACE[0] : 5, { bytes });
  }
}

function failed(step: string, path: string, code: number, data: Record<string, unknown> = {}): KernelError {
  const why = ERRORS[code] ?? (code === 0 ? "the system did not say why" : `error ${code}`);
  if (NO_SPACE.includes(code)) {
    return new KernelError(
      "PERSISTENCE_FULL",
      `could not reserve ${data.bytes} bytes for ${path}: ${why}. Free some, or make memoryStoreSize or sharedBufferSize smaller.`,
      { path, step, ...data },
    );
  }
  return new KernelError(
    "PERSISTENCE_FAILED",
    `could not ${step} ${path}: ${why}. Look at the file's permissions and its disk.`,
    { path, step, errno: code, ...data },
  );
}
