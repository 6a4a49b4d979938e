/** A thread that starts a second one and wakes it: the sleeper waits in the system, where `Atomics.notify` does not reach it. */
import { load, store } from "../../core/memory/atomics.ts";
import { openLibrary } from "../../core/memory/kernels_native.ts";
import { attachMemory } from "../../core/memory/shared_memory.ts";
import { systemCalls } from "../../core/memory/system_calls.ts";

/** Words: what is waited for, and whether the sleeper is about to. */
const [BELL, ASLEEP] = [16, 32];
const LOOKS_MAX = 20_000_000;

interface Order {
  readonly path: string;
  readonly memory: WebAssembly.Memory;
  readonly sleeps?: boolean;
}

const scope = self as unknown as { onmessage: (event: MessageEvent<Order>) => void; postMessage(data: unknown): void; close(): void };

scope.onmessage = ({ data: { path, memory, sleeps } }) => {
  const library = openLibrary(path);
  const { words } = attachMemory(memory);
  const { futex } = systemCalls(library.system(), library.features);
  const done = (answer: string): void => {
    library.close();
    scope.postMessage(answer);
  };
  if (futex === null) return done("ok");
  if (sleeps) {
    store(words, ASLEEP, 1);
    // The word may have changed before: then "not-equal" is as good.
    return done(futex.wait(words, BELL, 0, 2_000));
  }
  const sleeper = new Worker(import.meta.url, { type: "module" });
  sleeper.onmessage = ({ data }) => {
    sleeper.terminate();
    done(data === "timed-out" ? "it slept on" : "ok");
  };
  sleeper.postMessage({ path, memory, sleeps: true });
  const look = (looks: number): void => {
    if (load(words, ASLEEP) === 0) return void setImmediate(() => look(looks));
    let woken = 0;
    for (let count = 0; woken === 0 && count < LOOKS_MAX; count++) woken = futex.wake(words, BELL, 1);
    if (woken !== 1) done(`woke ${woken}`);
  };
  look(0);
};
