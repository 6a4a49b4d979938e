/** A thread that publishes and consumes, and checks all that it gets. */
import { parentPort, workerData } from "node:worker_threads";
import { epochOffsetMs, SystemClock } from "../../core/base/clock.ts";
import { Random } from "../../core/base/random.ts";
import { MessageBus } from "../../core/bus/message_bus.ts";
import { store } from "../../core/memory/atomics.ts";
import type { Layout } from "../../core/memory/layout.ts";
import { attachMemory } from "../../core/memory/shared_memory.ts";

/** What the thread is told. */
export interface ThreadOrder {
  readonly host: number;
  /** Messages to publish. */
  readonly messages: number;
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly progress: Int32Array;
}

/** Words of `progress`: messages sent by each host. */
export const PROGRESS = { sent: 0, words: 8 };

interface Content {
  readonly host: number;
  readonly n: number;
  readonly bytes: Uint8Array;
}

function check({ host, n, bytes }: Content, last: Map<string, number>, line: string): void {
  if (bytes.some((byte) => byte !== ((host * 31 + n) & 0xff))) throw new Error(`message ${n} of ${host} is not what was sent`);
  const before = last.get(`${line} ${host}`) ?? -1;
  if (n <= before) throw new Error(`message ${n} of ${host} came after ${before} in ${line}`);
  last.set(`${line} ${host}`, n);
}

function run({ host, messages, memory, layout, progress }: ThreadOrder): void {
  const bus = new MessageBus({ memory: attachMemory(memory), layout, host, clock: new SystemClock(epochOffsetMs()) });
  const random = new Random(host);
  const last = new Map<string, number>();
  const take = (queue: string): void => {
    for (const { payload, priority, topic } of bus.consume(queue, 8)) check(payload as Content, last, `${queue} ${priority} ${topic}`);
  };
  for (let n = 0; n < messages; n++) {
    const large = random.below(4) === 0;
    const bytes = new Uint8Array(large ? random.below(3_000) : random.below(100)).fill(host * 31 + n);
    const priority = (random.below(5) - 1) as 0;
    bus.publish(large ? "x.large" : "small", { host, n, bytes }, priority, { deadLetter: false });
    if (random.below(2) === 0) take(random.below(2) === 0 ? "small" : "large");
    store(progress, PROGRESS.sent + host, n + 1);
  }
  for (let empty = 0; empty < 100; empty++) for (const queue of ["small", "large"]) take(queue);
}

if (workerData !== null && parentPort !== null) {
  run(workerData as ThreadOrder);
  parentPort.postMessage("done");
}
