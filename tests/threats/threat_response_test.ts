/** The threat engine on a fake clock: what opens an incident and what does not, in which order they are answered, how the level rises and falls. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeClock } from "../../core/testing.ts";
import type { ThreatEvent } from "../../core/threats/event_match.ts";
import type { PlaybookRunner } from "../../core/threats/playbook_runner.ts";
import { DEFAULT_PATTERNS } from "../../core/threats/playbooks.ts";
import { ThreatResponseEngine, type ThreatResponseOptions } from "../../core/threats/threat_response.ts";
import type { ThreatResponsePattern } from "../../core/threats/threat_pattern.ts";

/** A runner whose playbooks end when they are told to. */
function runner(): PlaybookRunner & { readonly started: string[]; end(state?: string): void } {
  const ends: ((ended: { state: string }) => void)[] = [];
  const started: string[] = [];
  return {
    started,
    start: (workflow) => {
      started.push(workflow.id);
      const { promise, resolve } = Promise.withResolvers<{ state: string }>();
      ends.push(resolve);
      return Promise.resolve({ id: `execution-${started.length}`, result: () => promise });
    },
    end: (state = "COMPLETED") => ends.splice(0).forEach((resolve) => resolve({ state })),
  };
}

function open(
  patterns: readonly ThreatResponsePattern[],
  options: ThreatResponseOptions = {},
): { clock: FakeClock; engine: ThreatResponseEngine } {
  const clock = new FakeClock(1_000_000);
  const engine = new ThreatResponseEngine({ clock, ...options });
  for (const pattern of patterns) engine.register(pattern);
  return { clock, engine };
}

const login = (source_ip: string, more: Record<string, unknown> = {}): ThreatEvent => ({ event_type: "failed_auth", source_ip, ...more });
const playbook = (id: string): ThreatResponsePattern["playbook"] => ({ id, steps: [{ id: "a", action: "a" }] });

Deno.test("brute force: the fifth failed login of one address within 300 s, not the fourth, not of two addresses, not in 301 s", async () => {
  const { clock, engine } = open(DEFAULT_PATTERNS);
  for (let count = 1; count <= 4; count++) assertEquals(await engine.handle(login("203.0.113.7")), null);
  assertEquals(await engine.handle(login("203.0.113.8")), null);
  const incident = await engine.handle(login("203.0.113.7"));
  assertEquals([incident?.patternId, incident?.severity, incident?.key, incident?.count], ["brute_force", "HIGH", "203.0.113.7", 5]);
  for (let count = 1; count <= 5; count++) {
    assertEquals(await engine.handle(login("198.51.100.1")), null);
    clock.advance(75_001);
  }
});

Deno.test("brute force: one event that tells of five attempts is enough, four are not; once per cool-down, then worse", async () => {
  const { clock, engine } = open(DEFAULT_PATTERNS);
  assertEquals(await engine.handle(login("203.0.113.7", { failed_attempts: 4 })), null);
  const first = await engine.handle(login("203.0.113.7", { failed_attempts: 9 }));
  assertEquals(first?.severity, "HIGH");
  assertEquals(await engine.handle(login("203.0.113.7", { failed_attempts: 9 })), null);
  assertEquals([first?.repetitions, engine.stats.suppressed], [1, 1]);
  clock.advance(300_000);
  assertEquals((await engine.handle(login("203.0.113.7", { failed_attempts: 9 })))?.severity, "CRITICAL");
  clock.advance(300_000);
  assertEquals((await engine.handle(login("203.0.113.7", { failed_attempts: 9 })))?.severity, "CATASTROPHIC");
  clock.advance(3_600_000);
  assertEquals((await engine.handle(login("203.0.113.7", { failed_attempts: 9 })))?.severity, "HIGH");
});

Deno.test("handle resolves when the playbook has started, and the incident goes on to its end", async () => {
  const run = runner();
  const { engine } = open(DEFAULT_PATTERNS, { runner: run });
  const incident = await engine.handle({ event_type: "port_scan", severity: "high", source_ip: "203.0.113.7" });
  assertEquals([run.started, incident?.state, incident?.execution?.id], [["port_scan_response"], "responding", "execution-1"]);
  run.end();
  await engine.settled();
  assertEquals(incident?.state, "answered");
  assertEquals(incident?.timeline.map(({ what }) => what), [
    "found in 1 events",
    "port_scan_response has started as execution-1",
    "port_scan_response has ended COMPLETED",
  ]);
});

Deno.test("a playbook that fails, or cannot be started, is told by the incident", async () => {
  const run = runner();
  const { engine } = open([{ id: "x", match: { event_type: "x" }, severity: "LOW", playbook: playbook("p"), cooldownMs: 0 }], {
    runner: run,
  });
  const failed = await engine.handle({ event_type: "x" });
  run.end("ROLLED_BACK");
  await engine.settled();
  assertEquals(failed?.state, "failed");
  const broken = open([{ id: "x", match: { event_type: "x" }, severity: "LOW", playbook: playbook("p") }], {
    runner: { start: () => Promise.reject(new Error("no such action")) },
  });
  const incident = await broken.engine.handle({ event_type: "x" });
  assertEquals([incident?.state, (incident?.error as Error).message], ["failed", "no such action"]);
});

