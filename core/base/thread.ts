/**
 * Threads whose code is a text: they need no permission and no file.
 *
 * @module
 */
import { type ResourceLimits, Worker } from "node:worker_threads";

/** Starts one. Its code finds `data` as `workerData`. */
export function startThread(text: string, data: unknown, limits: ResourceLimits): Worker {
  // The runtime would copy the environment, and ask for the permission to read it: on a terminal, with a prompt.
  const mayReadEnvironment = Deno.permissions.querySync({ name: "env" }).state === "granted";
  return new Worker(text, { eval: true, ...(mayReadEnvironment ? {} : { env: {} }), workerData: data, resourceLimits: limits });
}

/** Tells how a thread ended: perhaps twice, that it threw and that it exited. */
export function onThreadEnd(thread: Worker, tell: (why: string, cause?: unknown) => void): void {
  thread.on("error", (error) => tell(`it threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`, error));
  thread.on("exit", (code) => tell(`it exited with code ${code}`));
}
