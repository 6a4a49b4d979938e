/**
 * The report, as data and as Markdown.
 *
 * @module
 */
import type { CycleFigures, ResourceFigures } from "./cycles.ts";
import type { DeadlineFigures } from "./deadlines.ts";
import type { IsolationFinding } from "./isolation.ts";
import type { Spread } from "./laboratory.ts";
import type { ModelFigures } from "./model_comparison.ts";
import type { SpawnTiming } from "./spawn_timing.ts";
import type { SpeedUp } from "./speed_up.ts";

/** A bound that must hold. */
export interface Target {
  /** Of what. */
  readonly what: string;
  /** The bound. */
  readonly target: string;
  /** What was measured; null when it was not. */
  readonly actual: number | null;
  /** Whether it holds; false when it was not measured. */
  readonly passing: boolean;
}

/** Everything that was measured. */
export interface ParallelReport {
  /** ISO 8601. */
  readonly timestamp: string;
  /** Cores, system and runtime. */
  readonly machine: { readonly cores: number; readonly os: string; readonly deno: string; readonly load1m: number | null };
  /** Test 1. */
  readonly spawnTiming: SpawnTiming;
  /** Test 2, waiting. */
  readonly waiting: readonly SpeedUp[];
  /** How long each of them waited. */
  readonly waitMs: number;
  /** Test 2, computing. */
  readonly computing: readonly SpeedUp[];
  /** Test 3. */
  readonly localModels: readonly ModelFigures[];
  /** Test 3 with real models, or why they were not asked. */
  readonly realModels: readonly ModelFigures[] | { readonly notMeasured: string };
  /** Test 4. */
  readonly isolation: readonly IsolationFinding[];
  /** Agents stopped at their deadline. */
  readonly deadlines: DeadlineFigures;
  /** Agents that come and go. */
  readonly cycles: CycleFigures;
  /** What watching takes. */
  readonly resources: ResourceFigures;
}

const OVERHEAD_P95_MS_MAX = 2;
const WAITING_PERCENT_MIN = 99;
const COMPUTING_PERCENT_MIN = 95;
const LATENESS_MS_MAX = 50;

/** What must hold, and whether it does. */
export function targetsOf(report: ParallelReport): Target[] {
  const { spawnTiming, waiting, computing, isolation, deadlines, cycles } = report;
  const least = (ups: readonly SpeedUp[]): number => Math.min(...ups.map(({ efficiencyPercent }) => efficiencyPercent));
  const overhead = spawnTiming.overheadMs.p95;
  const full = computing.filter(({ agents }) => agents >= report.machine.cores);
  const broken = isolation.filter(({ holds }) => !holds).length;
  return [
    {
      what: "spawn overhead p95 beyond fork and exec, ms",
      target: `≤ ${OVERHEAD_P95_MS_MAX}`,
      actual: overhead,
      passing: overhead !== null && overhead <= OVERHEAD_P95_MS_MAX,
    },
    {
      what: "least efficiency of waiting agents, %",
      target: `≥ ${WAITING_PERCENT_MIN}`,
      actual: least(waiting),
      passing: least(waiting) >= WAITING_PERCENT_MIN,
    },
    {
      what: "least use of the cores by computing agents, %",
      target: `≥ ${COMPUTING_PERCENT_MIN}`,
      actual: least(full),
      passing: least(full) >= COMPUTING_PERCENT_MIN,
    },
    {
      what: "worst lateness of a deadline, ms",
      target: `≤ ${LATENESS_MS_MAX}`,
      actual: deadlines.latenessMsMax,
      passing: deadlines.wrong === 0 && deadlines.latenessMsMax <= LATENESS_MS_MAX,
    },
    { what: "things that agents share and should not", target: "0", actual: broken, passing: broken === 0 },
    { what: "processes left after the cycles", target: "0", actual: cycles.orphans, passing: cycles.orphans === 0 },
  ];
}

