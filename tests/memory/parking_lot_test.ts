import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { planLayout } from "../../core/memory/layout.ts";
import { MESSAGE_FRAME_BYTES_MAX } from "../../core/memory/layout.ts";
import { clearParked, PARKED_STATE, parkedBy, ParkingLot } from "../../core/memory/parking_lot.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";
import { SlabPool } from "../../core/bus/slab_pool.ts";

const layout = planLayout({ hosts: 3, agentSlots: 64, sharedBufferBytes: 16 * 2 ** 20, storeBytes: 0 });
/** Frames are written here first, where a ring would be. */
const SOURCE = layout.queues.offset;

function open(): { memory: SharedMemory; lot: ParkingLot; slabs: SlabPool } {
  const memory = allocateMemory(layout.totalBytes);
  return { memory, lot: new ParkingLot(memory, layout, 1), slabs: new SlabPool(memory, layout, 1) };
}

function write(memory: SharedMemory, bytes: number, seed: number): void {
  for (let at = 0; at < bytes; at++) memory.bytes[SOURCE + at] = (seed * 31 + at * 7) & 255;
}

function matches(bytes: Uint8Array, seed: number): boolean {
  return bytes.every((byte, at) => byte === ((seed * 31 + at * 7) & 255));
}

Deno.test("what was parked is found by a survivor: whole, in order of arrival, with its producer and how far it had come", () => {
  const { memory, lot, slabs } = open();
  const sizes = [8, 104, 105, 400, 5_000, MESSAGE_FRAME_BYTES_MAX, 64];
  const records = sizes.map((bytes, seed) => {
    write(memory, bytes, seed);
    return lot.tryPark(SOURCE, bytes, seed % 3, PARKED_STATE.waiting);
  });
  lot.begin(records[2]);
  lot.release(records[3]);
  const found = parkedBy(memory, layout, 1);
  assertEquals(found.map(({ bytes }) => bytes), sizes.filter((_, index) => index !== 3));
  assertEquals(found.map(({ begun }) => begun), [false, false, true, false, false, false]);
  assertEquals(found.map(({ producer }) => producer), [0, 1, 2, 1, 2, 0]);
  for (const { at, bytes } of found) assert(matches(memory.bytes.subarray(at, at + bytes), sizes.indexOf(bytes)));
  assertEquals(parkedBy(memory, layout, 2), []);
  clearParked(memory, layout, 1);
  assertEquals([parkedBy(memory, layout, 1), slabs.inUse()], [[], 0]);
});

Deno.test("when no slab is left parking says so, and goes on once there is", () => {
  const { memory, lot, slabs } = open();
  const records: number[] = [];
  for (let record = 1; record !== 0;) if ((record = lot.tryPark(SOURCE, 10_000, 0, PARKED_STATE.waiting)) !== 0) records.push(record);
  assertEquals(records.length, layout.slabs);
  assertEquals(lot.tryParkCopy(new Uint8Array(50), 0, PARKED_STATE.waiting), 0);
  lot.release(records.pop()!);
  lot.release(records.pop()!);
  lot.release(records.pop()!);
  assert(lot.tryParkCopy(new Uint8Array(50), 0, PARKED_STATE.waiting) !== 0);
  assert(slabs.inUse() <= layout.slabs && memory.bytes.length > 0);
});

Deno.test("any mix of parking and releasing keeps every frame, and gives all but a few idle slabs back", () => {
  const step = fc.record({ park: fc.boolean(), bytes: fc.integer({ min: 8, max: 3_000 }), pick: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const { memory, lot, slabs } = open();
      const held: { record: number; bytes: number; seed: number }[] = [];
      for (const [seed, { park, bytes, pick }] of steps.entries()) {
        if (park || held.length === 0) {
          write(memory, bytes, seed);
          held.push({ record: lot.tryPark(SOURCE, bytes, 0, PARKED_STATE.waiting), bytes, seed });
        } else lot.release(held.splice(pick % held.length, 1)[0].record);
      }
      const found = parkedBy(memory, layout, 1);
      assertEquals(found.map(({ at }) => at), held.map(({ record }) => lot.frameAt(record)));
      for (const [index, { at, bytes }] of found.entries()) assert(matches(memory.bytes.subarray(at, at + bytes), held[index].seed));
      for (const { record } of held) lot.release(record);
      assertEquals(parkedBy(memory, layout, 1), []);
      assert(slabs.inUse() <= 2 * 7, `${slabs.inUse()} slabs are kept for nothing`);
    }),
    { numRuns: 50 },
  );
});
