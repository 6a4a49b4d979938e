/**
 * Times of many operations of one kind, kept exactly: for benchmarks, which have a known number of them.
 *
 * @module
 */
import { type Clock, SystemClock } from "../base/clock.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { BENCHMARK_SAMPLES_MAX } from "../base/limits.ts";
import { P95_SAMPLES_MIN, P99_SAMPLES_MIN, quantile } from "../metrics/histogram.ts";
import { residentBytes } from "../metrics/system_usage.ts";

/** What one row of a benchmark came to. Times in ms. */
export interface BenchmarkResults {
  /** The benchmark. */
  readonly benchmark: string;
  /** What differs between its rows. */
  readonly row: string;
  /** Operations timed. */
  readonly samples: number;
  /** Shortest; null without samples, like all times. */
  readonly minMs: number | null;
  /** Longest. */
  readonly maxMs: number | null;
  /** Mean. */
  readonly meanMs: number | null;
  /** Middle. */
  readonly medianMs: number | null;
  /** 95th percentile; null below 200 samples. */
  readonly p95Ms: number | null;
  /** 99th percentile; null below 1,000 samples. */
  readonly p99Ms: number | null;
  /** Standard deviation of the sample; null below 2 samples. */
  readonly stddevMs: number | null;
  /** Operations a second, over the time that the rounds took. */
  readonly opsPerSecond: number | null;
  /** Operations that came to what they had to, in percent. */
  readonly successPercent: number | null;
  /** Resident memory at the end less that at the begin. */
  readonly memoryBytes: number;
}

/**
 * Collects one row.
 *
 * @example
 * ```ts
 * import { PerformanceMonitor } from "@stage3/kernel";
 * const monitor = new PerformanceMonitor("state_transitions", "guards: none");
 * monitor.round(() => {
 *   for (let n = 0; n < 1_000; n++) monitor.record(0.001, true);
 * });
 * monitor.results().samples; // 1000
 * ```
 */
export class PerformanceMonitor {
  readonly #clock: Clock;
  readonly #rssBefore = residentBytes();
  readonly #samples: number[] = [];
  #succeeded = 0;
  #roundsMs = 0;

  /** Nothing yet. Times are read without an offset: since 1970 a double of ms has no more than a quarter of a µs. */
  constructor(readonly benchmark: string, readonly row: string, clock: Clock = new SystemClock(0)) {
    this.#clock = clock;
  }

  /** Time now, in ms. */
  now(): number {
    return this.#clock.now();
  }

  /** One operation. Throws `InvalidArgumentError` beyond 1,000,000 of them. */
  record(ms: number, succeeded: boolean): void {
    if (this.#samples.length >= BENCHMARK_SAMPLES_MAX) {
      throw new InvalidArgumentError("samples", this.#samples.length, `a monitor keeps ${BENCHMARK_SAMPLES_MAX}; use another for more.`);
    }
    this.#samples.push(ms);
    if (succeeded) this.#succeeded++;
  }

  /** Runs operations whose whole time counts for the throughput. */
  round(run: () => void): void {
    const startedAt = this.now();
    run();
    this.#roundsMs += this.now() - startedAt;
  }

  /** The same for asynchronous ones. */
  async roundOf(run: () => Promise<void>): Promise<void> {
    const startedAt = this.now();
    await run();
    this.#roundsMs += this.now() - startedAt;
  }

  /** The figures so far. */
  results(): BenchmarkResults {
    const sorted = Float64Array.from(this.#samples).sort();
    const samples = sorted.length;
    const at = (p: number, needed: number): number | null => samples >= needed ? quantile(sorted, p) : null;
    const mean = samples > 0 ? sorted.reduce((sum, ms) => sum + ms, 0) / samples : null;
    return {
      ...{ benchmark: this.benchmark, row: this.row, samples, meanMs: mean },
      ...{ minMs: at(0, 1), maxMs: at(1, 1), medianMs: at(0.5, 1), p95Ms: at(0.95, P95_SAMPLES_MIN), p99Ms: at(0.99, P99_SAMPLES_MIN) },
      stddevMs: samples > 1 ? Math.sqrt(sorted.reduce((sum, ms) => sum + (ms - mean!) ** 2, 0) / (samples - 1)) : null,
      opsPerSecond: this.#roundsMs > 0 ? samples / this.#roundsMs * 1_000 : null,
      successPercent: samples > 0 ? 100 * this.#succeeded / samples : null,
      memoryBytes: residentBytes() - this.#rssBefore,
    };
  }
}
