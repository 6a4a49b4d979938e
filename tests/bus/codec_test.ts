import { assert, assertEquals, assertInstanceOf, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { AgentNotFoundError, isKernelError, KernelError } from "../../core/base/errors.ts";
import { DEPTH_MAX } from "../../core/bus/codec_format.ts";
import { privateWindow } from "../../core/memory/shared_memory.ts";
import { anything, arena, codec, copy, own, refusal, SAMPLE, testEachCodec, WINDOWS } from "../support/codec_samples.ts";
import { differences } from "../support/same_value.ts";

function assertSame(actual: unknown, expected: unknown): void {
  assertEquals(differences(actual, expected), []);
}

testEachCodec("any payload arrives as structuredClone would have copied it", () => {
  fc.assert(
    fc.property(anything, fc.nat(64), (value, offset) => {
      const expected = structuredClone(value);
      for (const [, window] of WINDOWS) assertSame(copy(value, window, 1 + offset), expected);
    }),
    { numRuns: 400 },
  );
});

testEachCodec("strings of every kind and length arrive unchanged", () => {
  const parts = ["a", "\0", "\x7f", "é", "ÿ", "Ā", "€", "\ufeff", "𝒳", "\ud800", "\udc00"];
  for (const length of [0, 1, 31, 32, 33, 62, 63, 64, 65, 253, 254, 300, 4_095, 4_096, 4_097, 20_000]) {
    for (const part of parts) {
      const text = part.repeat(length).slice(0, length);
      assertStrictEquals(copy(text), text);
      assertStrictEquals(copy("x" + text, own, 7), "x" + text);
      assertSame(copy({ [text]: text }), { [text]: text });
    }
  }
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => assertStrictEquals(copy(text), text)), { numRuns: 200 });
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { maxLength: 100 }), (units) => {
      const text = String.fromCharCode(...units);
      assertStrictEquals(copy(text), text);
    }),
    { numRuns: 200 },
  );
});

testEachCodec("strings that share a place in the cache keep their own content", () => {
  // Same length, same sampled characters, different elsewhere.
  const texts = Array.from({ length: 200 }, (_, index) => `k${String.fromCharCode(65 + index % 26)}k${index % 10}kk${(index / 10) | 0}k`);
  for (let round = 0; round < 2; round++) for (const text of texts) assertSame(copy({ [text]: text }), { [text]: text });
});

testEachCodec("primitives keep their type and sign", () => {
  const values = [undefined, null, true, false, 0, -0, 1, -1, 127, 128, -128, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 0.1, NaN];
  for (const value of [...values, Infinity, -Infinity, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE]) assert(Object.is(copy(value), value));
  for (const value of [0n, 1n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n, 10n ** 400n, -(10n ** 400n)]) {
    assertStrictEquals(copy(value), value);
  }
});

testEachCodec("plain objects keep their keys in order; other objects arrive plain", () => {
  const value = { z: 1, a: undefined, 7: "seven", 3: "three", "": 0, "two words": null, "日本": 1 };
  assertEquals(Object.keys(copy(value)), Object.keys(value));
  class Point {
    constructor(readonly x: number, readonly y: number) {}
    get sum(): number {
      return this.x + this.y;
    }
  }
  for (
    const source of [
      new Point(1, 2),
      Object.assign(Object.create(null), { x: 1, y: 2 }),
      Object.assign(Object.create({ inherited: 1 }), { x: 1, y: 2 }),
    ]
  ) {
    const result = copy(source);
    assertStrictEquals(Object.getPrototypeOf(result), Object.prototype);
    assertSame(result, { x: 1, y: 2 });
  }
  const hidden = Object.defineProperty({ [Symbol("s")]: 1, seen: 1 }, "unseen", { value: 1 });
  assertSame(copy(hidden), { seen: 1 });
});

testEachCodec("an own property named __proto__ is data and never a prototype", () => {
  const value = JSON.parse('{"a":1,"__proto__":{"polluted":true},"b":2}');
  const result = copy(value);
  assertStrictEquals(Object.getPrototypeOf(result), Object.prototype);
  assertEquals(Object.keys(result), ["a", "__proto__", "b"]);
  assertStrictEquals(result.polluted, undefined);
  assertEquals(Object.getOwnPropertyDescriptor(result, "__proto__")?.value, { polluted: true });
  const array = Object.defineProperty([1], "__proto__", { value: 5, enumerable: true }) as number[];
  assertStrictEquals(Object.getPrototypeOf(copy(array)), Array.prototype);
});

testEachCodec("arrays keep holes, length and named properties", () => {
  const sparse: unknown[] = [];
  sparse[4_000_000_000] = "far";
  // deno-lint-ignore no-sparse-arrays
  for (
    const value of [
      [],
      [1],
      [, 1, , undefined],
      new Array(5),
      new Array(100_000),
      sparse,
      "abc".match(/(?<first>b)/),
      Object.assign([1, 2], { x: 3 }),
    ]
  ) {
    assertSame(copy(value), structuredClone(value));
  }
  const named = Object.assign(new Array(3), { 1: "one", name: "n" });
  assertSame(copy(named), structuredClone(named));
  const replaced = Object.assign(new Array(1), { x: 1 });
  assertSame(copy(replaced), structuredClone(replaced));
});

