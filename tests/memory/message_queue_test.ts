import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KernelError } from "../../core/base/errors.ts";
import { BUS, CELL, CELL_BYTES, cellField } from "../../core/memory/bus_layout.ts";
import { placeOf, readyAt } from "../../core/memory/message_cells.ts";
import { advanceQueue, busArena, queueOf } from "../support/bus_arena.ts";
import { testWith } from "../support/permissions.ts";
import { tortureMessageQueue } from "./message_queue_torture.ts";

const never = (): boolean => false;

Deno.test("the highest level comes first, and each level in order", () => {
  const { cells, queue } = queueOf(busArena(), 0);
  const levels = [0, 3, 1, 4, 3, 0, 2, 4];
  const sent = levels.map((level) => {
    const cell = cells.tryClaim(10);
    assert(queue.tryPush(cell, level));
    return { cell, level };
  });
  const expected = [4, 3, 2, 1, 0].flatMap((level) => sent.filter((one) => one.level === level).map((one) => one.cell));
  assertEquals(levels.map(() => queue.tryPop()), expected);
  assertEquals(queue.tryPop(), -1);
});

Deno.test("a level that is full refuses, keeps the cell with its producer, and leaves room to the others", () => {
  const { cells, queue } = queueOf(busArena(), 0, { capacity: 3 });
  for (let sent = 0; sent < 3; sent++) assert(queue.tryPush(cells.tryClaim(1), 1));
  const refused = cells.tryClaim(1);
  assertEquals(queue.tryPush(refused, 1), false);
  assert(cells.isHeld(refused, cells.serial(refused)));
  assert(queue.tryPush(refused, 4), "a flood of one priority must not refuse another");
  assertEquals([queue.depthOf(1), queue.depthOf(4), queue.depth()], [3, 1, 4]);
});

Deno.test("any sequence of sends and takes agrees with plain lists, also across 2³² and with laps that come round", () => {
  const action = fc.record({ push: fc.boolean(), level: fc.nat({ max: 4 }) });
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 300 }),
      fc.integer({ min: -100, max: 100 }),
      fc.integer({ min: 1, max: 8 }),
      (actions, around, capacity) => {
        const arena = busArena(1, 128);
        advanceQueue(arena, around, 3);
        const { cells, queue } = queueOf(arena, 0, { capacity, ringLog2: 3 });
        const model: number[][] = [[], [], [], [], []];
        for (const { push, level } of actions) {
          if (push) {
            const cell = cells.tryClaim(4);
            const kept = queue.tryPush(cell, level);
            assertEquals(kept, model[level].length < capacity);
            if (kept) model[level].push(cell);
            else cells.free(cell);
          } else {
            const highest = model.findLast((list) => list.length > 0);
            const cell = queue.tryPop();
            assertEquals(cell, highest?.shift() ?? -1);
            if (cell >= 0) cells.free(cell);
          }
          assertEquals(queue.depth(), model.flat().length);
          assertEquals(queue.readable(), model.flat().length > 0);
          assertEquals(cells.inUse, model.flat().length);
        }
      },
    ),
  );
});

Deno.test("a message in the middle can be taken; the others keep their order and its place is passed over", () => {
  const { cells, queue } = queueOf(busArena(), 0, { capacity: 4 });
  const sent = Array.from({ length: 4 }, () => cells.tryClaim(1));
  for (const cell of sent) queue.tryPush(cell, 2);
  const listed = queue.list(2);
  assertEquals(listed.map(({ cell }) => cell), sent);
  assert(queue.tryTake(2, listed[1].position, sent[1]));
  assertEquals(queue.tryTake(2, listed[1].position, sent[1]), false);
  cells.free(sent[1]);
  assertEquals(queue.list(2).map(({ cell }) => cell), [sent[0], sent[2], sent[3]]);
  assertEquals([queue.tryPop(), queue.tryPop(), queue.tryPop(), queue.tryPop()], [sent[0], sent[2], sent[3], -1]);
  assert(queue.tryPush(sent[0], 2));
});

