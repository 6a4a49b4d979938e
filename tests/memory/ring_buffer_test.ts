import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FRAME_BYTES_MAX, LANE_URGENT, planLayout, ringAt } from "../../core/memory/layout.ts";
import { FRAME_HEAD_BYTES, RingBuffer } from "../../core/memory/ring_buffer.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";

const LANE_BYTES = 32_768;
const PLACE = { head: 0, tail: 64, data: 128, bytes: LANE_BYTES };
/** What stands behind the slack: nobody may touch it. */
const FENCE_AT = PLACE.data + PLACE.bytes + FRAME_BYTES_MAX;

/** The two ends of a lane whose cursors begin at `start`, as two threads would hold them. */
function makeLane(start = 0): { memory: SharedMemory; producer: RingBuffer; consumer: RingBuffer } {
  const memory = allocateMemory(FENCE_AT + 64);
  memory.bytes.fill(0xee, FENCE_AT);
  memory.words[PLACE.head >> 2] = memory.words[PLACE.tail >> 2] = start;
  return { memory, producer: new RingBuffer(memory, PLACE), consumer: new RingBuffer(memory, PLACE) };
}

/** Claims, fills and commits one frame; false when the lane is full. */
function send(memory: SharedMemory, ring: RingBuffer, content: Uint8Array, claimBytes = FRAME_HEAD_BYTES + content.length): boolean {
  const at = ring.tryClaim(claimBytes);
  if (at < 0) return false;
  memory.words[(at + 4) >> 2] = content.length;
  memory.bytes.set(content, at + FRAME_HEAD_BYTES);
  ring.commit(FRAME_HEAD_BYTES + content.length);
  return true;
}

/** Drains at most `limit` frames into a list of their contents. */
function receive(memory: SharedMemory, ring: RingBuffer, limit = Infinity): number[][] {
  const frames: number[][] = [];
  const handed = ring.drain(limit, {
    frame(at, bytes) {
      const length = memory.words[(at + 4) >> 2];
      assertEquals(at % 8, 0, "a frame that is not 8-byte aligned");
      assertEquals(bytes, FRAME_HEAD_BYTES + length + 7 & ~7, "a frame's length");
      frames.push([...memory.bytes.subarray(at + FRAME_HEAD_BYTES, at + FRAME_HEAD_BYTES + length)]);
    },
  });
  assertEquals(handed, frames.length);
  return frames;
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_unused, index) => seed + index * 7);
}

Deno.test("what is committed is seen at the publish, in order, and not before", () => {
  const { memory, producer, consumer } = makeLane();
  assert(send(memory, producer, bytesOf(5, 1)));
  assert(send(memory, producer, bytesOf(0, 2)));
  assertEquals(consumer.readable(), false);
  assertEquals(receive(memory, consumer), []);
  assertEquals(producer.publish(), true);
  assertEquals(producer.publish(), false, "nothing new: no bell is due");
  assertEquals(consumer.readable(), true);
  assertEquals(receive(memory, consumer), [[...bytesOf(5, 1)], []]);
  assertEquals(consumer.readable(), false);
  assertEquals(consumer.usedBytes(), 0);
});

Deno.test("a claim that is not committed is offered again", () => {
  const { producer } = makeLane();
  assertEquals(producer.tryClaim(100), PLACE.data);
  assertEquals(producer.tryClaim(8), PLACE.data);
  assertEquals(producer.publish(), false);
  assertEquals(producer.usedBytes(), 0);
});

Deno.test("a long burst is shown on its way, and its bell is still due", () => {
  const { memory, producer, consumer } = makeLane();
  for (let frame = 0; frame < 10; frame++) send(memory, producer, bytesOf(1_000, frame));
  assert(consumer.readable(), "nothing was shown within 10,000 bytes");
  const early = receive(memory, consumer).length;
  assert(early > 0 && early < 10, `${early} frames were shown`);
  assertEquals(producer.publish(), true);
  assertEquals(receive(memory, consumer).length, 10 - early);
});

Deno.test("the bell is due even when the last frame was shown on its way", () => {
  const { memory, producer } = makeLane();
  send(memory, producer, bytesOf(12_000, 1));
  assertEquals(producer.usedBytes(), 12_008);
  assertEquals(producer.publish(), true);
});

Deno.test("a full lane refuses until the consumer has given room back", () => {
  const { memory, producer, consumer } = makeLane(-LANE_BYTES / 2);
  const content = bytesOf(4_096 - FRAME_HEAD_BYTES, 3);
  for (let frame = 0; frame < LANE_BYTES / 4_096; frame++) assert(send(memory, producer, content), `frame ${frame} fits`);
  assertEquals(producer.tryClaim(8), -1);
  producer.publish();
  assertEquals(consumer.usedBytes(), LANE_BYTES);
  assertEquals(receive(memory, consumer, 1).length, 1);
  assert(send(memory, producer, content), "the room of one frame");
  assertEquals(producer.tryClaim(8), -1);
  producer.publish();
  assertEquals(receive(memory, consumer), Array.from({ length: 8 }, () => [...content]));
});

Deno.test("room is given back while a long batch goes on", () => {
  const { memory, producer, consumer } = makeLane();
  const content = bytesOf(4_096 - FRAME_HEAD_BYTES, 3);
  while (send(memory, producer, content));
  producer.publish();
  let refilledAt = 0;
  let frame = 0;
  consumer.drain(8, { frame: () => void (frame++, refilledAt ||= producer.tryClaim(8) >= 0 ? frame : 0) });
  assert(refilledAt > 1 && refilledAt < 8, `the producer found room at frame ${refilledAt} of 8`);
});

