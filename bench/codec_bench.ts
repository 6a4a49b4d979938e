/**
 * One payload into the arena and out of it: the codec between threads (shapes), the store's (plain), and what one would use instead. JSON and node:v8 pay for the same way through
 * shared memory; structuredClone copies inside one thread and is what `postMessage` costs at least.
 *
 * `deno bench bench/codec_bench.ts`
 */
import { Buffer } from "node:buffer";
import { deserialize, serialize } from "node:v8";
import { plainCodec } from "../core/bus/codec.ts";
import { ShapeCodec } from "../core/bus/shape_codec.ts";
import { planLayout } from "../core/memory/layout.ts";
import { allocateMemory } from "../core/memory/shared_memory.ts";

const layout = planLayout({ hosts: 1, agentSlots: 1, sharedBufferBytes: 16 << 20, storeBytes: 0 });
const arena = allocateMemory(layout.totalBytes);
/** A frame's payload starts behind its fields. */
const AT = layout.queues.offset + 40;
const LIMIT = AT + 65_536;
const shapeCodec = new ShapeCodec(arena, layout, 0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const texts = Array.from({ length: 16 }, (_, index) => String.fromCharCode(97 + index) + "lorem ipsum ".repeat(85).slice(0, 1_023));
const numbers = Array.from({ length: 100 }, (_, index) => index * 1.5);
const records = Array.from({ length: 100 }, (_, index) => ({ id: index, name: `name ${index}` }));
const bytes = new Uint8Array(16_000).fill(7);

const PAYLOADS: readonly (readonly [name: string, make: (turn: number) => unknown, json: boolean])[] = [
  ["small message", (turn) => ({ type: "code-review-request", file: "a.ts", line: turn & 127, ok: true }), true],
  [
    "five kinds of message",
    (turn) => {
      if (turn % 5 === 0) return { type: "code-review-request", file: "a.ts", line: turn, ok: true };
      if (turn % 5 === 1) return { a: turn, line: turn };
      if (turn % 5 === 2) return { kind: "status", line: turn, part: 0.5, phase: "running" };
      if (turn % 5 === 3) return { type: "task", line: turn, payload: { name: "scan", retries: 3, at: { x: turn, y: 2.5 } } };
      return {
        type: "code-review-result",
        file: "src/main.ts",
        line: turn,
        severity: "warning",
        score: turn / 2,
        rule: "no-any",
        by: 4_711,
      };
    },
    true,
  ],
  ["1 KiB of text", (turn) => ({ at: 1.5 + turn, text: texts[turn & 15] }), true],
  [
    "nested",
    (turn) => ({ id: turn, user: { name: "ann", tags: ["a", "b"] }, items: [{ count: 1, price: 2.5 }, { count: 2, price: 3.5 }] }),
    true,
  ],
  ["100 numbers", () => numbers, true],
  ["100 records", () => records, true],
  ["16 kB of bytes", () => ({ bytes }), false],
];

for (const [group, make, json] of PAYLOADS) {
  let turn = 0;
  for (const [name, codec] of [["shapes", shapeCodec], ["plain", plainCodec]] as const) {
    Deno.bench({
      name: `${name}, encode`,
      group,
      fn(): void {
        codec.encode(make(turn++), arena, AT, LIMIT);
      },
    });
    Deno.bench({
      name: `${name}, encode and decode`,
      group,
      baseline: codec === shapeCodec,
      fn(): void {
        codec.decode(arena, AT, codec.encode(make(turn++), arena, AT, LIMIT));
      },
    });
  }
  if (json) {
    Deno.bench({
      name: "JSON through the arena",
      group,
      fn(): void {
        const { written } = encoder.encodeInto(JSON.stringify(make(turn++)), arena.bytes.subarray(AT, LIMIT));
        JSON.parse(decoder.decode(arena.bytes.slice(AT, AT + written)));
      },
    });
  }
  Deno.bench({
    name: "node:v8 through the arena",
    group,
    fn(): void {
      const written = serialize(make(turn++));
      arena.bytes.set(written, AT);
      deserialize(Buffer.from(arena.bytes.slice(AT, AT + written.length)));
    },
  });
  Deno.bench({
    name: "structuredClone, no arena",
    group,
    fn(): void {
      structuredClone(make(turn++));
    },
  });
}
