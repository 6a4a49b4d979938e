/** Whoever attacks also chooses the keys, and somebody always listens badly: neither may keep an incident from being answered. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock } from "../../core/testing.ts";
import { CommandEffector } from "../../core/threats/command_effector.ts";
import { MemoryEffector } from "../../core/threats/effector.ts";
import { DEFAULT_PATTERNS, registerResponseActions } from "../../core/threats/playbooks.ts";
import { ThreatResponseEngine, type ThreatResponseOptions } from "../../core/threats/threat_response.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";

const SCAN = { event_type: "port_scan", severity: "high", source_ip: "203.0.113.7" };

function open(options: ThreatResponseOptions = {}): { clock: FakeClock; threats: ThreatResponseEngine; effector: MemoryEffector } {
  const clock = new FakeClock(1_000_000);
  const runner = new OrchestrationEngine({ clock });
  const effector = new MemoryEffector();
  const threats = new ThreatResponseEngine({ clock, runner, effector, ...options });
  registerResponseActions(runner, () => threats.effector);
  return { clock, threats, effector };
}

Deno.test("an incident is answered though whoever hears of it throws", async () => {
  const { threats, effector } = open({
    onIncident: () => {
      throw new Error("bad listener");
    },
  });
  for (const pattern of DEFAULT_PATTERNS) threats.register(pattern);
  threats.register({ id: "second", match: { event_type: "port_scan" }, severity: "LOW" });
  await assertRejects(() => threats.handle(SCAN), Error, "bad listener");
  await threats.settled();
  assertEquals(threats.history().map(({ patternId, state }) => [patternId, state]), [["second", "open"], ["port_scan", "answered"]]);
  assertEquals(effector.stands("block_source", "203.0.113.7"), true);
});

Deno.test("a playbook that is undone leaves what another incident had done", async () => {
  const { clock, threats, effector } = open();
  for (const pattern of DEFAULT_PATTERNS) threats.register(pattern);
  await threats.handle(SCAN);
  await threats.settled();
  threats.effector = {
    take: (measure, target, details) => measure === "notify" ? Promise.reject(noRetry) : effector.take(measure, target, details),
    lift: (measure, target) => effector.lift(measure, target),
  };
  const noRetry = Object.assign(new Error("no mail"), { retryable: false });
  clock.advance(300_000); // cooled down, to the millisecond
  const again = await threats.handle(SCAN);
  await threats.settled();
  assertEquals([again?.state, effector.stands("block_source", "203.0.113.7")], ["failed", true]);
});

Deno.test("a pattern that was removed has forgotten whom it met", async () => {
  const { threats } = open();
  const pattern = { id: "p", match: { event_type: "x" }, key: "who", severity: "LOW" } as const;
  threats.register(pattern);
  threats.register({ ...pattern, id: "pp" });
  const event = { event_type: "x", who: "ann" };
  await threats.handle(event);
  threats.unregister("p");
  threats.register(pattern);
  assertEquals((await threats.handle(event))?.patternId, "p");
  assertEquals(threats.stats.suppressed, 1); // of the other
});

Deno.test("one with a long name is counted like the others", async () => {
  const { threats } = open();
  threats.register({ id: "p", match: { event_type: "x" }, count: 3, window: 1_000, key: "who", severity: "LOW" });
  const event = { event_type: "x", who: "a".repeat(100_000) };
  assertEquals([await threats.handle(event), await threats.handle(event)], [null, null]);
  assertEquals((await threats.handle(event))?.key, "a".repeat(256));
});

Deno.test("a window below what a clock can tell is refused", () => {
  const { threats } = open();
  const pattern = { id: "p", match: { event_type: "x" }, count: 3, window: 0.0005, severity: "LOW" } as const;
  assertThrows(() => threats.register(pattern), Error, "pattern.window");
});

Deno.test("what a target may look like is asked of each target anew", async () => {
  const effector = new CommandEffector({ commands: { notify: { take: ["true", "{target}"], target: /[a-z]+/g } } });
  for (const target of ["ann", "bob"]) await effector.take("notify", target);
  assertEquals(effector.records.length, 2);
});
