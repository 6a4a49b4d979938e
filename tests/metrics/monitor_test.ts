import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type KernelConfig, parseConfig } from "../../core/base/config.ts";
import type { KernelOptions } from "../../core/base/options.ts";
import { type MetricsUpdate, Monitor } from "../../core/metrics/monitor.ts";
import { Figures } from "../support/figures.ts";
import { testWith } from "../support/permissions.ts";

interface Watched {
  figures: Figures;
  monitor: Monitor;
  told: { event: string; data: MetricsUpdate }[];
  config: KernelConfig;
}

function watch(options: KernelOptions = {}, emit?: (event: string) => void): Watched {
  const figures = new Figures();
  const config = parseConfig(options, 2);
  const told: Watched["told"] = [];
  const monitor = new Monitor({
    ...{ sources: figures, plan: config.monitoring, targets: config.targets },
    emit: (event, data) => {
      told.push({ event, data: data as MetricsUpdate });
      emit?.(event);
    },
  });
  return { figures, monitor, told, config };
}

Deno.test("one look an interval, each telling what happened since the last one", async () => {
  const { figures, monitor, told } = watch({ performanceValidationInterval: 500 });
  await monitor.start();
  figures.clock.advance(499);
  assertEquals(told, []);
  figures.spawn(2_000, 300);
  figures.processorMs = 100;
  figures.clock.advance(1);
  figures.spawn(9_000, 200);
  figures.handle(10, 1);
  figures.clock.advance(500);
  assertEquals(told.map(({ event }) => event), ["metrics:updated", "metrics:updated"]);
  const [first, second] = told.map(({ data }) => data);
  assertEquals([first.windowMs, first.cpuUsagePercent, first.memoryUsagePercent], [500, 10, 10]);
  assertEquals([second.window.spawnTime.samples, second.total.spawnTime.samples], [200, 500]);
  assertAlmostEquals(second.window.spawnTime.p50!, 9, 9 / 32);
  assertEquals([second.window.counts.delivered, second.window.counts.failed, second.cpuUsagePercent], [10, 1, 0]);
  await monitor.stop();
  figures.clock.advance(5_000);
  assertEquals(told.length, 2);
});

Deno.test("without monitoring nothing is told, and questions are answered all the same", async () => {
  const { figures, monitor, told } = watch({ enablePerformanceMonitoring: false });
  await monitor.start();
  figures.spawn(1_000, 200);
  figures.clock.advance(10_000);
  assertEquals(told, []);
  assertEquals(monitor.validate().spawnTimeP95.passing, true);
  assertEquals(monitor.uptimeMs, 10_000);
  await monitor.stop();
});

Deno.test("a listener that throws ends the look, not the looking, and cannot stop a shutdown", async () => {
  const { figures, monitor, told } = watch({}, () => {
    throw new Error("a listener's");
  });
  await monitor.start();
  for (let look = 1; look <= 3; look++) {
    assertThrows(() => figures.clock.advance(1_000), Error, "a listener's");
    assertEquals(told.length, look);
  }
  await monitor.stop();
});

Deno.test("targets are judged by all since the start: processor time over it, memory now, agents at their most", async () => {
  const { figures, monitor } = watch({ maxConcurrentAgents: 3 });
  assertEquals(monitor.validate().cpuUsagePercent, { target: 80, actual: null, passing: false, samples: 0 }); // no time has passed
  await monitor.start();
  figures.agents = 3;
  figures.processorMs = 1_600;
  figures.resident = 85;
  figures.clock.advance(1_000);
  figures.agents = 1;
  figures.resident = 84;
  figures.clock.advance(1_000);
  const { concurrentAgents, memoryUsagePercent, cpuUsagePercent } = monitor.validate();
  assertEquals([concurrentAgents.actual, concurrentAgents.passing], [3, true]);
  assertEquals([memoryUsagePercent.actual, memoryUsagePercent.passing], [84, true]);
  assertEquals([cpuUsagePercent.actual, cpuUsagePercent.passing], [40, true]);
  await monitor.stop();
});

testWith({ read: true, write: true }, "the log gets a line a look and one at the end, small enough for days of them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { figures, monitor } = watch({ metricsLog: `${folder}/log` });
    await monitor.start();
    figures.spawn(1_000, 2_000);
    figures.deliver(123_456, 2_000);
    figures.handle(123_456_789, 12_345);
    figures.clock.advance(2_000);
    figures.clock.advance(300);
    await monitor.stop();
    const lines = (await Deno.readTextFile(`${folder}/log`)).trimEnd().split("\n");
    assertEquals(lines.map((line) => (JSON.parse(line) as MetricsUpdate).windowMs), [1_000, 1_000, 300]);
    assert(Math.max(...lines.map((line) => line.length)) < 2_048);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
