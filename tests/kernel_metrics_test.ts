import { assert, assertEquals } from "@std/assert";
import { type MetricSeries, prometheusText, UltraFastAgentManager } from "../mod.ts";
import { behaviorUrl } from "./support/behaviors.ts";

const counting = behaviorUrl(
  `onMessage(message, ctx) {
     const { metrics } = ctx;
     metrics.counter("messages_total", { parity: message.payload % 2 }).add();
     metrics.gauge("agents_busy").add(1);
     metrics.histogram("size").record(message.payload);
     ctx.reply(ctx.host);
   }`,
);

Deno.test("what behaviors count on several threads is added up on the main one, beside the kernel's own counts", async () => {
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { counting } });
  await manager.initialize();
  const agents = await Promise.all([0, 1, 2].map((host) => manager.spawnAgent("counting", { host })));
  const hosts = await Promise.all(Array.from({ length: 300 }, (_, number) => manager.ask<number>(agents[number % 3], number)));
  assertEquals(new Set(hosts), new Set([0, 1, 2]));
  const series = await manager.metrics();
  const find = (name: string, parity?: string): MetricSeries =>
    series.find((one) => one.name === name && one.labels.parity === parity) ?? { kind: "gauge", name, labels: {}, value: NaN };
  assertEquals([find("messages_total", "0").value, find("messages_total", "1").value, find("agents_busy").value], [150, 150, 300]);
  assertEquals([find("size").value, find("size").max], [300, 299]);
  assertEquals([find("kernel_delivered_total").value, find("kernel_agents").value], [600, 3]);
  const text = prometheusText(series);
  assert(text.includes('messages_total{parity="1"} 150\n') && text.includes("# TYPE kernel_delivery_us summary\n"), text);
});
