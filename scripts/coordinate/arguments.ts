/**
 * The command line of the coordinator: everything is checked before anything starts, and each refusal is one sentence that names the option, the value and
 * what is accepted.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError } from "../../core/base/errors.ts";
import type { PermissionPolicy } from "../../core/processes/acp_driver.ts";
import type { DriverName } from "../../core/processes/process_coordinator.ts";
import {
  acceptedFor,
  optionOf,
  type ProcessSettings,
  settingFromText,
  type SettingName,
  SETTINGS,
} from "../../core/processes/process_settings.ts";

/** A command line that was understood. */
export interface CoordinateArguments {
  /** Only print the help. */
  readonly help: boolean;
  /** Folder of requests and results; the variable SWARM_DIR when absent. */
  readonly folder?: string;
  /** Program and arguments of the agents. */
  readonly command: readonly string[];
  /** End when the queue is empty. */
  readonly once: boolean;
  /** JSON lines on stdout. */
  readonly json: boolean;
  /** See `CoordinatorOptions`. */
  readonly driver?: DriverName;
  /** See `CoordinatorOptions`. */
  readonly permissions?: PermissionPolicy;
  /** See `CoordinatorOptions`. */
  readonly modelOption?: string;
  /** See `CoordinatorOptions`. */
  readonly healthCheck?: string;
  /** See `CoordinatorOptions`. */
  readonly worktree?: string;
  /** See `ProcessSettings`. */
  readonly settings: Partial<ProcessSettings>;
}

const TEXTS = ["driver", "permissions", "model-option", "health-check", "worktree"] as const;
const FLAGS = ["once", "json", "help"] as const;
const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
const SETTING_OF: ReadonlyMap<string, SettingName> = new Map([
  ["max", "maxConcurrentAgents"],
  ...SETTING_NAMES.map((name): [string, SettingName] => [optionOf(name).slice(2), name]),
]);
const CHOICES: Readonly<Record<string, readonly string[]>> = { driver: ["plain", "json-lines", "acp"], permissions: ["allow", "reject"] };
const HELP: CoordinateArguments = { help: true, command: [], once: false, json: false, settings: {} };

/** Understands a command line, or throws `ConfigError` with the one sentence to print. */
export function parseCoordinateArguments(argv: readonly string[]): CoordinateArguments {
  const dashes = argv.indexOf("--");
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  if (own.includes("--help") || own.includes("-h")) return HELP;
  const options = {
    ...Object.fromEntries([...TEXTS, ...SETTING_OF.keys()].map((name) => [name, { type: "string" as const }])),
    ...Object.fromEntries(FLAGS.map((name) => [name, { type: "boolean" as const }])),
  };
  const { tokens } = parseArgs({ args: [...own], options, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string>();
  const folders: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") folders.push(token.value);
    else if (token.kind === "option") take(token, given);
  }
  if (folders.length > 1) throw new ConfigError(folders[1], "one folder is enough; the agents' command stands behind --.");
  if (dashes < 0) throw new ConfigError("--", "no command was given; put it behind --, as in: coordinate.ts DIR -- claude -p");
  return {
    ...{ help: false, folder: folders[0], command: argv.slice(dashes + 1), once: given.has("once"), json: given.has("json") },
    driver: chosen("driver", given) as DriverName | undefined,
    permissions: chosen("permissions", given) as PermissionPolicy | undefined,
    ...{ modelOption: given.get("model-option"), healthCheck: given.get("health-check"), worktree: given.get("worktree") },
    settings: settingsFrom(given),
  };
}

function take({ name, rawName, value }: { name: string; rawName: string; value?: string }, given: Map<string, string>): void {
  if ((FLAGS as readonly string[]).includes(name)) {
    if (value !== undefined) throw new ConfigError(rawName, "the option takes no value.");
    given.set(name, "");
    return;
  }
  if (!(TEXTS as readonly string[]).includes(name) && !SETTING_OF.has(name)) {
    throw new ConfigError(rawName, "no such option; --help lists all.");
  }
  if (value === undefined) throw new ConfigError(rawName, "no value was given.");
  if (given.has(name)) throw new ConfigError(rawName, "the option may be given once.");
  given.set(name, value);
}

function chosen(name: string, given: ReadonlyMap<string, string>): string | undefined {
  const value = given.get(name);
  if (value === undefined || CHOICES[name].includes(value)) return value;
  throw new ConfigError(`--${name}`, `${JSON.stringify(value)} is none; give one of ${CHOICES[name].join(", ")}.`);
}

function settingsFrom(given: ReadonlyMap<string, string>): Partial<ProcessSettings> {
  const settings: Record<string, unknown> = {};
  for (const [option, name] of SETTING_OF) {
    const text = given.get(option);
    if (text === undefined) continue;
    const value = settingFromText(name, text);
    const { fallback, least = -Infinity, most = Infinity, oneOf } = SETTINGS[name];
    const fits = typeof value === typeof fallback &&
      (typeof value !== "number" || (value >= least && value <= most)) && (oneOf === undefined || oneOf.includes(text));
    if (!fits) throw new ConfigError(`--${option}`, `${JSON.stringify(text)} cannot be used; give ${acceptedFor(name)}.`);
    settings[name] = value;
  }
  return settings as Partial<ProcessSettings>;
}
