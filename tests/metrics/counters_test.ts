import { assertEquals } from "@std/assert";
import { planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { COUNT, COUNTERS, HostMetrics, sumCounts, zeroCounts } from "../../core/metrics/counters.ts";

const layout = planLayout({ hosts: 2, agentSlots: 1, sharedBufferBytes: 16 << 20, storeBytes: 0 });

Deno.test("each count is read under its own name, by anybody, as it stands", () => {
  const memory = allocateMemory(layout.totalBytes);
  const own = new HostMetrics(memory, layout, 1);
  const reader = new HostMetrics(memory, layout, 1);
  assertEquals(reader.read(), zeroCounts());
  for (const name of COUNTERS) own.counts[COUNT[name]] = 2 ** 40 + COUNT[name];
  assertEquals(Object.values(reader.read()), COUNTERS.map((_name, index) => 2 ** 40 + index));
  own.counts[COUNT.sent]++;
  assertEquals(reader.read().sent, 2 ** 40 + 1);
  assertEquals(new HostMetrics(memory, layout, 0).read(), zeroCounts());
});

Deno.test("counts of several hosts add up name by name", () => {
  const one = { ...zeroCounts(), sent: 1, refused: 3 };
  assertEquals(sumCounts([one, one]), { ...zeroCounts(), sent: 2, refused: 6 });
});
