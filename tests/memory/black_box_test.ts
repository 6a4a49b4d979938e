/** What agents were at last: kept within its bounds, read back as it was, and nothing at all where nobody could read it. */
import { assertEquals } from "@std/assert";
import { BlackBox, readTrace } from "../../core/memory/black_box.ts";
import { planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";

const PLAN = { hosts: 1, agentSlots: 4, sharedBufferBytes: 16 << 20, storeBytes: 1 << 16 };

Deno.test("an arena without a file has no black box", () => {
  const layout = planLayout(PLAN);
  assertEquals(layout.blackBox.bytes, 0);
  assertEquals(BlackBox.of(allocateMemory(layout.totalBytes), layout), undefined);
});

Deno.test("the last four events of each agent, with its type and its counts", () => {
  const layout = planLayout({ ...PLAN, blackBox: true });
  const memory = allocateMemory(layout.totalBytes);
  const box = BlackBox.of(memory, layout)!;
  assertEquals(readTrace(memory, layout, 2), { type: "", handled: 0, failed: 0, events: [] });
  box.started(2, "écho", 1_000.5);
  const id = 2 ** 52 + 1;
  for (let n = 0; n < 10; n++) box.handled(2, id + n, 2_000 + n, n === 9);
  box.failed(2, 3_000.25);
  assertEquals(readTrace(memory, layout, 2), {
    ...{ type: "écho", handled: 10, failed: 1 },
    events: [
      { at: 2_007, kind: "message", messageId: id + 7 },
      { at: 2_008, kind: "message", messageId: id + 8 },
      { at: 2_009, kind: "task", messageId: id + 9 },
      { at: 3_000.25, kind: "failed", messageId: 0 },
    ],
  });
  box.stopped(2, 4_000);
  assertEquals(readTrace(memory, layout, 2).handled, 10);
  assertEquals(readTrace(memory, layout, 2).events.at(-1), { at: 4_000, kind: "stopped", messageId: 0 });
  box.started(2, "x".repeat(100), 5_000);
  assertEquals(readTrace(memory, layout, 2), {
    ...{ type: "x".repeat(48), handled: 0, failed: 0 },
    events: [{ at: 5_000, kind: "started", messageId: 0 }],
  });
  for (const slot of [0, 1, 3]) assertEquals(readTrace(memory, layout, slot).events, [], "its neighbours are untouched");
  const { offset, bytes } = layout.blackBox;
  assertEquals(offset + bytes, layout.totalBytes);
});

Deno.test("what a writer left half written is passed over", () => {
  const layout = planLayout({ ...PLAN, blackBox: true });
  const memory = allocateMemory(layout.totalBytes);
  const box = BlackBox.of(memory, layout)!;
  box.started(0, "echo", 1_000);
  box.handled(0, 7, 2_000, false);
  // The count came first: the event behind it is the one of four rounds ago, here none at all.
  memory.words[layout.blackBox.offset >>> 2]++;
  assertEquals(readTrace(memory, layout, 0).events.map(({ kind }) => kind), ["started", "message"]);
});
