/**
 * A report for people: tables that line up.
 *
 * @module
 */
import { table } from "../validate/table.ts";
import type { AgentRow, MappedReport, PortableReport } from "./report.ts";

/** Lines of a table without rows. */
const HEAD_LINES = 2;

/** How much of it. */
export interface TextLimits {
  /** Agents shown, those that were at work last first. */
  readonly agents: number;
}

/** A mapped file's report as text. */
export function mappedText(report: MappedReport, { agents: agentsMax }: TextLimits): string {
  const { store, agents, hosts, queues, regions } = report;
  const shown = byRecency(agents).slice(0, agentsMax);
  const parts = [
    fileLines(report),
    titled(
      "regions",
      table(
        ["region", "used bytes", "capacity bytes", "%"],
        regions.map(({ name, usedBytes, capacityBytes }) => [
          ...[name, whole(usedBytes), whole(capacityBytes), (100 * usedBytes / Math.max(1, capacityBytes)).toFixed(1)],
        ]),
      ),
    ),
    titled(
      "threads",
      table(
        ["thread", "state", "turns", "asleep", "agents", "agent at work"],
        hosts.map((row) => [
          ...[
            String(row.host),
            row.state,
            whole(row.beat),
            row.isAsleep ? "yes" : "no",
            whole(row.agents),
            row.running === 0 ? "–" : String(row.running),
          ],
        ]),
        [1, 3],
      ),
    ),
    titled(`agents (${shown.length} of ${agents.length}, the last at work first)`, agentTable(shown)),
    titled(
      "queues",
      table(
        ["queue", "state", "capacity", "bulk", "low", "normal", "high", "critical"],
        queues.map((row) => [
          ...[row.name, row.state, whole(row.capacity), ...Array.from({ length: 5 }, (_unused, level) => whole(row.waiting[level] ?? 0))],
        ]),
        [0, 1],
      ),
    ),
    titled(
      "namespaces",
      table(["namespace", "entries", "bytes"], store.namespaces.map((row) => [row.namespace, whole(row.entries), whole(row.bytes)])),
    ),
    checkLines(report),
    `next: ${nextOfMapped(report)}`,
  ];
  return parts.join("\n\n") + "\n";
}

/** What whoever looks at the file may do now. */
function nextOfMapped({ path, state, bytesMissing, store }: MappedReport): string {
  if (state === "in use") return "nothing; its process runs. Look again to see a later moment.";
  if (state === "closed") return `start a manager on it: it takes over the log beside it, ${path}.log, which has all of this.`;
  if (state === "filling") return "start a manager again: it makes this file anew.";
  if (bytesMissing > 0 || store.check.damaged > 0) {
    return `start a manager on it: it takes over what is whole, names what is not, and keeps this file as ${path}.damaged.`;
  }
  return "start a manager on it: it takes over the store and what waits in durable queues; agents come from the log beside it.";
}

function fileLines(report: MappedReport): string {
  const { path, bytes, bytesMissing, layoutVersion, createdAt, pid, state, headerCopiesDamaged } = report;
  const lines = [
    `${path}: mapped, ${whole(bytes)} bytes, layout version ${layoutVersion}`,
    `made ${createdAt} by process ${pid}; ${STATES[state] ?? state}`,
  ];
  if (bytesMissing > 0) lines.push(`CUT OFF: ${whole(bytesMissing)} bytes are missing at its end`);
  if (headerCopiesDamaged > 0) lines.push("one copy of its header is damaged; the other one was read");
  return lines.join("\n");
}

const STATES: Readonly<Record<string, string>> = {
  closed: "closed: shut down in order",
  "in use": "in use: a process has it open, so this is a copy of many moments",
  left: "left: its process ended without shutting down",
  filling: "filling: a start that did not come to its end",
};

