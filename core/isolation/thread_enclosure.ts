/**
 * Grade `worker`: a thread of the agent's own in this process.
 *
 * @module
 */
import { allocateAnswers, giveAnswer } from "./blocking_answers.ts";
import type { Enclosure, EnclosureEvents } from "./enclosure.ts";
import type { ApartPlan } from "./frames.ts";
import { startOwnThread } from "./own_thread.ts";

/** Starts a thread for one agent. */
export function openThread(text: string, heapMbMax: number, plan: ApartPlan, { onFrame, onEnd }: EnclosureEvents): Enclosure {
  const answers = allocateAnswers();
  let ended = false;
  const worker = startOwnThread({ text, apart: { plan, grade: "worker" }, answers, heapMbMax }, {
    onFrame,
    onEnd: (why, cause) => {
      if (!ended) onEnd(why, cause);
      ended = true;
    },
  });
  return {
    send: (frame) => ended || worker.postMessage(frame),
    answer: (frame) => giveAnswer(answers, frame),
    end: async () => {
      ended = true;
      await worker.terminate();
    },
  };
}
