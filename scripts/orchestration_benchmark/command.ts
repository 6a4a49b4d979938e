/**
 * The command: understands its line, runs the benchmarks, shows and writes what they came to.
 *
 * @module
 */
import { ConfigError, InvalidArgumentError } from "../../core/base/errors.ts";
import {
  type BenchmarkName,
  type BenchmarkReport,
  BenchmarkRunner,
  type BenchmarkRunnerOptions,
  BENCHMARKS,
} from "../../core/validation/benchmark_runner.ts";
import { EXIT, system, type World } from "../validate/command.ts";
import { runWithin } from "../validate/limits.ts";
import { readSurroundings, type Surroundings } from "../validate/machine.ts";
import { accepted, isHelp, readOptions, wholeNumber } from "../validate/option_reader.ts";
import { drawBar } from "../validate/progress.ts";
import { checkReportFile, reportPaths } from "../validate/report_file.ts";
import { barChart, markdownTable, number, table } from "../validate/table.ts";

/** What the command touches outside itself. */
export interface BenchmarkWorld extends Omit<World, "makeValidator"> {
  /** Runs the benchmarks. */
  run(options: BenchmarkRunnerOptions): Promise<BenchmarkReport>;
}

const ROUNDS_MAX = 500;
const SYNTAX = {
  values: {
    benchmark: `one or more of ${BENCHMARKS.join(", ")}, joined by commas`,
    rounds: accepted(1, ROUNDS_MAX),
    report: "the path of a file that ends in .md or .json",
  },
  flags: ["help"],
  meant: "benchmark",
};

const HELP = `Runs the five benchmarks of the owner's document on the real engines and judges them beside its figures.

Usage: deno run scripts/orchestration_benchmark.ts [options]

Options:
  --benchmark <name>  ${BENCHMARKS.join(", ")};
                      may be repeated or joined by commas (default: all)
  --rounds <n>        how often each row is run after 3 rounds of warm-up (default: 20; a p99 needs 1,000 samples)
  --report <file>     also write a report: Markdown to a .md file, JSON to a .json file; may be given for both
                      (needs --allow-write=<file>)
  --help, -h          this text

No permission is needed; with --allow-sys the report names the machine, with --allow-read the commit.

Exit codes: 0 every figure of the document is beaten, 1 something was missed, 2 usage or permission, 130 interrupted.
`;

/** Does what the command line says and returns the exit code. */
export async function runBenchmarkCommand(
  argv: readonly string[],
  world: BenchmarkWorld = { ...system, run: (options) => new BenchmarkRunner(options).run() },
): Promise<number> {
  try {
    if (isHelp(argv)) {
      world.out(HELP);
      return EXIT.passed;
    }
    const given = readOptions(argv, SYNTAX);
    const benchmarks = namesOf(given.get("benchmark") ?? BENCHMARKS);
    const rounds = wholeNumber("rounds", given.get("rounds"), 1, ROUNDS_MAX);
    const reports = reportPaths(given.get("report"));
    for (const path of reports) await checkReportFile(path);
    const timestamp = new Date().toISOString();
    const surroundings = await readSurroundings();
    const onProgress = (name: BenchmarkName, index: number, total: number): void => {
      if (world.columns() === null) world.err(`[${index + 1}/${total}] ${name}\n`);
      else drawBar({ write: world.err, columns: world.columns }, index / total, `[${index + 1}/${total}] ${name}`);
    };
    const { graceMs, onInterrupt, exitNow, err: say } = world;
    const ending = await runWithin(
      { graceMs, onInterrupt, exitNow, say },
      (signal) => world.run({ benchmarks, rounds, signal, onProgress }),
    );
    if (world.columns() !== null) world.err("\n");
    const report = ending.value!; // without a time limit there is always a value
    for (const path of reports) {
      await Deno.writeTextFile(
        path,
        path.endsWith(".md") ? markdown(report, surroundings, timestamp) : json(report, surroundings, timestamp),
      );
    }
    world.out(text(report));
    return ending.interrupted ? EXIT.interrupted : report.success ? EXIT.passed : EXIT.failed;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError || error instanceof ConfigError)) throw error;
    world.err(`${error.message}\n`);
    return EXIT.usage;
  }
}

function namesOf(values: readonly string[]): BenchmarkName[] {
  const names = values.flatMap((value) => value.split(",")).map((name) => name.trim().toLowerCase().replaceAll("-", "_"));
  const unknown = names.find((name) => !(BENCHMARKS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError("--benchmark", unknown, `give one or more of ${BENCHMARKS.join(", ")}.`);
  return BENCHMARKS.filter((name) => names.includes(name));
}

type Tabulate = (header: readonly string[], rows: readonly (readonly string[])[], left?: readonly number[]) => string;

function figures({ results }: BenchmarkReport, tabulate: Tabulate): string {
  const header = ["benchmark", "row", "samples", "min µs", "median µs", "mean µs", "p95 µs", "p99 µs", "max µs", "stddev µs", "ops/s"];
  const us = (ms: number | null): string => number(ms === null ? null : ms * 1_000, 2);
  const rows = results.map((row) => [
    ...[row.benchmark, row.row, number(row.samples), us(row.minMs), us(row.medianMs), us(row.meanMs), us(row.p95Ms), us(row.p99Ms)],
    ...[us(row.maxMs), us(row.stddevMs), number(row.opsPerSecond, 0), number(row.successPercent), number(row.memoryBytes / 1e6, 1)],
  ]);
  return tabulate([...header, "success %", "memory MB"], rows, [0, 1]);
}

function verdicts({ verdicts }: BenchmarkReport, tabulate: Tabulate): string {
  const rows = verdicts.map(({ benchmark, row, figure, document, comparison, bound, measured, met }) => [
    ...[benchmark, row, figure, document, number(measured, 4), `${comparison} ${number(bound)}`, met ? "met" : "MISSED"],
  ]);
  return tabulate(["benchmark", "row", "figure", "document", "measured", "bound", ""], rows, [0, 1, 2, 3, 5, 6]);
}

function chart({ results }: BenchmarkReport): string {
  return barChart(results.map(({ benchmark, row, opsPerSecond }) => ({
    ...{ name: `${benchmark}: ${row}`, value: opsPerSecond ?? 0, label: number(opsPerSecond, 0) },
  })));
}

function text(report: BenchmarkReport): string {
  const missed = report.verdicts.filter(({ met }) => !met).length;
  const end = missed === 0 ? "every figure of the document is beaten" : `${missed} figures missed`;
  return `${figures(report, table)}\n\n${verdicts(report, table)}\n\noperations a second (logarithmic)\n${chart(report)}\n\n${end}\n`;
}

function markdown(report: BenchmarkReport, { machine, commit }: Surroundings, timestamp: string): string {
  const facts = `machine: ${machine.cores} cores, ${machine.cpuModel ?? "processor unknown"}, ${machine.os}, Deno ${machine.deno}; ` +
    `commit: ${commit ?? "unknown"}; started: ${timestamp}`;
  return `# Orchestration benchmarks\n\n${facts}\n\n${figures(report, markdownTable)}\n\n## Beside the document\n\n${
    verdicts(report, markdownTable)
  }\n\n## Operations a second (logarithmic)\n\n\`\`\`text\n${chart(report)}\n\`\`\`\n\n**${report.success ? "Passed" : "Failed"}.**\n`;
}

function json(report: BenchmarkReport, { machine, commit, notMeasured }: Surroundings, timestamp: string): string {
  return JSON.stringify({ timestamp, machine, commit, notMeasured, ...report }, null, 2) + "\n";
}