Deno.test("of several patterns that one event fulfils the worst is answered first", async () => {
  const run = runner();
  const pattern = (id: string, severity: ThreatResponsePattern["severity"]): ThreatResponsePattern => ({
    ...{ id, severity, match: { event_type: "x" }, playbook: playbook(id) },
  });
  const { engine } = open([pattern("low", "LOW"), pattern("critical", "CRITICAL"), pattern("medium", "MEDIUM")], { runner: run });
  assertEquals((await engine.handle({ event_type: "x" }))?.patternId, "critical");
  assertEquals(run.started, ["critical", "medium", "low"]);
  run.end();
  await engine.settled();
});

Deno.test("playbooks beyond those that may run wait, worst first; those beyond are said to be unanswered", async () => {
  const run = runner();
  const pattern = (severity: "LOW" | "HIGH"): ThreatResponsePattern => ({
    ...{ id: severity, severity, match: { event_type: severity }, key: "key", playbook: playbook(severity) },
  });
  const { engine } = open([pattern("LOW"), pattern("HIGH")], { runner: run });
  const handled = Array.from({ length: 512 }, (_unused, key) => engine.handle({ event_type: "LOW", key }));
  handled.push(engine.handle({ event_type: "HIGH", key: 1 }));
  await handled[511];
  assertEquals([engine.stats.running, engine.stats.waiting, engine.stats.unanswered], [256, 256, 1]);
  assertEquals((await handled[511])?.state, "unanswered");
  run.end();
  await handled[512];
  assertEquals(run.started[256], "HIGH");
  while (engine.stats.running > 0) {
    run.end();
    await Promise.resolve();
  }
  assertEquals((await Promise.all(handled)).filter((incident) => incident?.execution !== undefined).length, 512);
});

Deno.test("the level is that of the worst, one more after three of it, and falls a step each quiet while", async () => {
  const { clock, engine } = open([{ id: "h", match: { event_type: "h" }, key: "k", severity: "HIGH" }], { decayMs: 1_000 });
  assertEquals(engine.level, "NONE");
  for (const k of ["a", "b"]) await engine.handle({ event_type: "h", k });
  assertEquals(engine.level, "HIGH");
  await engine.handle({ event_type: "h", k: "c" });
  assertEquals(engine.level, "CRITICAL");
  clock.advance(1_000);
  assertEquals(engine.level, "HIGH");
  clock.advance(2_500);
  assertEquals(engine.level, "LOW");
  clock.advance(10_000);
  assertEquals(engine.level, "NONE");
});

Deno.test("a dry run says whom a pattern would have met, and does nothing", async () => {
  const run = runner();
  const { clock, engine } = open([], { runner: { ...run, effectOf: () => "irreversible" } });
  for (const address of ["a", "b", "a", "c"]) {
    await engine.handle(login(address));
    clock.advance(1_000);
  }
  const report = engine.dryRun({
    id: "one",
    match: { event_type: "failed_auth" },
    key: "source_ip",
    severity: "HIGH",
    playbook: playbook("p"),
  });
  assertEquals([report.events, report.incidents, report.keys], [4, 3, ["a", "b", "c"]]);
  assertEquals([report.irreversible, run.started, engine.history()], [["a"], [], []]);
});

Deno.test("a dry pattern opens incidents that say what would have been done", async () => {
  const run = runner();
  const { engine } = open([{ id: "x", match: { event_type: "x" }, severity: "LOW", playbook: playbook("p"), dryRun: true }], {
    runner: run,
  });
  const incident = await engine.handle({ event_type: "x" });
  assertEquals([incident?.state, incident?.plan?.steps.map(({ id }) => id), run.started], ["dry", ["a"], []]);
});

Deno.test("a forecast opens a dry incident before the count is reached, and the real one follows", async () => {
  const run = runner();
  const { clock, engine } = open([{
    ...{ id: "x", match: { event_type: "x" }, count: 100, window: 60_000, severity: "HIGH", playbook: playbook("p"), forecastMs: 15_000 },
  }], { runner: run });
  const opened: string[] = [];
  for (let gap = 4_000; opened.length < 2; gap = Math.max(20, gap * 0.93)) {
    const incident = await engine.handle({ event_type: "x" });
    if (incident !== null) opened.push(`${incident.isForecast} ${incident.state}`);
    clock.advance(gap);
  }
  assertEquals(opened, ["true dry", "false responding"]);
  assertEquals([engine.stats.forecasts, engine.stats.forecastsTrue], [1, 1]);
  run.end();
  await engine.settled();
});

Deno.test("anomalies are learnt for each key apart", async () => {
  const { engine } = open([{
    id: "x",
    match: { event_type: "x", bytes: { $anomalous: true } },
    key: "host",
    severity: "LOW",
    cooldownMs: 0,
  }]);
  for (let at = 0; at < 100; at++) {
    assertEquals(await engine.handle({ event_type: "x", host: "small", bytes: 10 + at % 3 }), null);
    assertEquals(await engine.handle({ event_type: "x", host: "large", bytes: 1_000 + at % 3 }), null);
  }
  assertEquals((await engine.handle({ event_type: "x", host: "small", bytes: 1_000 }))?.key, "small");
  assertEquals(await engine.handle({ event_type: "x", host: "large", bytes: 1_000 }), null);
});

