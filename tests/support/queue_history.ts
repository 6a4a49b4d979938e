/**
 * Threads that publish to and consume from one named queue and record it, and what one thread alone would see: for message_bus_history.ts.
 *
 * A level of the queue is a part of its own: first in, first out, so many at the most. Who takes a message of one level has found the higher ones
 * empty, each at some moment of the same call; who takes none, all of them.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { epochOffsetMs, SystemClock } from "../../core/base/clock.ts";
import { Random } from "../../core/base/random.ts";
import { MessageBus } from "../../core/bus/message_bus.ts";
import type { Layout } from "../../core/memory/layout.ts";
import { attachMemory } from "../../core/memory/shared_memory.ts";
import { type HistoryOrder, Recorder } from "./history.ts";
import type { Operation, Specification } from "./linearizability.ts";

/** An operation on one level with its result. */
export type QueueOp =
  | { readonly kind: "push"; readonly level: number; readonly id: number; readonly done: boolean }
  | { readonly kind: "take"; readonly level: number; readonly id: number }
  | { readonly kind: "empty"; readonly level: number };

/** A queue of which each level holds `capacity`. */
export function QUEUE_SPEC(capacity: number): Specification<QueueOp, readonly number[]> {
  return {
    partOf: ({ level }) => level,
    initial: [],
    next(waiting, op) {
      if (op.kind === "take") return waiting[0] === op.id ? waiting.slice(1) : null;
      if (op.kind === "empty") return waiting.length === 0 ? waiting : null;
      if (op.done) return waiting.length < capacity ? [...waiting, op.id] : null;
      return waiting.length === capacity ? waiting : null;
    },
    textOf: (waiting) => waiting.join(),
  };
}

/** What a thread records: a publish, or a consume of one message or none. */
export type QueueCall =
  | { readonly kind: "publish"; readonly level: number; readonly id: number; readonly done: boolean }
  | { readonly kind: "consume"; readonly taken: { readonly level: number; readonly id: number } | null };

/** A call as what it says of each level. */
export function perLevel({ op, ...when }: Operation<QueueCall>): Operation<QueueOp>[] {
  if (op.kind === "publish") return [{ ...when, op: { kind: "push", level: op.level, id: op.id, done: op.done } }];
  const { taken } = op;
  const higher = LEVELS.filter((level) => level > (taken?.level ?? -Infinity));
  const empty = higher.map((level): Operation<QueueOp> => ({ ...when, op: { kind: "empty", level } }));
  return taken === null ? empty : [...empty, { ...when, op: { kind: "take", ...taken } }];
}

/** Priorities that are used: three of five, so that each is met often. */
const LEVELS = [-1, 1, 3] as const;
/** The queue, and the topic it is subscribed to. */
export const QUEUE_NAME = "history";
/** Messages of one thread. */
const IDS = 1 << 20;

/** What a thread is told. */
export interface QueueHistoryOrder extends HistoryOrder {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  /** Calls. */
  readonly times: number;
  /** Planted: a message is handed out a second time. */
  readonly doubles?: boolean;
}

/** Runs in a thread of its own; see queue_history_worker.ts. */
export function recordQueue(): void {
  const order = workerData as QueueHistoryOrder;
  const bus = new MessageBus({
    ...{ memory: attachMemory(order.memory), layout: order.layout, host: order.me, clock: new SystemClock(epochOffsetMs()) },
  });
  const random = new Random(order.seed * 64 + order.me);
  const recorder = new Recorder<QueueCall>(order);
  const consume = order.doubles ? doubling(bus) : () => bus.consume(QUEUE_NAME, 1)[0];
  // Before the first stamp: learning the queue's name takes a lock.
  bus.stats(QUEUE_NAME);
  recorder.begin();
  for (let count = 0; count < order.times; count++) {
    if (random.below(2) === 0) {
      const [level, id] = [LEVELS[random.below(LEVELS.length)], order.me * IDS + count];
      const act = (): boolean => bus.publish(QUEUE_NAME, id, level, { deadLetter: false });
      recorder.record({ kind: "publish", level, id, done: true }, act, (done) => ({ kind: "publish", level, id, done }));
    } else {
      recorder.record({ kind: "consume", taken: null }, consume, (message) => ({
        kind: "consume",
        taken: message === undefined ? null : { level: message.priority, id: message.payload as number },
      }));
    }
  }
  bus.close();
  parentPort?.postMessage({ operations: recorder.operations });
}

type Taken = { readonly priority: number; readonly payload: unknown } | undefined;

/** Hands the message before the last out again, once in a while. */
function doubling(bus: MessageBus): () => Taken {
  let [count, last]: [number, Taken] = [0, undefined];
  return () => {
    if (++count % 100 === 0 && last !== undefined) return last;
    const message = bus.consume(QUEUE_NAME, 1)[0];
    last = message ?? last;
    return message;
  };
}
