/**
 * A scenario that went well, as measurements, for tests that spoil one figure of it.
 *
 * @module
 */
import type { NativeReport } from "../../core/memory/kernel_loader.ts";
import { Histogram } from "../../core/metrics/histogram.ts";
import { type Incident, type Measured, type Percentiles, percentilesOf, type ValidationResult } from "../../core/validation/result.ts";
import { planScenario, type ScenarioPlan, SCENARIOS } from "../../core/validation/scenarios.ts";
import { judge } from "../../core/validation/targets.ts";

const MIB = 1024 * 1024;

/** The baseline's plan: 100 agents, 60 s. */
export function samplePlan(): ScenarioPlan {
  return planScenario(SCENARIOS[0]);
}

/** `samples` durations of `us` each. */
export function sampleTimes(us: number, samples = 1_000): Percentiles {
  const histogram = Histogram.private();
  for (let i = 0; i < samples; i++) histogram.record(us);
  return percentilesOf(histogram);
}

/** A thread that died and was replaced, with nothing lost. */
export function sampleIncident(): Incident {
  return {
    ...{ atMs: 1_234, host: 1, why: "it exited with code 3", agentsMoved: 50, agentsLost: 0, messagesMoved: 7, messagesInterrupted: 1 },
    durationMs: 42.4,
  };
}

/** Measurements of the baseline in which every target is met. */
export function sampleMeasured(): Measured {
  const plan = samplePlan();
  const messages = plan.messagesPerSecond * 60;
  return {
    ...{ durationMs: 60_000, threads: 2, oversubscribed: false, incidents: [], notMeasured: {} },
    metrics: {
      spawnTime: sampleTimes(800),
      communicationLatency: sampleTimes(120),
      taskTime: sampleTimes(300),
      storeTime: sampleTimes(2),
      generatorLag: sampleTimes(10),
      throughput: {
        ...{ agentSpawnsPerSecond: 200, messagesPerSecond: 10_000, offeredMessagesPerSecond: 10_000 },
        ...{ tasksPerSecond: 100, storeOperationsPerSecond: 1_250 },
      },
      stability: { memoryUsage: 12, cpuUsage: 30, generatorCpuUsage: 5, errorRate: 0 },
      concurrentAgents: { target: 100, minimum: 100, maximum: 110 },
      agents: { spawned: 12_100, started: 12_100, churnScheduled: 12_000, churned: 12_000, restarted: 0 },
      messages: {
        ...{ scheduled: messages, sent: messages, delivered: messages, deadLettered: 0, expired: 0, shed: 0, inFlight: 0, lost: 0 },
        ...{ crossThread: messages * 0.6, received: messages, damaged: 0 },
      },
      team: { asked: 9_375, correct: 9_375, wrong: 0, interrupted: 0 },
      clock: { negatives: 0 },
      memory: {
        ...{ rssBytesStart: 80 * MIB, rssBytesPeak: 240 * MIB, rssBytesEnd: 90 * MIB },
        regions: [
          { name: "queues", usedBytes: MIB, capacityBytes: 64 * MIB },
          { name: "agents", usedBytes: MIB, capacityBytes: 32 * MIB },
          { name: "slabs", usedBytes: MIB, capacityBytes: 20 * MIB },
          { name: "store", usedBytes: MIB, capacityBytes: 64 * MIB },
        ],
      },
      cleanup: { agentsLeft: 0, slotsInUse: 0, ringBytesInUse: 0, slabsInUse: 0, clean: true },
    },
  };
}

/** The judged result of measurements. */
export function sampleResult(measured: Measured = sampleMeasured(), scenario: string = samplePlan().name): ValidationResult {
  const { targets, violations } = judge(measured, samplePlan());
  return { scenario, success: violations.length === 0, ...measured, targets, violations, recommendations: [] };
}

const IN_TYPESCRIPT = { runs: "portable", unit: "bytes", from: null, why: "no library is in use" } as const;

/** What a run without the library reports of its loops. */
export const SAMPLE_LOOPS: NativeReport = {
  ...{ mode: "portable", why: "not built", library: null },
  loops: { crc32c: IN_TYPESCRIPT, hash: IN_TYPESCRIPT, gather: { ...IN_TYPESCRIPT, unit: "ranges" } },
};
