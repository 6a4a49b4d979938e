/**
 * A thread of an agent's own. The same in the kernel's process and in one of the agent's own.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Worker } from "node:worker_threads";
import { onThreadEnd, startThread } from "../base/thread.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";

/** What a thread of an agent's own is started with. */
export interface OwnThreadPlan {
  /** Its code. */
  readonly text: string;
  /** What its code finds as `workerData.apart`. */
  readonly apart: unknown;
  /** Where calls that block are answered. */
  readonly answers: SharedMemory;
  /** Its heap. */
  readonly heapMbMax: number;
}

/** What it tells. */
export interface OwnThreadEvents {
  /** It has sent a frame. */
  readonly onFrame: (bytes: Uint8Array) => void;
  /** It has ended by itself; told once, after what had come of it. */
  readonly onEnd: (why: string, cause?: unknown) => void;
}

/** Turns of the event loop without a frame after which a dead thread has nothing more to say. What the runtime itself drops at its end is lost. */
const QUIET_TURNS = 8;

/** Starts it. */
export function startOwnThread({ text, apart, answers, heapMbMax }: OwnThreadPlan, { onFrame, onEnd }: OwnThreadEvents): Worker {
  const worker = startThread(text, { apart, answers: answers.memory }, { maxOldGenerationSizeMb: heapMbMax });
  let isDying = false;
  let quietTurns = 0;
  /** The news of its end may overtake what it had sent before: that is taken first. */
  const die = (why: string, cause?: unknown): void => {
    if (isDying) return;
    isDying = true;
    const look = (): void => {
      if (quietTurns++ < QUIET_TURNS) setImmediate(look);
      else onEnd(why, cause);
    };
    look();
  };
  worker.on("message", (bytes) => {
    quietTurns = 0;
    onFrame(bytes);
  });
  onThreadEnd(worker, die);
  return worker;
}
