/**
 * The command: understands its line, runs the scenarios within its limits, shows and writes what they came to.
 *
 * @module
 */
import { ConfigError, InvalidArgumentError, isKernelError } from "../../core/base/errors.ts";
import { makeReport, toCsv, toJson, type ValidationReport } from "../../core/validation/report.ts";
import { ScenarioRunner, type ValidatorOptions } from "../../core/validation/scenario_runner.ts";
import { parseArguments, type ValidateArguments } from "./arguments.ts";
import { helpText } from "./help.ts";
import { type Limits, runWithin } from "./limits.ts";
import { readSurroundings } from "./machine.ts";
import { progressView } from "./progress.ts";
import { checkReportFile } from "./report_file.ts";
import { reportText } from "./table.ts";

/** What the command line touches outside itself; tests hand in their own. */
export interface World extends Pick<Limits, "graceMs" | "onInterrupt" | "exitNow"> {
  /** The validator for these options. */
  makeValidator(options: ValidatorOptions): Pick<ScenarioRunner, "runValidation" | "threads" | "oversubscribed">;
  /** Writes to stdout. */
  out(text: string): void;
  /** Writes to stderr. */
  err(text: string): void;
  /** Width of the terminal that stderr is; null when it is none. */
  columns(): number | null;
  /** Whether stdout may be coloured. */
  colour: boolean;
}

/** What an exit code means. */
export const EXIT = { passed: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Ends the process with what a command returns; one that breaks says how. */
export async function exitWith(command: () => Promise<number>): Promise<never> {
  try {
    return Deno.exit(await command());
  } catch (error) {
    console.error(`the run broke: ${isKernelError(error) ? `${error.name}: ${error.message}` : (error as Error)?.stack ?? error}`);
    return Deno.exit(EXIT.failed);
  }
}

/** Does what the command line says and returns the exit code. */
export async function runCommand(argv: readonly string[], world: World = system): Promise<number> {
  try {
    const options = parseArguments(argv);
    if (options.help) {
      world.out(helpText());
      return EXIT.passed;
    }
    if (options.report !== undefined) await checkReportFile(options.report);
    return await validate(options, world);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError || error instanceof ConfigError)) throw error;
    world.err(`${error.message}\n`);
    return EXIT.usage;
  }
}

async function validate(options: ValidateArguments, world: World): Promise<number> {
  const { agents, durationMs, quick, threads, scenarios, timeoutMs } = options;
  const timestamp = new Date().toISOString();
  const { machine, commit, budgetBytes, notMeasured } = await readSurroundings();
  const validator = world.makeValidator({ agents, durationMs, quick, threads, budgetBytes });
  const view = progressView({ write: world.err, columns: world.columns });
  const limits: Limits = {
    ...{
      timeoutMs,
      graceMs: world.graceMs,
      onInterrupt: world.onInterrupt,
      exitNow: world.exitNow,
      say: (text) => world.err(world.columns() === null ? text : `\n${text}`),
    },
  };
  const ending = await runWithin(limits, (signal) => validator.runValidation({ scenarios, signal, onProgress: view.update }))
    .finally(() => view.end());
  if (ending.value === null) world.err(`the scenarios did not stop within ${world.graceMs} ms of the time limit; their results are lost\n`);
  const facts = {
    threads: validator.threads,
    oversubscribed: validator.oversubscribed,
    aborted: ending.interrupted,
    timedOut: ending.timedOut,
  };
  const report = makeReport({ timestamp, machine, commit, ...facts, budgetBytes, notMeasured }, ending.value?.values() ?? []);
  if (options.report !== undefined) await Deno.writeTextFile(options.report, toJson(report));
  world.out(asOutput(report, options, world.colour));
  if (ending.interrupted) return EXIT.interrupted;
  return !ending.timedOut && report.summary.passed === scenarios.length ? EXIT.passed : EXIT.failed;
}

function asOutput(report: ValidationReport, { output, verbose }: ValidateArguments, colour: boolean): string {
  return output === "json" ? toJson(report) : output === "csv" ? toCsv(report) : reportText(report, { verbose, colour });
}

const encoder = new TextEncoder();

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  for (let rest = encoder.encode(text); rest.length > 0;) rest = rest.subarray(stream.writeSync(rest));
}

/** The real one. None of it needs a permission. */
export const system: World = {
  makeValidator: (options) => new ScenarioRunner(options),
  out: (text) => writeAll(Deno.stdout, text),
  err: (text) => writeAll(Deno.stderr, text),
  columns: () => Deno.stderr.isTerminal() ? Deno.consoleSize().columns : null,
  colour: Deno.stdout.isTerminal() && !Deno.noColor,
  graceMs: 30_000,
  onInterrupt(callback) {
    Deno.addSignalListener("SIGINT", callback);
    return () => Deno.removeSignalListener("SIGINT", callback);
  },
  exitNow: () => Deno.exit(EXIT.interrupted),
};
