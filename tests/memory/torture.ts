/**
 * Real threads, real atomics, many times: what the models cannot reach. Each function resolves with how often each thread slept and rejects with the first
 * thing found wrong. A watchdog ends a run in which nothing moves, and says who waited for what.
 *
 * ```
 * deno run --allow-read tests/memory/torture.ts --frames 10000000 --claims 1000000 --rounds 1000000 --seed 7
 * ```
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { load } from "../../core/memory/atomics.ts";
import { planLayout, ringAt } from "../../core/memory/layout.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";
import { SlotPool } from "../../core/memory/slot_pool.ts";
import { BALL, DOING, POOL, type ThreadOrder } from "./torture_order.ts";

const LAYOUT = planLayout({ hosts: 2, agentSlots: 64, sharedBufferBytes: 1 << 25, storeBytes: 0 });
const LOOK_EVERY_MS = 500;
/** Looks without any progress before a run counts as hung: half a minute, so that a busy machine is not taken for a hang. */
const IDLE_LOOKS_MAX = 60;

/** Runs a thread for each role until all have ended. */
async function runThreads(roles: readonly ThreadOrder["role"][], times: number, seed: number, memory: SharedMemory): Promise<number[]> {
  const progress = new Int32Array(new SharedArrayBuffer((BALL + 1) * 4));
  const workers = roles.map((role, me) => {
    const workerData: ThreadOrder = { role, me, times, seed, memory: memory.memory, layout: LAYOUT, progress };
    return new Worker(new URL("./torture_thread.ts", import.meta.url), { workerData });
  });
  const where = (): string =>
    roles.map((role, me) => `${role} ${me}: ${DOING[progress[me * 2 + 1]]} after ${progress[me * 2]} of ${times}`).join("; ");
  const ended = workers.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())));
  const results = workers.map((worker) =>
    new Promise<number>((resolve, reject) => void worker.once("message", resolve).once("error", reject))
  );
  let watch: ReturnType<typeof setInterval> | undefined;
  const hung = new Promise<never>((_resolve, reject) => {
    let [last, idleLooks] = ["", 0];
    watch = setInterval(() => {
      const now = progress.join();
      idleLooks = now === last ? idleLooks + 1 : 0;
      last = now;
      if (idleLooks >= IDLE_LOOKS_MAX) reject(new Error(`nothing moves (seed ${seed}). ${where()}`));
    }, LOOK_EVERY_MS);
  });
  try {
    return await Promise.race([Promise.all(results), hung]);
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.terminate()));
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}. ${where()}`, { cause: error });
  } finally {
    clearInterval(watch);
    await Promise.all(ended);
  }
}

/** One producer, one consumer, one lane that begins 1 MiB before 2³², frames of 8 B to 16 KiB; both sleep when they must. */
export async function tortureRing(frames: number, seed: number): Promise<string> {
  const memory = allocateMemory(LAYOUT.totalBytes);
  const lane = ringAt(LAYOUT, 0, 1, 0);
  memory.words[lane.head >> 2] = memory.words[lane.tail >> 2] = -(1 << 20);
  const [producer, consumer] = await runThreads(["produce", "consume"], frames, seed, memory);
  return `${frames} frames in order and whole; the producer slept ${producer} times, the consumer ${consumer}`;
}

/** Three threads that want up to six of two slots. */
export async function tortureSlotPool(claimsEach: number, seed: number): Promise<string> {
  const memory = allocateMemory(LAYOUT.totalBytes);
  const { first, stride, slots, cursor } = POOL;
  await runThreads(["claim", "claim", "claim"], claimsEach, seed, memory);
  const isFree = (word: number): boolean => (word & 1) === 0;
  const inUse = new SlotPool({ words: memory.words, first, stride, count: slots, cursor, isFree }).inUse();
  const words = Array.from({ length: slots }, (_unused, slot) => load(memory.words, first + slot * stride));
  const claims = words.reduce((sum, word) => sum + word / 2, 0);
  if (inUse !== 0) throw new Error(`seed ${seed}: ${inUse} slots are in use after all were given back`);
  if (claims !== 3 * claimsEach) throw new Error(`seed ${seed}: ${3 * claimsEach} claims, and the state words count ${claims}: ${words}`);
  return `${claims} claims, each given back, never two owners`;
}

/** Two threads that wake each other in turn: one sleeps by `whenRung`, the other by `blockUntilRung`. */
export async function tortureDoorbell(rounds: number, seed: number): Promise<string> {
  const [ping, pong] = await runThreads(["ping", "pong"], rounds, seed, allocateMemory(LAYOUT.totalBytes));
  return `${rounds} rounds; whenRung slept ${ping} times, blockUntilRung ${pong}`;
}

function option(name: string, fallback: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(Deno.args[at + 1]);
}

if (import.meta.main) {
  const seed = option("seed", 1);
  const startedMs = performance.now();
  const said = (text: string): void => console.log(`${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${text}`);
  said(await tortureRing(option("frames", 10_000_000), seed));
  said(await tortureSlotPool(option("claims", 1_000_000), seed));
  said(await tortureDoorbell(option("rounds", 1_000_000), seed));
}
