/**
 * The load test's report: JSON in full, Markdown and console for people. Pure; the time and the machine are handed in.
 *
 * @module
 */
import type { Surroundings } from "../validate/machine.ts";
import { barChart, markdownTable, number, table } from "../validate/table.ts";
import type { LoadResult, LoadRun } from "./load_tester.ts";
import { messagesOf } from "./plans.ts";
import type { Figure } from "./verdict.ts";

/** Everything that a report says. */
export interface LoadReport extends LoadRun, Pick<Surroundings, "machine" | "commit" | "notMeasured"> {
  /** ISO 8601, when the run began. */
  readonly timestamp: string;
  /** Over all scenarios: delivered in closed loop, and what the document's totals come to. */
  readonly delivered: number;
  /** See `delivered`. */
  readonly expected: number;
  /** Every figure holds. */
  readonly success: boolean;
}

/** Puts facts and results together; `expected` are the messages of all scenarios that were asked for. */
export function makeLoadReport(
  run: LoadRun,
  surroundings: Pick<Surroundings, "machine" | "commit" | "notMeasured">,
  timestamp: string,
  expected: number,
): LoadReport {
  const { machine, commit, notMeasured } = surroundings;
  const delivered = run.results.reduce((sum, result) => sum + result.delivered, 0);
  const success = run.broken === null && delivered === expected && run.results.every((result) => result.success) &&
    run.memoryFigures.every(({ met }) => met);
  return { timestamp, machine, commit, notMeasured, success, delivered, expected, ...run };
}

/** In full. */
export function loadJson(report: LoadReport): string {
  return JSON.stringify(report, null, 2) + "\n";
}

type Tabulate = (header: readonly string[], rows: readonly (readonly string[])[], left?: readonly number[]) => string;

/** For a terminal. */
export function loadText(report: LoadReport): string {
  const missed = [...report.memoryFigures, ...report.results.flatMap(({ figures }) => figures)].filter(({ met }) => !met).length;
  return sections(report, table, (title) => `── ${title}`, (chart) => chart).join("\n\n") +
    `\n\n${broken(report)}${number(report.delivered)} of ${number(report.expected)} messages delivered; ${
      missed > 0 ? `${missed} figures missed` : report.success ? "every figure of the document is beaten" : "not all was measured"
    }\n`;
}

/** For a page. */
export function loadMarkdown(report: LoadReport): string {
  const body = sections(report, markdownTable, (title) => `## ${title}`, (chart) => "```text\n" + chart + "\n```");
  return `# Load test\n\n${body.join("\n\n")}\n\n${broken(report)}**${number(report.delivered)} of ${
    number(report.expected)
  } messages delivered: ${report.success ? "passed" : "failed"}.**\n`;
}

function broken({ broken: why }: LoadReport): string {
  return why === null ? "" : `the run ended before its time: ${why}\n\n`;
}

function sections(report: LoadReport, tabulate: Tabulate, title: (text: string) => string, chart: (text: string) => string): string[] {
  const { results, memoryFigures } = report;
  return [
    facts(report),
    ...results.flatMap((result) => [title(`${result.scenario}: ${describe(result)}`), figuresTable(result.figures, tabulate)]),
    title("Memory per coordinator"),
    figuresTable(memoryFigures, tabulate),
    ...(results.length === 0 ? [] : [
      ...[title("Latency"), latencyTable(results, tabulate)],
      ...[title("Throughput, messages a second (logarithmic)"), chart(throughputChart(results))],
    ]),
  ];
}

function facts({ machine, commit, threads, oversubscribed, timestamp }: LoadReport): string {
  const over = oversubscribed ? ` (with main more than the ${machine.cores} cores)` : "";
  return `machine: ${machine.cores} cores, ${machine.cpuModel ?? "processor unknown"}, ${machine.os}, Deno ${machine.deno}; ` +
    `threads: ${threads}${over}; commit: ${commit ?? "unknown"}; started: ${timestamp}`;
}

function describe({ plan }: LoadResult): string {
  return `${plan.agents} agents × ${
    number(plan.messagesPerAgent)
  } messages × ${plan.rounds} rounds, ${plan.concurrency} of each on their way, ` +
    `${number(plan.payloadBytes)} B, ${number(messagesOf(plan))} messages`;
}

function figuresTable(figures: readonly Figure[], tabulate: Tabulate): string {
  const rows = figures.map(({ name, unit, document, comparison, bound, actual, met }) => [
    ...[name, document ?? "–", number(actual), unit, `${comparison} ${number(bound)}`, met ? "met" : "MISSED"],
  ]);
  return tabulate(["figure", "document", "measured", "unit", "bound", ""], rows, [0, 3, 4, 5]);
}

function latencyTable(results: readonly LoadResult[], tabulate: Tabulate): string {
  const rows = results.flatMap(({ scenario, closed, open, plan }) =>
    ([[`closed loop, ${plan.concurrency} of each`, closed], [`open loop, ${number(plan.document.messagesPerSecond)}/s`, open]] as const)
      .map((
        [loop, { latency, messagesPerSecond, cpuUsPerMessage }],
      ) => [
        ...[scenario, loop, number(latency.p50), number(latency.p95), number(latency.p99), number(latency.max), number(latency.average)],
        ...[number(latency.samples), number(messagesPerSecond, 0), number(cpuUsPerMessage, 1)],
      ])
  );
  const header = ["scenario", "loop", "p50 ms", "p95 ms", "p99 ms", "max ms", "mean ms", "samples", "messages/s", "cpu µs each"];
  return tabulate(header, rows, [0, 1]);
}

function throughputChart(results: readonly LoadResult[]): string {
  return barChart(results.flatMap(({ scenario, plan, closed }) => [
    { name: `${scenario} document`, value: plan.document.messagesPerSecond, label: number(plan.document.messagesPerSecond) },
    { name: `${scenario} measured`, value: closed.messagesPerSecond, label: number(closed.messagesPerSecond, 0) },
  ]));
}
