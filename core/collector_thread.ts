/**
 * Starts the thread that collects what a flush writes.
 *
 * @module
 */
import { HOST_STATE } from "./agents/lifecycle.ts";
import { COLLECTOR_HEAP_MB_MAX } from "./base/limits.ts";
import { onThreadEnd, startThread } from "./base/thread.ts";
import { store } from "./memory/atomics.ts";
import type { CollectorEvents, CollectorThread } from "./memory/collected_part.ts";
import { HEADER, type Layout } from "./memory/layout.ts";
import type { SharedMemory } from "./memory/shared_memory.ts";

/** What the thread is started with. */
export interface CollectorPlan {
  /** The threads' code, in one piece. */
  readonly workerText: string;
  /** The arena. */
  readonly memory: SharedMemory;
  /** Its plan. */
  readonly layout: Layout;
  /** The native library that is in use; null for none. */
  readonly library: string | null;
}

/** Starts it. */
export function startCollector(
  { workerText, memory, layout, library }: CollectorPlan,
  { onSaid, onDeath }: CollectorEvents,
): CollectorThread {
  const become = (state: number): void => store(memory.words, HEADER.collector >> 2, state);
  become(HOST_STATE.running);
  const data = { collector: { layout, library }, memory: memory.memory };
  const worker = startThread(workerText, data, { maxOldGenerationSizeMb: COLLECTOR_HEAP_MB_MAX });
  let isOver = false;
  let isAbandoned = false;
  const gone = (why: string): void => {
    if (isOver) return;
    isOver = true;
    // Before anybody is told: whoever waits for the store's lock may take it from a dead thread.
    become(HOST_STATE.dead);
    onDeath(why);
  };
  worker.on("message", onSaid);
  onThreadEnd(worker, gone);
  return {
    post: (order) => isOver || worker.postMessage(order),
    abandon: (why) => {
      isAbandoned = true;
      gone(why);
      void worker.terminate();
    },
    end: async () => {
      if (isAbandoned) return; // a thread that never returns may never end
      isOver = true;
      become(HOST_STATE.stopped);
      await worker.terminate();
    },
  };
}
