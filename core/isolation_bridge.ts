/**
 * The main thread of a process that one agent has for itself: carries frames between its pipes and the agent's thread, and ends with either. Bundled into
 * a text that travels in the command line, so it imports little.
 *
 * @module
 */
import { allocateAnswers, giveAnswer } from "./isolation/blocking_answers.ts";
import { startOwnThread } from "./isolation/own_thread.ts";
import { packFrame, PIPE_FRAME, PipeFrames } from "./isolation/pipe_frames.ts";

/** The agent's thread has died. */
const EXIT_DIED = 70;
const answers = allocateAnswers();
let setup = { heapMbMax: 0, plan: {} };
let thread: ReturnType<typeof startOwnThread> | undefined;

function die(why: string): never {
  Deno.stderr.writeSync(new TextEncoder().encode(`${why}\n`));
  Deno.exit(EXIT_DIED);
}

/** Written before anything else is: whoever reads slowly is waited for. */
function write(bytes: Uint8Array): void {
  const packed = packFrame(PIPE_FRAME.work, bytes);
  for (let at = 0; at < packed.length;) at += Deno.stdout.writeSync(packed.subarray(at));
}

function start(text: string): void {
  const plan = { text, apart: { plan: setup.plan, grade: "process" }, answers, heapMbMax: setup.heapMbMax };
  thread = startOwnThread(plan, { onFrame: write, onEnd: die });
}

const frames = new PipeFrames((kind, bytes) => {
  if (kind === PIPE_FRAME.answer) giveAnswer(answers, bytes);
  else if (kind === PIPE_FRAME.work) thread!.postMessage(bytes.slice());
  else if (kind === PIPE_FRAME.setup) setup = JSON.parse(new TextDecoder().decode(bytes));
  else start(new TextDecoder().decode(bytes));
});
for await (const piece of Deno.stdin.readable) frames.push(piece);
// Whoever started this process has closed its input, or is gone.
Deno.exit(0);
