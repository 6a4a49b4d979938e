/**
 * How a thread that is apart waits for an answer without giving up its turn (`ctx.store.get` returns a value and no promise): it blocks on a word of
 * memory that it shares with the thread that answers. One question at a time, since whoever asked does nothing else.
 *
 * @module
 */
import { ISOLATED_FRAME_BYTES_MAX } from "../base/limits.ts";
import { load, notify, store, wait } from "../memory/atomics.ts";
import { allocateMemory, type SharedMemory } from "../memory/shared_memory.ts";

/** Words: answers given so far; bytes of the last one. The answer itself follows. */
const WORD = { answers: 0, bytes: 1 } as const;
const HEAD_BYTES = 64;
/** It waits for ever, but never in one piece: a thread that is blocked without end cannot be ended. */
const WAIT_MS = 1_000;

/** Memory for one thread. Its pages cost nothing until they are used. */
export function allocateAnswers(): SharedMemory {
  return allocateMemory(HEAD_BYTES + ISOLATED_FRAME_BYTES_MAX);
}

/** The thread that answers: here it is. */
export function giveAnswer({ words, bytes }: SharedMemory, frame: Uint8Array): void {
  bytes.set(frame, HEAD_BYTES);
  words[WORD.bytes] = frame.length;
  store(words, WORD.answers, load(words, WORD.answers) + 1);
  notify(words, WORD.answers, 1);
}

/** The thread that asks: runs `ask` and blocks until it is answered. */
export function awaitAnswer({ words, bytes }: SharedMemory, ask: () => void): Uint8Array {
  const before = load(words, WORD.answers);
  ask();
  while (load(words, WORD.answers) === before) wait(words, WORD.answers, before, WAIT_MS);
  return bytes.slice(HEAD_BYTES, HEAD_BYTES + words[WORD.bytes]);
}
