import { assertEquals } from "@std/assert";
import { planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { COUNTERS, Counts, HostMetrics, sumCounts } from "../../core/metrics/counters.ts";

const layout = planLayout({ hosts: 2, agentSlots: 1, sharedBufferBytes: 16 << 20, storeBytes: 0 });

Deno.test("each count is read under its own name, as last published", () => {
  const memory = allocateMemory(layout.totalBytes);
  const own = new HostMetrics(memory, layout, 1);
  const reader = new HostMetrics(memory, layout, 1);
  COUNTERS.forEach((name, index) => own.counts[name] = 2 ** 40 + index);
  assertEquals({ ...reader.read() }, { ...new Counts() });
  own.publish();
  own.counts.sent = 0;
  assertEquals(reader.read(), Object.assign(new Counts(), Object.fromEntries(COUNTERS.map((name, index) => [name, 2 ** 40 + index]))));
  assertEquals({ ...new HostMetrics(memory, layout, 0).read() }, { ...new Counts() });
});

Deno.test("counts of several hosts add up name by name", () => {
  const one = Object.assign(new Counts(), { sent: 1, refused: 3 });
  assertEquals(sumCounts([one, one]), Object.assign(new Counts(), { sent: 2, refused: 6 }));
});
