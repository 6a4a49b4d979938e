import { assertEquals, assertThrows } from "@std/assert";
import { parseConfig } from "../../core/base/config.ts";
import { ConfigError } from "../../core/base/errors.ts";
import type { KernelOptions } from "../../core/base/options.ts";

/** "Production Configuration" of the owner's document, word for word. */
const SEED: KernelOptions = {
  maxSpawnTimeMs: 100,
  maxCommunicationLatencyMs: 5,
  maxConcurrentAgents: 10000,
  sharedBufferSize: 128 * 1024 * 1024, // 128MB
  messagePoolSize: 50000,
  eventBusWorkers: 8,
  executorConcurrency: 20,
  memoryStoreSize: 64 * 1024 * 1024, // 64MB
  agentPoolConfig: {
    preWarmPools: { coder: 10, researcher: 5, analyst: 5, tester: 8, reviewer: 5 },
    dynamicScaling: true,
    scaleUpThreshold: 0.8,
    scaleDownThreshold: 0.3,
  },
  enablePerformanceMonitoring: true,
  performanceValidationInterval: 1000,
  alertThresholds: { spawnTimeP95: 100, communicationLatencyP95: 5, memoryUsagePercent: 85, cpuUsagePercent: 80 },
};

Deno.test("the document's production configuration is what one gets without options, but for its pools", () => {
  const { warmPools, ...rest } = parseConfig(SEED, 16);
  const { warmPools: none, ...defaults } = parseConfig({}, 16);
  assertEquals(rest, defaults);
  assertEquals({ ...none }, {});
  assertEquals(Object.keys(warmPools), ["coder", "researcher", "analyst", "tester", "reviewer"]);
  const coder = { sizeMin: 10, sizeMax: 40, growAtShare: 0.8, shrinkAtShare: 0.3, cooldownMs: 5_000, dynamic: true };
  assertEquals(warmPools.coder, coder);
});

Deno.test("threads: eventBusWorkers and the cores bound their default, and nothing else", () => {
  const threads = (options: KernelOptions, cores: number): number => parseConfig(options, cores).threads;
  assertEquals([threads({}, 1), threads({}, 2), threads({}, 4), threads({}, 64)], [1, 1, 3, 8]);
  assertEquals([threads({ eventBusWorkers: 2 }, 64), threads({ eventBusWorkers: 2, threads: 12 }, 4), threads({ threads: 0 }, 4)], [
    2,
    12,
    0,
  ]);
});

Deno.test("a pool's own bounds and thresholds win over the general ones; a plain 0 keeps nothing", () => {
  const { warmPools } = parseConfig({
    agentPoolConfig: {
      preWarmPools: { own: { minSize: 2, maxSize: 9, scaleUpThreshold: 0.9 }, idle: 0, "__proto__": 1 },
      scaleDownThreshold: 0.1,
      cooldownMs: 70,
    },
  }, 2);
  assertEquals(warmPools.own, { sizeMin: 2, sizeMax: 9, growAtShare: 0.9, shrinkAtShare: 0.1, cooldownMs: 70, dynamic: true });
  assertEquals([warmPools.idle.sizeMin, warmPools.idle.dynamic], [0, false]);
});

Deno.test("alerts begin at the targets unless they are set", () => {
  const levels = (options: KernelOptions) => parseConfig(options, 2).monitoring.alerts;
  const { spawnP95Ms, deliveryP95Ms, deliveryP99Ms } = levels({ maxSpawnTimeMs: 7, maxCommunicationLatencyMs: 3 });
  assertEquals([spawnP95Ms, deliveryP95Ms, deliveryP99Ms], [7, 3, 6]);
  const set = levels({ maxSpawnTimeMs: 7, alertThresholds: { spawnTimeP95: 50, communicationLatencyP99: 60, errorRatePercent: 2 } });
  assertEquals([set.spawnP95Ms, set.deliveryP95Ms, set.deliveryP99Ms, set.errorPercent], [50, 5, 60, 2]);
});

Deno.test("what cannot be used is refused by its path, with what was given and what is accepted", () => {
  const pools = (pool: unknown) => ({ agentPoolConfig: { preWarmPools: { coder: pool } } });
  const bad: [Record<string, unknown>, ...string[]][] = [
    [{ maxSpawnTime: 1 }, "maxSpawnTime: no such option; known: threads, eventBusWorkers"],
    [{ agentPoolConfig: { preWarm: {} } }, "agentPoolConfig.preWarm: no such option; known: preWarmPools, dynamicScaling"],
    [{ alertThresholds: { spawnTimeP99: 1 } }, "alertThresholds.spawnTimeP99: no such option; known: spawnTimeP95"],
    [pools({ minSize: 1, maxSize: 2, size: 3 }), "agentPoolConfig.preWarmPools.coder.size: no such option; known: minSize, maxSize"],
    [pools({ minSize: 1 }), "agentPoolConfig.preWarmPools.coder.maxSize: is undefined"],
    [pools({ minSize: 3, maxSize: 2 }), "agentPoolConfig.preWarmPools.coder.minSize: is 3; at most maxSize (2)"],
    [
      pools({ minSize: 1, maxSize: 2, scaleDownThreshold: 0.9 }),
      "coder.scaleDownThreshold: is 0.9; it must be below scaleUpThreshold (0.8)",
    ],
    [pools(-1), "agentPoolConfig.preWarmPools.coder: is the number -1"],
    [pools("many"), 'agentPoolConfig.preWarmPools.coder: is the string "many"'],
    [{ agentPoolConfig: { scaleUpThreshold: 0.2 } }, "agentPoolConfig.scaleDownThreshold: is 0.3; it must be below scaleUpThreshold (0.2)"],
    [{ metricsLog: 7 }, "metricsLog: is the number 7"],
    [{ metricsLog: { path: "a", filesMax: 0 } }, "metricsLog.filesMax: is the number 0"],
    [{ metricsLog: "a", enablePerformanceMonitoring: false }, "metricsLog: is set while enablePerformanceMonitoring is false"],
    [{ persistence: "a" }, "persistence: is the string"],
    [{ persistence: {} }, "persistence.path: is undefined"],
    [{ persistence: { path: "a", mode: "fast" } }, "persistence.mode: is the string"],
    [{ persistence: { path: "a", intervalMs: 1 } }, "persistence.intervalMs: is the number 1", ">=10"],
    [{ performanceValidationInterval: 1 }, "performanceValidationInterval: is the number 1", ">=10"],
    [{ messagePoolSize: 63 }, "messagePoolSize: is the number 63", ">=64"],
    [{ alertThresholds: { memoryUsagePercent: 101 } }, "alertThresholds.memoryUsagePercent: is the number 101"],
  ];
  for (const [options, ...texts] of bad) {
    for (const text of texts) assertThrows(() => parseConfig(options as KernelOptions, 2), ConfigError, text);
  }
});
