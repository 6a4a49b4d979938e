/** The default playbooks on the real orchestration engine: what stands afterwards, and what is undone when a step fails. */
import { assertEquals } from "@std/assert";
import { FakeClock } from "../../core/testing.ts";
import { type Effector, type Measure, MemoryEffector } from "../../core/threats/effector.ts";
import { DEFAULT_PATTERNS, registerResponseActions } from "../../core/threats/playbooks.ts";
import { ThreatResponseEngine } from "../../core/threats/threat_response.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import { UltraFastAgentManager } from "../../mod.ts";

function open(effector: Effector): ThreatResponseEngine {
  const clock = new FakeClock();
  const runner = new OrchestrationEngine({ clock });
  const threats = new ThreatResponseEngine({ clock, runner, effector });
  registerResponseActions(runner, () => threats.effector);
  for (const pattern of DEFAULT_PATTERNS) threats.register({ ...pattern, playbook: withoutRetries(pattern.playbook!) });
  return threats;
}

const withoutRetries = (playbook: NonNullable<(typeof DEFAULT_PATTERNS)[0]["playbook"]>): typeof playbook => ({
  ...playbook,
  steps: playbook.steps.map((step) => ({ ...step, retries: 0 })),
});

Deno.test("each default playbook takes its measures, in order, against the right targets", async () => {
  const events: [Record<string, unknown>, [Measure, string][]][] = [
    [{ event_type: "port_scan", severity: "high", source_ip: "203.0.113.7" }, [
      ["block_source", "203.0.113.7"],
      ["notify", "203.0.113.7"],
      ["log_incident", "203.0.113.7"],
    ]],
    [{ event_type: "failed_auth", failed_attempts: 9, source_ip: "203.0.113.7", user: "ann" }, [
      ["lock_account", "ann"],
      ["reset_credentials", "ann"],
      ["notify", "ann"],
    ]],
    [{ event_type: "traffic_anomaly", anomaly_score: 0.9, source_ip: "203.0.113.7", host: "db1" }, [
      ["capture_traffic", "db1"],
      ["isolate_host", "db1"],
      ["analyze_malware", "db1"],
    ]],
  ];
  for (const [event, expected] of events) {
    const effector = new MemoryEffector();
    const threats = open(effector);
    const incident = await threats.handle(event as { event_type: string });
    await threats.settled();
    assertEquals(incident?.state, "answered");
    assertEquals(effector.standing().map(({ measure, target }) => [measure, target]), expected);
  }
});

Deno.test("when the last step fails, what can be lifted is lifted, and the incident says that its playbook was rolled back", async () => {
  const memory = new MemoryEffector();
  const threats = open({
    take: (measure, target, details) =>
      measure === "log_incident" ? Promise.reject(new Error("no disk")) : memory.take(measure, target, details),
    lift: (measure, target) => memory.lift(measure, target),
  });
  const incident = await threats.handle({ event_type: "port_scan", severity: "high", source_ip: "203.0.113.7" });
  await threats.settled();
  assertEquals([incident?.state, memory.stands("block_source", "203.0.113.7")], ["failed", false]);
  assertEquals(incident?.timeline.at(-1)?.what, "port_scan_response has ended ROLLED_BACK");
});

Deno.test("the manager has the playbooks from the beginning, and tells of incidents", async () => {
  await using manager = new UltraFastAgentManager({ threads: 0 });
  await manager.initialize();
  const told: string[] = [];
  manager.on("threat:incident", (incident: { patternId: string }) => told.push(incident.patternId));
  const effector = manager.threats.effector as MemoryEffector;
  for (let login = 1; login <= 4; login++) {
    assertEquals(await manager.threats.handle({ event_type: "failed_auth", source_ip: "203.0.113.7", user: "ann" }), null);
  }
  const incident = await manager.threats.handle({ event_type: "failed_auth", source_ip: "203.0.113.7", user: "ann" });
  const outcome = await incident!.execution!.result();
  assertEquals([outcome.state, effector.stands("lock_account", "ann"), told], ["COMPLETED", true, ["brute_force"]]);
  assertEquals(manager.threats.level, "HIGH");
});
