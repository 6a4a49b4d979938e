/**
 * Entry of a worker thread. Bundled into one text that is started with `eval`, so that threads need no permission and work from any URL.
 *
 * @module
 */
import { Console } from "node:console";
import process from "node:process";
import { setImmediate } from "node:timers";
import { parentPort, workerData } from "node:worker_threads";
import { syncClock } from "./agents/clock_sync.ts";
import { assembleHost, type HostPlan } from "./agents/host_assembly.ts";
import type { HostParts } from "./agents/host_parts.ts";
import { HOST_STATE } from "./agents/lifecycle.ts";
import { SystemClock } from "./base/clock.ts";
import { COLLECTIVE } from "./collective/collective.ts";
import type { ApartPlan } from "./isolation/frames.ts";
import { Runner } from "./isolation/runner.ts";
import { store } from "./memory/atomics.ts";
import { crc32c } from "./memory/crc32c.ts";
import { openLibrary } from "./memory/kernels_native.ts";
import { HOST, hostField, type Layout } from "./memory/layout.ts";
import { nativeLoops } from "./memory/native_kernels.ts";
import { attachMemory } from "./memory/shared_memory.ts";
import { StoreCollector } from "./memory/store_collector.ts";
import { COLLECTOR } from "./memory/store_lock.ts";
import { StorePart } from "./memory/store_part.ts";
import { agentModel } from "./models/agent_model.ts";
import { TEAM } from "./team/team.ts";

async function main(plan: HostPlan, memory: WebAssembly.Memory, partsUrl?: string): Promise<void> {
  const arena = attachMemory(memory);
  const clock = new SystemClock(await syncClock(arena, plan.layout, plan.index, new SystemClock(0)));
  const parts: HostParts = partsUrl === undefined ? {} : (await import(partsUrl)).default;
  const { host, loop } = assembleHost({ ...plan, behaviors: { ...TEAM, ...COLLECTIVE, ...plan.behaviors } }, arena, clock, parts, {
    model: agentModel,
  });
  loop.start(host);
  store(arena.words, hostField(plan.layout, plan.index, HOST.state) >> 2, HOST_STATE.running);
  parentPort!.postMessage("ready");
}

/** A thread of one agent's own. Frames are taken up in a turn of their own: what the runtime says of a heap that is used up in an event, nobody hears. */
function runApart({ plan, grade }: { plan: ApartPlan; grade: string }, answers: WebAssembly.Memory): void {
  // What a behavior prints may not come between the frames.
  if (grade === "process") Object.assign(globalThis, { ["console"]: new Console(process.stderr, process.stderr) });
  const runner = new Runner({
    ...{ plan, grade, known: { ...TEAM, ...COLLECTIVE }, answers: attachMemory(answers), localNow: localTime() },
    post: (bytes) => parentPort!.postMessage(bytes),
  });
  const waiting: Uint8Array[] = [];
  const take = (): void => {
    const frame = waiting.shift();
    if (waiting.length > 0) setImmediate(take);
    if (frame !== undefined) runner.take(frame);
  };
  parentPort!.on("message", (bytes) => {
    if (waiting.push(bytes) === 1) setImmediate(take);
  });
}

/** The thread that collects what a flush writes. */
function runCollector({ layout, library }: { layout: Layout; library: string | null }, memory: WebAssembly.Memory): void {
  const port = parentPort!;
  const part = new StorePart(attachMemory(memory), layout, COLLECTOR);
  const checksum = library === null ? crc32c : nativeLoops(openLibrary(library).loops).crc32c;
  const collector = new StoreCollector(part, checksum, (said, blocks) => port.postMessage(said, blocks === undefined ? [] : [blocks]));
  port.on("message", (order) => collector.take(order));
}

function localTime(): () => number {
  const clock = new SystemClock(0);
  return () => clock.now();
}

const { plan, memory, partsUrl, apart, answers, collector } = workerData;
// Not caught: a rejection ends the thread and reaches the main thread as its "error".
if (apart !== undefined) runApart(apart, answers);
else if (collector !== undefined) runCollector(collector, memory);
else main(plan, memory, partsUrl);