testEachCodec("dates, expressions, maps, sets and boxed primitives keep their class", () => {
  const expression = /a(b)c/giu;
  expression.lastIndex = 3;
  const value = {
    date: new Date(86_400_000.5),
    invalid: new Date(NaN),
    expression,
    map: new Map<unknown, unknown>([["a", { b: 1 }], [{ key: 1 }, [1]], [NaN, -0]]),
    set: new Set<unknown>([1, "1", { a: 1 }, undefined]),
    boxed: [Object(1), Object(-0), Object("s"), Object(true), Object(false), Object(12n)],
  };
  assertSame(copy(value), structuredClone(value));
  assertStrictEquals(copy(value).expression.lastIndex, 0);
  assertStrictEquals(expression.lastIndex, 3);
  class Registry extends Map<string, number> {}
  assertSame(copy(new Registry([["a", 1]])), new Map([["a", 1]]));
});

type ViewMaker = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView<ArrayBuffer>;

testEachCodec("binary data keeps its class, its buffer and who shares it", () => {
  const buffer = new ArrayBuffer(64);
  new Uint8Array(buffer).forEach((_, index, bytes) => bytes[index] = index * 3);
  const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float16Array, Float32Array];
  const makers = [...kinds, Float64Array, BigInt64Array, BigUint64Array, DataView] as ViewMaker[];
  const views = makers.map((View) => new View(buffer, 8, 4));
  const value = { buffer, views, again: views[0], last: new Uint8Array(buffer) };
  assertSame(copy(value), structuredClone(value));
  const result = copy(value);
  for (const view of result.views) assertStrictEquals(view.buffer, result.buffer);
  assertStrictEquals(result.again, result.views[0]);
  assertNotStrictEquals(result.buffer, buffer);
  const before = copy({ view: views[3], buffer });
  assertStrictEquals(before.view.buffer, before.buffer);
});

testEachCodec("views of shared memory and node buffers bring the viewed bytes only", () => {
  const shared = new Uint8Array(arena.bytes.buffer, 100, 5);
  shared.set([1, 2, 3, 4, 5]);
  const words = new Uint16Array(arena.bytes.buffer, 100, 2);
  const result = copy({ shared, words, after: { same: shared } });
  assertSame(result.shared, new Uint8Array([1, 2, 3, 4, 5]));
  assertInstanceOf(result.shared.buffer, ArrayBuffer);
  assertSame(result.words, new Uint16Array([0x0201, 0x0403]));
  assertStrictEquals(result.after.same, result.shared);
  const pooled = copy({ pooled: Buffer.from("hi"), behind: [shared, {}] }).pooled;
  assertStrictEquals(Object.getPrototypeOf(pooled), Uint8Array.prototype);
  assertSame(pooled, new Uint8Array([104, 105]));
});

testEachCodec("a resizable buffer arrives with the length it had; one that was taken away is refused", () => {
  const resizable = new ArrayBuffer(8, { maxByteLength: 16 });
  const tracking = new Uint8Array(resizable);
  const fixed = new Uint8Array(resizable, 4, 4);
  const data = new DataView(resizable, 4, 4);
  assertSame(copy(tracking), new Uint8Array(8));
  resizable.resize(6);
  assertSame(copy(tracking), new Uint8Array(6));
  assertStrictEquals(refusal({ fixed }).path, ".fixed");
  assertStrictEquals(refusal({ data }).path, ".data");
  const gone = new Uint8Array(4);
  gone.buffer.transfer();
  assertStrictEquals(refusal([gone]).kind, "a view of a detached or shrunk ArrayBuffer");
  assertStrictEquals(refusal([gone.buffer]).kind, "a detached ArrayBuffer");
});

testEachCodec("errors keep class, name, message, stack and cause", () => {
  for (const Kind of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    const source = new Kind("why", { cause: { code: 7 } });
    const result = copy(source);
    assertStrictEquals(Object.getPrototypeOf(result), Kind.prototype);
    assertEquals([result.name, result.message, result.stack, result.cause], [Kind.name, "why", source.stack, { code: 7 }]);
    assertEquals(Object.keys(result), []);
    assertStrictEquals(Object.hasOwn(result, "name"), false);
  }
  assertStrictEquals(Object.hasOwn(copy(new Error()), "message"), false);
  assertStrictEquals(Object.hasOwn(copy(new Error()), "cause"), false);
  assert(Object.hasOwn(copy(new Error("", { cause: undefined })), "cause"));
  class CustomError extends TypeError {
    override name = "CustomError";
    dropped = 1;
  }
  const custom = copy(new CustomError("m"));
  assertEquals([Object.getPrototypeOf(custom), custom.name, Object.hasOwn(custom, "dropped")], [TypeError.prototype, "CustomError", false]);
  const many = copy(new AggregateError([new RangeError("one"), 2], "many"));
  assertInstanceOf(many, AggregateError);
  assertEquals([many.message, many.errors[0].message, many.errors[1]], ["many", "one", 2]);
  const aborted = copy({ reason: AbortSignal.abort().reason }).reason;
  assertInstanceOf(aborted, DOMException);
  assertEquals([aborted.name, aborted.code], ["AbortError", DOMException.ABORT_ERR]);
  const circular = new Error("c");
  circular.cause = { circular };
  const again = copy(circular);
  assertStrictEquals((again.cause as { circular: Error }).circular, again);
});

