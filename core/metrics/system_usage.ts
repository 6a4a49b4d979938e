/**
 * What the process takes of the machine: resident memory, processor time, and the memory that counts as 100 %. Only the machine's own size needs a
 * permission; what may not be read is left out and said so, never asked for.
 *
 * @module
 */
import process from "node:process";
import { CPU_WINDOW_MS_MIN, MEMORY_BUDGET_BYTES_MAX } from "../base/limits.ts";

const CGROUP_LIMIT_FILE = "/sys/fs/cgroup/memory.max";
/** Deno opens files of the kernel to no narrower flag, although it says of `--allow-read` that it is granted. */
const NEEDS_ALL = "needs --allow-all";

/** Memory that counts as 100 %. */
export interface MemoryBudget {
  /** min(RAM, the container's limit, 2 GiB), of what is known. */
  readonly bytes: number;
  /** What could not be read, and why. */
  readonly unknown: readonly string[];
}

/** The readings of one process; tests give their own. */
export interface SystemUsage {
  /** Cores that count as 100 %. */
  readonly cores: number;
  /** Memory that counts as 100 %. */
  readonly budget: MemoryBudget;
  /** Resident bytes now. */
  residentBytes(): number;
  /** Processor time of all threads so far, in ms. */
  processorMs(): number;
}

/** The real ones. */
export function systemUsage(): SystemUsage {
  return { cores: navigator.hardwareConcurrency, budget: memoryBudget(), residentBytes, processorMs };
}

/** Resident bytes of the process. */
export function residentBytes(): number {
  return Deno.memoryUsage().rss;
}

/** Processor time that all threads of the process have used, in ms. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Percent of all cores that `usedMs` of processor time within `windowMs` are; null when the window is too short to say. */
export function cpuPercent(usedMs: number, windowMs: number, cores: number): number | null {
  return windowMs < CPU_WINDOW_MS_MIN ? null : Math.min(100, 100 * usedMs / (windowMs * cores));
}

/** A size of the machine, or why it is not known. */
export type MachineBytes = { readonly bytes: number } | { readonly why: string };

/** min(RAM, the container's limit, 2 GiB), of what may be read. */
export function memoryBudget(): MemoryBudget {
  const unknown: string[] = [];
  let bytes = MEMORY_BUDGET_BYTES_MAX;
  for (const [name, known] of Object.entries({ "RAM": physicalBytes(), "memory limit of the container": containerBytes() })) {
    if ("bytes" in known) bytes = Math.min(bytes, known.bytes);
    else unknown.push(`${name}: ${known.why}`);
  }
  return { bytes, unknown };
}

/** RAM of the machine. */
export function physicalBytes(): MachineBytes {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  return state === "granted" ? { bytes: Deno.systemMemoryInfo().total } : { why: "needs --allow-sys=systemMemoryInfo" };
}

/** The container's memory limit. */
export function containerBytes(): MachineBytes {
  if (Deno.build.os !== "linux") return { why: "only Linux has control groups" };
  const { state } = Deno.permissions.querySync({ name: "read", path: CGROUP_LIMIT_FILE });
  if (state !== "granted") return { why: NEEDS_ALL };
  try {
    const text = Deno.readTextFileSync(CGROUP_LIMIT_FILE).trim();
    return text === "max" ? { why: "the container has no memory limit" } : { bytes: Number(text) };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return { why: NEEDS_ALL };
    return { why: error instanceof Deno.errors.NotFound ? "no control group with a memory limit" : String(error) };
  }
}