function agentTable(agents: readonly AgentRow[]): string {
  const rows = agents.map(({ id, type, state, host, isFull, handled, failed, events }) => [
    ...[String(id), type === "" ? "–" : type, state + (isFull ? ", full" : ""), String(host), whole(handled), whole(failed)],
    events.map(({ at, kind, messageId }) => `${new Date(at).toISOString().slice(11, 23)} ${kind}${messageId === 0 ? "" : ` ${messageId}`}`)
      .join(", "),
  ]);
  return table(["agent", "type", "state", "thread", "handled", "failed", "last events"], rows, [1, 2, 6]);
}

function byRecency(agents: readonly AgentRow[]): AgentRow[] {
  const last = ({ events }: AgentRow): number => events.at(-1)?.at ?? 0;
  return [...agents].sort((a, b) => last(b) - last(a));
}

function checkLines({ store }: MappedReport): string {
  const { check, changes, lockHolder, isWhole, changing } = store;
  const lines = [
    `checks: ${whole(check.valid)} entries with a right checksum, ${whole(check.damaged)} damaged; ${whole(changes)} changes so far`,
    lockHolder === null ? "the store's lock is free" : `the store's lock is held by thread ${lockHolder}`,
  ];
  if (!isWhole) {
    lines.push(
      `a change of ${changing === null ? "an unknown entry" : changing === "all" ? "all entries" : `entry ${changing}`} is unfinished`,
    );
  }
  for (const { entry, why } of check.found) lines.push(`  entry ${entry}: ${why}`);
  return lines.join("\n");
}

function titled(title: string, text: string): string {
  return text.split("\n").length > HEAD_LINES ? `${title}\n${text}` : `${title}: none`;
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}

/** A portable file's report as text. */
export function portableText(report: PortableReport, { agents: agentsMax }: TextLimits): string {
  const { namespaces, queues, agents, records } = report;
  const parts = [
    logLines(report),
    titled("records", table(["kind", "in the file"], Object.entries(records).map(([kind, count]) => [kind, whole(count)]))),
    titled(
      "namespaces",
      table(["namespace", "entries", "bytes"], namespaces.map((row) => [row.namespace, whole(row.entries), whole(row.bytes)])),
    ),
    titled(
      "durable queues",
      table(["queue", "capacity", "messages"], queues.map((row) => [row.name, whole(row.capacity), whole(row.messages)])),
    ),
    titled(
      `agents (${Math.min(agents.length, agentsMax)} of ${agents.length})`,
      table(
        ["agent", "type", "snapshot bytes"],
        agents.slice(0, agentsMax).map(({ id, type, snapshotBytes }) => [String(id), type, whole(snapshotBytes)]),
        [1],
      ),
    ),
    `next: ${nextOfLog(report)}`,
  ];
  return parts.join("\n\n") + "\n";
}

function nextOfLog({ state, lost, headerDamaged, cut }: PortableReport): string {
  if (state === "in use") return "nothing; its process runs. Look again to see a later moment.";
  if (lost.places > 0 || headerDamaged) {
    return "copy it, then start a manager on it: it takes over what is whole, and writes the file anew over time.";
  }
  return `start a manager on it: it takes over all of this${
    cut === null ? "" : ", and cuts off the unfinished end, which nobody was promised"
  }.`;
}

function logLines({ path, bytes, state, batches, sequence, headerDamaged, cut, lost }: PortableReport): string {
  const lines = [
    `${path}: portable, ${whole(bytes)} bytes, ${state}`,
    `checks: ${whole(batches)} flushes with right checksums, the last is number ${whole(sequence)}`,
  ];
  if (headerDamaged) lines.push("DAMAGED: its header; what it says was taken from the flushes");
  if (lost.places > 0) {
    const numbers = lost.sequences.length === 0 ? "" : `, of flush ${lost.sequences.join(", ")}`;
    lines.push(`DAMAGED: ${lost.places} ${lost.places === 1 ? "place" : "places"}, with at least ${whole(lost.records)} records${numbers}`);
  }
  if (cut !== null) lines.push(`an unfinished end of ${whole(cut.bytes)} bytes, which a start cuts off: ${cut.why}`);
  return lines.join("\n");
}
