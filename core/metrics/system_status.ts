/**
 * How the system fares, in one word and with its reasons. The table is data: what is read, from where on it is degraded, from where on critical.
 *
 * @module
 */
import { MEMORY_PERCENT_MAX } from "../base/limits.ts";
import type { RegionUse } from "../memory/inspection.ts";
import type { NativeReport } from "../memory/kernel_loader.ts";
import type { PersistenceStatus, RecoveryReport } from "../memory/persistence.ts";
import type { AlertName } from "./alerts.ts";

/** In one word. */
export type StatusLevel = "operational" | "degraded" | "critical";

/** One reason for not being operational. */
export interface StatusReason {
  /** The row of the table. */
  readonly name: string;
  /** How bad it is. */
  readonly level: "degraded" | "critical";
  /** What was read. */
  readonly actual: number;
  /** From here on it is so bad. */
  readonly threshold: number;
  /** In a sentence. */
  readonly text: string;
}

/** What is known of the system. */
export interface StatusFacts {
  /** Worker threads asked for, and those that run. */
  readonly threads: { readonly configured: number; readonly running: number };
  /** NUMA nodes, why one is assumed if they could not be read, and the processors of each thread if `affinity` keeps it to some. */
  readonly placement: {
    readonly nodes: number;
    readonly assumed: string | null;
    readonly affinity: readonly (readonly number[])[] | null;
  };
  /** Agents alive, the bound of them, by type those kept warm beside them and how many that is to be, and those with a thread or process of their own. */
  readonly agents: {
    readonly live: number;
    readonly max: number;
    readonly warm: Readonly<Record<string, { readonly ready: number; readonly size: number }>>;
    readonly isolated: { readonly worker: number; readonly process: number };
  };
  /** The process's memory. */
  readonly memory: {
    /** Resident bytes. */
    readonly residentBytes: number;
    /** Bytes that count as 100 %. */
    readonly budgetBytes: number;
    /** What could not be read when the budget was made, and why. */
    readonly budgetUnknown: readonly string[];
    /** Of the budget. */
    readonly usedPercent: number;
    /** Shared memory, region by region. */
    readonly regions: readonly RegionUse[];
  };
  /** Alerts that are raised. */
  readonly alerts: readonly AlertName[];
  /** Why the metrics log cannot be written; null when it can, or when there is none. */
  readonly metricsLogFailure: string | null;
  /** Which loops run in the native library, from which size on, and why not else. */
  readonly native: NativeReport;
  /** How the keeping on disk fares, and what the start found there; null without the option `persistence`. */
  readonly persistence: PersistenceStatus | null;
  /** See `persistence`. */
  readonly recovery: RecoveryReport | null;
  /** Since `initialize()`. */
  readonly uptimeMs: number;
}

/** All of it, with the verdict. */
export interface SystemStatus extends StatusFacts {
  /** The worst of `reasons`, else operational. */
  readonly status: StatusLevel;
  /** Empty when operational. */
  readonly reasons: readonly StatusReason[];
  /** What the process may do; `prompt` means that it was not granted and that somebody might be asked. */
  readonly permissions: Readonly<Record<string, Deno.PermissionState>>;
}

/** One row of the table. */
export interface StatusRow {
  /** Its name. */
  readonly name: string;
  /** After the figure. */
  readonly unit: string;
  /** The figure. */
  readonly read: (facts: StatusFacts) => number;
  /** Degraded from here on. */
  readonly degradedAt: number;
  /** Critical from here on; null: never. */
  readonly criticalAt: number | null;
}

/** From where on it is how bad. */
export const STATUS_TABLE: readonly StatusRow[] = [
  {
    ...{ name: "threadsLost", unit: "% of the worker threads", degradedAt: 1, criticalAt: 100 },
    read: ({ threads: { configured, running } }) => configured === 0 ? 0 : 100 * (configured - running) / configured,
  },
  {
    ...{ name: "memoryUsage", unit: "% of the memory budget", degradedAt: MEMORY_PERCENT_MAX, criticalAt: 95 },
    read: ({ memory }) => memory.usedPercent,
  },
  {
    ...{ name: "agents", unit: "% of maxConcurrentAgents", degradedAt: 90, criticalAt: 100 },
    read: ({ agents: { live, max } }) => 100 * live / max,
  },
  // The store evicts at 80 %: fuller than this, what is in it cannot be evicted quickly enough.
  { name: "store", unit: "% of memoryStoreSize", degradedAt: 85, criticalAt: 95, read: (facts) => regionPercent(facts, "store") },
  // Full slabs make large messages wait, small ones not.
  { name: "slabs", unit: "% of the slabs", degradedAt: 85, criticalAt: null, read: (facts) => regionPercent(facts, "slabs") },
  { name: "alertsRaised", unit: "alerts raised", degradedAt: 1, criticalAt: null, read: ({ alerts }) => alerts.length },
  {
    ...{ name: "metricsLog", unit: "metrics log that cannot be written", degradedAt: 1, criticalAt: null },
    read: ({ metricsLogFailure }) => metricsLogFailure === null ? 0 : 1,
  },
  {
    ...{ name: "persistence", unit: "state that cannot be put on the disk", degradedAt: 1, criticalAt: null },
    read: ({ persistence }) => (persistence?.failure ?? null) === null ? 0 : 1,
  },
  {
    ...{ name: "recovery", unit: "losses at the start: see recovery", degradedAt: 1, criticalAt: null },
    read: ({ recovery }) => recovery === null ? 0 : recovery.lost.places + recovery.lost.refused,
  },
];

const PERMISSIONS: readonly Deno.PermissionName[] = ["read", "write", "net", "env", "run", "sys", "ffi"];

/** The verdict on facts. */
export function systemStatus(facts: StatusFacts): SystemStatus {
  const reasons = STATUS_TABLE.flatMap((row) => judge(row, facts));
  const status = reasons.some(({ level }) => level === "critical") ? "critical" : reasons.length > 0 ? "degraded" : "operational";
  return { status, reasons, ...facts, permissions: permissions() };
}

function judge({ name, unit, read, degradedAt, criticalAt }: StatusRow, facts: StatusFacts): StatusReason[] {
  const actual = read(facts);
  if (!(actual >= degradedAt)) return [];
  const critical = criticalAt !== null && actual >= criticalAt;
  const [level, threshold] = critical ? ["critical" as const, criticalAt] : ["degraded" as const, degradedAt];
  return [{ name, level, actual, threshold, text: `${Math.round(10 * actual) / 10} ${unit}: ${level} from ${threshold}` }];
}

function regionPercent({ memory }: StatusFacts, name: string): number {
  const region = memory.regions.find((one) => one.name === name);
  return region === undefined || region.capacityBytes === 0 ? 0 : 100 * region.usedBytes / region.capacityBytes;
}

function permissions(): Record<string, Deno.PermissionState> {
  return Object.fromEntries(PERMISSIONS.map((name) => [name, Deno.permissions.querySync({ name }).state]));
}
