/**
 * The command line of the validator: everything is checked before anything starts, and each refusal is one sentence that names the option,
 * the value and what is accepted.
 *
 * @module
 */
import { parseArgs } from "node:util";
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

/** What `parseArgs` says of one option. */
interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string;
  readonly inlineValue?: boolean;
}

const VALUE_OPTIONS = ["scenario", "duration", "agents", "threads", "report", "output", "timeout"] as const;
const FLAGS = ["quick", "verbose", "help"] as const;
const OPTIONS: readonly string[] = [...VALUE_OPTIONS, ...FLAGS];
const PARSED = {
  ...Object.fromEntries(VALUE_OPTIONS.map((name) => [name, { type: "string" as const, multiple: true }])),
  ...Object.fromEntries(FLAGS.map((name) => [name, { type: "boolean" as const }])),
};
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
  if (argv.includes("--help") || argv.includes("-h")) return HELP;
  const { tokens } = parseArgs({ args: [...argv], options: PARSED, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") throw refusal(token.value, true);
    if (token.kind === "option") take(token, given);
  }
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

/** Puts one option with its value down. What follows an option is its value unless it begins with `--`. */
function take({ name, rawName, value, inlineValue }: OptionToken, given: Map<string, string[]>): void {
  if (isOneOf(FLAGS, name)) {
    if (value !== undefined) throw new InvalidArgumentError(rawName, value, "the option takes no value.");
    given.set(name, []);
  } else if (!isOneOf(VALUE_OPTIONS, name)) {
    throw refusal(inlineValue ? `${rawName}=${value}` : rawName, false);
  } else if (value === undefined || (!inlineValue && value.startsWith("--"))) {
    throw new ConfigError(rawName, `no value was given; give ${EXPECTED[name]}.`);
  } else {
    given.set(name, [...given.get(name) ?? [], value]);
  }
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

function refusal(argument: string, positional: boolean): ConfigError {
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
