/** Which twin runs a call: below the crossover TypeScript, from it on C, and who says where that is. */
import { assert, assertEquals } from "@std/assert";
import { SystemClock } from "../../core/base/clock.ts";
import { CROSSOVER_AFTER_CALLS, CROSSOVER_MS_MAX } from "../../core/base/limits.ts";
import { crossover, type Trial } from "../../core/memory/crossover.ts";
import { LOOP_NAMES, portableKernels } from "../../core/memory/kernels.ts";
import type { NativeLibrary } from "../../core/memory/kernels_native.ts";
import { choosingKernels } from "../../core/memory/native_kernels.ts";
import { FakeClock } from "../../core/testing.ts";
import { testBuilding, withOpenLibrary } from "../support/native_library.ts";

const SIZES = [16, 32, 64, 128, 256];

/** Trials that take so many microseconds of a clock of their own. */
function measured(portableUs: (size: number, call: number) => number, nativeUs: (size: number, call: number) => number): number | null {
  const clock = new FakeClock();
  const trials = SIZES.map((size): Trial => {
    let [portable, native] = [0, 0];
    return {
      ...{ size, calls: 2 },
      portable: () => clock.advance(portableUs(size, portable++) / 1_000),
      native: () => clock.advance(nativeUs(size, native++) / 1_000),
    };
  });
  return crossover(trials, clock);
}

Deno.test("the crossover is where the library wins at every larger size", () => {
  assertEquals(measured((size) => size / 16, () => 3), 64);
  assertEquals(measured((size) => size / 16, () => 0.1), 16);
  assertEquals(measured((size) => size / 16, () => 20), Infinity);
  assertEquals(measured((size) => size / 16, () => 1.8), 64, "a lead of a ninth is none");
  assertEquals(measured((size) => size === 128 ? 1 : size / 16, () => 3), 256, "losing at 128 counts for 64, too");
});

Deno.test("what disturbs a few samples does not move the crossover", () => {
  const disturbed = (us: number) => (_size: number, call: number): number => call % 7 === 0 ? 20 * us : us;
  assertEquals(measured((size) => size / 160, disturbed(0.3)), 64);
  assertEquals(measured((size, call) => call < 8 ? 50 : size / 16, () => 3), 64, "the first rounds are not looked at");
});

Deno.test("a machine that is too busy says nothing, and soon", () => {
  assertEquals(measured(() => CROSSOVER_MS_MAX * 1_000 / 20, () => 1), null);
});

/** The library's functions, counted. */
function counted(library: NativeLibrary): { library: NativeLibrary; calls: () => number } {
  let calls = 0;
  const { s3k_crc32c, s3k_hash, s3k_gather } = library.loops;
  const loops = {
    ...library.loops,
    s3k_crc32c: (...args: Parameters<typeof s3k_crc32c>) => (calls++, s3k_crc32c(...args)),
    s3k_hash: (...args: Parameters<typeof s3k_hash>) => (calls++, s3k_hash(...args)),
    s3k_gather: (...args: Parameters<typeof s3k_gather>) => (calls++, s3k_gather(...args)),
  };
  return { library: { ...library, loops, close: () => undefined }, calls: () => calls };
}

testBuilding("until it is measured only large calls run in C, and after some hundred calls it is measured", async () => {
  await withOpenLibrary((open) => {
    const { library, calls } = counted(open);
    const { kernels, loops, close } = choosingKernels(library, new SystemClock(0));
    const bytes = new Uint8Array(8_192).map((_, at) => Math.imul(at, 0x9e3779b1) >>> 23);
    for (const loop of ["crc32c", "hash"] as const) {
      assertEquals(loops[loop], { ...loops[loop], from: 4_096, measured: false });
      const before = calls();
      assertEquals(kernels[loop](bytes), portableKernels[loop](bytes));
      assertEquals(calls(), before + 1);
      for (let call = 1; call < CROSSOVER_AFTER_CALLS; call++) {
        const part = bytes.subarray(0, 1 + call % 700);
        assertEquals(kernels[loop](part, call), portableKernels[loop](part, call));
      }
      assertEquals([calls(), loops[loop].measured], [before + 1, false]);
      kernels[loop](bytes.subarray(0, 9));
      assert(calls() > before + 1, "it was measured");
    }
    close();
  });
});

testBuilding("where checksums are gathered, too, C runs from the first range on", async () => {
  await withOpenLibrary((open) => {
    const { library, calls } = counted(open);
    const { kernels, close } = choosingKernels(library, new FakeClock());
    const [target, source, ranges] = [new Uint8Array(8), new Uint8Array(8), new Uint32Array([0, 8])];
    kernels.gather(target, source, ranges, 1);
    assertEquals(calls(), 0);
    kernels.gather(target, source, ranges, 1, new Uint32Array(1));
    assertEquals(calls(), 1);
    close();
  });
});

testBuilding("once closed, the loops go on in TypeScript", async () => {
  await withOpenLibrary((open) => {
    const { library, calls } = counted(open);
    const { kernels, loops, measure, close } = choosingKernels(library, new SystemClock(0));
    for (const loop of LOOP_NAMES) measure(loop);
    close();
    const before = calls();
    const bytes = new Uint8Array(10_000).fill(7);
    for (let call = 0; call < 2 * CROSSOVER_AFTER_CALLS; call++) kernels.crc32c(bytes.subarray(0, 8));
    assertEquals(kernels.crc32c(bytes), portableKernels.crc32c(bytes));
    assertEquals(kernels.hash(bytes), portableKernels.hash(bytes));
    assertEquals(kernels.gather(new Uint8Array(9), bytes, new Uint32Array([0, 9]), 1, new Uint32Array(1)), 9);
    assertEquals([calls(), kernels.system, LOOP_NAMES.map((loop) => loops[loop].from)], [before, null, [Infinity, Infinity, Infinity]]);
  });
});
