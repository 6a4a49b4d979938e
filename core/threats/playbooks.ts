/**
 * The playbooks that are there from the beginning, as data, and the actions that they are made of.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import type { ActionContext, ActionFunction, ActionOptions } from "../workflows/action.ts";
import type { WorkflowDefinition } from "../workflows/workflow.ts";
import { type Effector, type Measure, MEASURES } from "./effector.ts";
import { reader, type ThreatEvent } from "./event_match.ts";
import type { ThreatResponsePattern } from "./threat_pattern.ts";

/** Action of a playbook → the measure that it takes, and the fields of an event that may name its target, the first that is there. */
const ACTIONS: Readonly<Record<string, { readonly measure: Measure; readonly targets: readonly string[] }>> = {
  block_ip_source: { measure: "block_source", targets: ["source_ip"] },
  lock_user_account: { measure: "lock_account", targets: ["user", "user_id", "username", "source_ip"] },
  reset_credentials: { measure: "reset_credentials", targets: ["user", "user_id", "username", "source_ip"] },
  capture_network_traffic: { measure: "capture_traffic", targets: ["interface", "host", "source_ip"] },
  isolate_system: { measure: "isolate_host", targets: ["host", "system", "destination_ip", "source_ip"] },
  analyze_malware: { measure: "analyze_malware", targets: ["host", "system", "source_ip"] },
  send_alert: { measure: "notify", targets: ["source_ip", "host", "user"] },
  notify_user: { measure: "notify", targets: ["user", "user_id", "username", "source_ip"] },
  log_incident: { measure: "log_incident", targets: ["source_ip", "host", "user"] },
};

const PORT_SCAN: WorkflowDefinition = {
  id: "port_scan_response",
  name: "Port scan",
  steps: [
    { id: "block", action: "block_ip_source", metadata: { agent: "FORTRESS" } },
    { id: "alert", action: "send_alert", dependencies: ["block"], metadata: { agent: "OMNISCIENT" } },
    { id: "log", action: "log_incident", dependencies: ["alert"], metadata: { agent: "APEX" } },
  ],
};

const BRUTE_FORCE: WorkflowDefinition = {
  id: "brute_force_response",
  name: "Brute force",
  steps: [
    { id: "lock", action: "lock_user_account", timeout: 60_000, metadata: { agent: "AEGIS" } },
    { id: "reset", action: "reset_credentials", timeout: 30_000, dependencies: ["lock"], metadata: { agent: "CIPHER" } },
    { id: "notify", action: "notify_user", dependencies: ["reset"], metadata: { agent: "APEX" } },
  ],
};

const ANOMALOUS_TRAFFIC: WorkflowDefinition = {
  id: "anomalous_traffic_response",
  name: "Anomalous traffic",
  steps: [
    { id: "capture", action: "capture_network_traffic", timeout: 120_000, metadata: { agent: "STREAM" } },
    { id: "isolate", action: "isolate_system", dependencies: ["capture"], metadata: { agent: "PHANTOM" } },
    { id: "analyze", action: "analyze_malware", timeout: 300_000, dependencies: ["isolate"], metadata: { agent: "FORTRESS" } },
  ],
};

/** The three patterns that every kernel begins with. */
export const DEFAULT_PATTERNS: readonly ThreatResponsePattern[] = [
  {
    id: "port_scan",
    name: "Port scan",
    match: { event_type: "port_scan", severity: "high" },
    key: "source_ip",
    severity: "HIGH",
    playbook: PORT_SCAN,
  },
  {
    id: "brute_force",
    name: "Brute force",
    match: { event_type: "failed_auth", failed_attempts: { $gte: 5 } },
    key: "source_ip",
    or: [{ match: { event_type: "failed_auth" }, count: 5, window: 300_000, key: "source_ip" }],
    severity: "HIGH",
    playbook: BRUTE_FORCE,
  },
  {
    id: "anomalous_traffic",
    name: "Anomalous traffic",
    match: { event_type: "traffic_anomaly", anomaly_score: { $gte: 0.8 } },
    key: "source_ip",
    severity: "CRITICAL",
    playbook: ANOMALOUS_TRAFFIC,
  },
];

/** Where the actions are registered: an orchestration engine. */
export interface ActionRegistry {
  /** Registers one. */
  action(name: string, run: ActionFunction<unknown, unknown>, options?: ActionOptions<unknown>): unknown;
}

/** Registers the actions of the default playbooks, which take their measures through what `effector` returns then. */
export function registerResponseActions(registry: ActionRegistry, effector: () => Effector): void {
  for (const [name, { measure, targets }] of Object.entries(ACTIONS)) {
    const readers = targets.map(reader);
    const run = async (_input: unknown, ctx: ActionContext): Promise<unknown> => {
      const event = eventOf(ctx);
      return await effector().take(measure, targetOf(event, readers, targets, name), event, ctx.signal);
    };
    const compensate = async (result: unknown, ctx: ActionContext): Promise<void> => {
      if ((result as { stood?: unknown } | null | undefined)?.stood === true) return; // another incident's
      await effector().lift(measure, targetOf(eventOf(ctx), readers, targets, name), ctx.signal);
    };
    registry.action(name, run, MEASURES[measure].undoable ? { effect: "compensable", compensate } : { effect: "idempotent" });
  }
}

function eventOf({ input }: ActionContext): ThreatEvent {
  const event = (input as { event?: ThreatEvent } | null)?.event;
  if (typeof event === "object" && event !== null) return event;
  throw new KernelError("NO_TARGET", "a response needs { event } as its workflow's input.");
}

function targetOf(
  event: ThreatEvent,
  readers: readonly ((event: ThreatEvent) => unknown)[],
  fields: readonly string[],
  action: string,
): string {
  for (const read of readers) {
    const target = read(event);
    if (typeof target === "string" && target.length > 0) return target;
  }
  throw new KernelError("NO_TARGET", `${action} needs one of the event's fields ${fields.join(", ")} as a text.`, { action, fields });
}
