/**
 * Facts about the machine and the checkout, as far as the granted permissions reach. Nothing is asked for: a fact that needs more is null,
 * with the flag that is missing.
 *
 * @module
 */
import { cpus } from "node:os";
import { SystemClock } from "../../core/base/clock.ts";
import { loadKernels, type NativeReport } from "../../core/memory/kernel_loader.ts";
import { containerBytes, type MachineBytes, memoryBudget, physicalBytes } from "../../core/metrics/system_usage.ts";
import type { MachineFacts } from "../../core/validation/report.ts";

/** What a report says of its surroundings. */
export interface Surroundings {
  /** The machine. */
  machine: MachineFacts;
  /** Commit of the checkout that the script stands in. */
  commit: string | null;
  /** min(physical memory, container's limit, 2 GiB), of what is known. */
  budgetBytes: number;
  /** Path in the report → why it is null. */
  notMeasured: Record<string, string>;
}

/** Reads what may be read. */
export async function readSurroundings(checkout: URL = new URL("../../", import.meta.url)): Promise<Surroundings> {
  const notMeasured: Record<string, string> = {};
  const known = async <T>(path: string, fact: Promise<T>): Promise<T | null> => {
    try {
      return await fact;
    } catch (error) {
      notMeasured[path] = error instanceof Error ? error.message : String(error);
      return null;
    }
  };
  const machine: MachineFacts = {
    cores: navigator.hardwareConcurrency,
    ramBytes: await known("machine.ramBytes", orReject(physicalBytes())),
    memoryLimitBytes: await known("machine.memoryLimitBytes", orReject(containerBytes())),
    hostname: await known("machine.hostname", withSys("hostname", () => Deno.hostname())),
    os: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    cpuModel: await known("machine.cpuModel", withSys("cpus", () => cpus()[0]?.model.trim() || unknown("the system names no model"))),
    native: nativeLoops(),
  };
  const commit = await known("commit", readCommit(checkout));
  return { machine, commit, budgetBytes: memoryBudget().bytes, notMeasured };
}

/** Which loops a kernel that starts now runs in C: it looks as this does. */
function nativeLoops(): NativeReport {
  const loaded = loadKernels({ enabled: true, library: null }, new SystemClock(0));
  try {
    return loaded.report();
  } finally {
    loaded.close();
  }
}

/** The commit that `HEAD` names: in a checkout, a linked worktree, or with packed references. Rejects with the reason. */
export async function readCommit(checkout: URL): Promise<string> {
  if (checkout.protocol !== "file:") unknown("the script does not run from a checkout");
  let folder = new URL(".git/", checkout);
  const link = await readText(new URL(".git", checkout), "the checkout has no readable .git");
  if (link !== null) folder = new URL(`${link.replace(/^gitdir:/, "").trim()}/`, checkout);
  const head = (await readText(new URL("HEAD", folder), "there is no .git/HEAD") ?? "").trim();
  if (!head.startsWith("ref:")) return head;
  const reference = head.slice(4).trim();
  const common = (await tryText(new URL("commondir", folder)))?.trim();
  const shared = common === undefined ? folder : new URL(`${common}/`, folder);
  const loose = (await tryText(new URL(reference, shared)))?.trim();
  const packed = (await tryText(new URL("packed-refs", shared)))?.split("\n").find((line) => line.endsWith(` ${reference}`))?.split(" ")[0];
  return loose ?? packed ?? unknown(`${reference} has no commit yet`);
}

function unknown(why: string): never {
  throw new Error(why);
}

async function withSys<T>(kind: "hostname" | "cpus", read: () => T): Promise<T> {
  const { state } = await Deno.permissions.query({ name: "sys", kind });
  return state === "granted" ? read() : unknown(`needs --allow-sys=${kind}`);
}

async function orReject(known: MachineBytes): Promise<number> {
  return await ("bytes" in known ? known.bytes : unknown(known.why));
}

/** A file's text, null for a folder; rejects with the missing flag, or with `absent` when there is no such file. */
async function readText(file: URL, absent: string): Promise<string | null> {
  const { state } = await Deno.permissions.query({ name: "read", path: file });
  if (state !== "granted") unknown(`needs --allow-read=${file.pathname}`);
  try {
    return (await Deno.stat(file)).isDirectory ? null : await Deno.readTextFile(file);
  } catch (error) {
    throw new Error(error instanceof Deno.errors.NotFound ? absent : String(error), { cause: error });
  }
}

/** The same where absence is an answer. */
async function tryText(file: URL): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
