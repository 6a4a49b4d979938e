/**
 * Histories of the store, recorded on real threads and checked for linearizability key by key: a few keys, so that threads meet; many rounds, so that each
 * search is short. With `deaths`, one thread of each round dies at an atomic step, mostly in the middle of a change.
 *
 * ```
 * deno run --allow-read tests/memory/memory_store_history.ts --rounds 400 --seed 7
 * ```
 *
 * @module
 */
import { assert } from "@std/assert";
import { type Recording, runThread, sharedWords } from "../support/history.ts";
import { checkLinearizable, type Operation, type Verdict } from "../support/linearizability.ts";
import { storeArena } from "../support/store_arena.ts";
import { STORE_SPEC, type StoreBug, type StoreHistoryOrder, type StoreOp } from "../support/store_history.ts";

const THREADS = 3;
const KEYS = 3;
const WORKER = new URL("../support/store_history_worker.ts", import.meta.url);

/** What is recorded. */
export interface StoreHistoryOptions {
  /** Operations of each thread in a round. */
  readonly times: number;
  readonly seed: number;
  /** Whether a thread dies. */
  readonly deaths?: boolean;
  /** Planted in all threads. */
  readonly bug?: StoreBug;
}

/** One round: a new store, three threads. */
export async function checkStoreHistory({ times, seed, deaths = false, bug }: StoreHistoryOptions): Promise<Verdict> {
  const arena = storeArena(1 << 20, THREADS + 1);
  const shared = sharedWords();
  const recordings = await Promise.all(Array.from({ length: THREADS }, async (_unused, me) => {
    arena.setState(me + 1, 2);
    const diesAfter = deaths && me === 0 ? times >> 1 : undefined;
    const order: StoreHistoryOrder = {
      ...{ me, threads: THREADS, seed, shared, memory: arena.memory.memory, layout: arena.layout },
      ...{ host: me + 1, times, keys: KEYS, diesAfter, bug },
    };
    const recording = await runThread<StoreHistoryOrder, StoreOp>(WORKER, order);
    if (diesAfter !== undefined) arena.setState(me + 1, 4);
    return recording;
  }));
  return checkLinearizable(recordings.flatMap(operationsOf), STORE_SPEC);
}

function operationsOf({ operations }: Recording<StoreOp>, thread: number): Operation<StoreOp>[] {
  return operations.flatMap((one): Operation<StoreOp>[] => {
    const operation = { thread, ...one };
    if (one.ret !== Infinity) return [operation];
    // What it left unfinished is put right by whoever comes next, if it left anything.
    return [operation, { ...operation, op: { kind: "repair", key: one.op.key } }];
  });
}

/** Rounds that must all be linearizable; resolves with what was done. */
export async function checkStoreHistories(rounds: number, options: StoreHistoryOptions): Promise<string> {
  let [operations, overlaps, configurations] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const seed = options.seed + round;
    const verdict = await checkStoreHistory({ ...options, seed });
    assert(verdict.linearizable, `seed ${seed}: key ${verdict.why}`);
    operations += THREADS * options.times;
    overlaps += verdict.overlaps;
    configurations += verdict.configurations;
  }
  assert(overlaps > 0, "no two operations overlapped: nothing was tried");
  return `${operations} operations${
    options.deaths ? `, ${rounds} deaths` : ""
  }: linearizable (${overlaps} overlapped, ${configurations} configurations)`;
}

function option(name: string, fallback: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(Deno.args[at + 1]);
}

if (import.meta.main) {
  const [rounds, seed] = [option("rounds", 100), option("seed", 1)];
  const startedMs = performance.now();
  const said = (text: string): void => console.log(`${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${text}`);
  said(await checkStoreHistories(rounds, { times: 10_000, seed }));
  said(await checkStoreHistories(rounds, { times: 2_000, seed, deaths: true }));
}
