/** The loops, each by both twins: the same tests run over TypeScript and, where it can be built, over C. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { type Kernels, type LoopName, portableKernels } from "../../core/memory/kernels.ts";
import { KNOWN_SUMS, knownBytes } from "../../core/memory/kernels_native.ts";
import { nativeLoops } from "../../core/memory/native_kernels.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { testBuilding, withOpenLibrary } from "../support/native_library.ts";

type Loops = Pick<Kernels, LoopName>;
type Bytes = Uint8Array<ArrayBufferLike>;

const text = (value: string): Bytes => new TextEncoder().encode(value);
const ascending = (length: number): Bytes => Uint8Array.from({ length }, (_, at) => at);
/** Bytes with no pattern, and the same on every run. */
const noise = Uint8Array.from({ length: 20_000 }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 23);

/** Bit by bit, as the definition has it. */
function crc32cByBits(bytes: Bytes, seed: number): number {
  let sum = ~seed;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
  }
  return ~sum >>> 0;
}

/** XXH32 as its description has it, in whole numbers without end. */
function xxh32ByDefinition(bytes: Bytes, seed: number): number {
  const [one, two, three, four, five] = [2654435761n, 2246822519n, 3266489917n, 668265263n, 374761393n];
  const low = (value: bigint): bigint => BigInt.asUintN(32, value);
  const turn = (value: bigint, bits: bigint): bigint => low(value << bits) | (value >> (32n - bits));
  const word = (at: number): bigint => BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true));
  const start = BigInt(seed >>> 0);
  let sum = low(start + five);
  let at = 0;
  if (bytes.length >= 16) {
    const sums = [start + one + two, start + two, start, start - one].map(low);
    for (; at + 16 <= bytes.length; at += 16) {
      for (let lane = 0; lane < 4; lane++) sums[lane] = low(turn(low(sums[lane] + word(at + 4 * lane) * two), 13n) * one);
    }
    sum = low([1n, 7n, 12n, 18n].reduce((total, bits, lane) => total + turn(sums[lane], bits), 0n));
  }
  sum = low(sum + BigInt(bytes.length));
  for (; at + 4 <= bytes.length; at += 4) sum = low(turn(low(sum + word(at) * three), 17n) * four);
  for (; at < bytes.length; at++) sum = low(turn(low(sum + BigInt(bytes[at]) * five), 11n) * one);
  sum = low((sum ^ (sum >> 15n)) * two);
  sum = low((sum ^ (sum >> 13n)) * three);
  return Number(sum ^ (sum >> 16n));
}

/** From 512 bytes on: 32 sums over every 32nd word, then XXH32's own four sums and end. Told by the loop only as a whole, so pinned here. */
const LONG_HASHES: readonly [length: number, seed: number, hash: number][] = [
  [512, 0, 0xf2b996e7],
  [513, 1, 0x13ae3325],
  [639, 7, 0xad0a4363],
  [640, 0, 0xa90d2c99],
  [1_024, 0xffffffff, 0x5d25b058],
  [4_099, 3, 0x16ea259b],
  [19_000, 0, 0xb783168f],
];