Deno.test("history is found by pattern, key, severity, state and time, newest first", async () => {
  const { clock, engine } = open([
    { id: "a", match: { event_type: "a" }, key: "k", severity: "LOW" },
    { id: "b", match: { event_type: "b" }, severity: "HIGH" },
  ]);
  await engine.handle({ event_type: "a", k: "1" });
  clock.advance(10);
  await engine.handle({ event_type: "a", k: "2" });
  clock.advance(10);
  await engine.handle({ event_type: "b" });
  const keys = (query: Parameters<typeof engine.history>[0]): string[] =>
    engine.history(query).map(({ patternId, key }) => patternId + key);
  assertEquals(keys({}), ["b", "a2", "a1"]);
  assertEquals(keys({ patternId: "a" }), ["a2", "a1"]);
  assertEquals(keys({ key: "1" }), ["a1"]);
  assertEquals(keys({ severity: "MEDIUM" }), ["b"]);
  assertEquals(keys({ since: 1_000_010 }), ["b", "a2"]);
  assertEquals(keys({ state: "answered" }), []);
  assertEquals(keys({ limit: 1 }), ["b"]);
  assertThrows(() => engine.history({ limit: 0 }), Error, "limit");
});

Deno.test("any number of keys is survived, and those that gave way are counted", async () => {
  const { engine } = open([{ id: "x", match: { event_type: "x" }, count: 2, window: 1_000, key: "k", severity: "LOW" }]);
  for (let k = 0; k < 20_000; k++) await engine.handle({ event_type: "x", k: `k${k}` });
  assertEquals(engine.stats.keysForgotten, 20_000 - 16_384);
  assertEquals((await engine.handle({ event_type: "x", k: "k19999" }))?.key, "k19999");
});

Deno.test("what is no event, and what is no pattern, is refused with the path to the field", async () => {
  const { engine } = open(DEFAULT_PATTERNS);
  for (const event of [null, "x", [], {}, { event_type: 5 }, { event_type: "" }, { event_type: "x".repeat(257) }]) {
    await assertRejects(() => engine.handle(event as ThreatEvent), Error, "event");
  }
  const good: ThreatResponsePattern = { id: "x", match: { event_type: "x" }, severity: "LOW" };
  const mistakes: [Record<string, unknown>, string][] = [
    [{ id: "" }, "pattern.id"],
    [{ id: "brute_force" }, "pattern.id"],
    [{ severity: "BAD" }, "pattern.severity"],
    [{ severity: "NONE" }, "pattern.severity"],
    [{ count: 5 }, "pattern.window"],
    [{ count: 0 }, "pattern.count"],
    [{ count: 2, window: -1 }, "pattern.window"],
    [{ cooldownMs: NaN }, "pattern.cooldownMs"],
    [{ key: 5 }, "pattern.key"],
    [{ dryRun: "yes" }, "pattern.dryRun"],
    [{ or: [{ match: { a: { $x: 1 } } }] }, "pattern.or[0].match.a.$x"],
    [{ windw: 5 }, "pattern.windw"],
  ];
  for (const [change, text] of mistakes) {
    assertThrows(() => engine.register({ ...good, ...change } as ThreatResponsePattern), Error, text);
  }
  assertEquals(engine.patterns().length, 3);
});

Deno.test("hostile events disturb nobody", async () => {
  const { engine } = open(DEFAULT_PATTERNS);
  const hostile: Record<string, unknown>[] = [
    JSON.parse('{"event_type": "failed_auth", "__proto__": {"source_ip": "x"}}'),
    { event_type: "failed_auth", source_ip: "y".repeat(100_000) },
    { event_type: "failed_auth", failed_attempts: NaN },
    { event_type: "__proto__" },
    { event_type: "constructor", source_ip: {} },
    { event_type: "failed_auth", timestamp: -1e300, source_ip: null },
  ];
  for (const event of hostile) assertEquals(await engine.handle(event as ThreatEvent), null);
  for (let count = 1; count <= 4; count++) await engine.handle(login("203.0.113.7"));
  assertEquals((await engine.handle(login("203.0.113.7")))?.key, "203.0.113.7");
});

Deno.test("patterns of other event types are not looked at", async () => {
  const { engine } = open([]);
  let reads = 0;
  const event = {
    event_type: "wanted",
    get probe() {
      return ++reads;
    },
  }; // deno-fmt-ignore
  for (let at = 0; at < 1_000; at++) engine.register({ id: `p${at}`, match: { event_type: `other${at}`, probe: -1 }, severity: "LOW" });
  engine.register({ id: "one", match: { event_type: "wanted", probe: -1 }, severity: "LOW" });
  await engine.handle(event);
  assertEquals(reads, 1);
  assert(engine.unregister("one") && !engine.unregister("one"));
  await engine.handle(event);
  assertEquals(reads, 1);
});
