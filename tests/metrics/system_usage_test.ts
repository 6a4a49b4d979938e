import { assert, assertEquals } from "@std/assert";
import { MEMORY_BUDGET_BYTES_MAX } from "../../core/base/limits.ts";
import { containerBytes, cpuPercent, memoryBudget, physicalBytes, systemUsage } from "../../core/metrics/system_usage.ts";
import { testWith } from "../support/permissions.ts";

Deno.test("the process is really read: memory grows with what is held, processor time with what is done", () => {
  const usage = systemUsage();
  const [bytes, ms] = [usage.residentBytes(), usage.processorMs()];
  const held = new Uint8Array(64 * 2 ** 20).fill(1);
  while (usage.processorMs() - ms < 20) held[0]++;
  assert(usage.residentBytes() - bytes > 32 * 2 ** 20, "64 MiB were touched");
  assert(usage.cores >= 1 && usage.budget.bytes > 0);
});

Deno.test("percent of all cores; null where the window is too short to say, never above 100", () => {
  assertEquals([cpuPercent(100, 1_000, 2), cpuPercent(2_400, 1_000, 2), cpuPercent(1, 49, 2)], [5, 100, null]);
});

Deno.test({
  name: "without permissions the budget is 2 GiB, and says what it does not know",
  permissions: { read: false, sys: false },
  fn() {
    const { bytes, unknown } = memoryBudget();
    assertEquals([bytes, unknown.length], [MEMORY_BUDGET_BYTES_MAX, 2]);
    assert(unknown[0].includes("--allow-sys=systemMemoryInfo"));
  },
});

testWith({ sys: true, read: true }, "with them it is the least of what is known", () => {
  const known = [physicalBytes(), containerBytes()].flatMap((one) => "bytes" in one ? [one.bytes] : []);
  assertEquals(memoryBudget().bytes, Math.min(MEMORY_BUDGET_BYTES_MAX, ...known));
});
