/** Files that are damaged, foreign, newer or cut short: what can be read is used, what cannot is said. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { isKernelError, type KernelError } from "../../core/base/errors.ts";
import { Random } from "../../core/base/random.ts";
import { crc32c } from "../../core/memory/crc32c.ts";
import { LOG_BLOCK_BYTES, LOG_FORMAT_VERSION, LOG_HEADER } from "../../core/memory/log_layout.ts";
import { FaultDisk } from "../support/fault_disk.ts";
import { keepStore, type KeptStore, PATH } from "../support/kept_store.ts";
import { assertExact } from "../support/store_arena.ts";

const KEYS = 30;

/** A log of a few flushes, each of them large enough to have a place of its own. */
async function written(flushes = 4): Promise<{ disk: FaultDisk; ends: number[]; image: Uint8Array<ArrayBuffer> }> {
  const disk = new FaultDisk(1);
  const { store, persistence } = await keepStore(disk);
  const ends: number[] = [];
  for (let flush = 0; flush < flushes; flush++) {
    for (let key = flush; key < KEYS; key += flushes) store.set("a", `k${key}`, `${flush}:${"x".repeat(500)}`);
    store.set("a", "always", flush);
    await persistence.flush();
    ends.push(persistence.status.bytes);
  }
  await persistence.close();
  return { disk, ends, image: disk.bytesOf(PATH).slice() };
}

async function reopened(image: Uint8Array<ArrayBuffer>, bytes?: number): Promise<{ kept: KeptStore; disk: FaultDisk }> {
  const disk = new FaultDisk(1);
  disk.place(PATH, image);
  return { kept: await keepStore(disk, { bytes }), disk };
}

async function refusal(image: Uint8Array<ArrayBuffer>): Promise<KernelError> {
  const disk = new FaultDisk(1);
  disk.place(PATH, image.slice());
  const error = await assertRejects(() => keepStore(disk));
  assert(isKernelError(error), String(error));
  assertEquals(disk.bytesOf(PATH), image, "a file that is refused is not changed");
  assert((await disk.open(PATH, false).then((file) => file.tryLock())) === true, "nor kept locked");
  return error;
}

function flipped(image: Uint8Array<ArrayBuffer>, at: number, bit = 1): Uint8Array<ArrayBuffer> {
  const copy = image.slice();
  copy[at] ^= bit;
  return copy;
}

Deno.test("a flipped bit in the middle is found; the flushes after it count, and the report says how many changes it cost", async () => {
  const { ends, image } = await written(); // each flush: 7 or 8 keys, "always", the namespace's name, the change counter
  const { kept } = await reopened(flipped(image, ends[0] + LOG_BLOCK_BYTES + 700));
  const { lost, cut, found } = kept.persistence.recovery;
  assertEquals([found, cut, lost.places, lost.records, lost.sequences], [true, null, 1, 11, [2]]);
  assertEquals(kept.store.get("a", "always"), 3);
  for (let key = 0; key < KEYS; key++) assertEquals(kept.store.has("a", `k${key}`), key % 4 !== 1, `k${key}`);
  assertEquals(kept.store.verify().damaged, 0);
  // What is lost is not lost again: the next start says the same until the log is written anew.
  kept.store.set("a", "later", 1);
  await kept.persistence.close();
});

Deno.test("a flipped bit anywhere never shows a wrong value, and never goes unnoticed where it matters", async () => {
  const { image } = await written();
  const random = new Random(7);
  for (let round = 0; round < 120; round++) {
    const at = random.below(image.length);
    const { kept } = await reopened(flipped(image, at, 1 << random.below(8)));
    const { lost, cut, notes } = kept.persistence.recovery;
    let missing = 0;
    for (let key = 0; key < KEYS; key++) {
      const value = kept.store.get("a", `k${key}`);
      if (value === undefined) missing++;
      else assertEquals(value, `${key % 4}:${"x".repeat(500)}`);
    }
    assert(missing === 0 || lost.places > 0 || cut !== null || notes.length > 0, `bit at ${at}: ${missing} keys are missing in silence`);
    assert(missing <= 9, `bit at ${at}: ${missing} keys are missing`);
    assertEquals(lost.refused, 0);
    assertExact(kept.arena.open(1));
    await kept.persistence.abandon();
  }
});

Deno.test("a file that ends anywhere has all flushes up to there, and the rest is cut off", async () => {
  const { ends, image } = await written();
  const random = new Random(9);
  for (let round = 0; round < 60; round++) {
    const length = random.below(image.length - 64) + 64;
    const { kept, disk } = await reopened(image.slice(0, length));
    const whole = ends.filter((end) => end <= length).length;
    const { cut, lost } = kept.persistence.recovery;
    assertEquals(kept.store.get("a", "always"), whole === 0 ? undefined : whole - 1);
    const end = whole === 0 ? 64 : ends[whole - 1];
    assertEquals([cut?.bytes ?? 0, lost.places], [length - end, 0]);
    assertEquals(disk.bytesOf(PATH).length, end);
    kept.store.set("a", "after", length);
    await kept.persistence.close();
    disk.losePower();
    const again = await keepStore(disk);
    assertEquals([again.store.get("a", "after"), again.persistence.recovery.cut], [length, null]);
    await again.persistence.close();
  }
});

