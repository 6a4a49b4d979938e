import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { plainCodec } from "../../core/bus/codec.ts";
import { countRetry, emptyEnvelope, readEnvelope, readSlabList, writeFrame, writeSlabFrame } from "../../core/bus/envelope.ts";
import { privateWindow } from "../../core/memory/shared_memory.ts";

const fields = fc.record({
  kind: fc.integer({ min: 1, max: 9 }),
  priority: fc.integer({ min: -1, max: 3 }),
  retryCount: fc.integer({ min: 0, max: 31 }),
  to: fc.maxSafeNat(),
  from: fc.maxSafeNat(),
  id: fc.maxSafeNat(),
  timestamp: fc.double({ noNaN: true }),
  correlation: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  expiresAt: fc.oneof(fc.constant(0), fc.double({ min: 1, noNaN: true })),
});

Deno.test("what is written is read: fields and payload, wherever the frame lies", () => {
  const window = privateWindow(16_384);
  fc.assert(fc.property(fields, fc.jsonValue(), fc.nat(500), (given, payload, place) => {
    const at = place * 8;
    const envelope = { ...emptyEnvelope(), ...given };
    const bytes = writeFrame(window, at, window.bytes.length, envelope, payload, plainCodec);
    if (bytes < 0) return;
    const read = emptyEnvelope();
    readEnvelope(window, at, (bytes + 7) & ~7, read);
    const { bodyAt, bodyEnd, inSlabs, labels, isLabelled, isRaw, ...same } = read;
    assertEquals(same, given);
    assertEquals([bodyEnd, inSlabs, labels, isLabelled, isRaw], [at + bytes, false, null, false, false]);
    assertEquals(plainCodec.decode(window, bodyAt, bodyEnd), payload);
  }));
});

Deno.test("unset fields cost no bytes; a frame that does not fit says so", () => {
  const window = privateWindow(256);
  const bare = writeFrame(window, 0, 256, emptyEnvelope(), null, plainCodec);
  for (
    const [count, set] of [{ correlation: 5 }, { correlation: 5, expiresAt: 1 }].entries()
  ) {
    assertEquals(writeFrame(window, 0, 256, { ...emptyEnvelope(), ...set }, null, plainCodec), bare + 8 * (count + 1));
  }
  assertEquals(writeFrame(window, 0, 256, { ...emptyEnvelope(), retryCount: 1 }, null, plainCodec), bare);
  assertEquals(writeFrame(window, 0, 256, emptyEnvelope(), "x".repeat(500), plainCodec), -1);
  assertEquals(writeFrame(window, 240, 256, emptyEnvelope(), null, plainCodec), -1);
});

Deno.test("slab lists are read as written", () => {
  const window = privateWindow(1_024);
  const bytes = writeSlabFrame(window, 64, { ...emptyEnvelope(), correlation: 9 }, 40_000, [3, 1, 2]);
  const read = emptyEnvelope();
  readEnvelope(window, 64, (bytes + 7) & ~7, read);
  assertEquals([read.inSlabs, read.correlation], [true, 9]);
  assertEquals(readSlabList(window, read), { bytes: 40_000, slabs: [3, 1, 2] });
});

Deno.test("a delivery more is counted in the frame, up to what the field holds", () => {
  const window = privateWindow(256);
  const given = { ...emptyEnvelope(), kind: 10, priority: 3, correlation: 5 };
  const bytes = writeFrame(window, 8, 256, given, "payload", plainCodec);
  const read = emptyEnvelope();
  for (let retries = 1; retries < 40; retries++) {
    countRetry(window, 8);
    readEnvelope(window, 8, (bytes + 7) & ~7, read);
    assertEquals([read.retryCount, read.kind, read.priority, read.correlation], [Math.min(retries, 31), 10, 3, 5]);
    assertEquals(plainCodec.decode(window, read.bodyAt, read.bodyEnd), "payload");
  }
});
