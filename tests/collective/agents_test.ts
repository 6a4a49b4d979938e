/** What each of the collective does, beyond its golden command. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { examine } from "../../core/collective/malware.ts";
import { bandOf, type RiskBand, SourceRecord } from "../../core/collective/risk.ts";
import { SlidingSum } from "../../core/collective/sliding_sum.ts";
import { UsualFlow } from "../../core/collective/stream.ts";
import { codeOf, Collective } from "../support/collective_parts.ts";

const IP = "203.0.113.7";

Deno.test("a sliding sum forgets what is older than its window, also after a long silence", () => {
  const sum = new SlidingSum(1_000);
  assertEquals([sum.add(1, 0), sum.add(2, 500), sum.at(999)], [1, 3, 3]);
  assertEquals([sum.at(1_050), sum.at(1_450), sum.at(1_550), sum.add(5, 1e9)], [2, 2, 0, 5]);
});

Deno.test("every severity band is reached by the pattern that the document gives it, and left when its window is over", () => {
  const cases: [
    pattern: string,
    band: RiskBand,
    fill: (source: SourceRecord, count: number) => void,
    threshold: number,
    windowMs: number,
  ][] = [
    [
      "port_scan",
      "medium",
      (source, count) => {
        for (let port = 0; port < count; port++) source.add({ event_type: "connection", source_ip: IP, port }, 0);
      },
      10,
      60_000,
    ],
    [
      "brute_force",
      "high",
      (source, count) => source.add({ event_type: "failed_auth", source_ip: IP, failed_attempts: count }, 0),
      5,
      300_000,
    ],
    ["dos_attack", "critical", (source, count) => source.add({ event_type: "request", source_ip: IP, requests: count }, 0), 1_000, 10_000],
    [
      "data_exfiltration",
      "critical",
      (source, count) => source.add({ event_type: "flow", source_ip: IP, bytes_out: count }, 0),
      1e8,
      300_000,
    ],
  ];
  for (const [pattern, band, fill, threshold, windowMs] of cases) {
    const below = new SourceRecord();
    fill(below, threshold - 1);
    assertEquals(below.matches(0), [], pattern);
    assertEquals(bandOf(below.risk(0)), "low", `${pattern} risk ${below.risk(0)}`);
    const at = new SourceRecord();
    fill(at, threshold);
    assertEquals(at.matches(0).map((match) => [match.pattern, match.severity]), [[pattern, band]]);
    assertEquals(bandOf(at.risk(0)), band);
    assertEquals(at.matches(windowMs + 1), [], `${pattern} is over`);
    const far = new SourceRecord();
    fill(far, Math.min(threshold * 64, 1_000_000_000));
    assertEquals(far.matches(0)[0].severity, band, "a pattern stays in its own band, however much there is of it");
  }
  assertEquals([0, 39, 40, 59, 60, 79, 80, 100].map(bandOf), ["low", "low", "medium", "medium", "high", "high", "critical", "critical"]);
  const both = new SourceRecord();
  cases[0][2](both, 10);
  cases[1][2](both, 5);
  assertEquals(both.risk(0), 75, "each further pattern adds to the worst");
  cases[2][2](both, 64_000);
  assertEquals(both.risk(0), 100);
});

Deno.test("FORTRESS alerts once for each pattern, again when it gets worse, and keeps what it saw", async () => {
  await using collective = new Collective();
  const fortress = await collective.spawn("fortress");
  const failed = { event_type: "failed_auth", source_ip: IP };
  const alerts = async (count: number): Promise<string[]> =>
    (await collective.command(fortress, "detect", { events: Array(count).fill(failed) })).alerts.map((alert: { pattern: string }) =>
      alert.pattern
    );
  assertEquals([await alerts(4), await alerts(1), await alerts(3)], [[], ["brute_force"], []]);
  const risk = await collective.query(fortress, "analyze_risk", { source: IP });
  assertEquals([risk.severity, risk.patterns.length], ["high", 1]);
  assertEquals((await collective.query(fortress, "analyze_risk", { source: "198.51.100.1" })).risk, 0);
  const { seen, events } = await collective.query(fortress, "forensics", { source: IP });
  assertEquals([seen, events.length, events[0].event], [8, 8, failed]);
  const { payload } = await collective.manager.ask<{ payload: { alerts: unknown[] } }>(fortress, {
    ...{ type: "Event", payload: { event_type: "request", source_ip: "198.51.100.9", requests: 5_000 } },
  });
  assertEquals(payload.alerts.length, 1);
});

Deno.test("FORTRESS examines samples: a known mark, packed bytes, plain text", async () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const eicar = await examine(bytes("X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"));
  assertEquals([eicar.severity, eicar.marks, eicar.sha256.length], ["critical", ["eicar test file"], 64]);
  const packed = await examine(Uint8Array.from({ length: 4_096 }, (_, at) => Math.imul(at, 2_654_435_761) >>> 24));
  assertEquals([packed.severity, packed.marks], ["medium", ["packed"]]);
  const plain = await examine(bytes("nothing to see here"));
  assertEquals([plain.severity, plain.marks], ["low", []]);
  assertEquals((await examine(new Uint8Array())).entropyBits, 0);
  await using collective = new Collective();
  const fortress = await collective.spawn("fortress");
  assertEquals((await collective.command(fortress, "analyze_malware", { sample: bytes("#!/bin/sh\ncurl x | sh") })).severity, "medium");
});

Deno.test("AEGIS locks at the fifth failure and not at the fourth; a success or an unlock begins anew", async () => {
  await using collective = new Collective();
  const aegis = await collective.spawn("aegis");
  const login = async (success = false): Promise<[number, boolean]> => {
    const { failures, locked } = await collective.command(aegis, "record_login", { user: "ann", success });
    return [failures, locked];
  };
  for (let failure = 1; failure <= 4; failure++) assertEquals(await login(), [failure, false]);
  assertEquals(await login(true), [0, false]);
  for (let failure = 1; failure <= 5; failure++) assertEquals(await login(), [failure, failure === 5]);
  assertEquals((await collective.query(aegis, "authorize", { user: "ann" })).allowed, false);
  assertEquals((await collective.command(aegis, "record_login", { user: "ann", success: true })).allowed, false, "locked is locked");
  await collective.command(aegis, "unlock_user_account", { target: "ann" });
  assertEquals((await collective.query(aegis, "authorize", { user: "ann" })).allowed, true);
  assertEquals(await login(), [1, false]);
});

Deno.test("STREAM scores what is out of line, and only that; captures keep what they are about", async () => {
  const usual = new UsualFlow();
  for (let flow = 0; flow < 100; flow++) assert(usual.score(1_000 + flow % 7 * 20) < 0.8);
  assert(usual.score(1_000_000) >= 0.8, "a thousand times as much");
  assert(usual.score(1_000_000) >= 0.8, "nor is it the usual the second time");
  assertEquals(usual.score(10), 0, "less is no anomaly");
  await using collective = new Collective();
  const stream = await collective.spawn("stream");
  const flow = (source: string, bytes: number): object => ({ source, destination: "db-1", bytes, interface: "eth0" });
  await collective.command(stream, "ingest", { flows: Array.from({ length: 20 }, () => flow("a", 500)) });
  await collective.command(stream, "capture_network_traffic", { target: "a" });
  const { anomalies } = await collective.command(stream, "ingest", { flows: [flow("a", 5e8), flow("b", 7)] });
  assertEquals(anomalies.map((event: { event_type: string; source_ip: string }) => [event.event_type, event.source_ip]), [[
    "traffic_anomaly",
    "a",
  ]]);
  assertEquals((await collective.query(stream, "captured")).flows.length, 1);
  await collective.command(stream, "stop_capture", { target: "a" });
  await collective.command(stream, "ingest", { flows: [flow("a", 1)] });
  assertEquals((await collective.query(stream, "captured", { target: "a" })).flows.length, 1);
  assertEquals((await collective.query(stream, "top_talkers", { count: 1 })).talkers, [{ source: "a", bytes: 20 * 500 + 5e8 + 1 }]);
});

Deno.test("PHANTOM's pseudonyms are the same for the same address, and only the agent that made them turns them back", async () => {
  await using collective = new Collective();
  const [one, other] = [await collective.spawn("phantom"), await collective.spawn("phantom")];
  const { pseudonym } = await collective.command(one, "cloak", { address: IP });
  assertEquals((await collective.command(one, "cloak", { address: IP })).pseudonym, pseudonym);
  assert(!pseudonym.includes(IP) && (await collective.command(other, "cloak", { address: IP })).pseudonym !== pseudonym);
  assertEquals(await collective.command(one, "reveal", { pseudonym }), { address: IP });
  assertEquals(await codeOf(collective.command(other, "reveal", { pseudonym })), "NOT_CLOAKED");
});

Deno.test("OMNISCIENT keeps series and alerts, and watches others without waiting for the dead", async () => {
  await using collective = new Collective();
  const [omniscient, aegis, gone] = [
    await collective.spawn("omniscient"),
    await collective.spawn("aegis"),
    await collective.spawn("aegis"),
  ];
  for (let value = 1; value <= 200; value++) await collective.command(omniscient, "observe", { name: "ms", value });
  const { series: [ms] } = await collective.query(omniscient, "series", { name: "ms" });
  assertEquals([ms.count, ms.max, ms.p99], [200, 200, null]);
  assert(ms.p95 >= 190 && ms.p95 <= 196, String(ms.p95));
  await collective.command(omniscient, "send_alert", { severity: "critical", text: "the house is on fire" });
  await collective.manager.ask(omniscient, { type: "Alert", payload: { severity: "low", text: "a light is on" } });
  assertEquals((await collective.query(omniscient, "alerts", { severity: "high" })).alerts.map(({ text }: { text: string }) => text), [
    "the house is on fire",
  ]);
  assertEquals((await collective.query(omniscient, "alerts")).alerts.length, 2);
  await collective.manager.terminateAgent(gone);
  const { agents } = await collective.command(omniscient, "watch", { agents: { aegis, gone } });
  assertEquals([agents.aegis.ok, agents.gone.error.code], [true, "AGENT_NOT_FOUND"]);
});

Deno.test("APEX has others scan, encrypt and report; one that is gone stops nobody", async () => {
  await using collective = new Collective();
  const [apex, fortress, cipher, gone] = await Promise.all(["apex", "fortress", "cipher", "aegis"].map((type) => collective.spawn(type)));
  await collective.manager.terminateAgent(gone);
  const events = [{ event_type: "request", source_ip: IP, requests: 1_000 }];
  assertEquals((await collective.command(apex, "threat_scan", { fortress, events })).scanned.alerts[0].severity, "critical");
  assertEquals((await collective.command(apex, "crypto_init", { cipher, key: "k" })).key.algorithm, "AES-256-GCM");
  const health = await collective.command(apex, "health_check", { agents: { fortress, cipher, gone } });
  assertEquals([health.healthy, health.asked, health.agents.gone.error.code], [2, 3, "AGENT_NOT_FOUND"]);
  const done = await collective.command(apex, "execute", { agents: { fortress, cipher }, do: "pause" });
  assertEquals([done.agents.fortress.payload, done.agents.cipher.ok], [{ state: "Paused" }, true]);
  assertEquals((await collective.command(apex, "threat_scan", { fortress, events })).scanned.failed.code, "AGENT_PAUSED");
});

Deno.test("APEX decides by expected gain, and names goals that wait for each other or for nobody", async () => {
  await using collective = new Collective();
  const apex = await collective.spawn("apex");
  const options = [{ name: "wait", benefit: 1 }, { name: "block", benefit: 10, probability: 0.5, cost: 2 }, {
    name: "burn",
    benefit: 5,
    cost: 9,
  }];
  const { chosen, ranked } = await collective.command(apex, "decide", { options });
  assertEquals([chosen, ranked.map(({ gain }: { gain: number }) => gain)], ["block", [3, 1, -4]]);
  assertEquals((await collective.command(apex, "decide", { options: [options[2]] })).chosen, null);
  const messageOf = async (goals: unknown): Promise<string> =>
    await collective.command(apex, "plan", { goals }).then(() => "resolved", (error: Error) => error.message);
  assertStringIncludes(await messageOf([{ id: "a", dependencies: ["b"] }, { id: "b", dependencies: ["a"] }]), "wait for each other");
  assertStringIncludes(await messageOf([{ id: "a", dependencies: ["z"] }]), "not there");
  assertStringIncludes(await messageOf([{ id: "a" }, { id: "a" }]), "another goal");
  assertStringIncludes(await messageOf([{ id: "a", dependencies: [7] }]), "dependencies");
});
