import { assert, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { isKernelError } from "../../core/base/errors.ts";
import type { ByteWindow } from "../../core/memory/shared_memory.ts";
import { readUtf8 } from "../../core/bus/codec_text.ts";
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

Deno.test("text that is not ASCII is read as the platform reads it, whatever its length; what is no UTF-8 is none", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const expected = (bytes: Uint8Array): string | null => {
    try {
      return decoder.decode(bytes);
    } catch {
      return null;
    }
  };
  const same = (bytes: Uint8Array): void => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 10));
    shared.set(bytes, 5);
    assertStrictEquals(readUtf8(shared, 5, bytes.length), expected(bytes));
  };
  const encoder = new TextEncoder();
  for (const text of ["é", "\ufeffbom", "sent so: \ufffd", "\u{1f600}", "\0µ"]) {
    for (const count of [1, 40, 100, 8_000]) same(encoder.encode(text.repeat(count)));
  }
  const cut = fc.tuple(fc.string({ unit: "grapheme", maxLength: 200 }), fc.nat(20), fc.nat(3)).map(([text, repeats, end]) =>
    encoder.encode(text.repeat(repeats)).slice(0, -end || undefined)
  );
  fc.assert(fc.property(fc.oneof(cut, fc.uint8Array({ maxLength: 600 })), same), { numRuns: 500 });
});
