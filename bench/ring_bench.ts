/**
 * What one frame costs in the lane itself, both ends on one thread: claim, commit and drain, without codec and without waking anybody. Beside it what a
 * user would pick instead for the same bytes. Iterations move BATCH frames; divide by it for one.
 *
 * @module
 */
import { FRAME_BYTES_MAX } from "../core/memory/layout.ts";
import { RingBuffer } from "../core/memory/ring_buffer.ts";
import { allocateMemory } from "../core/memory/shared_memory.ts";

const BATCH = 64;
const LANE_BYTES = 1 << 20;
const memory = allocateMemory(128 + LANE_BYTES + FRAME_BYTES_MAX);
const place = { head: 0, tail: 64, data: 128, bytes: LANE_BYTES };
const producer = new RingBuffer(memory, place);
const consumer = new RingBuffer(memory, place);
let checksum = 0;
const handler = { frame: (at: number): void => void (checksum = (checksum + memory.words[(at + 4) >> 2]) | 0) };

function send(bytes: number): void {
  const at = producer.tryClaim(bytes);
  if (at < 0) throw new Error("the lane is full");
  memory.words[(at + 4) >> 2] = bytes;
  producer.commit(bytes);
}

function sendCopy(content: Uint8Array): void {
  const at = producer.tryClaim(content.length + 8);
  if (at < 0) throw new Error("the lane is full");
  memory.bytes.set(content, at + 8);
  producer.commit(content.length + 8);
}

for (const bytes of [64, 1_024]) {
  const content = new Uint8Array(bytes - 8).fill(7);
  const group = `${BATCH} frames of ${bytes} B`;

  Deno.bench({ name: `ring, ${bytes} B: claim, commit, one publish, drain`, group, baseline: true }, () => {
    for (let frame = 0; frame < BATCH; frame++) send(bytes);
    producer.publish();
    consumer.drain(BATCH, handler);
  });

  Deno.bench({ name: `ring, ${bytes} B: the same with the content copied in`, group }, () => {
    for (let frame = 0; frame < BATCH; frame++) sendCopy(content);
    producer.publish();
    consumer.drain(BATCH, handler);
  });

  Deno.bench({ name: `ring, ${bytes} B: publish and drain after each frame`, group }, () => {
    for (let frame = 0; frame < BATCH; frame++) {
      send(bytes);
      producer.publish();
      consumer.drain(1, handler);
    }
  });

  Deno.bench({ name: `structuredClone, ${bytes} B`, group }, () => {
    for (let frame = 0; frame < BATCH; frame++) checksum = (checksum + structuredClone(content).length) | 0;
  });

  Deno.bench({ name: `MessageChannel, ${bytes} B: post all, receive all`, group }, async () => {
    const { port1, port2 } = new MessageChannel();
    await new Promise<void>((resolve) => {
      let received = 0;
      port2.onmessage = () => ++received === BATCH && resolve();
      for (let frame = 0; frame < BATCH; frame++) port1.postMessage(content);
    });
    port1.close();
    port2.close();
  });
}

// Read, so that nothing above is thrown away as unused.
addEventListener("unload", () => {
  if (!Number.isInteger(checksum)) throw new Error("the checksum is not a number");
});