Deno.test("the longest frame runs on into the slack and leaves what stands behind it alone", () => {
  for (const beforeEnd of [8, 4_096, FRAME_BYTES_MAX - 8]) {
    const { memory, producer, consumer } = makeLane(LANE_BYTES - beforeEnd);
    const content = bytesOf(FRAME_BYTES_MAX - FRAME_HEAD_BYTES, 9);
    assert(send(memory, producer, content));
    assert(send(memory, producer, bytesOf(3, 1)));
    producer.publish();
    assertEquals(receive(memory, consumer), [[...content], [...bytesOf(3, 1)]]);
    assert(memory.bytes.subarray(FENCE_AT).every((byte) => byte === 0xee), "bytes behind the slack were written");
  }
});

Deno.test("a handler that throws loses its own frame and no other", () => {
  const { memory, producer, consumer } = makeLane(-24);
  for (let frame = 0; frame < 4; frame++) send(memory, producer, bytesOf(8, frame));
  producer.publish();
  let seen = 0;
  assertThrows(() => consumer.drain(10, { frame: () => failAt(++seen, 2) }), Error, "handler failed");
  assertEquals(consumer.usedBytes(), 32, "the room of the failed frame is given back too");
  assertEquals(receive(memory, consumer), [[...bytesOf(8, 2)], [...bytesOf(8, 3)]]);
});

function failAt(frame: number, which: number): void {
  if (frame === which) throw new Error("handler failed");
}

Deno.test("a new instance goes on where the lane stands: published frames are kept, others never were", () => {
  const { memory, producer } = makeLane(-16);
  send(memory, producer, bytesOf(8, 1));
  producer.publish();
  send(memory, producer, bytesOf(8, 2));
  const heir = new RingBuffer(memory, PLACE);
  send(memory, heir, bytesOf(8, 3));
  heir.publish();
  assertEquals(receive(memory, new RingBuffer(memory, PLACE)), [[...bytesOf(8, 1)], [...bytesOf(8, 3)]]);
});

Deno.test("the lanes of a planned arena do not disturb each other", () => {
  const layout = planLayout({ hosts: 3, agentSlots: 64, sharedBufferBytes: 1 << 25, storeBytes: 0 });
  const memory = allocateMemory(layout.totalBytes);
  const places = [0, 1, 2].flatMap((from) => [0, 1, 2].flatMap((to) => [0, LANE_URGENT].map((lane) => ringAt(layout, from, to, lane))));
  const sent = places.map((place, index) => {
    const ring = new RingBuffer(memory, place);
    let frames = 0;
    for (let at = ring.tryClaim(); at >= 0; at = ring.tryClaim()) {
      memory.words.fill(index, (at + FRAME_HEAD_BYTES) >> 2, (at + FRAME_BYTES_MAX) >> 2);
      ring.commit(FRAME_BYTES_MAX);
      frames++;
    }
    ring.publish();
    return frames;
  });
  for (const [index, place] of places.entries()) {
    const whole = (at: number): boolean =>
      memory.words.subarray((at + FRAME_HEAD_BYTES) >> 2, (at + FRAME_BYTES_MAX) >> 2).every((word) => word === index);
    const frame = (at: number, bytes: number): void =>
      assert(bytes === FRAME_BYTES_MAX && whole(at), `lane ${index} was written by another`);
    assertEquals(new RingBuffer(memory, place).drain(Infinity, { frame }), sent[index]);
  }
});

/** What a caller may do with a lane. */
type Step = { does: "send"; bytes: number; spare: number } | { does: "publish" } | { does: "drain"; limit: number };

const arbitrarySteps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ does: fc.constant("send" as const), bytes: frameBytes(), spare: fc.nat(64) }) },
    { weight: 2, arbitrary: fc.constant({ does: "publish" as const }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant("drain" as const), limit: fc.integer({ min: 0, max: 12 }) }) },
  ),
  { maxLength: 120 },
);

/** Mostly small, at times the longest. */
function frameBytes(): fc.Arbitrary<number> {
  return fc.oneof(fc.nat(100), fc.nat(3_000), fc.constantFrom(0, FRAME_BYTES_MAX - FRAME_HEAD_BYTES));
}

Deno.test("any mix of sends, publishes and drains behaves like a list of frames, also across 2³²", () => {
  const start = fc.oneof(fc.nat(2 ** 20), fc.integer({ min: -40_000, max: 0 }), fc.integer({ min: 2 ** 31 - 40_000, max: 2 ** 31 - 8 }));
  fc.assert(fc.property(start, arbitrarySteps, (near, steps) => {
    const { memory, producer, consumer } = makeLane(near & ~7);
    const model: { content: number[]; used: number }[] = [];
    let sent = 0;
    for (const step of steps) {
      if (step.does === "publish") producer.publish();
      if (step.does === "drain") {
        const got = receive(memory, consumer, step.limit);
        assertEquals(got, model.splice(0, got.length).map((frame) => frame.content));
      }
      if (step.does === "send") {
        const used = model.reduce((sum, frame) => sum + frame.used, 0);
        const content = bytesOf(step.bytes, sent++);
        const claim = Math.min(FRAME_HEAD_BYTES + step.bytes + step.spare, FRAME_BYTES_MAX);
        const kept = send(memory, producer, content, claim);
        assertEquals(kept, used + claim <= LANE_BYTES, `${used} bytes used, ${claim} claimed`);
        if (kept) model.push({ content: [...content], used: FRAME_HEAD_BYTES + step.bytes + 7 & ~7 });
      }
    }
    producer.publish();
    assertEquals(receive(memory, consumer), model.map((frame) => frame.content), "what is left, all of it after the last publish");
    assertEquals(consumer.usedBytes(), 0);
    assert(memory.bytes.subarray(FENCE_AT).every((byte) => byte === 0xee), "bytes behind the slack were written");
  }));
});
