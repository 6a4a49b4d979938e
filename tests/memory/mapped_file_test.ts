/** The libc's part: what it refuses is a typed error, and memory that is released is plain memory again. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { MAPPED_UNIT_BYTES, MappedFile, whyNoMapping } from "../../core/memory/mapped_file.ts";
import { mappedFileBytes, mappedRanges } from "../../core/memory/mapped_layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { slabAt } from "../../core/memory/layout.ts";
import { mappedPlan } from "../support/mapped_arena.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

const NEEDS = { read: true, write: true, ffi: true };
const RANGE = { offset: MAPPED_UNIT_BYTES, bytes: MAPPED_UNIT_BYTES, fileOffset: 2 * MAPPED_UNIT_BYTES };

async function withFile(use: (path: string) => void | Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    Deno.writeFileSync(path, new Uint8Array(4 * MAPPED_UNIT_BYTES).fill(3));
    await use(path);
  });
}

testWith(NEEDS, "memory over a file is the file, shared or privately, and plain again when released", () =>
  withFile((path) => {
    assertEquals(whyNoMapping(), undefined);
    const file = MappedFile.open(path, "write");
    const [shared, own] = [allocateMemory(4 * MAPPED_UNIT_BYTES), allocateMemory(4 * MAPPED_UNIT_BYTES)];
    file.map(shared, [RANGE], "write");
    file.map(own, [RANGE], "private");
    const at = RANGE.offset + 10;
    shared.bytes[at] = 42;
    assertEquals([shared.bytes[at - RANGE.offset], shared.bytes[at + 1], own.bytes[at]], [0, 3, 42]);
    own.bytes[at] = 7;
    assertEquals([...Deno.readFileSync(path).subarray(RANGE.fileOffset + 10, RANGE.fileOffset + 12)], [42, 3]);
    file.release(shared, [RANGE]);
    file.release(own, [RANGE]);
    shared.bytes[at] = 9;
    assertEquals([shared.bytes[at], shared.bytes[at + 1], Deno.readFileSync(path)[RANGE.fileOffset + 10]], [9, 0, 42]);
    file.close();
    file.close();
  }));

testWith(NEEDS, "what the system refuses is a typed error", () =>
  withFile((path) => {
    const codeOf = (fn: () => unknown): string => assertThrows(fn, KernelError).code;
    assertEquals(codeOf(() => MappedFile.open(path + ".missing", "write")), "PERSISTENCE_FAILED");
    const file = MappedFile.open(path, "write");
    const memory = allocateMemory(4 * MAPPED_UNIT_BYTES);
    // Beyond what any file may have.
    assertEquals(codeOf(() => file.reserve([{ offset: 0, bytes: 2 ** 62, fileOffset: 2 ** 62 }])), "PERSISTENCE_FAILED");
    assertEquals(codeOf(() => file.map(memory, [{ ...RANGE, offset: 100 }], "write")), "PERSISTENCE_FAILED");
    assertEquals(codeOf(() => file.map(memory, [{ ...RANGE, bytes: 2 ** 30 }], "write")), "PERSISTENCE_FAILED");
    file.close();
  }));

testWith(NEEDS, "a lock keeps every other handle out until it is closed", () =>
  withFile((path) => {
    const [first, second] = [MappedFile.open(path, "write"), MappedFile.open(path, "write")];
    assertEquals([first.tryLock(), first.tryLock(), second.tryLock()], [true, true, false]);
    first.close();
    assertEquals(second.tryLock(), true);
    second.close();
  }));

Deno.test("what is mapped is all but the bytes of rings and slabs, in whole units", () => {
  const layout = mappedPlan(4 << 20);
  const ranges = mappedRanges(layout);
  let end = 0;
  for (const { offset, bytes, fileOffset } of ranges) {
    assert(offset >= end && bytes > 0, "in order");
    assertEquals([offset % MAPPED_UNIT_BYTES, bytes % MAPPED_UNIT_BYTES, fileOffset - offset], [0, 0, MAPPED_UNIT_BYTES]);
    end = offset + bytes;
  }
  assertEquals(end + MAPPED_UNIT_BYTES, mappedFileBytes(layout));
  assert(end >= layout.totalBytes);
  const isMapped = (at: number): boolean => ranges.some(({ offset, bytes }) => at >= offset && at < offset + bytes);
  const { header, agents, metrics, shapes, store, blackBox, queues, buckets } = layout;
  for (const region of [header, agents, metrics, shapes, store, blackBox, buckets]) {
    for (let at = region.offset; at < region.offset + region.bytes; at += 4_096) assert(isMapped(at), `${at}`);
  }
  assert(isMapped(queues.offset) && isMapped(queues.offset + queues.bytes - layout.busBytes), "the words of rings, and the queues");
  assertEquals([isMapped(slabAt(layout, 5)), isMapped(queues.offset + (queues.bytes - layout.busBytes) / 2)], [false, false]);
});
