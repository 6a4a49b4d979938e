/**
 * Reads command lines: options with values and flags, each refusal one sentence that names the option, the value and what is accepted.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError, InvalidArgumentError } from "../../core/base/errors.ts";

/** What a command understands. */
export interface OptionSyntax {
  /** Options with a value, by name; what each takes, in words. */
  readonly values: Readonly<Record<string, string>>;
  /** Options without a value. */
  readonly flags: readonly string[];
  /** The option that a word without one was probably meant for. */
  readonly meant: string;
}

/** What `parseArgs` says of one option. */
interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string;
  readonly inlineValue?: boolean;
}

/** Whether the help is asked for: it wins over whatever else is wrong. */
export function isHelp(argv: readonly string[]): boolean {
  return argv.includes("--help") || argv.includes("-h");
}

/** Values by option, in the order given; a flag has none. Throws `InvalidArgumentError` or `ConfigError`. */
export function readOptions(argv: readonly string[], syntax: OptionSyntax): Map<string, string[]> {
  const options = {
    ...Object.fromEntries(Object.keys(syntax.values).map((name) => [name, { type: "string" as const, multiple: true }])),
    ...Object.fromEntries(syntax.flags.map((name) => [name, { type: "boolean" as const }])),
  };
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new ConfigError(token.value, `only options are accepted; did you mean --${syntax.meant} ${JSON.stringify(token.value)}?`);
    }
    if (token.kind === "option") take(token, given, syntax);
  }
  return given;
}

/** Puts one option with its value down. What follows an option is its value unless it begins with `--`. */
function take({ name, rawName, value, inlineValue }: OptionToken, given: Map<string, string[]>, syntax: OptionSyntax): void {
  if (syntax.flags.includes(name)) {
    if (value !== undefined) throw new InvalidArgumentError(rawName, value, "the option takes no value.");
    given.set(name, []);
  } else if (!Object.hasOwn(syntax.values, name)) {
    throw unknownOption(inlineValue ? `${rawName}=${value}` : rawName, syntax);
  } else if (value === undefined || (!inlineValue && value.startsWith("--"))) {
    throw new ConfigError(rawName, `no value was given; give ${syntax.values[name]}.`);
  } else {
    given.set(name, [...given.get(name) ?? [], value]);
  }
}

/** Says which whole numbers are accepted. */
export function accepted(least: number, most: number, unit = ""): string {
  return `a whole number from ${least} to ${most}${unit === "" ? "" : ` ${unit}`}`;
}

/** The value of an option that may be given once. */
export function single(option: string, values: readonly string[] | undefined): string | undefined {
  if (values !== undefined && values.length > 1) {
    throw new InvalidArgumentError(`--${option}`, values.join(" and "), "the option may be given once.");
  }
  return values?.[0];
}

/** The same, as a number in bounds. */
export function wholeNumber(
  option: string,
  values: readonly string[] | undefined,
  least: number,
  most: number,
  unit = "",
): number | undefined {
  const text = single(option, values);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`--${option}`, text, `give ${accepted(least, most, unit)}.`);
}

function unknownOption(argument: string, { values, flags }: OptionSyntax): ConfigError {
  const name = argument.replace(/^-+/, "").split("=", 1)[0];
  const nearest = [...Object.keys(values), ...flags].toSorted((a, b) => editDistance(name, a) - editDistance(name, b))[0];
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