/** The report in Markdown. */
export function toMarkdown(report: ParallelReport): string {
  const { machine, spawnTiming, waiting, waitMs, computing, localModels, realModels, isolation, deadlines, cycles, resources } = report;
  const models = "notMeasured" in realModels ? localModels : [...localModels, ...realModels];
  const spread = (what: string, { p50, p95, samples }: Spread): string[] => [what, number(p50), number(p95), String(samples)];
  return [
    "# Parallel agents",
    `${report.timestamp}, ${machine.cores} cores, ${machine.os}, deno ${machine.deno}, load of the last minute ${number(machine.load1m)}`,
    table(
      ["target", "bound", "measured", ""],
      targetsOf(report).map(({ what, target, actual, passing }) => [what, target, number(actual), passing ? "pass" : "FAIL"]),
    ),
    "## Test 1: spawn timing (ms)",
    table(["what", "p50", "p95", "samples"], [
      spread("fork and exec alone", spawnTiming.bareMs),
      spread("from claim to running process", spawnTiming.spawnMs),
      spread("of it, fork and exec", spawnTiming.execMs),
      spread("of it, the rest", spawnTiming.overheadMs),
      spread("of the rest, waiting for the disk", spawnTiming.syncMs),
      spread("with a health check before it", spawnTiming.withHealthCheckMs),
      spread("of it, the health check", spawnTiming.healthCheckMs),
    ]),
    "## Test 2: parallel execution",
    `Agents that wait ${waitMs} ms each; efficiency is that time of the wall time:`,
    speedUps(waiting),
    "Agents that compute; efficiency is their processor time of what the cores could give (other load on the machine counts against it):",
    speedUps(computing),
    "## Test 3: model comparison",
    table(
      ["model", "known ms", "p50 ms", "p95 ms", "samples", "tokens/task", "USD/task", "failed"],
      models.map(({ model, local, knownMs, latencyMs, outputTokens, costUsd, failed }) => [
        ...[
          local ? `${model} (waits only)` : model,
          number(knownMs),
          number(latencyMs.p50),
          number(latencyMs.p95),
          String(latencyMs.samples),
        ],
        ...[number(outputTokens), costUsd === null ? "not measured" : costUsd.toFixed(6), String(failed)],
      ]),
    ),
    "notMeasured" in realModels ? `Real models: not measured, ${realModels.notMeasured}.` : "",
    "## Test 4: isolation",
    table(["what", "", "seen"], isolation.map(({ what, holds, seen }) => [what, holds ? "apart" : "SHARED", seen])),
    "## Deadlines, rapid cycles and resources",
    `${deadlines.latenessMs.samples} agents stopped at their deadline: ended ${
      number(deadlines.latenessMs.p50)
    } ms after it at the median, ` +
    `${number(deadlines.latenessMsMax)} at the worst, ${deadlines.wrong} before it or for another reason.`,
    `${cycles.agents} agents, ${cycles.concurrent} at a time: ${number(cycles.perSecond)} a second, each ${
      number(cycles.durationMs.p50)
    } ms at the median ` +
    `(p95 ${number(cycles.durationMs.p95)}), ${cycles.failed} failed, ${cycles.orphans} processes left, ${
      number(cycles.rssGrownMiB)
    } MiB more memory.`,
    `Watching ${resources.agents} agents that wait: ${number(resources.cpuPercent)} % of a core, ${number(resources.rssMiB)} MiB.`,
  ].filter(Boolean).join("\n\n") + "\n";
}

function speedUps(rows: readonly SpeedUp[]): string {
  return table(
    ["agents", "wall ms", "sum ms", "speed-up", "efficiency %"],
    rows.map((
      { agents, wallMs, sumMs, speedUp, efficiencyPercent },
    ) => [String(agents), ...[wallMs, sumMs, speedUp, efficiencyPercent].map(number)]),
  );
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function number(value: number | null): string {
  if (value === null) return "not measured";
  return Number.isInteger(value) ? String(value) : value.toFixed(value >= 100 ? 0 : 2);
}
