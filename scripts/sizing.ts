/**
 * What agents take of this machine, measured: bytes and processor time of 1,000, 10,000 and 100,000, each in fresh processes, and what that would be on a
 * larger one, extrapolated. `core/sizing.ts` keeps what it found.
 *
 * ```sh
 * deno task sizing                  # three rounds, two minutes
 * deno task sizing --rounds 1 --json
 * ```
 *
 * @module
 */
import { AGENTS_MAX, BUSY_SHARE_MAX, MEASURED, planSizing, type SizingPlan } from "../core/sizing.ts";
import type { Measured } from "./sizing/measure.ts";
import { table } from "./validate/table.ts";

const USAGE = "usage: sizing.ts [--rounds 3] [--messages 200000] [--agents 1000,10000,100000] [--json]";
const CHILD = new URL("./sizing/measure.ts", import.meta.url).pathname;
const THREADS = 2;
/** The machine of the owner's document. */
const LARGE = { cores: 16, ramBytes: 32 * 2 ** 30 };
/** Of the machine's memory for one kernel; the rest is the system's. */
const RAM_SHARE = 0.8;

interface Arguments {
  readonly rounds: number;
  readonly messages: number;
  readonly agents: readonly number[];
  readonly json: boolean;
}

/** What is printed with `--json`. */
interface SizingReport {
  readonly machine: { readonly cores: number; readonly deno: string; readonly os: string };
  readonly rounds: number;
  /** Medians. */
  readonly measured: readonly Measured[];
  /** Straight lines through the medians, as `MEASURED` of core/sizing.ts wants them. */
  readonly lines: Readonly<Record<"processBytes" | "threadBytes" | "workingBytes" | "agentBytes" | "messageCpuUs", number>>;
  /** What `planLayout` says of the owner's machine. */
  readonly extrapolated: readonly SizingPlan[];
}

/** The command line; throws what is wrong with it. */
export function parseSizingArguments(argv: readonly string[]): Arguments {
  const given = new Map<string, string>();
  let json = false;
  for (let at = 0; at < argv.length; at++) {
    if (argv[at] === "--json") json = true;
    else if (["--rounds", "--messages", "--agents"].includes(argv[at]) && at + 1 < argv.length) given.set(argv[at], argv[++at]);
    else throw new RangeError(`${argv[at]} is not understood; ${USAGE}`);
  }
  const whole = (name: string, text: string, max: number): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new RangeError(`${name} ${text}: give whole numbers from 1 to ${max}; ${USAGE}`);
    }
    return value;
  };
  const agents = (given.get("--agents") ?? "1000,10000,100000").split(",").map((text) => whole("--agents", text, 100_000));
  if (agents.length < 2 || agents.some((count, at) => count <= (agents[at - 1] ?? 0))) {
    throw new RangeError(`--agents ${agents}: give at least two numbers, each larger than the one before; ${USAGE}`);
  }
  return {
    json,
    agents,
    rounds: whole("--rounds", given.get("--rounds") ?? "3", 100),
    messages: whole("--messages", given.get("--messages") ?? "200000", 10_000_000),
  };
}

async function measureOnce(agents: number, threads: number, messages: number): Promise<Measured> {
  const args = [
    "run",
    "--no-prompt",
    "--no-check",
    "--allow-read",
    "--v8-flags=--expose-gc",
    CHILD,
    ...[agents, threads, messages].map(String),
  ];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  if (code !== 0) throw new Error(`measuring ${agents} agents failed: ${new TextDecoder().decode(stderr).trim()}`);
  return JSON.parse(new TextDecoder().decode(stdout)) as Measured;
}

/** The middle of each figure. */
export function medians(runs: readonly Measured[]): Measured {
  const of = (name: keyof Measured): number => runs.map((run) => run[name]).toSorted((a, b) => a - b)[runs.length >> 1];
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, of(name as keyof Measured)])) as unknown as Measured;
}

/** Straight lines: what the process takes, each thread, each agent, and each message. */
export function linesThrough(measured: readonly Measured[]): SizingReport["lines"] {
  const resident = (agents: number, threads: number): number =>
    measured.find((one) => one.agents === agents && one.threads === threads)?.residentBytes ?? NaN;
  const busy = measured.filter(({ agents }) => agents > 0);
  const [few, many] = [busy[0], busy[busy.length - 1]];
  const agentBytes = (many.residentBytes - few.residentBytes) / (many.agents - few.agents);
  return {
    processBytes: resident(0, 0),
    threadBytes: (resident(0, THREADS) - resident(0, 0)) / THREADS,
    workingBytes: few.residentBytes - resident(0, THREADS) - few.agents * agentBytes,
    agentBytes,
    messageCpuUs: busy.map(({ messageCpuUs }) => messageCpuUs).toSorted((a, b) => a - b)[busy.length >> 1],
  };
}

