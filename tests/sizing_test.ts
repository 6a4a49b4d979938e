import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AGENTS_MAX, MEASURED, planSizing, type SizingRequest } from "../core/sizing.ts";
import { ConfigError, isKernelError, planLayout, UltraFastAgentManager } from "../mod.ts";

Deno.test("a plan's options start a manager that holds the agents, and its figures are the manager's", async () => {
  const plan = planLayout({ agents: 500, threads: 0, valueBytes: 100 });
  await using manager = new UltraFastAgentManager(plan.options);
  await manager.initialize();
  assertEquals((await manager.spawnAgentBatch("researcher", 500)).length, 500);
  for (let key = 0; key < 500; key++) assert(manager.memoryStore.set("all", `${key}`.padStart(32, "0"), new Uint8Array(90)));
  assertEquals([manager.memoryStore.stats().entries, manager.memoryStore.stats().evictions], [500, 0]);
  const capacity = manager.inspectMemory().regions.find(({ name }) => name === "agents")?.capacityBytes;
  assertEquals(plan.regions.find(({ name }) => name === "agents")?.bytes, capacity);
});

Deno.test("a figure says whether it is exact, measured, or extrapolated", () => {
  const small = planSizing({ agents: 10_000, threads: 2, messageRate: 100_000 });
  assertEquals([small.sharedBytes.basis, small.residentBytes.basis, small.busyCores.basis], ["exact", "measured", "measured"]);
  const fast = planSizing({ agents: 10_000, threads: 2, messageRate: 10 * MEASURED.messagesPerSecondMax });
  assertEquals([fast.residentBytes.basis, fast.busyCores.basis], ["measured", "extrapolated"]);
  for (const request of [{ agents: MEASURED.agentsMax + 1 }, { agents: 10, threads: MEASURED.threadsMax + 1 }]) {
    const { residentBytes, residentBytesMax, cores, sharedBytes } = planSizing(request);
    assertEquals([residentBytes.basis, residentBytesMax.basis, cores.basis, sharedBytes.basis], [
      ...["extrapolated", "extrapolated", "extrapolated"],
      "exact",
    ]);
  }
  assertStringIncludes(small.measuredOn, "2 cores");
});

Deno.test("more traffic means more threads and cores, but no more than the machine has; what that costs is said", () => {
  assertEquals(planSizing({ agents: 10 }).options.threads, 1);
  const messageRate = 4.5e6 / MEASURED.messageCpuUs; // of four and a half cores
  const busy = planSizing({ agents: 1_000, messageRate });
  assert(busy.options.threads > 5 && busy.cores.value > busy.options.threads, JSON.stringify(busy.options));
  const bound = planSizing({ agents: 1_000, messageRate, cores: 4 });
  assertEquals(bound.options.threads, 3);
  assertStringIncludes(bound.notes.join(), "of 4 cores busy");
  assertStringIncludes(planSizing({ agents: 10, threads: 8, cores: 4 }).notes.join(), "8 worker threads and main share 4 cores");
  assertEquals(planSizing({ agents: 10, threads: 0 }).cores.value, 1);
});

Deno.test("agents that keep much need more threads, for a thread's heap is bounded", () => {
  const heavy = { agents: 100_000, stateBytes: 100_000 };
  assert(planSizing(heavy).options.threads >= 9);
  assertStringIncludes(planSizing({ ...heavy, threads: 2 }).notes.join(), "a thread's heap ends at 2048 MiB");
});

Deno.test("a hundred thousand agents and more meet bounds, which the plan names", () => {
  assertEquals(planSizing({ agents: 1_000 }).notes, []);
  const notes = planSizing({ agents: 100_000 }).notes.join("\n");
  for (const text of ["65536 asks", "16384 sends", "10000 tasks"]) assertStringIncludes(notes, text);
});

Deno.test("the shared memory grows with agents, threads and values, and every plan has a layout", () => {
  const few = planSizing({ agents: 1_000 }).options;
  assert(planSizing({ agents: 1_000_000 }).options.sharedBufferSize > few.sharedBufferSize);
  assert(planSizing({ agents: 1_000, threads: 15 }).options.sharedBufferSize > few.sharedBufferSize);
  assert(planSizing({ agents: 1_000, values: 100_000 }).options.memoryStoreSize > few.memoryStoreSize);
  const request = fc.record({
    agents: fc.integer({ min: 1, max: 1_000_000 }),
    threads: fc.integer({ min: 0, max: 15 }),
    messageRate: fc.integer({ min: 0, max: 2_000_000 }),
    values: fc.integer({ min: 0, max: 100_000 }),
  });
  fc.assert(
    fc.property(request, (asked) => {
      const { regions, sharedBytes, residentBytesMax } = planSizing(asked);
      assertEquals(regions.reduce((sum, { bytes }) => sum + bytes, 0) <= sharedBytes.value, true);
      assert(residentBytesMax.value > sharedBytes.value);
    }),
    { numRuns: 50 },
  );
});

Deno.test("bad input is refused with its field, its kind and its bounds", () => {
  const wrong: Record<string, unknown> = {
    agents: { agents: 0 },
    threads: { agents: 1, threads: 64 },
    messageRate: { agents: 1, messageRate: Infinity },
    valueBytes: { agents: 1, valueBytes: 2 ** 21 },
    keyBytes: { agents: 1, keyBytes: 1.5 },
    values: { agents: 1, values: -1 },
    stateBytes: { agents: 1, stateBytes: "4" },
    cores: { agents: 1, cores: 0 },
    agent: { agent: 1 },
    request: null,
  };
  for (const [field, request] of Object.entries(wrong)) {
    const error = assertThrows(() => planSizing(request as SizingRequest), Error, field);
    assert(isKernelError(error) && error.code === "INVALID_ARGUMENT", field);
  }
  assertThrows(() => planSizing({} as SizingRequest), Error, "say how many agents");
  assertThrows(() => planSizing({ agents: AGENTS_MAX + 1 }), Error, `1 to ${AGENTS_MAX}`);
});

Deno.test("what no kernel can hold is refused with the option that would have to give", () => {
  assertThrows(() => planSizing({ agents: 1, values: 2 ** 25, valueBytes: 1_000 }), ConfigError, "memoryStoreSize");
  assertThrows(
    () => planSizing({ agents: AGENTS_MAX, threads: 60, values: 700_000, valueBytes: 1_000 }),
    ConfigError,
    "sharedBufferSize",
  );
});
