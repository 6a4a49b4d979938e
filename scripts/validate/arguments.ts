/**
 * The command line of the validator: everything is checked before anything starts, and each refusal is one sentence that names the option,
 * the value and what is accepted.
 *
 * @module
 */
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { HOSTS_MAX } from "../../core/memory/layout.ts";
import { resolveScenario, SCENARIOS } from "../../core/validation/scenarios.ts";
import { accepted, isHelp, readOptions, single, wholeNumber } from "./option_reader.ts";

/** What the results look like on stdout. */
export type OutputFormat = "console" | "json" | "csv";

/** A command line that was understood. */
export interface ValidateArguments {
  /** Only print the help. */
  help: boolean;
  /** Kebab names, in the order given; all seven when none was. */
  scenarios: string[];
  /** Instead of each scenario's own. */
  durationMs?: number;
  /** Instead of each scenario's own. */
  agents?: number;
  /** Worker threads; the kernel's default when absent. */
  threads?: number;
  /** A twentieth of each scenario's duration. */
  quick: boolean;
  /** All percentiles, targets, counts and regions. */
  verbose: boolean;
  /** File for the JSON report. */
  report?: string;
  /** What goes to stdout. */
  output: OutputFormat;
  /** Limit of the whole run. */
  timeoutMs?: number;
}

const FLAGS = ["quick", "verbose", "help"] as const;
const HELP: ValidateArguments = { help: true, scenarios: [], quick: false, verbose: false, output: "console" };
const OUTPUTS: readonly string[] = ["console", "json", "csv"];

/** Half of the ids that an agent slot can have, so that replacements and warm agents always fit beside them. */
const AGENTS_MAX = 1_000_000;
/** Fewer cannot pass: half of the messages must cross threads. */
const THREADS_MIN = 2;
const DURATION_MS_MIN = 100;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** Understands a command line, or throws `InvalidArgumentError` or `ConfigError` with the one sentence to print. */
export function parseArguments(argv: readonly string[]): ValidateArguments {
  if (isHelp(argv)) return HELP;
  const given = readOptions(argv, { values: EXPECTED, flags: FLAGS, meant: "scenario" });
  const report = single("report", given.get("report"));
  if (report === "") throw new InvalidArgumentError("--report", report, "give the path of a file.");
  return {
    ...{ help: false, quick: given.has("quick"), verbose: given.has("verbose"), report },
    scenarios: scenarioNames(given.get("scenario")),
    durationMs: wholeNumber("duration", given.get("duration"), DURATION_MS_MIN, DAY_MS, "milliseconds"),
    agents: wholeNumber("agents", given.get("agents"), 1, AGENTS_MAX),
    threads: wholeNumber("threads", given.get("threads"), THREADS_MIN, HOSTS_MAX - 1),
    timeoutMs: wholeNumber("timeout", given.get("timeout"), 1, WEEK_MS, "milliseconds"),
    output: outputFormat(single("output", given.get("output")) ?? "console"),
  };
}

const EXPECTED: Readonly<Record<string, string>> = {
  scenario: `one or more of ${SCENARIOS.map((scenario) => scenario.name).join(", ")}, joined by commas`,
  duration: accepted(DURATION_MS_MIN, DAY_MS, "milliseconds"),
  agents: accepted(1, AGENTS_MAX),
  threads: accepted(THREADS_MIN, HOSTS_MAX - 1),
  report: "the path of a file",
  output: OUTPUTS.join(", "),
  timeout: accepted(1, WEEK_MS, "milliseconds"),
};

function outputFormat(text: string): OutputFormat {
  if (OUTPUTS.includes(text)) return text as OutputFormat;
  throw new InvalidArgumentError("--output", text, `give one of ${OUTPUTS.join(", ")}.`);
}

function scenarioNames(values: readonly string[] | undefined): string[] {
  if (values === undefined || values.length === 0) return SCENARIOS.map((scenario) => scenario.name);
  const names = values.flatMap((value) => value.split(",")).map((name) => resolveScenario(name, "--scenario").name);
  return [...new Set(names)];
}
