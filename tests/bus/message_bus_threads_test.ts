/**
 * Real threads on one bus: each publishes to all and consumes what comes; one is ended at work. What counts is the identity at the end: every copy that a
 * queue accepted was consumed, is a dead letter, or was with the dead, and every cell came back.
 */
import { assert, assertEquals } from "@std/assert";
import { Worker } from "node:worker_threads";
import { MessageBus } from "../../core/bus/message_bus.ts";
import { load, store } from "../../core/memory/atomics.ts";
import { hostStateOf } from "../../core/memory/bus_layout.ts";
import { epochOffsetMs, SystemClock } from "../../core/base/clock.ts";
import { busArena } from "../support/bus_arena.ts";
import { PROGRESS, type ThreadOrder } from "../support/bus_thread.ts";
import { testWith } from "../support/permissions.ts";

const DEAD = 4;
const MESSAGES_EACH = 4_000;

testWith(
  { read: true },
  "three threads publish and consume, one dies at work: nothing is doubled or torn, and every cell comes back",
  async () => {
    const { memory, layout } = busArena(4, 600);
    const main = new MessageBus({ memory, layout, host: 0, clock: new SystemClock(epochOffsetMs()) });
    for (const queue of ["small", "large"]) main.createQueue(queue, { capacity: 16 });
    main.subscribe("small.#", "small");
    main.subscribe("*.large", "large");
    main.subscribe("#", "small", { filter: { field: "payload.n", op: "gte", value: 0 } });
    const subscribed = main.pool.stats().cellsInUse;
    const progress = new Int32Array(new SharedArrayBuffer(PROGRESS.words * 4));
    const workers = [1, 2, 3].map((host) => {
      const workerData: ThreadOrder = { host, messages: MESSAGES_EACH, memory: memory.memory, layout, progress };
      return new Worker(new URL("../support/bus_thread.ts", import.meta.url), { workerData });
    });
    const ended = workers.map((worker) =>
      new Promise<string>((resolve) => {
        let said = "ended without a word";
        worker.on("message", (text: string) => said = text).on("error", (error) => said = String(error)).on("exit", () => resolve(said));
      })
    );
    while (load(progress, PROGRESS.sent + 1) < MESSAGES_EACH / 10) await new Promise((resolve) => setImmediate(resolve));
    const killed = workers[0].terminate();
    store(memory.words, hostStateOf(layout, 1) >> 2, DEAD);
    await killed;
    await ended[0];
    // An ended thread may run on for a moment in this runtime; its fence stops it at its next call.
    main.repair(1);
    const said = await Promise.all(ended.slice(1));
    assertEquals(said, ["done", "done"], `the first said: ${await ended[0]}`);
    main.repair(1);
    const rest = ["small", "large"].flatMap((queue) => {
      const found: unknown[] = [];
      for (let batch = main.consume(queue, 100); batch.length > 0; batch = main.consume(queue, 100)) found.push(...batch);
      return found;
    });
    const stats = main.stats();
    const letters = main.deadLetters();
    assertEquals(letters.filter(({ reason }) => reason !== "host-died"), [], "the threads publish without dead letters");
    // The dead thread's own counts may lack its last steps: a message or a batch.
    const missing = stats.queued - stats.consumed - letters.length;
    assert(
      Math.abs(missing) <= 33,
      `${stats.queued} went in, ${stats.consumed} came out (${rest.length} at last), ${letters.length} were with the dead`,
    );
    assert(main.replay() === letters.length);
    for (const queue of ["small", "large"]) main.consume(queue, 100);
    assertEquals(main.pool.stats().cellsInUse, subscribed);
  },
);
