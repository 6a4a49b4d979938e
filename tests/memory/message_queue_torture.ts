/**
 * Real threads on one named queue: each sends its share on all levels and takes whatever comes, at a capacity so small that both ends are met all the
 * time. Every message is checked word by word, its order against those of the same sender and level, and at the end all sums.
 *
 * ```
 * deno run --allow-read tests/memory/message_queue_torture.ts 10000000 7
 * ```
 *
 * @module
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Random } from "../../core/base/random.ts";
import { add, load } from "../../core/memory/atomics.ts";
import { type BusParts, CELL, cellField } from "../../core/memory/bus_layout.ts";
import { attachMemory } from "../../core/memory/shared_memory.ts";
import { advanceQueue, busArena, queueOf } from "../support/bus_arena.ts";

const THREADS = 2;
const LEVELS = 5;
const CONTENT_WORDS = 8;
/** Turns without a message or room before a run counts as hung. */
const IDLE_TURNS_MAX = 200_000_000;

interface Order {
  readonly me: number;
  /** Messages of each thread. */
  readonly times: number;
  readonly seed: number;
  readonly memory: WebAssembly.Memory;
  readonly parts: BusParts;
  /** Messages taken by all. */
  readonly taken: Int32Array;
}

interface Sums {
  readonly sent: number;
  readonly got: number;
  readonly fullTimes: number;
}

function mix(sender: number, number: number, word: number): number {
  return Math.imul(Math.imul(number + 1, 0x9e3779b1) ^ (sender << 28) ^ word, 0x85ebca6b);
}

function work({ me, times, seed, memory: shared, parts, taken }: Order): Sums {
  const memory = attachMemory(shared);
  const { words } = memory;
  const { cells, queue } = queueOf({ memory, parts }, me, { capacity: 5, ringLog2: 3 });
  const random = new Random(seed + me);
  const last = new Int32Array(THREADS * LEVELS).fill(-1);
  let [sent, got, fullTimes, number, waiting, level, idle] = [0, 0, 0, 0, -1, 0, 0];
  const content = (cell: number): number => cellField(parts, cell, CELL.body) >> 2;
  while (load(taken, 0) < THREADS * times) {
    if (waiting < 0 && number < times && (waiting = cells.tryClaim(CONTENT_WORDS * 4)) >= 0) {
      const at = content(waiting);
      level = random.below(LEVELS);
      words[at - 1] = (me << 30) | (level << 27);
      words[at] = number;
      for (let word = 1; word < CONTENT_WORDS; word++) words[at + word] = mix(me, number, word);
    }
    if (waiting >= 0) {
      if (queue.tryPush(waiting, level)) {
        sent = (sent + mix(me, number++, 1)) | 0;
        waiting = -1;
      } else fullTimes++;
    }
    const cell = random.below(3) === 0 ? -1 : queue.tryPop();
    if (cell < 0) {
      if (++idle > IDLE_TURNS_MAX) throw new Error(`nothing moves: thread ${me} sent ${number} of ${times}, ${load(taken, 0)} were taken`);
      continue;
    }
    idle = 0;
    const at = content(cell);
    const [sender, itsLevel, its] = [words[at - 1] >>> 30, (words[at - 1] >>> 27) & 7, words[at]];
    for (let word = 1; word < CONTENT_WORDS; word++) {
      if (words[at + word] !== mix(sender, its, word)) throw new Error(`message ${its} of thread ${sender} is not what was written`);
    }
    const line = sender * LEVELS + itsLevel;
    if (its <= last[line]) throw new Error(`message ${its} of thread ${sender}, level ${itsLevel}, came after ${last[line]}`);
    last[line] = its;
    got = (got + mix(sender, its, 1)) | 0;
    cells.free(cell);
    add(taken, 0, 1);
  }
  return { sent, got, fullTimes };
}

/** `times` messages of each thread; rejects with the first thing found wrong. */
export async function tortureMessageQueue(times: number, seed: number): Promise<string> {
  const arena = busArena(2, 64);
  const { memory, parts } = arena;
  // Half of the run lies before 2³², half behind it; the bits of READY's positions come round as well.
  advanceQueue(arena, -((times / LEVELS) | 0), 3);
  const taken = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: THREADS }, (_unused, me) => {
    const workerData: Order = { me, times, seed, memory: memory.memory, parts, taken };
    return new Worker(new URL(import.meta.url), { workerData });
  });
  const ended = workers.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())));
  try {
    const sums = await Promise.all(
      workers.map((worker) => new Promise<Sums>((resolve, reject) => void worker.once("message", resolve).once("error", reject))),
    );
    const [sent, got] = [sums.reduce((sum, one) => (sum + one.sent) | 0, 0), sums.reduce((sum, one) => (sum + one.got) | 0, 0)];
    const { cells, queue } = queueOf(arena, 0, { capacity: 5, ringLog2: 3 });
    if (sent !== got) throw new Error(`checksums differ: sent ${sent}, got ${got}`);
    if (queue.readable() || queue.depth() !== 0 || cells.inUse !== 0) throw new Error(`left: depth ${queue.depth()}, ${cells.inUse} cells`);
    return `${THREADS * times} messages, each once, whole and in order; ${sums.map((one) => one.fullTimes)} times full`;
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.terminate()));
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    await Promise.all(ended);
  }
}

if (!isMainThread) parentPort?.postMessage(work(workerData as Order));
else if (import.meta.main) {
  const [times = "10000000", seed = "1"] = Deno.args;
  const startedMs = performance.now();
  const said = await tortureMessageQueue(Number(times) / THREADS, Number(seed));
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${said}`);
}
