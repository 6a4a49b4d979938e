/** A log read in order through a window, while the disk reads ahead. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Random } from "../../core/base/random.ts";
import { LogWindow } from "../../core/memory/log_window.ts";
import type { PersistenceFile } from "../../core/memory/persistence_file.ts";
import { FaultDisk, systemError } from "../support/fault_disk.ts";

const BYTES = (14 << 20) + 100;
const image = new Uint8Array(BYTES).map((_, at) => Math.imul(at, 0x9e3779b1) >>> 19);

/** A file whose readings are short, one at a time, and fail when `fails` says so. */
async function fileOf(random: Random, fails: (at: number) => boolean = () => false): Promise<PersistenceFile & { readings: number }> {
  const disk = new FaultDisk(1);
  disk.place("log", image);
  const file = await disk.open("log", false);
  let isReading = false;
  const read = async (at: number, into: Uint8Array<ArrayBufferLike>): Promise<number> => {
    assert(!isReading, "two readings at once would move the file's one position");
    isReading = true;
    counted.readings++;
    await Promise.resolve();
    isReading = false;
    if (fails(at)) throw systemError("EIO");
    return await file.read(at, random.below(3) === 0 ? into.subarray(0, 1 + random.below(into.length)) : into);
  };
  const counted = Object.assign(Object.create(file) as PersistenceFile, { readings: 0, read });
  return counted;
}

Deno.test("what is read in order, skipped and read again is what the file has, whatever lies across two readings", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    const window = new LogWindow(await fileOf(random), "log", BYTES);
    for (let pass = 0; pass < 2; pass++) {
      for (let at = 0; at < BYTES;) {
        const long = random.below(8) === 0 ? 3 << 20 : 300_000;
        const bytes = Math.min(BYTES - at, 64 + random.below(long));
        const place = await window.load(at, bytes);
        assertEquals(place % 8, at % 8, "a record's numbers must stay aligned");
        for (let byte = 0; byte < bytes; byte += 61) {
          if (window.bytes.bytes[place + byte] !== image[at + byte]) throw new Error(`seed ${seed}: byte ${at + byte} is another one`);
        }
        at += Math.ceil(bytes / 64) * 64 + (random.below(20) === 0 ? 64 * random.below(90_000) : 0);
      }
    }
    await window.settled();
  }
});

Deno.test("a reading ahead that failed is tried again when it is wanted, and says then what is wrong", async () => {
  let failures = 1;
  const file = await fileOf(new Random(7), (at) => at >= 8 << 20 && failures-- > 0);
  const window = new LogWindow(file, "log", BYTES);
  for (const at of [0, 4 << 20, 8 << 20, 12 << 20]) {
    const place = await window.load(at, 1 << 20);
    assertEquals(window.bytes.bytes[place], image[at]);
  }
  const broken = new LogWindow(await fileOf(new Random(7), (at) => at >= 8 << 20), "log", BYTES);
  await broken.load(4 << 20, 64);
  const error = await assertRejects(() => broken.load(8 << 20, 64), Error, "EIO");
  assertEquals((error as { code?: string }).code, "PERSISTENCE_DAMAGED");
  await broken.settled();
});
