/**
 * A report as text for a terminal: tables that line up, then what failed and what to change.
 *
 * @module
 */
import { incidentText, type ValidationReport } from "../../core/validation/report.ts";
import type { Percentiles, ScenarioMetrics, ValidationResult } from "../../core/validation/result.ts";

/** How it looks. */
export interface TextOptions {
  /** Everything that was measured, scenario by scenario. */
  verbose: boolean;
  /** Green and red for PASS and FAIL. */
  colour: boolean;
}

const GREEN = 32;
const RED = 31;

/** The whole report as text. */
export function reportText(report: ValidationReport, options: TextOptions): string {
  const failed = report.results.filter((result) => !result.success);
  const { total, passed } = report.summary;
  const how = report.aborted ? ", interrupted" : report.timedOut ? ", timed out" : "";
  return [
    machineLines(report),
    report.results.length === 0 ? "" : colourVerdicts(summaryTable(report), options.colour),
    ...(options.verbose ? report.results.map(details) : []),
    ...report.results.filter((result) => result.incidents.length > 0).map(incidents),
    ...failed.map(failure),
    `${passed} of ${total} scenarios passed${how}`,
  ].filter((part) => part !== "").join("\n\n") + "\n";
}

/** Columns padded to their widest cell: numbers to the right, names (the columns in `left`) to the left. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const pad = (cell: string, column: number): string => left.includes(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  const line = (cells: readonly string[]): string => cells.map(pad).join("  ").trimEnd();
  return [line(header), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

/** The same as Markdown. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const cells = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [cells(header), cells(header.map((_, column) => left.includes(column) ? "---" : "---:")), ...rows.map(cells)].join("\n");
}

/** A number for people; null is `not measured`. */
export function number(value: number | null, digits = 3): string {
  return value === null ? "not measured" : value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** Bars in characters, the longest `width` wide, on a logarithmic scale from a tenth of the smallest. */
export function barChart(bars: readonly { readonly name: string; readonly value: number; readonly label: string }[], width = 48): string {
  const positive = bars.map(({ value }) => value).filter((value) => value > 0);
  if (positive.length === 0) return "";
  const low = Math.log10(Math.min(...positive) / 10);
  const span = Math.log10(Math.max(...positive)) - low;
  const names = Math.max(...bars.map(({ name }) => name.length));
  return bars.map(({ name, value, label }) => {
    const length = value > 0 ? Math.round(width * (Math.log10(value) - low) / span) : 0;
    return `${name.padEnd(names)} ${"█".repeat(length).padEnd(width)} ${label}`;
  }).join("\n");
}

function machineLines({ machine, commit, threads, oversubscribed, budgetBytes, timestamp }: ValidationReport): string {
  const ram = machine.ramBytes === null ? "memory unknown" : `${gib(machine.ramBytes)} GiB memory`;
  const over = oversubscribed ? ` (oversubscribed: ${threads} worker threads and main share ${machine.cores} cores)` : "";
  return [
    `machine: ${machine.cores} cores, ${
      machine.cpuModel ?? "processor unknown"
    }, ${ram}, ${machine.os}, Deno ${machine.deno}, V8 ${machine.v8}`,
    `commit: ${commit ?? "unknown"}   started: ${timestamp}   memory budget: ${gib(budgetBytes)} GiB`,
    `threads: ${threads}${over}`,
    `loops: ${loopsText(machine.native)}`,
  ].join("\n");
}

function loopsText({ mode, why, library, loops }: ValidationReport["machine"]["native"]): string {
  if (mode === "portable") return `TypeScript (${why})`;
  const names = Object.entries(loops).filter(([, { runs }]) => runs === "native").map(([name, { from, unit }]) =>
    `${name} from ${from} ${unit}`
  );
  return `native: ${names.join(", ")} (${library})`;
}

function summaryTable({ results }: ValidationReport): string {
  const header = [
    "scenario",
    "agents",
    "load s",
    "spawn p95 ms",
    "samples",
    "delivery p95 ms",
    "samples",
    "messages/s",
    "memory %",
    "cpu %",
    "result",
  ];
  return table(
    header,
    results.map(({ scenario, durationMs, metrics, success }) => [
      scenario,
      number(metrics.concurrentAgents.minimum),
      number(durationMs / 1_000),
      number(metrics.spawnTime.p95),
      number(metrics.spawnTime.samples),
      number(metrics.communicationLatency.p95),
      number(metrics.communicationLatency.samples),
      number(metrics.throughput.messagesPerSecond, 0),
      number(metrics.stability.memoryUsage, 1),
      number(metrics.stability.cpuUsage, 1),
      success ? "PASS" : "FAIL",
    ]),
    [0, header.length - 1],
  );
}

function colourVerdicts(text: string, colour: boolean): string {
  if (!colour) return text;
  return text.replace(/(PASS|FAIL)$/gm, (verdict) => `\x1b[${verdict === "PASS" ? GREEN : RED}m${verdict}\x1b[0m`);
}

function incidents({ scenario, incidents }: ValidationResult): string {
  return [`${scenario}:`, ...incidents.map((incident) => `  - ${incidentText(incident)}`)].join("\n");
}

function failure({ scenario, violations, recommendations }: ValidationResult): string {
  return [
    `${scenario} failed:`,
    ...violations.map((violation) => `  - ${violation}`),
    ...(recommendations.length === 0 ? [] : ["  what to change:", ...recommendations.map((text) => `  - ${text}`)]),
  ].join("\n");
}

function details({ scenario, metrics, targets, notMeasured }: ValidationResult): string {
  const judged = targets.map(({ name, comparison, target, actual, unit, passing }) => [
    ...[name, `${comparison} ${number(target)}`, number(actual), unit, passing ? "met" : "MISSED"],
  ]);
  const regions = metrics.memory.regions.map(({ name, usedBytes, capacityBytes }) => [
    ...[name, number(usedBytes), number(capacityBytes), number(100 * usedBytes / capacityBytes, 1)],
  ]);
  const reasons = Object.entries(notMeasured).map(([path, reason]) => `  - ${path}: ${reason}`);
  return [
    `── ${scenario}`,
    timesTable(metrics),
    table(["target", "bound", "actual", "unit", ""], judged, [0, 3, 4]),
    countsTable(metrics),
    table(["region", "used bytes", "capacity bytes", "%"], regions),
    ...(reasons.length === 0 ? [] : [["not measured:", ...reasons].join("\n")]),
  ].join("\n\n");
}

function timesTable(metrics: ScenarioMetrics): string {
  const row = (name: string, { p50, p95, p99, max, average, samples }: Percentiles): string[] => [
    ...[name, number(p50), number(p95), number(p99), number(max), number(average), number(samples)],
  ];
  return table(["time in ms", "p50", "p95", "p99", "max", "average", "samples"], [
    row("spawn", metrics.spawnTime),
    row("delivery, one way", metrics.communicationLatency),
    row("task", metrics.taskTime),
    row("store operation", metrics.storeTime),
    row("load generator's lag", metrics.generatorLag),
  ]);
}

/** Everything that is one number, by its name in the JSON report. */
function countsTable(metrics: ScenarioMetrics): string {
  const { throughput, stability, concurrentAgents, agents, messages, team, clock, memory, cleanup } = metrics;
  const { regions: _shownApart, ...rss } = memory;
  const blocks = { throughput, stability, concurrentAgents, agents, messages, team, clock, memory: rss, cleanup };
  const rows = Object.entries(blocks).flatMap(([block, fields]) =>
    Object.entries(fields).map(([name, value]) => [`${block}.${name}`, typeof value === "boolean" ? String(value) : number(value)])
  );
  return table(["figure", "value"], rows);
}

function gib(bytes: number): string {
  return String(Math.round(bytes / 2 ** 30 * 10) / 10);
}
