/**
 * What can be wrong with a file of state, each with what to do about it.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { LOG_FORMAT_VERSION } from "./log_layout.ts";

/** The file could not be opened. */
export function cannotOpen(path: string, cause: unknown): KernelError {
  return new KernelError(
    "PERSISTENCE_OPEN",
    `${path} cannot be opened for reading and writing: ${reasonOf(cause)}. Make its folder, or give this user the right to write there.`,
    { path, errno: errnoOf(cause) },
    { cause },
  );
}

/** Another process has it. */
export function locked(path: string): KernelError {
  return new KernelError(
    "PERSISTENCE_LOCKED",
    `${path} is in use by another process or manager. Shut that down, or give this one another path; the lock ends with the process that holds it.`,
    { path },
  );
}

/** Its format is newer than this program. */
export function newerVersion(path: string, version: number): KernelError {
  return new KernelError(
    "PERSISTENCE_VERSION",
    `${path} has format version ${version}, this program knows up to ${LOG_FORMAT_VERSION}. Use the newer program; nothing was changed.`,
    { path, version, versionMax: LOG_FORMAT_VERSION },
  );
}

/** It holds something else. */
export function foreignFile(path: string, found: string): KernelError {
  return new KernelError(
    "PERSISTENCE_FOREIGN",
    `${path} is no portable state of this kernel: ${found}. Give another path, or move the file away; nothing was changed.`,
    { path },
  );
}

/** Nothing in it can be read. */
export function unreadable(path: string, cause?: unknown): KernelError {
  const why = cause === undefined ? "not one flush in it is whole" : reasonOf(cause);
  return new KernelError(
    "PERSISTENCE_DAMAGED",
    `${path} cannot be read: ${why}. Move it away to start empty, or put a backup in its place; nothing was changed.`,
    { path, errno: errnoOf(cause) },
    { cause },
  );
}

/** A flush did not reach the disk. */
export function notWritten(path: string, cause: unknown): KernelError {
  return new KernelError(
    "PERSISTENCE_WRITE",
    `${path} could not be written: ${
      reasonOf(cause)
    }. What was set is still in memory and is tried again at each interval and flush; mend or empty the disk.`,
    { path, errno: errnoOf(cause) },
    { cause },
  );
}

/** What was thrown, in words. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function errnoOf(cause: unknown): string | undefined {
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
