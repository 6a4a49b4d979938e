import { assert, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { isKernelError } from "../../core/base/errors.ts";
import type { ByteWindow } from "../../core/memory/shared_memory.ts";
import { anything, codec, own, SAMPLE, testEachCodec } from "../support/codec_samples.ts";

/** Decodes bytes that may be anything; only two outcomes are allowed. */
function decodeHostile(window: ByteWindow, at: number, end: number): "value" | "corrupt" {
  try {
    codec.decode(window, at, end);
    return "value";
  } catch (error) {
    if (isKernelError(error) && error.code === "CORRUPT_MESSAGE") return "corrupt";
    throw error;
  }
}

testEachCodec("changed, cut or random bytes decode to a value or to CORRUPT_MESSAGE", () => {
  const outcomes = { value: 0, corrupt: 0 };
  const values = [
    SAMPLE,
    ...Object.values(SAMPLE),
    new Array(50_000),
    [new Float64Array(4), new DataView(new ArrayBuffer(9))],
    new AggregateError([1], "m"),
  ];
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom(...values), anything),
      fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x1f, 0x40, 0x7f, 0x80, 0xfe, 0xff))), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.option(fc.nat()),
      (value, changes, cut) => {
        const at = 5;
        const end = codec.encode(value, own, at, own.bytes.length);
        for (const [place, byte] of changes) own.bytes[at + place % (end - at)] = byte;
        outcomes[decodeHostile(own, at, cut === null ? end : at + cut % (end - at + 1))]++;
      },
    ),
    { numRuns: 3_000, seed: 20_260_101 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40, max: 255 }), fc.nat(22), (bytes, tag) => {
      own.bytes[9] = tag;
      own.bytes.set(bytes, 10);
      outcomes[decodeHostile(own, 9, 10 + bytes.length)]++;
    }),
    { numRuns: 3_000, seed: 20_260_102 },
  );
  assert(outcomes.value > 100 && outcomes.corrupt > 100, JSON.stringify(outcomes));
});

testEachCodec("announced sizes are held against the bytes that are there", () => {
  const word = [0xff, 0xff, 0xff, 0xff];
  for (const tag of [8, 9, 10, 12, 13, 14, 17, 18, 20]) {
    own.bytes.set([tag, ...word, 1, 1, 1, 1, 1, 1], 0);
    assertStrictEquals(decodeHostile(own, 0, 11), "corrupt");
  }
  own.bytes.set([21, 9, 1, 0, 0, 0, ...word, 20, 4, 0, 0, 0, 1, 2, 3, 4], 0);
  assertStrictEquals(decodeHostile(own, 0, 19), "corrupt");
  assertStrictEquals(decodeHostile(own, 0, 0), "corrupt");
  assertStrictEquals(decodeHostile(own, 5, 3), "corrupt");
  assertStrictEquals(decodeHostile(own, -1, 3), "corrupt");
  assertStrictEquals(decodeHostile(own, 0, own.bytes.length + 1), "corrupt");
  const end = codec.encode("a", own, 0, 100);
  assertStrictEquals(decodeHostile(own, 0, end + 1), "corrupt");
});

testEachCodec("nesting deeper than any encoder writes is corrupt, not an overflow of the stack", () => {
  for (let at = 0; at < 500_000; at += 5) own.bytes.set([12, 1, 0, 0, 0], at);
  assertStrictEquals(decodeHostile(own, 0, 500_000), "corrupt");
});
