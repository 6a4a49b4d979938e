/**
 * Windows, copies and payloads for the tests of the codec.
 *
 * @module
 */
import { assert, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KernelError, PayloadNotCloneableError } from "../../core/base/errors.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import { allocateMemory, type ByteWindow, privateWindow } from "../../core/memory/shared_memory.ts";

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
  const end = plainCodec.encode(value, window, at, window.bytes.length);
  assert(end > at, "a payload takes at least a byte");
  return plainCodec.decode(window, at, end) as T;
}

/** The error with which a payload is refused. */
export function refusal(value: unknown): PayloadNotCloneableError {
  return assertThrows(() => plainCodec.encode(value, arena, 1, arena.bytes.length), PayloadNotCloneableError);
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