const CASES: Record<string, (loops: Loops) => void> = {
  "CRC32C gives the known sums": ({ crc32c }) => {
    const zeros = new Uint8Array(32);
    const command = [...[1, 192, ...Array(14).fill(0), 20, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 20, 0, 0, 0, 24, 40], ...[
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      2,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    ]];
    const known: [Bytes, number][] = [
      [new Uint8Array(0), 0],
      [text("123456789"), 0xe3069283],
      [zeros, 0x8a9136aa],
      [new Uint8Array(32).fill(255), 0x62a8ab43],
      [ascending(32), 0x46dd794e],
      [ascending(32).reverse(), 0x113fdb5c],
      [Uint8Array.from(command), 0xd9963a56], // RFC 3720, B.4: a read command of iSCSI
    ];
    for (const [bytes, sum] of known) assertEquals(crc32c(bytes), sum);
  },

  "CRC32C is the definition's at every length and alignment": ({ crc32c }) => {
    for (let shift = 0; shift < 8; shift++) {
      for (let length = 0; length < 820; length++) {
        const part = noise.subarray(shift, shift + length);
        if (crc32c(part, length) !== crc32cByBits(part, length)) throw new Error(`${length} bytes, ${shift} off`);
      }
      for (const length of [2_047, 2_048, 4_096, 12_287, 12_288, 12_289, 13_055, 19_000]) {
        const part = noise.subarray(shift, shift + length);
        assertEquals(crc32c(part), crc32cByBits(part, 0), `${length} bytes, ${shift} off`);
      }
    }
  },

  "CRC32C goes on from the sum of what stands before, wherever that ends": ({ crc32c }) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.nat(), fc.integer(), (bytes, cut, seed) => {
        const at = cut % (bytes.length + 1);
        assertEquals(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at), seed)), crc32c(bytes, seed));
      }),
    );
  },

  "the hash of short keys is XXH32": ({ hash }) => {
    const known: [string, number, number][] = [
      ["", 0, 0x02cc5d05],
      ["", 1, 0x0b2cb792],
      ["a", 0, 0x550d7456],
      ["abc", 0, 0x32d153ff],
      ["Nobody inspects the spammish repetition", 0, 0xe2293b2f],
    ];
    for (const [key, seed, value] of known) assertEquals(hash(text(key), seed), value, key);
    for (let length = 0; length < 512; length++) {
      const part = noise.subarray(length % 8, length % 8 + length);
      if (hash(part, length) !== xxh32ByDefinition(part, length)) throw new Error(`${length} bytes`);
    }
  },

  "the hash of long keys is what it was": ({ hash }) => {
    for (const [length, seed, value] of LONG_HASHES) assertEquals(hash(noise.subarray(5, 5 + length), seed), value, `${length} bytes`);
  },

  "the hash is the same wherever a key lies, and another for another key": ({ hash }) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
        fc.nat(7),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (key, shift, at, change) => {
          const moved = new Uint8Array(key.length + 8);
          moved.set(key, shift);
          const there = moved.subarray(shift, shift + key.length);
          const value = hash(key, shift);
          assertEquals(hash(there, shift), value);
          there[at % key.length] ^= change;
          assert(hash(there, shift) !== value, "one byte that differs is told by every round");
        },
      ),
    );
  },

  "gathering copies ranges one behind the other, with the sum of each": ({ gather }) => {
    const source = allocateMemory(65_536).bytes.subarray(3, 20_003);
    source.set(noise);
    const range = fc.tuple(fc.nat(source.length), fc.oneof(fc.nat(80), fc.nat(3_000)));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 40 }), fc.nat(9), (wanted, spare) => {
        const list = wanted.map(([from, length]) => [from, Math.min(length, source.length - from)]);
        const parts = list.map(([from, length]) => source.subarray(from, from + length));
        const total = parts.reduce((sum, part) => sum + part.length, 0);
        const target = new Uint8Array(total + spare).fill(170);
        const sums = new Uint32Array(list.length);
        assertEquals(gather(target, source, Uint32Array.from(list.flat()), list.length, sums), total);
        assertEquals([...target], [...parts.flatMap((part) => [...part]), ...Array(spare).fill(170)]);
        assertEquals([...sums], parts.map((part) => crc32cByBits(part, 0)));
        assertEquals(gather(target.fill(0), source, Uint32Array.from(list.flat()), list.length), total);
        assertEquals([...target.subarray(0, total)], parts.flatMap((part) => [...part]));
      }),
      { numRuns: 50 },
    );
  },

  "gathering refuses what lies outside before it has copied anything": ({ gather }) => {
    const source = noise.subarray(0, 100);
    const target = new Uint8Array(50);
    const refused = (field: string, ranges: number[], count = ranges.length >> 1, sums?: Uint32Array, into = target): void => {
      const error = assertThrows(() => gather(into, source, Uint32Array.from(ranges), count, sums), InvalidArgumentError);
      assertEquals(error.field, field);
      assertEquals([...target], Array(50).fill(0));
    };
    refused("ranges[1]", [0, 10, 91, 10]);
    refused("ranges[0]", [101, 0]);
    refused("ranges[0]", [1, 2 ** 32 - 1]);
    refused("target", [0, 40, 0, 11]);
    refused("count", [0, 10], 2);
    refused("count", [0, 10], -1);
    refused("sums", [0, 10, 0, 10], 2, new Uint32Array(1));
    refused("target", [0, 10], 1, undefined, source.subarray(50, 80));
    assertEquals(gather(target, source, new Uint32Array(0), 0), 0);
  },

  "shared memory is as good as any": ({ crc32c, hash }) => {
    const shared = allocateMemory(65_536).bytes;
    shared.set(noise, 1);
    for (const length of [10, 600, 20_000]) {
      assertEquals(crc32c(shared.subarray(1, 1 + length)), crc32c(noise.subarray(0, length)));
      assertEquals(hash(shared.subarray(1, 1 + length)), hash(noise.subarray(0, length)));
    }
  },
};

for (const [name, check] of Object.entries(CASES)) Deno.test(`in TypeScript, ${name}`, () => check(portableKernels));

testBuilding("in C, all of the same", async (t) => {
  await withOpenLibrary(async ({ loops }) => {
    for (const [name, check] of Object.entries(CASES)) await t.step(name, () => check(nativeLoops(loops)));
  });
});

testBuilding("TypeScript and C agree on anything", async () => {
  await withOpenLibrary(({ loops }) => {
    const native = nativeLoops(loops);
    const length = fc.oneof(fc.nat(64), fc.nat(1_200), fc.nat(19_900));
    fc.assert(
      fc.property(length, fc.nat(64), fc.integer(), (bytes, shift, seed) => {
        const part = noise.subarray(shift, shift + bytes);
        assertEquals(native.crc32c(part, seed), portableKernels.crc32c(part, seed));
        assertEquals(native.hash(part, seed), portableKernels.hash(part, seed));
      }),
      { numRuns: 500 },
    );
  });
});

Deno.test("the sums that a library is asked for are those of TypeScript", () => {
  const bytes = knownBytes();
  const short = bytes.subarray(1, 256);
  const { crc32c, hash } = portableKernels;
  assertEquals([crc32c(bytes, 1), crc32c(short), hash(bytes, 1), hash(short)], [...KNOWN_SUMS]);
  assertEquals([bytes[0], bytes[251], bytes[13_312]], [0, 0, 13_312 % 251]);
});
