/**
 * The hot loops in TypeScript beside those in C, and what the kernel makes of the two: medians over interleaved samples, so that a busy machine slows all
 * three alike. Exits 1 when C is not worth its place: checksums of 64 KiB and more at least ten times as fast, the hash of 1 KiB at least three
 * times, and no call slower with the library than without it.
 *
 * deno task build:native && deno task bench:native [samples = 41]
 */
import { SystemClock } from "../core/base/clock.ts";
import { type Kernels, LOOP_NAMES, type LoopName, portableKernels } from "../core/memory/kernels.ts";
import { openLibrary } from "../core/memory/kernels_native.ts";
import { libraryName } from "../core/memory/library_place.ts";
import { choosingKernels, nativeLoops } from "../core/memory/native_kernels.ts";

/** What is timed. */
interface Row {
  readonly name: string;
  /** Whose crossover decides; null where there is none. */
  readonly loop: LoopName | null;
  /** In TypeScript. */
  readonly portable: () => unknown;
  /** In C, whatever the size. */
  readonly native: () => unknown;
  /** As the kernel runs it when the library is loaded. */
  readonly chosen: () => unknown;
  /** C must be so many times as fast. */
  readonly ratioMin?: number;
}

/** One sample's aim: long against the clock, short against the scheduler. */
const SAMPLE_US = 60;
/** What two medians of the same loop differ by, and what looking at the size of a call may cost. */
const SLOWER_MAX = 1.1;
const SLOWER_NS_MAX = 10;

type Loops = Pick<Kernels, LoopName>;

function rows(native: Loops, chosen: Loops): Row[] {
  const bytes = new Uint8Array(1 << 20).map((_, at) => Math.imul(at, 0x9e3779b1) >>> 23);
  const row = (name: string, loop: LoopName, run: (loops: Loops) => unknown, ratioMin?: number): Row => ({
    ...{ name, loop, ratioMin },
    ...{ portable: () => run(portableKernels), native: () => run(native), chosen: () => run(chosen) },
  });
  const sizes = [16, 64, 256, 1_024, 4_096, 65_536, 1 << 19];
  const target = new Uint8Array(1 << 18);
  const gathers = [[1, 16], [8, 16], [64, 16], [64, 256], [64, 4_096]].flatMap(([count, length]) => {
    const ranges = new Uint32Array(2 * count).map((_, at) => at % 2 === 0 ? at * 4_096 : length);
    const sums = new Uint32Array(count);
    return [undefined, sums].map((sums) =>
      row(`gather ${count} × ${label(length)}${sums ? ", sums" : ""}`, "gather", ({ gather }) => gather(target, bytes, ranges, count, sums))
    );
  });
  return [
    ...sizes.map((size) => {
      const part = bytes.subarray(0, size);
      return row(`crc32c ${label(size)}`, "crc32c", ({ crc32c }) => crc32c(part), size >= 65_536 ? 10 : undefined);
    }),
    ...sizes.map((size) => {
      const part = bytes.subarray(0, size);
      return row(`hash ${label(size)}`, "hash", ({ hash }) => hash(part), size === 1_024 ? 3 : undefined);
    }),
    ...gathers,
  ];
}

function label(size: number): string {
  return size >= 1_024 ? `${size / 1_024} KiB` : `${size} B`;
}

/** Nanoseconds of each way, as medians of samples taken in turn. */
function measure({ portable, native, chosen }: Row, samples: number): [portable: number, native: number, chosen: number] {
  const ways = [portable, native, chosen];
  const calls = ways.map((run) => {
    for (let warm = 0, until = performance.now() + 4; warm < 3_000 && performance.now() < until; warm++) run();
    return Math.max(1, Math.ceil(SAMPLE_US / (1_000 * timed(run, 3) / 3)));
  });
  const times: number[][] = [[], [], []];
  for (let sample = 0; sample < samples; sample++) {
    for (const [way, run] of ways.entries()) times[way].push(1e6 * timed(run, calls[way]) / calls[way]);
  }
  const [one, two, three] = times.map(median);
  return [one, two, three];
}

function timed(run: () => unknown, calls: number): number {
  const begin = performance.now();
  for (let call = 0; call < calls; call++) run();
  return performance.now() - begin;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function fromText(from: number, loop: LoopName): string {
  return from === Infinity ? "never" : loop === "gather" ? `${from} ranges` : label(from);
}

if (import.meta.main) {
  const samples = Number(Deno.args[0] ?? 41);
  const path = decodeURIComponent(new URL(`../native/build/${libraryName()}`, import.meta.url).pathname);
  const library = openLibrary(path);
  const { kernels, loops, measure: find } = choosingKernels(library, new SystemClock(0));
  const table = rows(nativeLoops(library.loops), kernels);
  for (const row of table) measure(row, 3); // the runtime compiles all of it first
  for (const loop of LOOP_NAMES) for (let tries = 0; tries < 10 && !loops[loop].measured; tries++) find(loop);
  const missed: string[] = [];
  console.log(
    "loop".padEnd(28),
    ["TypeScript", "native", "ratio", "with library", "native from"].map((head) => head.padStart(13)).join(""),
  );
  for (const row of table) {
    const [portable, native, chosen] = measure(row, samples);
    const cells = [`${portable.toFixed(0)} ns`, `${native.toFixed(0)} ns`, (portable / native).toFixed(1), `${chosen.toFixed(0)} ns`];
    if (row.loop !== null) cells.push(fromText(loops[row.loop].from, row.loop));
    console.log(row.name.padEnd(28), cells.map((cell) => cell.padStart(13)).join(""));
    if (row.ratioMin !== undefined && portable / native < row.ratioMin) missed.push(`${row.name}: not ${row.ratioMin} times as fast`);
    if (chosen > SLOWER_MAX * portable + SLOWER_NS_MAX) {
      missed.push(`${row.name}: slower with the library (${(chosen / portable).toFixed(2)})`);
    }
  }
  const clock: Row = { name: "clock", loop: null, portable: () => performance.now(), native: kernels.system!.monotonicMs, chosen: () => 0 };
  const [portable, native] = measure(clock, samples);
  console.log(
    "reading the clock".padEnd(28),
    [`${portable.toFixed(0)} ns`, `${native.toFixed(0)} ns`].map((cell) => cell.padStart(13)).join(""),
  );
  console.log(missed.length === 0 ? "all that must hold holds" : `missed: ${missed.join("; ")}`);
  library.close();
  Deno.exit(missed.length === 0 ? 0 : 1);
}
