/**
 * Windows, copies and payloads for the tests of the codec.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KernelError, PayloadNotCloneableError } from "../../core/base/errors.ts";
import { type Codec, plainCodec } from "../../core/bus/codec.ts";
import { ShapeCodec } from "../../core/bus/shape_codec.ts";
import type { ShapeOptions } from "../../core/bus/shape_format.ts";
import { type Layout, planLayout, SHAPE_TABLE, shapeTableAt } from "../../core/memory/layout.ts";
import { allocateMemory, type ByteWindow, privateWindow, type SharedMemory } from "../../core/memory/shared_memory.ts";

/** Two hosts, and so two tables of shapes. */
export const layout: Layout = planLayout({ hosts: 2, agentSlots: 1, sharedBufferBytes: 16 << 20, storeBytes: 0 });
/** Where the tables are. */
export const memory: SharedMemory = allocateMemory(layout.totalBytes);
/** Everything becomes a shape, a word and a function at once. */
export const EAGER: ShapeOptions = { sightingsMin: 1, repeatsMin: 1, usesBeforeCode: 1, code: true };

/** A codec of `host` with an empty table. */
export function shapeCodec(host: number, options: Partial<ShapeOptions> = EAGER): ShapeCodec {
  const used = shapeTableAt(layout, host, SHAPE_TABLE.used);
  memory.bytes.fill(0, used, used + layout.shapeTableBytes);
  return new ShapeCodec(memory, layout, host, options);
}

/** The codec under test. */
export let codec: Codec = plainCodec;

/** Registers a test for each codec: they keep the same promises. */
export function testEachCodec(name: string, test: () => void): void {
  const codecs: [name: string, make: () => Codec][] = [
    ["plain", () => plainCodec],
    ["shapes", () => shapeCodec(1)],
    ["shapes without code", () => shapeCodec(1, { ...EAGER, code: false })],
  ];
  for (const [kind, make] of codecs) {
    Deno.test(`${name} (${kind})`, () => {
      codec = make();
      test();
    });
  }
}

/** Shared memory. */
export const arena: ByteWindow = allocateMemory(1 << 20);
/** Private memory. */
export const own: ByteWindow = privateWindow(1 << 20);
/** Both, with a place that is aligned to nothing. */
export const WINDOWS: readonly (readonly [name: string, window: ByteWindow, at: number])[] = [["shared", arena, 4_097], [
  "private",
  own,
  3,
]];

/** Through bytes and back, in the arena unless said otherwise. */
export function copy<T>(value: T, window: ByteWindow = arena, at = 4_097): T {
  // A shape is introduced by the first, written by a loop; the second is written by code and read by a loop, the third read by code.
  for (let time = 0; time < 2; time++) codec.decode(window, at, codec.encode(value, window, at, window.bytes.length));
  const end = codec.encode(value, window, at, window.bytes.length);
  assert(end > at, "a payload takes at least a byte");
  return codec.decode(window, at, end) as T;
}

/** The error with which a payload is refused. */
export function refusal(value: unknown): PayloadNotCloneableError {
  const [first, ...others] = [1, 2, 3].map(() =>
    assertThrows(() => codec.encode(value, arena, 1, arena.bytes.length), PayloadNotCloneableError)
  );
  for (const other of others) assertEquals([other.path, other.kind], [first.path, first.kind]);
  return first;
}

/** Payloads of every class that both sides keep. */
export const anything: fc.Arbitrary<unknown> = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true,
  maxDepth: 4,
});

/** A little of everything, with a cycle. */
export const SAMPLE: Record<string, unknown> = {
  text: "short",
  long: "x".repeat(70),
  wide: "€".repeat(70),
  lone: "\ud800".repeat(3),
  numbers: [1, -1, 1.5, 1n, 2n ** 70n],
  holes: Object.assign([1, 2, 3], { name: 1 }),
  when: new Date(0),
  pattern: /x/g,
  map: new Map([["k", new Set([1])]]),
  boxed: Object("b"),
  view: new Uint16Array([1, 2, 3]),
  error: new KernelError("C", "m", { a: 1 }, { cause: new DOMException("m", "AbortError") }),
  ["a key that is longer than any length byte can say ".repeat(6)]: true,
  "ключ": null,
};
SAMPLE.self = SAMPLE;