Deno.test("a damaged header is made out from the blocks; a damaged commit costs only a last flush that nobody followed", async () => {
  const { ends, image } = await written();
  const { kept } = await reopened(flipped(image, LOG_HEADER.salt));
  assertEquals([kept.store.get("a", "always"), kept.persistence.recovery.notes.length], [3, 1]);
  await kept.persistence.abandon();
  const middle = await reopened(flipped(image, ends[1] - 20));
  assertEquals([middle.kept.store.stats().entries, middle.kept.persistence.recovery.lost.records], [KEYS + 1, 0]);
  assertEquals(middle.kept.persistence.recovery.lost.places, 1);
  await middle.kept.persistence.abandon();
  const last = await reopened(flipped(image, image.length - 20));
  assertEquals([last.kept.store.get("a", "always"), last.kept.persistence.recovery.cut?.records], [2, 10]);
  await last.kept.persistence.abandon();
});

Deno.test("a log that was just written anew outlives a flipped bit in its one commit", async () => {
  const disk = new FaultDisk(1);
  const { store, persistence } = await keepStore(disk, { bytes: 4 << 20 });
  for (let round = 0; disk.operations < 400; round++) {
    for (let key = 0; key < 10; key++) store.set("a", `k${key}`, `${round}:${"y".repeat(100_000)}`);
    const before = persistence.status.bytes;
    await persistence.flush();
    if (persistence.status.bytes < before) break;
  }
  await persistence.close();
  const image = disk.bytesOf(PATH).slice();
  const { kept } = await reopened(flipped(image, image.length - 20), 4 << 20);
  assertEquals(kept.store.stats().entries, 10);
  assertEquals(kept.persistence.recovery.lost.places, 1);
  await kept.persistence.abandon();
});

Deno.test("bytes that a user stored and that look like blocks of the log are no blocks", async () => {
  const { image } = await written(2);
  const disk = new FaultDisk(2);
  const { store, persistence } = await keepStore(disk, { bytes: 2 << 20 });
  store.set("a", "image", image);
  store.set("a", "behind", 1);
  await persistence.flush();
  const damaged = disk.bytesOf(PATH).slice();
  damaged[64] ^= 1; // the first block's head: the reader steps through the image
  await persistence.close();
  const { kept } = await reopened(damaged, 2 << 20);
  assertEquals(kept.store.has("a", "k0"), false);
  await kept.persistence.abandon();
});

Deno.test("a newer format, something else and a file of damage are refused, each with what to do, and left as they are", async () => {
  const { image } = await written(1);
  const newer = image.slice();
  const view = new DataView(newer.buffer);
  view.setUint32(LOG_HEADER.version, LOG_FORMAT_VERSION + 1, true);
  view.setUint32(LOG_HEADER.checksum, crc32c(newer.subarray(0, LOG_HEADER.checksum)), true);
  const version = await refusal(newer);
  assertEquals([version.code, version.data.version], ["PERSISTENCE_VERSION", LOG_FORMAT_VERSION + 1]);
  assertEquals(
    (await refusal(new TextEncoder().encode("a text of some other program, long enough to be one ".repeat(9)))).code,
    "PERSISTENCE_FOREIGN",
  );
  assertEquals((await refusal(new Uint8Array(4_096))).code, "PERSISTENCE_FOREIGN");
  assertEquals((await refusal(new TextEncoder().encode("short"))).code, "PERSISTENCE_FOREIGN");
  const ruined = image.slice();
  ruined.fill(0xff, 20);
  assertEquals((await refusal(ruined)).code, "PERSISTENCE_DAMAGED");
});

Deno.test("a file whose making was interrupted is made anew", async () => {
  const { image } = await written(1);
  for (const bytes of [new Uint8Array(0), new Uint8Array(64), image.slice(0, 30), image.slice(0, 64)]) {
    const { kept } = await reopened(bytes);
    assertEquals(kept.persistence.recovery.found, false);
    kept.store.set("a", "b", 1);
    await kept.persistence.close();
  }
});

Deno.test("a disk that is read-only, and one that cannot be read, are refused with the reason", async () => {
  const disk = new FaultDisk(1);
  disk.isReadOnly = true;
  const error = await assertRejects(() => keepStore(disk)) as KernelError;
  assertEquals([error.code, error.data.errno], ["PERSISTENCE_OPEN", "EROFS"]);
});

for (const bytes of [2 << 20, 8 << 20]) {
  Deno.test(`a store of another size (${bytes} bytes) takes what was kept, and keeps it from there`, async () => {
    const disk = new FaultDisk(1);
    const first = await keepStore(disk, { bytes: 4 << 20 });
    // The entries that are left stand at indices that the smaller store does not have.
    for (let key = 0; key < 50_000; key++) first.store.set("b", `k${key}`, key);
    first.store.clear("b");
    for (let key = 0; key < 2_000; key++) first.store.set("a", `k${key}`, "x".repeat(300));
    await first.persistence.close();
    const second = await keepStore(disk, { bytes });
    assertEquals([second.persistence.recovery.lost.refused, second.store.stats().entries], [0, 2_000]);
    assertExact(second.arena.open(1));
    second.store.set("a", "k1", "new");
    second.store.delete("a", "k3");
    await second.persistence.close();
    const third = await keepStore(disk, { bytes });
    assertEquals([third.store.get("a", "k1"), third.store.has("a", "k3"), third.store.stats().entries], ["new", false, 1_999]);
    await third.persistence.close();
  });
}

Deno.test("a store that is too small for what was kept is refused with the size that suffices, and nothing is thrown away", async () => {
  const disk = new FaultDisk(1);
  const first = await keepStore(disk, { bytes: 4 << 20 });
  for (let key = 0; key < 4_000; key++) first.store.set("a", `k${key}`, "x".repeat(300));
  await first.persistence.close();
  const error = await assertRejects(() => keepStore(disk, { bytes: 1 << 19 })) as KernelError;
  assertEquals(error.code, "CONFIG");
  const again = await keepStore(disk, { bytes: error.data.neededBytes as number });
  assertEquals(again.store.stats().entries, 4_000);
  await again.persistence.close();
});
