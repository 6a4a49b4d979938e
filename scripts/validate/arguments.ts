/**
 * The command line of the validator: everything is checked before anything starts, and each refusal is one sentence that names the option,
 * the value and what is accepted.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { ConfigError, InvalidArgumentError } from "../../core/base/errors.ts";
import { HOSTS_MAX } from "../../core/memory/layout.ts";
import { resolveScenario, SCENARIOS } from "../../core/validation/scenarios.ts";

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

const VALUE_OPTIONS = ["scenario", "duration", "agents", "threads", "report", "output", "timeout"] as const;
const FLAGS = ["quick", "verbose", "help"] as const;
const OPTIONS: readonly string[] = [...VALUE_OPTIONS, ...FLAGS];
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
  const unknown: string[] = [];
  const args = parseArgs(joinValues(argv), {
    string: VALUE_OPTIONS,
    collect: VALUE_OPTIONS,
    boolean: FLAGS,
    alias: { help: "h" },
    unknown: (argument) => void unknown.push(argument),
  });
  if (args.help) return { help: true, scenarios: [], quick: false, verbose: false, output: "console" };
  if (unknown.length > 0) throw refusal(unknown[0]);
  const report = single("report", args.report);
  if (report === "") throw new InvalidArgumentError("--report", report, "give the path of a file.");
  return {
    ...{ help: false, quick: args.quick, verbose: args.verbose, report },
    scenarios: scenarioNames(args.scenario),
    durationMs: wholeNumber("duration", args.duration, DURATION_MS_MIN, DAY_MS, "milliseconds"),
    agents: wholeNumber("agents", args.agents, 1, AGENTS_MAX),
    threads: wholeNumber("threads", args.threads, THREADS_MIN, HOSTS_MAX - 1),
    timeoutMs: wholeNumber("timeout", args.timeout, 1, WEEK_MS, "milliseconds"),
    output: outputFormat(single("output", args.output) ?? "console"),
  };
}

/**
 * `--agents -5` → `--agents=-5`: `parseArgs` would read `-5` as an option of its own and leave `--agents` empty. What follows an option is
 * its value unless it begins with `--`; an option without one is refused here.
 */
function joinValues(argv: readonly string[]): string[] {
  const joined: string[] = [];
  const asksForHelp = argv.includes("--help") || argv.includes("-h");
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === "--" && i + 1 < argv.length) throw refusal(argv[i + 1], true);
    const [option, value] = argument.startsWith("--") ? argument.slice(2).split("=", 2) : [];
    if (isOneOf(FLAGS, option) && value !== undefined) throw new InvalidArgumentError(`--${option}`, value, "the option takes no value.");
    if (!isOneOf(VALUE_OPTIONS, option) || value !== undefined) {
      joined.push(argument);
    } else if (i + 1 < argv.length && !argv[i + 1].startsWith("--")) {
      joined.push(`${argument}=${argv[++i]}`);
    } else if (!asksForHelp) {
      throw new ConfigError(argument, `no value was given; give ${EXPECTED[option]}.`);
    }
  }
  return joined;
}

const EXPECTED: Readonly<Record<typeof VALUE_OPTIONS[number], string>> = {
  scenario: `one or more of ${SCENARIOS.map((scenario) => scenario.name).join(", ")}, joined by commas`,
  duration: accepted(DURATION_MS_MIN, DAY_MS, "milliseconds"),
  agents: accepted(1, AGENTS_MAX),
  threads: accepted(THREADS_MIN, HOSTS_MAX - 1),
  report: "the path of a file",
  output: OUTPUTS.join(", "),
  timeout: accepted(1, WEEK_MS, "milliseconds"),
};

function isOneOf<const Name extends string>(names: readonly Name[], name: string | undefined): name is Name {
  return name !== undefined && (names as readonly string[]).includes(name);
}

function accepted(least: number, most: number, unit = ""): string {
  return `a whole number from ${least} to ${most}${unit === "" ? "" : ` ${unit}`}`;
}

function single(option: string, values: readonly string[] | undefined): string | undefined {
  if (values !== undefined && values.length > 1) {
    throw new InvalidArgumentError(`--${option}`, values.join(" and "), "the option may be given once.");
  }
  return values?.[0];
}

function wholeNumber(option: string, values: readonly string[] | undefined, least: number, most: number, unit = ""): number | undefined {
  const text = single(option, values);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`--${option}`, text, `give ${accepted(least, most, unit)}.`);
}

function outputFormat(text: string): OutputFormat {
  if (OUTPUTS.includes(text)) return text as OutputFormat;
  throw new InvalidArgumentError("--output", text, `give one of ${OUTPUTS.join(", ")}.`);
}

function scenarioNames(values: readonly string[] | undefined): string[] {
  if (values === undefined || values.length === 0) return SCENARIOS.map((scenario) => scenario.name);
  const names = values.flatMap((value) => value.split(",")).map((name) => resolveScenario(name, "--scenario").name);
  return [...new Set(names)];
}

function refusal(argument: string, positional = !argument.startsWith("-")): ConfigError {
  if (positional) return new ConfigError(argument, `only options are accepted; did you mean --scenario ${JSON.stringify(argument)}?`);
  const name = argument.replace(/^-+/, "").split("=", 1)[0];
  const nearest = OPTIONS.toSorted((a, b) => editDistance(name, a) - editDistance(name, b))[0];
  return new ConfigError(argument, `no such option; did you mean --${nearest}? --help lists all.`);
}

/** Letters to insert, delete or change (Levenshtein), an option that begins alike counting as near. */
function editDistance(from: string, to: string): number {
  if (from !== "" && to.startsWith(from)) return 0;
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[to.length];
}
