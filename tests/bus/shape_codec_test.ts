import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KernelError } from "../../core/base/errors.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import { ShapeCodec } from "../../core/bus/shape_codec.ts";
import { SHAPE_TABLE, shapeTableAt } from "../../core/memory/layout.ts";
import { anything, arena, EAGER, layout, memory, own, shapeCodec } from "../support/codec_samples.ts";
import { testWith } from "../support/permissions.ts";
import { differences } from "../support/same_value.ts";

function encoded(codec: ShapeCodec, value: unknown): Uint8Array {
  return own.bytes.slice(8, codec.encode(value, own, 8, own.bytes.length));
}

function decoded(codec: ShapeCodec, bytes: Uint8Array): unknown {
  own.bytes.set(bytes, 8);
  return codec.decode(own, 8, 8 + bytes.length);
}

function tableBytes(host: number): number {
  return memory.words[shapeTableAt(layout, host, SHAPE_TABLE.used) >> 2];
}

function corruptCode(read: () => unknown): string {
  return assertThrows(read, KernelError).code;
}

/** Records of a few kinds, as messages are, with an odd one in between. */
const text = fc.oneof(fc.constantFrom("", "running", "done", "a.ts", "ünï", "€", "x".repeat(48), "x".repeat(49)), fc.string());
const scalar = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.bigInt());
const place = fc.record({ x: fc.integer({ min: -200, max: 200 }), y: fc.double() });
const message = fc.oneof(
  fc.record({ type: text, file: text, line: fc.nat(), ok: fc.boolean() }),
  fc.record({ id: scalar, at: place, tags: fc.array(text), note: scalar }),
  fc.record({ 7: scalar, __proto__: scalar, "two words": place, 'quote"d`${0}': scalar }, { requiredKeys: [] }),
  fc.record({ deep: fc.record({ deep: fc.record({ deep: fc.record({ list: fc.array(place) }) }) }), any: anything }),
);

Deno.test("with and without generated code the bytes are the same, and so are the values", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 40 }), (messages) => {
      const [withCode, without] = [true, false].map((code) => {
        const codec = shapeCodec(0, { ...EAGER, repeatsMin: 2, code });
        return messages.map((value) => {
          const bytes = encoded(codec, value);
          assertEquals(differences(decoded(codec, bytes), structuredClone(value)), []);
          return bytes;
        });
      });
      assertEquals(withCode, without);
    }),
    { numRuns: 150 },
  );
});

Deno.test("every frame decodes alone: late, out of order, with the others skipped, by any thread, after its writer", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 20 }), fc.nat(), (messages, seed) => {
      const writer = shapeCodec(0);
      const frames = [...messages, ...messages].map((value) => encoded(writer, value));
      const order = frames.map((_frame, index) => index).sort((a, b) => ((a + seed) * 7919) % 31 - ((b + seed) * 7919) % 31);
      for (const code of [true, false]) {
        const reader = new ShapeCodec(memory, layout, 1, { ...EAGER, code });
        for (const index of order.filter((each) => each % 3 !== seed % 3)) {
          assertEquals(differences(decoded(reader, frames[index]), structuredClone(messages[index % messages.length])), []);
        }
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("a record costs its values, a repeated string two bytes", () => {
  const codec = shapeCodec(0, {});
  const bytes = Array.from(
    { length: 100 },
    (_, line) => encoded(codec, { type: "code-review-request", file: "a.ts", line, ok: true }).length,
  );
  assertEquals([bytes[0], bytes[99]], [49, 4 + 2 + 2 + 1 + 1]);
});

Deno.test("whoever goes on with a table keeps its numbers", () => {
  const value = { kind: "status", line: 1 };
  const before = encoded(shapeCodec(0), value);
  const used = tableBytes(0);
  const next = new ShapeCodec(memory, layout, 0, EAGER);
  assertEquals(encoded(next, value), before);
  assertStrictEquals(tableBytes(0), used);
  assertEquals(decoded(next, encoded(next, { kind: "other", line: 2 })), { kind: "other", line: 2 });
});

Deno.test("a full table writes what is new plainly, and what is known as before", () => {
  const codec = shapeCodec(0);
  const known = { kind: "status", line: 1 };
  for (let time = 0; time < 3; time++) encoded(codec, known);
  const short = encoded(codec, known).length;
  for (let index = 0; index < 10_000; index++) {
    const value = { [`key ${index}`]: `word ${index}`, line: index };
    assertEquals(decoded(codec, encoded(codec, value)), value);
  }
  assert(tableBytes(0) <= layout.shapeTableBytes - SHAPE_TABLE.entries);
  assertStrictEquals(encoded(codec, known).length, short);
  const late = { late: "late" };
  for (let time = 0; time < 3; time++) assertEquals(decoded(codec, encoded(codec, late)), late);
});

Deno.test("collections with keys of their own, large and deep objects take no room in the table", () => {
  const codec = shapeCodec(0, {});
  for (let index = 0; index < 2_000; index++) encoded(codec, { [`user ${index}`]: `name ${index}`, [`${index}`]: index });
  const wide = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, index]));
  const long = { ["k".repeat(65)]: 1 };
  let deep: unknown = [];
  for (let level = 0; level < 100; level++) deep = [deep];
  for (let time = 0; time < 100; time++) for (const value of [wide, long, deep, {}, []]) encoded(codec, value);
  assertStrictEquals(tableBytes(0), 0);
});

