/**
 * How threads record what they do: two stamps from one shared counter around each operation. If one operation's second stamp is less than another's first
 * one, it had ended before the other began, on whichever threads: the counter is one word that all change by atomic additions.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { add, load, wait } from "../../core/memory/atomics.ts";

/** Words that the threads of a history share. */
const STAMP = 0;
const STARTED = 1;

/** What an operation was like before it ended, and when it began and ended. */
export interface Recorded {
  /** First stamp. */
  readonly call: number;
  /** Second stamp; `Infinity` when the thread died in between. */
  ret: number;
}

/** What every recording thread is told. */
export interface HistoryOrder {
  /** Index of this thread among `threads`. */
  readonly me: number;
  /** Threads of the history: they begin together. */
  readonly threads: number;
  /** Of the whole run; each thread has its own numbers. */
  readonly seed: number;
  /** From `sharedWords`. */
  readonly shared: Int32Array;
}

/** What a thread sends when it has ended. */
export interface Recording<Op> {
  /** In its order. */
  readonly operations: (Recorded & { op: Op })[];
}

/** Words for a history's threads. */
export function sharedWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** One thread's pen. */
export class Recorder<Op> {
  /** So far. */
  readonly operations: (Recorded & { op: Op })[] = [];

  constructor(private readonly order: HistoryOrder) {}

  /** Returns when all threads are there: a history of one after the other would say nothing. */
  begin(): void {
    const { shared, threads } = this.order;
    add(shared, STARTED, 1);
    for (let there = load(shared, STARTED); there < threads; there = load(shared, STARTED)) wait(shared, STARTED, there, 1);
  }

  /** Does something between two stamps. `pending` is how it stands there if this thread dies in it; `done` makes of it and the result what it was. */
  record<Result>(pending: Op, act: () => Result, done: (result: Result) => Op): void {
    const entry = { call: add(this.order.shared, STAMP, 1), ret: Infinity, op: pending };
    this.operations.push(entry);
    const result = act();
    entry.ret = add(this.order.shared, STAMP, 1);
    entry.op = done(result);
  }
}

/** Runs a module's thread and resolves with what it sent; rejects with what it threw. */
export async function runThread<Order extends HistoryOrder, Op>(url: URL, order: Order): Promise<Recording<Op>> {
  const worker = new Worker(url, { workerData: order });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  try {
    return await new Promise((resolve, reject) => void worker.once("message", resolve).once("error", reject));
  } finally {
    await worker.terminate();
    await ended;
  }
}
