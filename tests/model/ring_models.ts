/**
 * Models of core/memory/ring_buffer.ts. The lane holds two frames of 16 bytes and its cursors begin 16 bytes before 2³², so that each run crosses the
 * end of the numbers and of the lane.
 *
 * @module
 */
import { RingBuffer } from "../../core/memory/ring_buffer.ts";
import type { SharedMemory } from "../../core/memory/shared_memory.ts";
import type { Model, Outcome } from "./model.ts";
import { moment } from "./turnstile_atomics.ts";

/** Two frames of 16 bytes, far from the words of the other models. */
export const TINY_LANE = { head: 16_384, tail: 16_448, data: 32_768, bytes: 32 };
const FRAME_BYTES = 16;
const START = -FRAME_BYTES;

/** Cursors near the end of the numbers. */
export function resetLane(words: Int32Array, lane: { head: number; tail: number } = TINY_LANE): void {
  words[lane.head >> 2] = words[lane.tail >> 2] = START;
}

/** Writes frame `number` as two equal words with a moment between them, so that a reader can come upon half a frame. */
export function writeFrame({ words }: SharedMemory, at: number, number: number): void {
  words[(at + 8) >> 2] = number;
  moment();
  words[(at + 12) >> 2] = number;
}

/** The number of the frame at `at`; −1 when its two words differ, read with a moment between them. */
export function readFrame({ words }: SharedMemory, at: number): number {
  const first = words[(at + 8) >> 2];
  moment();
  return words[(at + 12) >> 2] === first ? first : -1;
}

function send(ring: RingBuffer, memory: SharedMemory, number: number): boolean {
  const at = ring.tryClaim(FRAME_BYTES);
  if (at < 0) return false;
  writeFrame(memory, at, number);
  ring.commit(FRAME_BYTES);
  return true;
}

/** Drains so many times; reports the frames' numbers in the order in which they came. */
function receive(ring: RingBuffer, memory: SharedMemory, drains: number): number[] {
  const seen: number[] = [];
  for (let turn = 0; turn < drains; turn++) ring.drain(8, { frame: (at) => void seen.push(readFrame(memory, at)) });
  return seen;
}

const WRONG_FRAME: Outcome = { is: /.*/, verdict: "FORBIDDEN", why: "a frame was torn (-1), overwritten, doubled, lost or out of order" };

const published: Model = {
  name: "ring: two frames, each published",
  threads: ["producer", "consumer"],
  orders: "every",
  reset: resetLane,
  prepare(me, memory) {
    const ring = new RingBuffer(memory, TINY_LANE);
    if (me === 1) return () => receive(ring, memory, 3);
    return () => {
      for (const number of [1, 2]) if (send(ring, memory, number)) ring.publish();
      return [];
    };
  },
  outcome: ([, got]) => `got ${got.join(" ")}`,
  table: [
    { is: /got /, verdict: "ACCEPTABLE", why: "the consumer looked before the first publish" },
    { is: /got 1/, verdict: "ACCEPTABLE", why: "the consumer looked between the two" },
    { is: /got 1 2/, verdict: "ACCEPTABLE", why: "both, in order" },
    WRONG_FRAME,
  ],
};

const batch: Model = {
  ...published,
  name: "ring: two frames, one publish",
  prepare(me, memory) {
    const ring = new RingBuffer(memory, TINY_LANE);
    if (me === 1) return () => receive(ring, memory, 2);
    return () => {
      send(ring, memory, 1);
      moment();
      send(ring, memory, 2);
      moment();
      ring.publish();
      return [];
    };
  },
  table: [
    { is: /got /, verdict: "ACCEPTABLE", why: "the consumer looked before the publish" },
    { is: /got 1 2/, verdict: "ACCEPTABLE", why: "both at once" },
    { is: /got 1/, verdict: "FORBIDDEN", why: "a committed frame was seen before it was published" },
    WRONG_FRAME,
  ],
};

const full: Model = {
  ...published,
  name: "ring: full, then room",
  prepare(me, memory) {
    const ring = new RingBuffer(memory, TINY_LANE);
    if (me === 1) return () => receive(ring, memory, 2);
    return () => {
      for (const number of [1, 2]) if (send(ring, memory, number)) ring.publish();
      const kept = send(ring, memory, 3) || send(ring, memory, 3);
      if (kept) ring.publish();
      return [kept ? 3 : 2];
    };
  },
  outcome: ([kept, got]) => `kept ${kept}, got ${got.join(" ")}`,
  table: [
    { is: /kept 2, got (1( 2)?)?/, verdict: "ACCEPTABLE", why: "the third frame found the lane full both times, and was refused" },
    {
      is: /kept 3, got 1 2 3/,
      verdict: "ACCEPTABLE",
      why: "room was given back during the drain, and the third frame was seen by the same drain",
    },
    { is: /kept 3, got 1 2/, verdict: "ACCEPTABLE", why: "room was given back during or after the drain" },
    { is: /kept 3, got 1/, verdict: "ACCEPTABLE", why: "the consumer had looked before the second publish" },
    { is: /kept 3, got /, verdict: "FORBIDDEN", why: "a third frame was let in while two unread ones filled the lane" },
    WRONG_FRAME,
  ],
};

