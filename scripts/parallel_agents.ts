/**
 * Measures agents as processes: the four tests of the owner's document on parallel agents, done for real, with rapid cycles and the use of resources.
 *
 * ```sh
 * deno run --allow-read --allow-write --allow-run --allow-env --allow-sys scripts/parallel_agents.ts --quick
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError, InvalidArgumentError } from "../core/base/errors.ts";
import { measureCycles, measureResources } from "./parallel/cycles.ts";
import { measureDeadlines } from "./parallel/deadlines.ts";
import { inspectIsolation } from "./parallel/isolation.ts";
import { compareLocalModels, compareRealModels } from "./parallel/model_comparison.ts";
import { type ParallelReport, targetsOf, toMarkdown } from "./parallel/report.ts";
import { measureSpawning } from "./parallel/spawn_timing.ts";
import { measureComputing, measureWaiting, type SpeedUp } from "./parallel/speed_up.ts";
import { checkReportFile } from "./validate/report_file.ts";

const HELP = `Measures agents as processes: spawn timing, parallel execution, model comparison, isolation, rapid cycles, resources.

Usage: deno run --allow-read --allow-write --allow-run --allow-env --allow-sys scripts/parallel_agents.ts [options]

  --quick            waits of 2 s, at most 5 agents, and few samples
  --wait-ms <ms>     how long each waiting agent waits (default: 10000)
  --agents <list>    how many at once (default: 1,3,5,10,20)
  --models <list>    real models to ask through claude, when ANTHROPIC_API_KEY is set (default: haiku,sonnet)
  --json <file>      also write the figures as JSON
  --report <file>    write the Markdown there instead of to stdout
  --help             this text

Exit codes: 0 all targets met, 1 one missed or not measured, 2 usage.

Examples:
  deno run -A scripts/parallel_agents.ts --quick
  deno run -A scripts/parallel_agents.ts --report parallel.md --json parallel.json
  deno run -A scripts/parallel_agents.ts --agents 3,10 --wait-ms 2000
`;

interface Plan {
  readonly quick: boolean;
  readonly waitMs: number;
  readonly agents: readonly number[];
  readonly models: readonly string[];
}

/** What is measured how often. */
const FULL = { spawns: 400, models: 200, cycles: 400, computeSteps: 1_500_000 };
const QUICK = { spawns: 200, models: 10, cycles: 40, computeSteps: 300_000 };
const WATCHED = 20;

async function measure({ quick, waitMs, agents, models }: Plan, say: (text: string) => void): Promise<ParallelReport> {
  const counts = quick ? QUICK : FULL;
  say("test 1: spawn timing");
  const spawnTiming = await measureSpawning(counts.spawns);
  const waiting: SpeedUp[] = [];
  for (const count of agents) {
    say(`test 2: ${count} waiting agents`);
    waiting.push(await measureWaiting(count, waitMs));
  }
  const computing: SpeedUp[] = [];
  for (const count of [1, navigator.hardwareConcurrency, navigator.hardwareConcurrency * 2]) {
    say(`test 2: ${count} computing agents`);
    computing.push(await measureComputing(count, counts.computeSteps));
  }
  say("test 3: models");
  const localModels = await compareLocalModels(counts.models);
  const real = await compareRealModels(models, quick ? 1 : 5);
  say("test 4: isolation");
  const isolation = await inspectIsolation();
  say("deadlines, rapid cycles and resources");
  const deadlines = await measureDeadlines(quick ? 8 : 24, 500);
  const cycles = await measureCycles(counts.cycles, 10);
  const resources = await measureResources(WATCHED, Math.min(waitMs, 5_000));
  const { state } = await Deno.permissions.query({ name: "sys", kind: "loadavg" });
  const machine = { cores: navigator.hardwareConcurrency, os: `${Deno.build.os} ${Deno.build.arch}`, deno: Deno.version.deno };
  return {
    ...{ timestamp: new Date().toISOString(), machine: { ...machine, load1m: state === "granted" ? Deno.loadavg()[0] : null } },
    ...{ spawnTiming, waiting, waitMs, computing, localModels, realModels: typeof real === "string" ? { notMeasured: real } : real },
    ...{ isolation, deadlines, cycles, resources },
  };
}

/** What it runs and measures with. */
async function checkPermissions(): Promise<void> {
  const missing: string[] = [];
  for (const name of ["read", "write", "run", "env", "sys"] as const) {
    if ((await Deno.permissions.query({ name })).state !== "granted") missing.push(`--allow-${name}`);
  }
  if (missing.length > 0) throw new ConfigError("permissions", `some are missing; run with ${missing.join(" ")}.`, { flags: missing });
}

/** Does what the command line says and resolves to the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const texts = Object.fromEntries(["wait-ms", "agents", "models", "json", "report"].map((name) => [name, { type: "string" as const }]));
  const flags = { quick: { type: "boolean" as const }, help: { type: "boolean" as const } };
  let values: Record<string, string | boolean | undefined>;
  try {
    values = parseArgs({ args: [...argv], options: { ...texts, ...flags } }).values as Record<string, string | boolean | undefined>;
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const quick = values.quick === true;
  const waitMs = Number(values["wait-ms"] ?? (quick ? 2_000 : 10_000));
  const agents = String(values.agents ?? (quick ? "3,5" : "1,3,5,10,20")).split(",").map(Number);
  if (!Number.isInteger(waitMs) || waitMs < 1 || agents.some((count) => !Number.isInteger(count) || count < 1 || count > 256)) {
    console.error("--wait-ms takes milliseconds, --agents whole numbers from 1 to 256, joined by commas");
    return 2;
  }
  try {
    await checkPermissions();
    for (const name of ["json", "report"]) if (values[name] !== undefined) await checkReportFile(String(values[name]), `--${name}`);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError || error instanceof ConfigError)) throw error;
    console.error(error.message);
    return 2;
  }
  const plan: Plan = { quick, waitMs, agents, models: String(values.models ?? "haiku,sonnet").split(",") };
  const report = await measure(plan, (text) => console.error(text));
  const markdown = toMarkdown(report);
  if (typeof values.json === "string") {
    await Deno.writeTextFile(values.json, `${JSON.stringify({ ...report, targets: targetsOf(report) }, null, 2)}\n`);
  }
  if (typeof values.report === "string") await Deno.writeTextFile(values.report, markdown);
  else console.log(markdown);
  return targetsOf(report).every(({ passing }) => passing) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