testEachCodec("kernel errors arrive as kernel errors with code, data and own fields", () => {
  const source = new AgentNotFoundError(12, "it left");
  const result = copy({ error: source }).error;
  assert(isKernelError(result));
  assertEquals([result.name, result.code, result.message, result.stack], [source.name, source.code, source.message, source.stack]);
  assertEquals([result.data, result.agentId], [{ agentId: 12 }, 12]);
  assertEquals(Object.keys(result).sort(), Object.keys(source).sort());
  const foreign = Object.defineProperty(
    Object.assign(new Error("m"), { code: "X", data: { a: 1 }, name: "XError" }),
    Symbol.for("@stage3/kernel.error"),
    { value: true },
  );
  const revived = copy(foreign);
  assert(isKernelError(revived));
  assertEquals([revived.code, revived.data, revived.name], ["X", { a: 1 }, "XError"]);
  const caused = copy(new KernelError("DEEP", "m", { list: [1] }, { cause: new KernelError("INNER", "i") }));
  assertStrictEquals((caused.cause as KernelError).code, "INNER");
});

testEachCodec("cycles and repeated references keep their identity, however many objects there are", () => {
  interface Node {
    self?: Node;
    list: unknown[];
  }
  const node: Node = { list: [] };
  node.self = node;
  node.list.push(node, node.list, new Map([[node, node.list]]), new Set([node]));
  const result = copy(node);
  assertStrictEquals(result.self, result);
  assertStrictEquals(result.list[0], result);
  assertStrictEquals(result.list[1], result.list);
  assertStrictEquals((result.list[2] as Map<unknown, unknown>).get(result), result.list);
  for (const count of [1, 126, 127, 128, 129, 130, 1_000]) {
    const objects = Array.from({ length: count }, (_, index) => ({ index }));
    const [first, second] = copy([objects, [...objects].reverse()]);
    for (let index = 0; index < count; index++) {
      assertStrictEquals(first[index], second[count - 1 - index]);
      assertStrictEquals(first[index].index, index);
    }
  }
});

testEachCodec("nesting is bounded", () => {
  const wraps: ((value: unknown) => unknown)[] = [
    (value) => ({ next: value }),
    (value) => [value],
    (value) => [, value],
    (value) => new Map([[1, value]]),
    (value) => new Map([[value, 1]]),
    (value) => new Set([value]),
    (value) => new Error("e", { cause: value }),
  ];
  for (const wrap of wraps) {
    let value: unknown = 1;
    for (let level = 0; level < DEPTH_MAX; level++) value = wrap(value);
    assertSame(copy(value), value);
    const error = refusal(wrap({ deep: [value] }));
    assert(error.kind.includes(`${DEPTH_MAX} levels`), error.kind);
    assert(error.path.length < 300, error.path);
  }
});

testEachCodec("every limit short of the size returns -1 and touches nothing outside", () => {
  for (const [name, window, at] of WINDOWS) {
    for (const value of [SAMPLE, ...Object.values(SAMPLE)]) {
      const size = codec.encode(value, window, at, window.bytes.length) - at;
      const area = window.bytes.subarray(at - 3, at + size + 64);
      for (let room = 0; room <= size; room++) {
        area.fill(0xa5);
        const end = codec.encode(value, window, at, at + room);
        assertStrictEquals(end, room === size ? at + size : -1, `${name}, ${room} of ${size} bytes`);
        assert(area.subarray(0, 3).every((byte) => byte === 0xa5), "bytes before");
        assert(area.subarray(3 + room).every((byte) => byte === 0xa5), "bytes behind");
      }
      assertSame(codec.decode(window, at, at + size), structuredCopy(value));
    }
  }
  const small = privateWindow(4);
  assertStrictEquals(codec.encode("longer than that", small, 0, 1_000), -1);
});

/** What the sample should arrive as; structuredClone keeps less of errors. */
function structuredCopy(value: unknown): unknown {
  return value === SAMPLE || value === SAMPLE.error ? copy(value, own, 11) : structuredClone(value);
}

testEachCodec("the codec stays usable after a refusal, a full window and an encode inside an encode", () => {
  refusal({ a: [() => {}] });
  assertStrictEquals(codec.encode(SAMPLE, arena, 0, 100), -1);
  const shared = { once: 1 };
  let inner: unknown;
  const outer = {
    before: shared,
    get value(): string {
      inner = copy({ shared, list: [shared] }, own, 5);
      return "got";
    },
    after: shared,
  };
  const result = copy(outer);
  assertSame(result, { before: shared, value: "got", after: shared });
  assertStrictEquals(result.before, result.after);
  assertSame(inner, { shared, list: [shared] });
});
