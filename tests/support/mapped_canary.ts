/**
 * Does to a mapped arena what could disturb the engine's hold on its memory: collects garbage again and again while threads write and are ended in the
 * middle of it, makes and drops other memories of the same size, opens and closes managers' files in turn, and then looks whether every acknowledged
 * byte is there. It leans on the engine's internals, so it stands in CI.
 *
 * ```sh
 * deno run --v8-flags=--expose-gc --allow-read --allow-write --allow-ffi tests/support/mapped_canary.ts FILE [rounds]
 * ```
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { load, store as storeWord } from "../../core/memory/atomics.ts";
import { HOST, hostField } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { mappedPlan, openMapped } from "./mapped_arena.ts";

const THREADS = 2;
const collect = (globalThis as unknown as { gc(): void }).gc;

/** A thread that adds to words of the slabs' region and of the store's end, by atomics, until it is ended. */
const THREAD = `
const { workerData, parentPort } = require("node:worker_threads");
const words = new Int32Array(workerData.memory.buffer);
Atomics.add(words, workerData.ready, 1);
Atomics.notify(words, workerData.ready);
for (let n = 0;; n = (n + 1) | 0) {
  Atomics.add(words, workerData.sum, 1);
  words[workerData.plain + (n & 1023)] = n;
}`;

async function round(path: string, number: number): Promise<number> {
  const layout = mappedPlan();
  using arena = openMapped(path, layout);
  const { memory, store } = arena;
  for (let n = 0; n < number; n++) {
    if ((store.get("canary", `round ${n}`) as { n: number } | undefined)?.n !== n) {
      throw new Error(`round ${n} is not there in round ${number}`);
    }
  }
  const [ready, sum] = [layout.header.offset + 56, layout.header.offset + 60].map((at) => at >>> 2);
  const plain = (layout.metrics.offset + layout.metrics.bytes - 4_096) >>> 2;
  const workers = Array.from(
    { length: THREADS },
    () => new Worker(THREAD, { eval: true, workerData: { memory: memory.memory, ready, sum, plain } }),
  );
  while (load(memory.words, ready) < THREADS) await new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 20; n++) {
    collect();
    allocateMemory(layout.totalBytes).words[n] = n;
    store.set("canary", `filling ${n}`, "x".repeat(10_000 + n));
  }
  const before = load(memory.words, sum);
  await Promise.all(workers.map((worker) => worker.terminate()));
  collect();
  store.set("canary", `round ${number}`, { n: number, before });
  storeWord(memory.words, hostField(layout, 1, HOST.state) >>> 2, 4);
  if (load(memory.words, sum) < before) throw new Error("a count went back");
  const check = store.verify();
  if (check.damaged > 0) throw new Error(`${check.damaged} of ${check.checked} values are damaged in round ${number}`);
  return before;
}

if (import.meta.main) {
  const [path, rounds = "5"] = Deno.args;
  let added = 0;
  for (let number = 0; number < Number(rounds); number++) {
    added += await round(path, number);
    collect();
  }
  console.log(JSON.stringify({ rounds: Number(rounds), added }));
}