Deno.test("a message of several cells takes them and gives them all back; too large a one takes none", () => {
  const { cells } = queueOf(busArena(4, 20), 0);
  const room = CELL_BYTES - CELL.body;
  const head = cells.tryClaim(room + 3 * (CELL_BYTES - CELL.bodyOfPart));
  assertEquals(cells.inUse, 4);
  let length = 0;
  for (let cell = head; cell >= 0; cell = cells.next(cell)) length++;
  assertEquals(length, 4);
  assertEquals(cells.tryClaim(17 * CELL_BYTES), -1);
  assertEquals(cells.inUse, 4);
  cells.free(head);
  assertEquals(cells.inUse, 0);
  const all = Array.from({ length: 20 }, () => cells.tryClaim(1));
  assertEquals(new Set(all).size, 20);
  assertEquals(cells.tryClaim(1), -1);
});

Deno.test("a hint that promises too much is harmless: the claim finds nothing and gives back what it had", () => {
  const arena = busArena(4, 4);
  const { cells } = queueOf(arena, 0);
  for (let claimed = 0; claimed < 3; claimed++) cells.tryClaim(1);
  arena.memory.words[(arena.parts.control + BUS.cellsInUse) >> 2] = 0;
  assertEquals(cells.tryClaim(2 * CELL_BYTES), -1);
  assert(cells.tryClaim(1) >= 0);
  assertEquals(cells.tryClaim(1), -1);
});

Deno.test("a READY word keeps its place", () => {
  fc.assert(fc.property(fc.nat({ max: 255 }), fc.nat({ max: 4 }), fc.nat({ max: 0x7ffff }), (queue, level, position) => {
    assertEquals(placeOf(readyAt(queue, level, position)), { queue, level, position });
  }));
});

Deno.test("repair frees what a dead host was writing, hands over what it had taken, and touches nobody else's", () => {
  const arena = busArena(4, 64);
  const [dead, living, survivor] = [1, 2, 0].map((host) => queueOf(arena, host));
  dead.cells.tryClaim(1_000);
  dead.queue.tryPush(dead.cells.tryClaim(1), 1);
  dead.queue.tryPush(dead.cells.tryClaim(600), 1);
  const taken = dead.queue.tryPop();
  const kept = living.cells.tryClaim(500);
  // Died between the offer and the ring's word, and within giving back a message of several cells.
  dead.cells.offer(dead.cells.tryClaim(300), readyAt(1, 0, 0));
  const half = dead.cells.tryClaim(600);
  arena.memory.words[cellField(arena.parts, dead.cells.next(half), CELL.state) >> 2] = 0;
  const published = (cell: number, ready: number): boolean => {
    const { level, position } = placeOf(ready);
    return survivor.queue.names(level, position, cell);
  };
  const found = survivor.cells.repair(1, never, published);
  assertEquals(found, { freed: 3, taken: [taken] });
  assertEquals(survivor.cells.repair(1, never, published), { freed: 0, taken: [] });
  survivor.cells.free(taken);
  const left = survivor.queue.tryPop();
  survivor.cells.free(left);
  living.cells.free(kept);
  assertEquals(survivor.cells.inUse, 0);
  assertEquals(
    Array.from({ length: 64 }, (_unused, cell) => arena.memory.words[cellField(arena.parts, cell, CELL.state) >> 2]),
    Array(64).fill(0),
  );
});

Deno.test("words that are no queue's end in a typed error instead of a thread that hangs", () => {
  const arena = busArena(1, 16);
  const { queue } = queueOf(arena, 0);
  arena.memory.words[(arena.parts.rings >> 2) + (4 << 6)] = 77 << 18;
  assertEquals(assertThrows(() => queue.tryPop(), KernelError).code, "QUEUE_BROKEN");
});

testWith({ read: true }, "two threads send and take a hundred thousand messages at capacity 5: each once, whole and in order", async () => {
  await tortureMessageQueue(50_000, 20_251);
});