const fullLong: Model = {
  ...full,
  name: "ring: two laps of a lane of two frames",
  long: true,
  prepare(me, memory) {
    const ring = new RingBuffer(memory, TINY_LANE);
    if (me === 1) return () => receive(ring, memory, 3);
    return () => {
      let kept = 0;
      for (let turn = 0; turn < 5; turn++) if (send(ring, memory, kept + 1)) kept++, ring.publish();
      return [kept];
    };
  },
  outcome: ([[kept], got]) =>
    `${
      got.every((number, at) => number === at + 1) && got.length <= kept && kept - got.length <= 2 ? "in order" : "wrong"
    }: ${kept}, ${got}`,
  table: [
    { is: /in order: .*/, verdict: "ACCEPTABLE", why: "the first so many frames, in order, and at most two more in the lane" },
    WRONG_FRAME,
  ],
};

const throwing: Model = {
  ...published,
  name: "ring: the handler throws at the first frame",
  prepare(me, memory) {
    const ring = new RingBuffer(memory, TINY_LANE);
    if (me === 0) return published.prepare(0, memory);
    return () => {
      const seen: number[] = [];
      for (let turn = 0; turn < 2; turn++) {
        try {
          ring.drain(8, {
            frame(at) {
              const number = readFrame(memory, at);
              if (number === 1) throw new HandlerFailure();
              seen.push(number);
            },
          });
        } catch (error) {
          if (!(error instanceof HandlerFailure)) throw error;
          seen.push(100);
        }
      }
      return seen;
    };
  },
  table: [
    { is: /got /, verdict: "ACCEPTABLE", why: "the consumer looked before the first publish" },
    { is: /got 100/, verdict: "ACCEPTABLE", why: "the first frame failed; the second was not out when the consumer looked again" },
    { is: /got 100 2/, verdict: "ACCEPTABLE", why: "the first frame failed and was passed over; the second came whole" },
    { is: /got 100 100/, verdict: "FORBIDDEN", why: "the failed frame was handed out again" },
    WRONG_FRAME,
  ],
};

class HandlerFailure extends Error {}

const used: Model = {
  ...published,
  name: "ring: usedBytes seen by a third thread",
  threads: ["producer", "consumer", "onlooker"],
  prepare(me, memory) {
    const ring = new RingBuffer(memory, TINY_LANE);
    if (me === 2) return () => [ring.usedBytes()];
    if (me === 1) return () => (ring.drain(1, { frame: () => {} }), ring.drain(1, { frame: () => {} }), []);
    return () => {
      for (const number of [1, 2, 3]) {
        const at = ring.tryClaim(FRAME_BYTES);
        if (at >= 0) memory.words[(at + 8) >> 2] = number;
        if (at >= 0) ring.commit(FRAME_BYTES);
        ring.publish();
      }
      return [];
    };
  },
  outcome: ([, , bytes]) => `used ${bytes}`,
  table: [
    { is: /used (0|16|32)/, verdict: "ACCEPTABLE", why: "what was in use at some moment of the look, at most the whole lane" },
    {
      is: /used -?\d+/,
      verdict: "FORBIDDEN",
      why: "more than the lane can hold: the two cursors were read in the order in which one can overtake the other",
    },
  ],
};

const hastyProducer: Model = {
  ...published,
  name: "ring: a producer that publishes before it writes",
  mutant: true,
  prepare(me, memory) {
    const ring = new RingBuffer(memory, TINY_LANE);
    if (me === 1) return () => receive(ring, memory, 2);
    return () => {
      const at = ring.tryClaim(FRAME_BYTES);
      ring.commit(FRAME_BYTES);
      ring.publish();
      writeFrame(memory, at, 1);
      return [];
    };
  },
};

const keepingConsumer: Model = {
  ...full,
  name: "ring: a handler that keeps the range and reads it later",
  mutant: true,
  prepare(me, memory) {
    if (me === 0) return full.prepare(0, memory);
    const ring = new RingBuffer(memory, TINY_LANE);
    return () => {
      const kept: number[] = [];
      ring.drain(8, { frame: (at) => void kept.push(at) });
      return kept.map((at) => readFrame(memory, at));
    };
  },
};

/** In the order in which they are explored. */
export const RING_MODELS: readonly Model[] = [published, batch, full, fullLong, throwing, used, hastyProducer, keepingConsumer];
