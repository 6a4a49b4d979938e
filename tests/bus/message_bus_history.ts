/**
 * Histories of a named queue, recorded on real threads and checked for linearizability level by level: first in first out, each message once, never more
 * than its capacity, never refused while there is room, never "empty" while something waits.
 *
 * ```
 * deno run --allow-read tests/bus/message_bus_history.ts --rounds 400 --seed 7
 * ```
 *
 * @module
 */
import { assert } from "@std/assert";
import { epochOffsetMs, SystemClock } from "../../core/base/clock.ts";
import { MessageBus } from "../../core/bus/message_bus.ts";
import { busArena } from "../support/bus_arena.ts";
import { type Recording, runThread, sharedWords } from "../support/history.ts";
import { checkLinearizable, type Verdict } from "../support/linearizability.ts";
import { perLevel, QUEUE_NAME, QUEUE_SPEC, type QueueCall, type QueueHistoryOrder } from "../support/queue_history.ts";

const THREADS = 3;
/** So few that full and empty are met all the time. */
const CAPACITY = 3;
const WORKER = new URL("../support/queue_history_worker.ts", import.meta.url);

/** What is recorded. */
export interface QueueHistoryOptions {
  /** Calls of each thread in a round. */
  readonly times: number;
  readonly seed: number;
  /** Planted: a message is handed out a second time. */
  readonly doubles?: boolean;
}

/** One round: a new queue, three threads. */
export async function checkQueueHistory({ times, seed, doubles }: QueueHistoryOptions): Promise<Verdict> {
  const { memory, layout } = busArena(THREADS + 1);
  const bus = new MessageBus({ memory, layout, host: THREADS, clock: new SystemClock(epochOffsetMs()) });
  bus.createQueue(QUEUE_NAME, { capacity: CAPACITY });
  bus.subscribe(QUEUE_NAME, QUEUE_NAME);
  const shared = sharedWords();
  const recordings = await Promise.all(Array.from({ length: THREADS }, (_unused, me) => {
    const order: QueueHistoryOrder = { me, threads: THREADS, seed, shared, memory: memory.memory, layout, times, doubles };
    return runThread<QueueHistoryOrder, QueueCall>(WORKER, order);
  }));
  bus.close();
  const calls = recordings.flatMap(({ operations }: Recording<QueueCall>, thread) => operations.map((one) => ({ thread, ...one })));
  return checkLinearizable(calls.flatMap(perLevel), QUEUE_SPEC(CAPACITY));
}

/** Rounds that must all be linearizable; resolves with what was done. */
export async function checkQueueHistories(rounds: number, options: QueueHistoryOptions): Promise<string> {
  let [overlaps, configurations] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const seed = options.seed + round;
    const verdict = await checkQueueHistory({ ...options, seed });
    assert(verdict.linearizable, `seed ${seed}: level ${verdict.why}`);
    overlaps += verdict.overlaps;
    configurations += verdict.configurations;
  }
  assert(overlaps > 0, "no two calls overlapped: nothing was tried");
  return `${rounds * THREADS * options.times} calls: linearizable (${overlaps} overlapped, ${configurations} configurations)`;
}

function option(name: string, fallback: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(Deno.args[at + 1]);
}

if (import.meta.main) {
  const startedMs = performance.now();
  const said = await checkQueueHistories(option("rounds", 100), { times: 10_000, seed: option("seed", 1) });
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${said}`);
}
