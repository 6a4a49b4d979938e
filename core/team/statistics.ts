/**
 * What the values of one column say: one pass for mean and spread (Welford's method, which loses no digits to large means), one sort for the quantiles.
 *
 * @module
 */
import { quantile } from "../metrics/histogram.ts";
import { shown } from "./difference.ts";

/** Figures of one column. Those about numbers are null where there are none. */
export interface ColumnStatistics {
  /** Its name. */
  readonly column: string;
  /** Values that are there. */
  readonly count: number;
  /** Rows that have none: null, undefined, NaN or an empty text. */
  readonly missing: number;
  /** How many of the values are numbers, or texts that read as one; the figures below up to `stddev` are theirs. */
  readonly numbers: number;
  /** Least. */
  readonly min: number | null;
  /** Greatest. */
  readonly max: number | null;
  /** Average. */
  readonly mean: number | null;
  /** Half of the numbers are at most this. */
  readonly median: number | null;
  /** 95 % of the numbers are at most this. */
  readonly p95: number | null;
  /** Standard deviation of a sample (n − 1); null for fewer than two. */
  readonly stddev: number | null;
  /** Different values; objects and dates by their short form. */
  readonly distinct: number;
  /** The most frequent values as texts, at most ten; equally frequent ones in order of their first row. */
  readonly top: { readonly value: string; readonly count: number }[];
}

const TOP_MAX = 10;
const TOP_CHARS_MAX = 200;
const NUMBER = /^\s{0,8}[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s{0,8}$/;

/** The figures of one column. */
export function columnStatistics(column: string, values: Iterable<unknown>): ColumnStatistics {
  const numbers: number[] = [];
  const counts = new Map<string, number>();
  let [count, missing, mean, squares] = [0, 0, 0, 0];
  for (const value of values) {
    if (isMissing(value)) {
      missing++;
      continue;
    }
    count++;
    const text = typeof value === "object" ? shown(value) : String(value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
    const number = numberOf(value);
    if (number === undefined) continue;
    numbers.push(number);
    const off = number - mean;
    mean += off / numbers.length;
    squares += off * (number - mean);
  }
  const sorted = Float64Array.from(numbers).sort();
  const some = sorted.length > 0;
  return {
    ...{ column, count, missing, numbers: sorted.length },
    min: some ? sorted[0] : null,
    max: some ? sorted[sorted.length - 1] : null,
    mean: some ? mean : null,
    median: some ? quantile(sorted, 0.5) : null,
    p95: some ? quantile(sorted, 0.95) : null,
    stddev: sorted.length > 1 ? Math.sqrt(squares / (sorted.length - 1)) : null,
    distinct: counts.size,
    top: [...counts].sort((a, b) => b[1] - a[1]).slice(0, TOP_MAX).map(([value, times]) => ({
      value: value.slice(0, TOP_CHARS_MAX),
      count: times,
    })),
  };
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || Number.isNaN(value);
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && NUMBER.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}
