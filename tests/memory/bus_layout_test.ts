import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  BUS,
  BUS_COUNTER,
  busCounter,
  busParts,
  CELL,
  CELL_BYTES,
  cellField,
  CELLS_MAX,
  QUEUE,
  QUEUE_LEVELS,
  QUEUE_NAME_LENGTH_MAX,
  queueCursors,
  queueField,
  QUEUES_MAX,
  SUBSCRIPTIONS_MAX,
} from "../../core/memory/bus_layout.ts";
import { CACHE_LINE_BYTES, HOSTS_MAX, type Layout, planLayout, ringAt } from "../../core/memory/layout.ts";

const MIB = 2 ** 20;

const planned: fc.Arbitrary<Layout> = fc.record({
  hosts: fc.integer({ min: 1, max: 20 }),
  agentSlots: fc.integer({ min: 1, max: 50_000 }),
  sharedBufferBytes: fc.integer({ min: 128 * MIB, max: 512 * MIB }),
  slabsMax: fc.integer({ min: 64, max: 200_000 }),
}).map((request) => planLayout({ ...request, storeBytes: 0 }));

Deno.test("the default arena holds the 50,000 messages that are asked for, the smallest ones what fits", () => {
  const request = { hosts: 4, agentSlots: 12_000, storeBytes: 0 };
  assertEquals(busParts(planLayout({ ...request, sharedBufferBytes: 128 * MIB })).cellCount, 50_000);
  const small = busParts(planLayout({ ...request, hosts: 2, agentSlots: 100, sharedBufferBytes: 16 * MIB }));
  assert(small.cellCount >= 5_000, `only ${small.cellCount} cells`);
});

Deno.test("the parts of the bus follow each other inside its region, behind the last ring", () => {
  fc.assert(fc.property(planned, (layout) => {
    const parts = busParts(layout);
    const bytes = layout.busBytes;
    const offset = layout.queues.offset + layout.queues.bytes - bytes;
    const last = layout.hosts - 1;
    const ring = ringAt(layout, last, last, 1);
    assert(ring.data + ring.bytes <= offset, "the bus begins within the rings");
    assertEquals(parts.control, offset);
    const begins = [parts.control, parts.counters, parts.queues, parts.subscriptions, parts.rings, parts.cells];
    const ends = [
      parts.control + Math.max(...Object.values(BUS)) + 4,
      busCounter(parts, HOSTS_MAX - 1, Math.max(...Object.values(BUS_COUNTER))) + 4,
      queueCursors(parts, QUEUES_MAX - 1, QUEUE_LEVELS - 1).tail + CACHE_LINE_BYTES,
      parts.subscriptions + SUBSCRIPTIONS_MAX * 4,
      parts.rings + parts.ringWords * 4,
      cellField(parts, parts.cellCount, 0),
    ];
    ends.forEach((end, part) => assert(end <= (begins[part + 1] ?? offset + bytes), `part ${part} ends at ${end}`));
    for (const begin of begins) assertEquals(begin % CACHE_LINE_BYTES, 0);
    assert(parts.cellCount >= 1 && parts.cellCount <= CELLS_MAX);
  }));
});

Deno.test("fields fit in their blocks, and words of different writers share no line", () => {
  assert(Math.max(...Object.values(BUS_COUNTER)) + 4 <= CACHE_LINE_BYTES);
  assert(Math.max(...Object.values(CELL)) < CELL_BYTES);
  assert(QUEUE.name + 2 * QUEUE_NAME_LENGTH_MAX <= QUEUE.bell);
  assertEquals([CELL.body % 8, CELL.bodyOfPart % 8], [0, 0]);
  const parts = busParts(planLayout({ hosts: 1, agentSlots: 1, sharedBufferBytes: 32 * MIB, storeBytes: 0 }));
  const words = [QUEUE.state, QUEUE.bell, QUEUE.sleeping].map((field) => queueField(parts, 3, field));
  for (let level = 0; level < QUEUE_LEVELS; level++) words.push(...Object.values(queueCursors(parts, 3, level)));
  assertEquals(new Set(words.map((word) => Math.floor(word / CACHE_LINE_BYTES))).size, words.length);
  assert(Math.max(...words) < queueField(parts, 4, 0));
});