/** So many agents as the memory of a large machine holds, and the round numbers below. */
function plansFor({ cores, ramBytes }: typeof LARGE): SizingPlan[] {
  return [10_000, 100_000, 1_000_000].map((agents) => planSizing({ agents, cores, threads: cores - 1, messageRate: 1_000_000 }))
    .filter(({ residentBytesMax }) => residentBytesMax.value <= ramBytes * RAM_SHARE);
}

async function measureAll(
  { rounds, messages, agents }: Arguments,
  onStep: (done: number, all: number, what: string) => void,
): Promise<Measured[]> {
  const cases = [
    { agents: 0, threads: 0 },
    { agents: 0, threads: THREADS },
    ...agents.map((count) => ({ agents: count, threads: THREADS })),
  ];
  const runs = cases.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { agents, threads }] of cases.entries()) {
      onStep(round * cases.length + index, rounds * cases.length, `${agents} agents on ${threads} threads`);
      runs[index].push(await measureOnce(agents, threads, messages));
    }
  }
  onStep(rounds * cases.length, rounds * cases.length, "");
  return runs.map(medians);
}

/** A bar on a terminal, a line for each step elsewhere. */
function showStep(done: number, all: number, what: string): void {
  const width = 24;
  const filled = Math.round(width * done / all);
  const text = Deno.stderr.isTerminal()
    ? `\r${"█".repeat(filled)}${"░".repeat(width - filled)} ${done}/${all} ${what.padEnd(32)}${done === all ? "\n" : ""}`
    : done === all
    ? ""
    : `${done + 1}/${all} ${what}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

function reportText({ machine, rounds, measured, lines, extrapolated }: SizingReport): string {
  const rows = measured.map((one) => [
    ...[String(one.agents), String(one.threads), mib(one.residentBytes), mib(one.sharedBytes)],
    ...[one.spawnMs.toFixed(0), one.idleCpuPercent.toFixed(1)],
    ...(one.agents === 0 ? ["–", "–"] : [one.messageCpuUs.toFixed(1), one.messagesPerSecond.toFixed(0)]),
  ]);
  const header = [
    "agents",
    "threads",
    "resident MiB",
    "shared MiB at most",
    "spawn ms",
    "idle % of a core",
    "CPU µs a message",
    "messages/s",
  ];
  const plans = extrapolated.map(({ options, residentBytes, sharedBytes, busyCores }) => [
    ...[String(options.maxConcurrentAgents), String(options.threads), mib(options.sharedBufferSize), mib(sharedBytes.value)],
    ...[`${mib(residentBytes.value)} (${residentBytes.basis})`, `${busyCores.value.toFixed(1)} (${busyCores.basis})`],
  ]);
  const { cores, deno, os } = machine;
  return [
    `measured here: ${cores} cores, ${os}, Deno ${deno}; medians of ${rounds} rounds, each in a fresh process`,
    table(header, rows, []),
    `the process ${mib(lines.processBytes)} MiB, a thread ${mib(lines.threadBytes)} MiB, the first messages ${
      mib(lines.workingBytes)
    } MiB, an agent ${lines.agentBytes.toFixed(0)} bytes, ` +
    `a message ${lines.messageCpuUs.toFixed(1)} µs of processor time`,
    `EXTRAPOLATED for ${LARGE.cores} cores and ${
      LARGE.ramBytes / 2 ** 30
    } GiB at 1,000,000 messages/s, from the figures kept in core/sizing.ts:`,
    table(["agents", "threads", "sharedBufferSize MiB", "shared MiB at most", "resident MiB", "busy cores"], plans, []),
    `Its bounds: ${AGENTS_MAX} agents, which is all that have slots (${mib(AGENTS_MAX * MEASURED.agentBytes)} MiB of its memory), and ` +
    `${Math.floor(LARGE.cores * BUSY_SHARE_MAX * 1e6 / MEASURED.messageCpuUs)} messages/s at ${100 * BUSY_SHARE_MAX} % busy.`,
  ].join("\n\n");
}

async function main(argv: readonly string[]): Promise<number> {
  let options: Arguments;
  try {
    options = parseSizingArguments(argv);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    return 2;
  }
  const measured = await measureAll(options, showStep);
  const report: SizingReport = {
    machine: { cores: navigator.hardwareConcurrency, deno: Deno.version.deno, os: `${Deno.build.os} ${Deno.build.arch}` },
    ...{ rounds: options.rounds, measured, lines: linesThrough(measured), extrapolated: plansFor(LARGE) },
  };
  console.log(options.json ? JSON.stringify(report, null, 2) : reportText(report));
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
