/**
 * Results as a report: JSON in full, CSV with one row a scenario. Pure; the time, the machine and the commit are handed in.
 *
 * @module
 */
import type { NativeReport } from "../memory/kernel_loader.ts";
import type { Incident, ValidationResult } from "./result.ts";

/** Where it was measured. Null = unknown, with the reason in the report's `notMeasured`. */
export interface MachineFacts {
  /** Logical cores that the process may use. */
  cores: number;
  /** Physical memory. */
  ramBytes: number | null;
  /** The container's limit of memory; null when there is none or it cannot be read. */
  memoryLimitBytes: number | null;
  /** Name on the network. */
  hostname: string | null;
  /** Operating system and architecture. */
  os: string;
  /** Version of Deno. */
  deno: string;
  /** Version of V8. */
  v8: string;
  /** Model of the processor. */
  cpuModel: string | null;
  /** Which loops run in C, as the kernels of the run found it when they started; `why` says what to do for the others. */
  native: NativeReport;
}

/** What a report says of its run besides the results. */
export interface RunFacts {
  /** ISO 8601, when the run began. */
  timestamp: string;
  /** The machine. */
  machine: MachineFacts;
  /** Commit of the checkout; null when unknown. */
  commit: string | null;
  /** Worker threads. */
  threads: number;
  /** More threads (main included) than cores. */
  oversubscribed: boolean;
  /** What `memoryUsage` is a percentage of. */
  budgetBytes: number;
  /** Stopped by the user. */
  aborted: boolean;
  /** Stopped by the time limit of the whole run. */
  timedOut: boolean;
  /** Dotted path of a null above → why it is not known. */
  notMeasured: Record<string, string>;
}

/** Scenarios counted. */
export interface Summary {
  /** Scenarios with a result. */
  total: number;
  /** Of those, without a violation. */
  passed: number;
  /** The others. */
  failed: number;
  /** `passed / total`, a fraction; 0 when there is none. */
  successRate: number;
}

/** The whole report. */
export interface ValidationReport extends RunFacts {
  /** Scenarios counted. */
  summary: Summary;
  /** One for each scenario that began. */
  results: ValidationResult[];
}

/** Puts facts and results together. */
export function makeReport(facts: RunFacts, results: Iterable<ValidationResult>): ValidationReport {
  const list = [...results];
  const passed = list.filter((result) => result.success).length;
  const total = list.length;
  const summary = { total, passed, failed: total - passed, successRate: total === 0 ? 0 : passed / total };
  return { ...facts, summary, results: list };
}

/** Indented JSON with a line break at its end. */
export function toJson(report: ValidationReport): string {
  return JSON.stringify(report, null, 2) + "\n";
}

/** An incident as a sentence. */
export function incidentText({ atMs, host, why, durationMs, ...counts }: Incident): string {
  const { agentsMoved, agentsLost, messagesMoved, messagesInterrupted } = counts;
  const end = durationMs === null ? "never recovered" : `recovered in ${Math.round(durationMs)} ms`;
  return `thread ${host} died ${
    (atMs / 1_000).toFixed(1)
  } s into the load (${why}), ${end}: ${agentsMoved} agents moved, ${agentsLost} lost; ` +
    `${messagesMoved} messages moved, ${messagesInterrupted} interrupted`;
}

type Cell = string | number | boolean | null;

/**
 * One header line and one row a scenario (RFC 4180). A column is named by the dotted path of its value in a result of the JSON report; an
 * element of a list that has a `name` stands under it (`targets.spawnTimeP95.passing`), a list of sentences is one cell. Strings are quoted,
 * numbers are plain, null is empty, histograms are left out. The run's own `timestamp`, `commit`, `aborted` and `timedOut` lead each row.
 */
export function toCsv(report: ValidationReport): string {
  const { timestamp, commit, aborted, timedOut } = report;
  const rows = report.results.map((result) => new Map<string, Cell>(flatten({ timestamp, commit, aborted, timedOut, ...result }, "")));
  const columns = new Set<string>(["timestamp", "commit", "aborted", "timedOut", "scenario", "success"]);
  for (const row of rows) for (const column of row.keys()) columns.add(column);
  const header = [...columns];
  const lines = [header.map(quoteIfNeeded), ...rows.map((row) => header.map((column) => cell(row.get(column) ?? null)))];
  return lines.map((line) => line.join(",") + "\r\n").join("");
}

function* flatten(value: unknown, path: string): Generator<[path: string, cell: Cell]> {
  if (typeof value !== "object" || value === null) {
    yield [path, value as Cell];
  } else if (path === "notMeasured") {
    yield [path, Object.entries(value).map(([field, reason]) => `${field}: ${reason}`).join("\n")];
  } else if (path === "incidents") {
    yield [path, (value as Incident[]).map(incidentText).join("\n")];
  } else if (!Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (key !== "histogram") yield* flatten(inner, path === "" ? key : `${path}.${key}`);
    }
  } else if (path === "violations" || path === "recommendations") {
    yield [path, value.join("\n")];
  } else {
    for (const { name, ...rest } of value) yield* flatten(rest, `${path}.${name}`);
  }
}

function cell(value: Cell): string {
  if (value === null || (typeof value === "number" && !Number.isFinite(value))) return "";
  return typeof value === "string" ? quote(value) : String(value);
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function quoteIfNeeded(text: string): string {
  return /[",\r\n]/.test(text) ? quote(text) : text;
}
