/**
 * Which loops run: looks for the library where it may lie, in this order: the path that was configured, beside the package (a checkout's
 * `deno task build:native`), the cache of `build-native`. Asks nobody for a permission: what is missing is said, with its flag, and the portable loops
 * run. Only a path that was configured must work.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { NativePlan } from "../base/config.ts";
import { ConfigError, isKernelError } from "../base/errors.ts";
import { type Kernels, LOOP_NAMES, type LoopName, portableKernels } from "./kernels.ts";
import { FEATURE, openLibrary } from "./kernels_native.ts";
import { cacheFolder, cacheName, libraryName } from "./library_place.ts";
import { choosingKernels, type LoopState } from "./native_kernels.ts";

/** One loop, for people. */
export interface LoopReport {
  /** In C (from `fromBytes` on), or in TypeScript. */
  readonly runs: "native" | "portable";
  /** From so many on it runs in C; null: never. */
  readonly from: number | null;
  /** What they are. */
  readonly unit: "bytes" | "ranges";
  /** What that is based on, or why it does not. */
  readonly why: string;
}

/** What runs native, and why not else. */
export interface NativeReport {
  /** Whether a library is in use. */
  readonly mode: "native" | "portable";
  /** In one line. */
  readonly why: string;
  /** Path of the library; null without one. */
  readonly library: string | null;
  /** Each loop. */
  readonly loops: Readonly<Record<LoopName, LoopReport>>;
}

/** The loops that run. */
export interface LoadedKernels {
  /** They go on in TypeScript when they have been closed. */
  readonly kernels: Kernels;
  /** As it is now: from where on a loop is native is measured when it has been in use. */
  report(): NativeReport;
  /** Gives the library back. */
  close(): void;
}

/** Finds and opens the library. Throws `ConfigError` when the configured one cannot be used. */
export function loadKernels({ enabled, library }: NativePlan, clock: Clock): LoadedKernels {
  if (!enabled) return portable("switched off by native: false");
  if (library !== null) {
    const tried = tryOpen(library, clock);
    if (typeof tried === "string") throw new ConfigError("native.library", `${tried}.`, { library });
    return tried;
  }
  const reasons: string[] = [];
  for (const look of [besidePackage, inCache]) {
    const tried = look(clock);
    if (typeof tried !== "string") return tried;
    reasons.push(tried);
  }
  return portable(reasons.join("; "));
}

function portable(why: string): LoadedKernels {
  const loops = reportOf(() => ({ runs: "portable", from: null, why: "no library is in use" }));
  return { kernels: portableKernels, report: () => ({ mode: "portable", why, library: null, loops }), close() {/* nothing is open */} };
}

/** The library, or why it cannot be used; `hint` stands behind the flag that is missing. */
function tryOpen(path: string, clock: Clock, hint = ""): LoadedKernels | string {
  if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") {
    return `${path} may not be loaded: run with --allow-ffi=${path}${hint}`;
  }
  try {
    const library = openLibrary(path);
    const { kernels, loops, close } = choosingKernels(library, clock);
    const instruction = (library.features & FEATURE.crc32c) !== 0;
    return { kernels, close, report: () => nativeReport(path, instruction, loops) };
  } catch (error) {
    if (isKernelError(error)) return error.message.replace(/\.$/, "");
    throw error;
  }
}

function nativeReport(path: string, instruction: boolean, loops: Readonly<Record<LoopName, LoopState>>): NativeReport {
  const describe = (name: LoopName): Omit<LoopReport, "unit"> => {
    const { from, measured } = loops[name];
    if (from === Infinity) return { runs: "portable", from: null, why: "TypeScript was faster at every size on this machine" };
    const base = measured ? "measured on this machine" : "safe on any machine; measured once the loop has been in use";
    return { runs: "native", from, why: name === "crc32c" && !instruction ? `${base}; the processor has no instruction for it` : base };
  };
  return { mode: "native", why: `${path} is loaded`, library: path, loops: reportOf(describe) };
}

function reportOf(describe: (name: LoopName) => Omit<LoopReport, "unit">): Record<LoopName, LoopReport> {
  const rows = LOOP_NAMES.map((name) => [name, { unit: name === "gather" ? "ranges" : "bytes", ...describe(name) }]);
  return Object.fromEntries(rows) as Record<LoopName, LoopReport>;
}

/** Where a checkout's `deno task build:native` puts it. */
function besidePackage(clock: Clock): LoadedKernels | string {
  const name = libraryName();
  if (name === null) return `there is none for ${Deno.build.os} on ${Deno.build.arch}`;
  const url = new URL(`../../native/build/${name}`, import.meta.url);
  if (url.protocol !== "file:") return "the package does not lie on this machine";
  const path = decodeURIComponent(url.pathname);
  if (isAbsent(path)) return "not built (deno task build:native)";
  return tryOpen(path, clock, ", once it is built (deno task build:native)");
}

/** Where `build-native` puts it, if what lies there is still what was put there. */
function inCache(clock: Clock): LoadedKernels | string {
  const name = cacheName();
  if (name === null) return "nor a cache";
  const folder = cacheFolder();
  if ("why" in folder) return `the cache was not looked at (${folder.why})`;
  const path = `${folder.path}/${name}`;
  if (Deno.permissions.querySync({ name: "read", path: folder.path }).state !== "granted") {
    return `the cache was not looked at (--allow-read=${folder.path})`;
  }
  if (isAbsent(path)) return "the cache holds none (deno run jsr:@stage3/kernel/build-native)";
  try {
    const sum = createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
    const noted = Deno.readTextFileSync(`${path}.sha256`).slice(0, sum.length);
    if (sum !== noted) return `${path} is not what was built: its checksum differs; build it again`;
  } catch (error) {
    return `${path} could not be checked (${(error as Error).message}); build it again`;
  }
  return tryOpen(path, clock);
}

/** Whether a file surely is not there: where it may not be looked for, nobody knows. */
function isAbsent(path: string): boolean {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return false;
  try {
    return !Deno.statSync(path).isFile;
  } catch (error) {
    return error instanceof Deno.errors.NotFound; // what else is wrong is said when it is opened
  }
}
