/**
 * The settings of process agents: one table of their names as environment variables and as options, defaults and bounds. An option wins over a
 * variable, a variable over the default.
 *
 * @module
 */
import { ConfigError, describe } from "../base/errors.ts";
import * as limits from "../base/limits.ts";

/** What an operator may set. Times in ms. */
export interface ProcessSettings {
  /** Agents at a time. */
  readonly maxConcurrentAgents: number;
  /** The folder is looked at so often. */
  readonly pollIntervalMs: number;
  /** A health check has so long. */
  readonly healthCheckTimeoutMs: number;
  /** No health checks. */
  readonly skipHealthCheck: boolean;
  /** `lazy`: a long context stands in a file that the prompt names; `full`: always in the prompt. */
  readonly contextMode: "lazy" | "full";
  /** Longer ones are long. */
  readonly maxInlineContextChars: number;
  /** First deadline of a simple request; twice or three times that for harder ones. */
  readonly initialTimeoutMs: number;
  /** No agent runs longer, whatever it does. */
  readonly maxTimeoutMs: number;
  /** More time for an agent that makes progress near its deadline. */
  readonly timeoutExtensionMs: number;
  /** Progress is what happened within this. */
  readonly activityWindowMs: number;
  /** Bursts of output within the window that count as progress. */
  readonly minOutputBursts: number;
  /** An agent's processes are looked at so often. */
  readonly heartbeatCheckIntervalMs: number;
  /** Silence that is worth a line in the log. */
  readonly silenceWarningMs: number;
  /** Silence without any work after which an agent is stopped. */
  readonly heartbeatTimeoutMs: number;
  /** Time between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** Generations of requests by children. */
  readonly requestDepthMax: number;
  /** Requests that one request may lead to. */
  readonly requestsPerTreeMax: number;
}

/** Name of a setting. */
export type SettingName = keyof ProcessSettings;

interface SettingRow {
  readonly variable: string;
  readonly fallback: number | boolean | string;
  readonly least?: number;
  readonly most?: number;
  readonly oneOf?: readonly string[];
}

const ms = (variable: string, fallback: number): SettingRow => ({ variable, fallback, least: 1, most: limits.TIMER_MS_MAX });
const count = (variable: string, fallback: number, least: number, most: number): SettingRow => ({ variable, fallback, least, most });

/** Every setting, with the variable that the owner's document names. */
export const SETTINGS: Readonly<Record<SettingName, SettingRow>> = {
  maxConcurrentAgents: count("MAX_CONCURRENT_AGENTS", 5, 1, limits.PROCESS_AGENTS_MAX),
  pollIntervalMs: ms("POLL_INTERVAL_MS", 1_000),
  healthCheckTimeoutMs: ms("HEALTH_CHECK_TIMEOUT_MS", 10_000),
  skipHealthCheck: { variable: "SKIP_HEALTH_CHECK", fallback: false },
  contextMode: { variable: "CONTEXT_MODE", fallback: "lazy", oneOf: ["lazy", "full"] },
  maxInlineContextChars: count("MAX_INLINE_CONTEXT_CHARS", 500, 0, limits.REQUEST_BYTES_MAX),
  initialTimeoutMs: ms("INITIAL_TIMEOUT_MS", 60_000),
  maxTimeoutMs: ms("MAX_TIMEOUT_MS", 240_000),
  timeoutExtensionMs: ms("TIMEOUT_EXTENSION_MS", 60_000),
  activityWindowMs: ms("ACTIVITY_WINDOW_MS", 30_000),
  minOutputBursts: count("MIN_OUTPUT_BURSTS", 2, 1, 1_000),
  heartbeatCheckIntervalMs: ms("HEARTBEAT_CHECK_INTERVAL_MS", 15_000),
  silenceWarningMs: ms("SILENCE_WARNING_MS", 45_000),
  heartbeatTimeoutMs: ms("HEARTBEAT_TIMEOUT_MS", 90_000),
  killGraceMs: ms("KILL_GRACE_MS", limits.KILL_GRACE_MS),
  requestDepthMax: count("REQUEST_DEPTH_MAX", limits.REQUEST_DEPTH_MAX, 0, 100),
  requestsPerTreeMax: count("REQUESTS_PER_TREE_MAX", limits.REQUESTS_PER_TREE_MAX, 0, 100_000),
};

/** `pollIntervalMs` → `--poll-interval-ms`. */
export function optionOf(name: SettingName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What is accepted, for a message or the help. */
export function acceptedFor(name: SettingName): string {
  const { fallback, least, most, oneOf } = SETTINGS[name];
  if (oneOf !== undefined) return oneOf.join(" or ");
  return typeof fallback === "boolean" ? "true or false" : `a whole number from ${least} to ${most}`;
}

/**
 * Settings from what was given (by name) and from variables. Throws `ConfigError` that names the option or the variable as it was written.
 *
 * @example
 * ```ts ignore
 * readSettings({ maxConcurrentAgents: 3 }, (name) => Deno.env.get(name));
 * ```
 */
export function readSettings(
  given: Partial<ProcessSettings> = {},
  variable: (name: string) => string | undefined = () => undefined,
): ProcessSettings {
  for (const key of Object.keys(given)) {
    if (!(key in SETTINGS)) throw new ConfigError(key, `no such setting; known: ${Object.keys(SETTINGS).join(", ")}.`);
  }
  const names = Object.keys(SETTINGS) as SettingName[];
  const settings = Object.fromEntries(names.map((name) => {
    const row = SETTINGS[name];
    if (given[name] !== undefined) return [name, checked(name, name, given[name])];
    const text = variable(row.variable);
    return [name, text === undefined || text === "" ? row.fallback : checked(name, row.variable, fromText(row, text))];
  }));
  return settings as unknown as ProcessSettings;
}

/** A setting's value from text; what is no such value stays a text, and is refused as one. */
export function settingFromText(name: SettingName, text: string): unknown {
  return fromText(SETTINGS[name], text);
}

function fromText({ fallback }: SettingRow, text: string): unknown {
  if (typeof fallback === "number") return /^\d+$/.test(text) ? Number(text) : text;
  if (typeof fallback === "boolean") return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
  return text;
}

function checked(name: SettingName, written: string, value: unknown): unknown {
  const { fallback, least = 0, most = 0, oneOf } = SETTINGS[name];
  const fits = typeof value === typeof fallback &&
    (typeof value === "number"
      ? Number.isSafeInteger(value) && value >= least && value <= most
      : oneOf === undefined || oneOf.includes(value as string));
  if (fits) return value;
  throw new ConfigError(written, `${describe(value)} cannot be used; give ${acceptedFor(name)}.`);
}