Deno.test("arrays, dates, maps and instances with the keys of a record stay what they are", () => {
  class Point {
    constructor(readonly x: number) {}
  }
  for (const code of [true, false]) {
    const codec = shapeCodec(0, { ...EAGER, code });
    for (let time = 0; time < 4; time++) decoded(codec, encoded(codec, { x: 1 }));
    const others = [Object.assign([], { x: 1 }), new Date(0), new Map(), new Error("e"), Object(1)].map((base) =>
      Object.assign(base, { x: 1 })
    );
    for (const value of [...others, { list: others }]) {
      const expected = plainCodec.decode(arena, 0, plainCodec.encode(value, arena, 0, 10_000));
      assertEquals(differences(decoded(codec, encoded(codec, value)), expected), []);
    }
    for (const value of [new Point(1), Object.assign(Object.create(null), { x: 1 })]) {
      assertEquals(encoded(codec, value), encoded(codec, { x: 1 }));
    }
    assertThrows(() => encoded(codec, new Proxy(Object.assign(new Map(), { x: 1 }), {})), KernelError);
  }
});

Deno.test("getters run once; a key that a getter takes away is not there", () => {
  for (const code of [true, false]) {
    const codec = shapeCodec(0, { ...EAGER, code });
    for (let time = 0; time < 4; time++) {
      let runs = 0;
      const value: Record<string, unknown> = { a: 1, b: 2, c: 3 };
      Object.defineProperty(value, "a", {
        enumerable: true,
        get: () => {
          runs++;
          delete value.b;
          return "read";
        },
      });
      const bytes = encoded(codec, value);
      assertStrictEquals(runs, 1);
      assertEquals(differences(decoded(codec, bytes), { a: "read", c: 3 }), []);
    }
  }
});

Deno.test("a record that holds itself, at any depth, is read as one object", () => {
  interface Node {
    name: string;
    self?: Node;
    child?: { parent: Node; twin: unknown };
  }
  const codec = shapeCodec(0);
  for (let time = 0; time < 4; time++) {
    const node: Node = { name: "root" };
    node.self = node;
    node.child = { parent: node, twin: null };
    node.child.twin = node.child;
    const copy = decoded(codec, encoded(codec, node)) as Node;
    assertStrictEquals(copy.self, copy);
    assertStrictEquals(copy.child?.parent, copy);
    assertStrictEquals(copy.child?.twin, copy.child);
    assertEquals(decoded(codec, encoded(codec, { name: "after", self: 1, child: 2 })), { name: "after", self: 1, child: 2 });
  }
});

Deno.test("numbers and tables that are not there are corrupt messages", () => {
  const codec = shapeCodec(0);
  const cases = [
    [26, 0, 0, 0],
    [26, 0, 9, 9, 1],
    [26, 77, 0, 0],
    [25, 0, 23, 0, 0],
    [25, 0, 0x20, 0],
    [25, 0, 24],
    [25],
    [26],
    [26, 0, 0],
    [0x20, 0],
    [23, 0, 0],
  ];
  for (const bytes of cases) assertStrictEquals(corruptCode(() => decoded(codec, new Uint8Array(bytes))), "CORRUPT_MESSAGE", String(bytes));
  own.bytes.set([26, 0, 0, 0, 1], 0);
  assertStrictEquals(corruptCode(() => plainCodec.decode(own, 0, 5)), "CORRUPT_MESSAGE");
});

Deno.test("a table with other bytes in it gives values or corrupt messages, and an end", () => {
  const outcomes = { value: 0, corrupt: 0 };
  fc.assert(
    fc.property(message, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 8 }), (value, changes) => {
      const codec = shapeCodec(0);
      encoded(codec, value);
      const bytes = encoded(codec, value);
      const table = shapeTableAt(layout, 0, 0);
      for (const [at, byte] of changes) memory.bytes[table + (at < 8 ? at % 4 : SHAPE_TABLE.entries + at)] = byte;
      const reader = new ShapeCodec(memory, layout, 1, EAGER);
      for (let time = 0; time < 3; time++) {
        try {
          decoded(reader, bytes);
          outcomes.value++;
        } catch (error) {
          assertStrictEquals((error as KernelError).code, "CORRUPT_MESSAGE");
          outcomes.corrupt++;
        }
      }
    }),
    { numRuns: 1_000, seed: 20_260_103 },
  );
  assert(outcomes.value > 100 && outcomes.corrupt > 100, JSON.stringify(outcomes));
});

testWith({ run: true }, "where code may not be generated, records are read and written without it", async () => {
  const script = `
    import { ShapeCodec } from ${JSON.stringify(new URL("../../core/bus/shape_codec.ts", import.meta.url).href)};
    import { planLayout } from ${JSON.stringify(new URL("../../core/memory/layout.ts", import.meta.url).href)};
    import { allocateMemory } from ${JSON.stringify(new URL("../../core/memory/shared_memory.ts", import.meta.url).href)};
    const layout = planLayout({ hosts: 1, agentSlots: 1, sharedBufferBytes: 16 << 20, storeBytes: 0 });
    const memory = allocateMemory(layout.totalBytes);
    const codec = new ShapeCodec(memory, layout, 0);
    let end = 0;
    for (let line = 0; line < 300; line++) codec.decode(memory, 4096, end = codec.encode({ type: "status", line }, memory, 4096, 8192));
    console.log(end - 4096, JSON.stringify(codec.decode(memory, 4096, end)));
  `;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--v8-flags=--disallow-code-generation-from-strings", script],
    stdin: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  assertEquals(new TextDecoder().decode(stdout).trim(), '11 {"type":"status","line":299}');
});
