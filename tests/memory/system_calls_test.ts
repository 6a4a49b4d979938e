/** What only the library can do: the machine's clock, the cores of a thread, and waiting for a word that others than this process's threads may write. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { HANG_TIMEOUT_MS } from "../../core/base/limits.ts";
import type { SystemCalls } from "../../core/memory/kernels.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { systemCalls } from "../../core/memory/system_calls.ts";
import { testBuilding, withLibrary, withOpenLibrary } from "../support/native_library.ts";

async function withSystem(use: (system: SystemCalls) => void): Promise<void> {
  await withOpenLibrary((library) => use(systemCalls(library.system(), library.features)));
}

testBuilding("the machine's clock goes as the runtime's does, and never back", async () => {
  await withSystem((system) => {
    const [nativeBefore, before] = [system.monotonicMs(), performance.now()];
    let last = nativeBefore;
    for (let look = 0; look < 20_000; look++) {
      const now = system.monotonicMs();
      assert(now >= last);
      last = now;
    }
    const [nativeMs, ms] = [system.monotonicMs() - nativeBefore, performance.now() - before];
    // Between the two readings the thread may have been set aside: the outer interval holds the inner one.
    assert(nativeMs > 0 && ms > 0 && last - nativeBefore <= performance.now() - before + 1, `${nativeMs} ${ms}`);
  });
});

testBuilding("a thread is kept to a core and set free again", async () => {
  await withSystem(({ cores }) => {
    if (cores === null) return assert(Deno.build.os !== "linux", "Linux can");
    const all = cores.get();
    assert(all.length >= 1);
    try {
      cores.set([all.at(-1)!]);
      assertEquals(cores.get(), [all.at(-1)!]);
      for (const none of [[], [1_023]]) {
        const error = assertThrows(() => cores.set(none), KernelError);
        assertEquals(error.code, "CORES_REFUSED");
      }
      assertEquals(cores.get(), [all.at(-1)!], "what is refused changes nothing");
      for (const bad of [-1, 1_024, 0.5]) assertThrows(() => cores.set([bad]), InvalidArgumentError);
    } finally {
      cores.set(all);
    }
    assertEquals(cores.get(), all);
  });
});

testBuilding("a wait for a word ends when it is another, or in time, and takes only what it can", async () => {
  await withSystem(({ futex }) => {
    if (futex === null) return assert(Deno.build.os !== "linux", "Linux can");
    const words = allocateMemory(65_536).words;
    words[5] = -7;
    assertEquals(futex.wait(words, 5, 8, HANG_TIMEOUT_MS), "not-equal");
    assertEquals(futex.wait(words, 5, -7, 1), "timed-out");
    assertEquals(futex.wait(words, 5, -7, 0), "timed-out");
    assertEquals(futex.wake(words, 5, Infinity), 0);
    for (const index of [-1, 0.5, words.length]) {
      assertThrows(() => futex.wait(words, index, 0, 1), InvalidArgumentError);
      assertThrows(() => futex.wake(words, index, 1), InvalidArgumentError);
    }
    for (const timeoutMs of [-1, NaN, HANG_TIMEOUT_MS + 1]) assertThrows(() => futex.wait(words, 0, 0, timeoutMs), InvalidArgumentError);
  });
});

testBuilding("a wait is ended by whoever wakes the word, without the runtime's help", async () => {
  await withLibrary(async (path) => {
    const memory = allocateMemory(65_536);
    const waker = new Worker(new URL("../support/futex_waker.ts", import.meta.url), { type: "module" });
    try {
      const answered = new Promise<string>((resolve) => waker.onmessage = ({ data }) => resolve(data));
      waker.postMessage({ path, memory: memory.memory });
      assertEquals(await answered, "ok");
    } finally {
      waker.terminate();
    }
  });
});
