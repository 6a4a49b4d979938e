/**
 * Runs the benchmarks of orchestration and holds them against the figures of the owner's document.
 *
 * @module
 */
import { type BenchmarkSize, OrchestrationBenchmark } from "./orchestration_benchmark.ts";
import type { BenchmarkResults } from "./performance_monitor.ts";

/** One figure of the document beside ours. */
export interface BenchmarkVerdict {
  /** The benchmark. */
  readonly benchmark: string;
  /** Its row. */
  readonly row: string;
  /** Which figure. */
  readonly figure: string;
  /** What the document aims at, and what it claims to have reached. */
  readonly document: string;
  /** How `measured` must stand to `bound`, which is the better of the document's two. */
  readonly comparison: "<" | ">" | "=";
  /** See `comparison`. */
  readonly bound: number;
  /** Ours; null = not measured, which fails. */
  readonly measured: number | null;
  /** Whether it holds. */
  readonly met: boolean;
}

/** What a run came to. */
export interface BenchmarkReport {
  /** Every row. */
  readonly results: readonly BenchmarkResults[];
  /** Every figure of the document. */
  readonly verdicts: readonly BenchmarkVerdict[];
  /** All figures hold. */
  readonly success: boolean;
}

/** Options of a run. */
export interface BenchmarkRunnerOptions extends Partial<BenchmarkSize> {
  /** Names of benchmarks; all when left out. */
  readonly benchmarks?: readonly BenchmarkName[];
  /** Ends the run after the benchmark that is being run. */
  readonly signal?: AbortSignal;
  /** Hears which benchmark begins. */
  readonly onProgress?: (benchmark: BenchmarkName, index: number, total: number) => void;
}

/** The five. */
export type BenchmarkName =
  | "workflow_execution"
  | "state_transitions"
  | "threat_detection"
  | "concurrent_orchestration"
  | "rollback_performance";

const RUN: Readonly<Record<BenchmarkName, (benchmark: OrchestrationBenchmark) => Promise<BenchmarkResults[]>>> = {
  workflow_execution: (benchmark) => benchmark.workflowExecution(),
  state_transitions: (benchmark) => benchmark.stateTransitions(),
  threat_detection: (benchmark) => benchmark.threatDetection(),
  concurrent_orchestration: (benchmark) => benchmark.concurrentOrchestration(),
  rollback_performance: (benchmark) => benchmark.rollbackPerformance(),
};

/** The benchmarks' names, in the document's order. */
export const BENCHMARKS: readonly BenchmarkName[] = Object.keys(RUN) as BenchmarkName[];

type Rule = readonly [
  figure: string,
  document: string,
  comparison: BenchmarkVerdict["comparison"],
  bound: number,
  of: (results: BenchmarkResults) => number | null,
];

const P99 = (results: BenchmarkResults): number | null => results.p99Ms;
const SUCCESS: Rule = ["success %", "> 99.9 (99.95)", "=", 100, ({ successPercent }) => successPercent];
const RATE: Rule = ["operations/s", "> 1,000 (> 3,000)", ">", 3_000, ({ opsPerSecond }) => opsPerSecond];
const RULES: Readonly<Record<BenchmarkName, readonly Rule[]>> = {
  workflow_execution: [["p99 ms", "< 500 (< 100)", "<", 100, P99], SUCCESS],
  state_transitions: [["p99 ms", "< 1 (< 0.5)", "<", 0.5, P99], SUCCESS],
  threat_detection: [["p99 ms", "< 10 (< 5)", "<", 5, P99], SUCCESS],
  concurrent_orchestration: [RATE, SUCCESS],
  rollback_performance: [["p99 ms a step", "< 5 (< 2)", "<", 2, P99], SUCCESS],
};

const HOLDS: Readonly<Record<BenchmarkVerdict["comparison"], (measured: number, bound: number) => boolean>> = {
  "<": (measured, bound) => measured < bound,
  ">": (measured, bound) => measured > bound,
  "=": (measured, bound) => measured === bound,
};

/**
 * Runs benchmarks one after the other.
 *
 * @example
 * ```ts
 * import { BenchmarkRunner } from "@stage3/kernel";
 * const { results } = await new BenchmarkRunner({ rounds: 1, warmUpRounds: 0, benchmarks: ["state_transitions"] }).run();
 * results[0].row; // "guards none, callbacks 0"
 * ```
 */
export class BenchmarkRunner {
  readonly #options: BenchmarkRunnerOptions;

  /** Starts nothing. Default: 20 rounds after 3 that do not count. */
  constructor(options: BenchmarkRunnerOptions = {}) {
    this.#options = options;
  }

  /** All that were asked for. */
  async run(): Promise<BenchmarkReport> {
    const { rounds = 20, warmUpRounds = 3, benchmarks = BENCHMARKS, signal, onProgress } = this.#options;
    const results: BenchmarkResults[] = [];
    for (const [index, name] of benchmarks.entries()) {
      if (signal?.aborted) break;
      onProgress?.(name, index, benchmarks.length);
      results.push(...await RUN[name](new OrchestrationBenchmark({ rounds, warmUpRounds })));
    }
    const verdicts = results.flatMap(judgeBenchmark);
    return { results, verdicts, success: signal?.aborted !== true && verdicts.every(({ met }) => met) };
  }
}

/** The document's figures for one row; what it says of the throughput, it says of ten agents. */
export function judgeBenchmark(results: BenchmarkResults): BenchmarkVerdict[] {
  const { benchmark, row } = results;
  const rules = RULES[benchmark as BenchmarkName].filter((rule) => rule !== RATE || row.startsWith("10 agents"));
  return rules.map(([figure, document, comparison, bound, of]) => {
    const measured = of(results);
    return { benchmark, row, figure, document, comparison, bound, measured, met: measured !== null && HOLDS[comparison](measured, bound) };
  });
}
