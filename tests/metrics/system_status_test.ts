import { assert, assertEquals } from "@std/assert";
import { loadKernels } from "../../core/memory/kernel_loader.ts";
import type { PersistenceStatus, RecoveryReport } from "../../core/memory/persistence.ts";
import { STATUS_TABLE, type StatusFacts, systemStatus } from "../../core/metrics/system_status.ts";
import { FakeClock } from "../../core/testing.ts";

const WELL: StatusFacts = {
  threads: { configured: 4, running: 4 },
  placement: { nodes: 1, assumed: null, affinity: null },
  agents: { live: 10, max: 100, warm: {}, isolated: { worker: 0, process: 0 } },
  memory: {
    ...{ residentBytes: 10, budgetBytes: 100, budgetUnknown: [], usedPercent: 10 },
    regions: [{ name: "store", usedBytes: 10, capacityBytes: 100 }, { name: "slabs", usedBytes: 0, capacityBytes: 100 }],
  },
  native: loadKernels({ enabled: false, library: null }, new FakeClock()).report(),
  ...{ alerts: [], metricsLogFailure: null, uptimeMs: 1 },
  ...{ alerts: [], metricsLogFailure: null, uptimeMs: 1, persistence: null, recovery: null },
};
const KEPT: PersistenceStatus = { mode: "portable", path: "state", failure: null, flushes: 1, bytes: 64 };
const RECOVERED: RecoveryReport = {
  ...{ mode: "portable", path: "state", found: true, sync: "fdatasync", bytes: 64, cut: null, agents: [], notes: [], durationMs: 1 },
  recovered: { entries: 1, queues: 0, messages: 0, agents: 0 },
  lost: { places: 0, records: 0, sequences: [], refused: 0 },
};

const region = (name: string, usedBytes: number): Partial<StatusFacts> => ({
  memory: { ...WELL.memory, regions: [{ name, usedBytes, capacityBytes: 100 }] },
});
const used = (usedPercent: number): Partial<StatusFacts> => ({ memory: { ...WELL.memory, usedPercent } });
const agents = (live: number): Partial<StatusFacts> => ({ agents: { ...WELL.agents, live } });
const running = (count: number): Partial<StatusFacts> => ({ threads: { configured: 4, running: count } });

/** For each row of the table: what leaves it be, what degrades it, what makes it critical if anything does. */
const CASES: Record<string, [well: Partial<StatusFacts>, degraded: Partial<StatusFacts>, critical: Partial<StatusFacts> | null]> = {
  threadsLost: [{ threads: { configured: 0, running: 0 } }, running(3), running(0)],
  memoryUsage: [used(84.9), used(85), used(95)],
  agents: [agents(89), agents(90), agents(100)],
  store: [region("store", 84), region("store", 85), region("store", 95)],
  slabs: [region("slabs", 84), region("slabs", 100), null],
  alertsRaised: [{}, { alerts: ["spawnTimeP95", "cpuUsagePercent"] }, null],
  metricsLog: [{}, { metricsLogFailure: "disk full" }, null],
  persistence: [{ persistence: KEPT }, { persistence: { ...KEPT, failure: "disk full" } }, null],
  recovery: [{ recovery: RECOVERED }, { recovery: { ...RECOVERED, lost: { places: 1, records: 9, sequences: [4], refused: 0 } } }, null],
};

for (const { name, criticalAt } of STATUS_TABLE) {
  Deno.test(`the status row ${name} is reached at each of its levels`, () => {
    const [well, degraded, critical] = CASES[name];
    assertEquals([systemStatus({ ...WELL, ...well }).status, critical === null], ["operational", criticalAt === null]);
    for (const [level, facts] of [["degraded", degraded], ["critical", critical]] as const) {
      if (facts === null) continue;
      const { status, reasons } = systemStatus({ ...WELL, ...facts });
      assertEquals([status, reasons.map((reason) => reason.name)], [level, [name]]);
      assert(reasons[0].actual >= reasons[0].threshold && reasons[0].text.includes(level));
    }
  });
}

Deno.test("the worst reason gives the word, and all of them are told", () => {
  const { status, reasons, native, permissions } = systemStatus({ ...WELL, ...agents(90), ...running(0) });
  assertEquals([status, reasons.map(({ level }) => level)], ["critical", ["critical", "degraded"]]);
  assertEquals(native.mode, "portable");
  assertEquals(permissions.ffi, Deno.permissions.querySync({ name: "ffi" }).state);
});
