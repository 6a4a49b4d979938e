import { assert, assertEquals } from "@std/assert";
import { parseConfig } from "../../core/base/config.ts";
import { ALERT_LOOKS_MAX } from "../../core/base/limits.ts";
import { type Alert, type AlertEvent, type AlertName, ALERTS, Alerts } from "../../core/metrics/alerts.ts";
import { takeMoment } from "../../core/metrics/moments.ts";
import { Figures } from "../support/figures.ts";

/** Alerts over figures that are set by hand; each look is a second later. */
class Scene {
  readonly figures = new Figures();
  readonly told: { event: AlertEvent; alert: Alert }[] = [];
  readonly alerts = new Alerts(
    parseConfig({}, 2).monitoring.alerts,
    this.figures.usage,
    takeMoment(this.figures),
    (event, alert) => this.told.push({ event, alert }),
  );

  /** What is told by the next look. */
  look(): { event: AlertEvent; alert: Alert }[] {
    this.figures.clock.advance(1_000);
    this.told.length = 0;
    this.alerts.look(takeMoment(this.figures));
    return [...this.told];
  }
}

/** For each alert: makes its figure so many times its threshold for a second. */
const CAUSES: Record<AlertName, (figures: Figures, times: number) => void> = {
  spawnTimeP95: (figures, times) => figures.spawn(100_000 * times, 200),
  communicationLatencyP95: (figures, times) => {
    figures.deliver(5_000 * times, 200);
    figures.deliver(1, 799); // too few for a 99th percentile, which would ring as well, and so many that a 95th is at the threshold's side
  },
  communicationLatencyP99: (figures, times) => {
    figures.deliver(10_000 * times, 20);
    figures.deliver(1, 1_180);
  },
  memoryUsagePercent: (figures, times) => figures.resident = 85 * times,
  cpuUsagePercent: (figures, times) => figures.processorMs += 2 * 800 * times,
  errorRatePercent: (figures, times) => figures.handle(1_000, Math.round(50 * times)),
};

for (const { name } of ALERTS) {
  Deno.test(`the alert ${name} is raised above its threshold, stays in between, and is cleared at nine tenths`, () => {
    const scene = new Scene();
    const after = (times: number): string[] => {
      CAUSES[name](scene.figures, times);
      return scene.look().map(({ event, alert }) => `${event} ${alert.name}`);
    };
    assertEquals(after(0.94), []);
    assertEquals(after(1.1), [`alert:raised ${name}`]);
    const { alert } = scene.told[0];
    assert(alert.actual! > alert.threshold && alert.windowMs === 1_000 && alert.samples > 0, Deno.inspect(alert));
    assertEquals([after(1.1), after(0.94), scene.alerts.raised], [[], [], [name]]);
    assertEquals(after(0.8), [`alert:cleared ${name}`]);
    assert(scene.told[0].alert.actual! <= scene.told[0].alert.clearsAt);
    assertEquals([after(0.94), scene.alerts.raised], [[], []]);
  });
}

Deno.test("a while goes on until it holds the samples that its figure needs", () => {
  const scene = new Scene();
  scene.figures.spawn(200_000, 150);
  assertEquals(scene.look(), []);
  scene.figures.spawn(200_000, 50);
  const [{ event, alert }] = scene.look();
  assertEquals([event, alert.samples, alert.windowMs], ["alert:raised", 200, 2_000]);
});

Deno.test("what was slow since the start does not ring for ever: only the last while counts", () => {
  const scene = new Scene();
  scene.figures.spawn(200_000, 100_000);
  assertEquals(scene.look().map(({ event }) => event), ["alert:raised"]);
  scene.figures.spawn(1_000, 200);
  assertEquals(scene.look().map(({ event }) => event), ["alert:cleared"]);
});

Deno.test("an alert for which nothing speaks any more is cleared, and says that nothing was measured", () => {
  const scene = new Scene();
  scene.figures.spawn(200_000, 200);
  scene.look();
  for (let look = 1; look < ALERT_LOOKS_MAX; look++) assertEquals(scene.look(), []);
  const [{ event, alert }] = scene.look();
  assertEquals([event, alert.actual, alert.samples], ["alert:cleared", null, 0]);
});
