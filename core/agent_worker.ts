/**
 * Entry of a worker thread. Bundled into one text that is started with `eval`, so that threads need no permission and work from any URL.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { syncClock } from "./agents/clock_sync.ts";
import { assembleHost, type HostPlan } from "./agents/host_assembly.ts";
import type { HostParts } from "./agents/host_parts.ts";
import { HOST_STATE } from "./agents/lifecycle.ts";
import { SystemClock } from "./base/clock.ts";
import { COLLECTIVE } from "./collective/collective.ts";
import { store } from "./memory/atomics.ts";
import { HOST, hostField } from "./memory/layout.ts";
import { attachMemory } from "./memory/shared_memory.ts";
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

const { plan, memory, partsUrl } = workerData;
// Not caught: a rejection ends the thread and reaches the main thread as its "error".
main(plan, memory, partsUrl);
