import { assert, assertEquals, assertThrows } from "@std/assert";
import { BusTables } from "../../core/bus/bus_tables.ts";
import { MessageBus } from "../../core/bus/message_bus.ts";
import { QueueRegistry } from "../../core/bus/queue_registry.ts";
import { store } from "../../core/memory/atomics.ts";
import { type BusParts, CELL, cellField, hostStateOf } from "../../core/memory/bus_layout.ts";
import type { Layout } from "../../core/memory/layout.ts";
import { MessageCells, readyAt } from "../../core/memory/message_cells.ts";
import type { SharedMemory } from "../../core/memory/shared_memory.ts";
import { FakeClock } from "../../core/testing.ts";
import { busArena } from "../support/bus_arena.ts";

interface Arena {
  readonly buses: MessageBus[];
  readonly clock: FakeClock;
  readonly memory: SharedMemory;
  readonly layout: Layout;
  readonly parts: BusParts;
  kill(host: number): void;
}

function arenaOf(cells = 2_000): Arena {
  const { memory, layout, parts } = busArena(3, cells);
  const clock = new FakeClock();
  const buses = [0, 1, 2].map((host) => new MessageBus({ memory, layout, host, clock }));
  for (const queue of ["q", "other"]) {
    buses[0].createQueue(queue, { capacity: 2 });
    buses[0].subscribe("t", queue);
  }
  return { buses, clock, memory, layout, parts, kill: (host) => store(memory.words, hostStateOf(layout, host) >> 2, 4) };
}

function summary(bus: MessageBus): string[] {
  return bus.deadLetters().map(({ message, queueId, reason }) => `${message.payload} for ${queueId}: ${reason}`);
}

Deno.test("a copy that finds its queue full is a dead letter of that queue, and the others have theirs", () => {
  const { buses: [a, b], clock } = arenaOf();
  for (const n of [1, 2]) a.publish("t", n);
  a.consume("other");
  clock.advance(5);
  assertEquals(a.publish("t", 3), false);
  assertEquals(b.consume("other").map(({ payload }) => payload), [3]);
  assertEquals(summary(b), ["3 for q: queue-full"]);
  assertEquals(b.deadLetters()[0].at, clock.now());
  assertEquals(b.replay(), 0, "the queue is still full");
  assertEquals(summary(b), ["3 for q: queue-full"]);
  assertEquals(a.consume("q").map(({ payload, retryCount }) => [payload, retryCount]), [[1, 0], [2, 0]]);
  assertEquals(b.replay(), 1);
  assertEquals(a.consume("q").map(({ payload, retryCount }) => [payload, retryCount]), [[3, 1]]);
  assertEquals(a.consume("other"), [], "a replay goes to one queue only");
  const { refused, deadLettered, deadLetters } = a.stats();
  assertEquals([refused, deadLettered, deadLetters], [1, 1, 0]);
});

Deno.test("a message that comes too late is a dead letter, and replayed it has time", () => {
  const { buses: [bus], clock } = arenaOf();
  bus.publish("t", "late", 0, { ttlMs: 10 });
  bus.publish("t", "in time", 0, { ttlMs: 20 });
  clock.advance(10);
  assertEquals(bus.consume("q").map(({ payload }) => payload), ["in time"]);
  assertEquals(summary(bus), ["late for q: expired"]);
  clock.advance(1_000);
  assertEquals(bus.replay(({ reason }) => reason === "expired"), 1);
  const [message] = bus.consume("q");
  assertEquals([message.payload, message.retryCount, message.expiresAt], ["late", 1, undefined]);
  assertEquals(bus.stats().expired, 1);
});

Deno.test("what waits in a deleted queue is kept, and goes to a new queue of that name", () => {
  const { buses: [a, b] } = arenaOf();
  a.publish("t", "x", "critical");
  a.publish("t", "y");
  assertEquals(b.deleteQueue("q"), 2);
  assertThrows(() => a.consume("q"));
  assertEquals(a.publish("t", "z"), true, "the subscription went with its queue");
  assertEquals(summary(a), ["x for q: queue-deleted", "y for q: queue-deleted"]);
  assertEquals(a.replay(), 0);
  a.createQueue("q", { capacity: 10 });
  assertEquals(a.replay(({ message }) => message.payload === "y"), 1);
  assertEquals(b.consume("q").map(({ payload }) => payload), ["y"]);
  assertEquals(summary(b), ["x for q: queue-deleted"]);
});

Deno.test("a message put into a deleted queue's rings by a slow publisher is not handed to the consumers of its successor", () => {
  const { buses: [a, b], memory, layout, parts } = arenaOf();
  const cells = new MessageCells(memory, parts, 2);
  const slow = new QueueRegistry(memory, new BusTables(memory, layout, parts, 2), cells).find("q");
  a.publish("t", "slow");
  const cell = cells.tryClaim(100);
  const published = Array.from({ length: parts.cellCount }, (_unused, index) => index).find((index) =>
    cells.isReady(index, readyAt(1, 1, 0))
  )!;
  const content = (of: number): number => cellField(parts, of, CELL.origin);
  memory.bytes.copyWithin(content(cell), content(published), cellField(parts, published + 1, 0));
  a.deleteQueue("q");
  a.createQueue("q", { capacity: 2 });
  assert(slow.queue.tryPush(cell, 1));
  assertEquals(b.consume("q"), []);
  assertEquals(summary(a), ["slow for q: queue-deleted", "slow for q: queue-deleted"]);
  assertEquals([a.replay(), b.consume("q").length], [2, 2]);
});

Deno.test("a dead letter whose queue's place went to another name says so, and stays", () => {
  const { buses: [a] } = arenaOf();
  for (let made = 2; made < 255; made++) a.createQueue(`q${made}`, { capacity: 1 });
  a.publish("t", 1);
  a.deleteQueue("q");
  a.createQueue("successor", { capacity: 1 });
  assertEquals(summary(a), ["1 for : queue-deleted"]);
  assertEquals([a.replay(), a.consume("successor"), a.stats().deadLetters], [0, [], 1]);
});

Deno.test("dead letters are bounded, give way to live messages, and never have one freed twice", () => {
  const { buses: [bus] } = arenaOf(80);
  for (let n = 0; n < 40; n++) bus.publish("t", n);
  const { deadLetters, deadLettered, deadLettersDropped, refused } = bus.stats();
  assertEquals([deadLetters, deadLettered, deadLettersDropped, refused], [10, 76, 66, 76]);
  assertEquals(summary(bus).at(-1), "39 for other: queue-full");
  bus.createQueue("large", { capacity: 100 });
  bus.subscribe("l", "large");
  while (bus.publish("l", "x"));
  const { pool, deadLetters: left } = bus.stats();
  assertEquals([left, pool.cellsInUse, bus.stats("large").depth], [0, 80, 80 - 4 - 3]);
  assertEquals(bus.consume("large", 100).length, 73);
  for (const queue of ["q", "other"]) bus.consume(queue);
  assertEquals(bus.pool.stats().cellsInUse, 3);
});

Deno.test("after a consumer's death what it had taken is a dead letter; what a publisher was writing never was", () => {
  const { buses: [a, b, c], memory, parts, kill } = arenaOf();
  a.publish("t", "taken");
  const dying = new MessageCells(memory, parts, 1);
  const taken = Array.from({ length: parts.cellCount }, (_unused, index) => index).find((index) => dying.tryTake(index, readyAt(1, 1, 0)))!;
  dying.tryClaim(1_000);
  dying.offer(dying.tryClaim(10), readyAt(2, 3, 0));
  const inUse = c.pool.stats().cellsInUse;
  kill(1);
  assertEquals(c.repair(1), { unpublished: 2, deadLettered: 1 });
  assertEquals(c.repair(1), { unpublished: 0, deadLettered: 0 });
  assertEquals(summary(a), ["taken for q: host-died"]);
  assertEquals(memory.view.getInt32(cellField(parts, taken, CELL.origin), true) & 0xff, 3, "the repairer published it last");
  assertEquals(c.pool.stats().cellsInUse, inUse - 6);
  assertEquals(c.replay(), 1);
  assertEquals(a.consume("q").map(({ payload }) => payload), ["taken"]);
  assertEquals(a.consume("other").map(({ payload }) => payload), ["taken"]);
  assertThrows(() => b.publish("t", 1));
});

Deno.test("a subscription that its dead thread had just written stays, one that it was removing stays too", () => {
  const { buses: [a, b, c], memory, parts, kill } = arenaOf();
  b.subscribe("mine", "q");
  const heldByOne = 1 | (2 << 3);
  const records = Array.from({ length: parts.cellCount }, (_unused, cell) => cellField(parts, cell, CELL.state) >> 2).filter((at) =>
    memory.words[at] !== 0
  );
  assertEquals(records.length, 3);
  // As it stands between naming the cell in the table and giving it to the table.
  memory.words[records[2]] = heldByOne;
  kill(1);
  assertEquals(c.repair(1), { unpublished: 0, deadLettered: 0 });
  assert(a.publish("mine", 1));
  assertEquals(a.consume("q").length, 1);
  assertEquals(a.stats().subscriptions, 3);
});

Deno.test("a message that cannot be read is a dead letter without harm to the others", () => {
  const { buses: [bus], memory, parts } = arenaOf();
  bus.publish("t", "bad");
  bus.publish("t", "good");
  for (let cell = 0; cell < 10; cell++) {
    if (new MessageCells(memory, parts, 0).isReady(cell, readyAt(1, 1, 0))) {
      memory.view.setInt32(cellField(parts, cell, CELL.topicBytes), 900, true);
    }
  }
  assertEquals(bus.consume("q").map(({ payload }) => payload), ["good"]);
  assertEquals(bus.stats().deadLetters, 1);
  assertEquals(bus.consume("other").length, 2);
});
