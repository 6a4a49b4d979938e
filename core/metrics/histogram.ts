/**
 * The only percentile code of the project: counts of durations in log-linear buckets, the idea of Gil Tene's HdrHistogram
 * (https://hdrhistogram.org), with the bucket read from the bits of the float instead of counted from an integer.
 *
 * ```
 * word      0           1               2                  3        4 ………………… 1059   1060 … 1071
 *       negatives │ max, whole µs │ max, µs ÷ 2^32 │ (unused) │ 1056 buckets │ (unused, to the cache line)
 *
 * buckets 0…31     the first µs in steps of 1/32 µs
 * buckets 32…1055  [2^e, 2^(e+1)) µs in 32 equal steps, e = 0…31, to 2^32 µs = 71.6 minutes
 * ```
 * So a bucket is never wider than 1/32 of its values (1/32 µs below 1 µs). What is longer than the range stands in the last bucket.
 *
 * The words may lie over shared memory. There is ONE writer (thread and instance) of a histogram; anybody may read. Plain loads and stores
 * do: a 32-bit word is never torn, and since buckets only grow, a reader who sees some of them late sees the histogram of a moment ago.
 * There is no word for the count: it is the sum of the buckets, so the two cannot disagree. A bucket stops at 2^32 − 1.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";

/** Samples that a median needs. */
export const P50_SAMPLES_MIN = 1;
/** Samples that a 95th percentile needs: ten lie above it. */
export const P95_SAMPLES_MIN = 200;
/** Samples that a 99th percentile needs: ten lie above it. */
export const P99_SAMPLES_MIN = 1_000;

const STEPS = 32;
const OCTAVES = 32;
const BUCKETS = STEPS * (OCTAVES + 1);
const LAST_BUCKET = BUCKETS - 1;
/** The exponent of 1.0 and five bits of mantissa, as they stand in the upper half of a float after `>>> 15`. */
const ONE_AS_KEY = 1023 << 5;
const KEY_SHIFT = 15;

const NEGATIVES = 0;
const MAX_WHOLE = 1;
const MAX_FRACTION = 2;
const FIRST_BUCKET = 4;
/** Header and buckets, rounded up to whole cache lines of 16 words, so that neighbours in shared memory share none. */
const WORDS = Math.ceil((FIRST_BUCKET + BUCKETS) / 16) * 16;
const WORD_MAX = 0xffff_ffff;
const FRACTION_UNIT = 2 ** 32;

/** One float seen as two words, to read its exponent without a logarithm. One a thread: a module is never shared between threads. */
const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);
scratch[0] = 1;
const UPPER_HALF = scratchWords[1] !== 0 ? 1 : 0;

/** Samples needed before a quantile of `p` (0…1) means something: ten beyond it; up to the median one is enough. */
export function samplesNeeded(p: number): number {
  return p <= 0.5 || p >= 1 ? P50_SAMPLES_MIN : Math.round(10 / (1 - p));
}

/**
 * The exact quantile of a few numbers in rising order: between two of them it lies on the line that joins them (Hyndman and Fan's type 7, as in
 * spreadsheets), so the median of an even number of them is their mean. Throws `InvalidArgumentError` when there is none.
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new InvalidArgumentError("p", p, "give a fraction between 0 and 1, such as 0.95.");
  if (sorted.length === 0) throw new InvalidArgumentError("sorted", sorted, "give at least one number.");
  const place = p * (sorted.length - 1);
  const below = Math.floor(place);
  const share = place - below;
  // Not low + share × (high − low): the difference of two large numbers may be more than a number can hold.
  return share === 0 ? sorted[below] : sorted[below] * (1 - share) + sorted[below + 1] * share;
}

/**
 * Durations in µs, counted in buckets of a relative width of at most 1/32.
 *
 * @example
 * ```ts
 * const latency = Histogram.private();
 * for (let us = 1; us <= 1_000; us++) latency.record(us);
 * latency.quantileUs(0.95); // 960: at most 1/32 above the truth, never below it
 * ```
 */
export class Histogram {
  /** Length of the `Uint32Array` that a histogram lies over: 1,072 words, 4,288 bytes. */
  static readonly WORDS: number = WORDS;

  readonly #words: Uint32Array<ArrayBufferLike>;

  /** Lies over `words`, which begin as zeros or as what another instance wrote there. Throws unless there are `Histogram.WORDS` of them. */
  constructor(words: Uint32Array<ArrayBufferLike>) {
    if (words.length !== WORDS) throw new InvalidArgumentError("words.length", words.length, `give exactly ${WORDS} words.`);
    this.#words = words;
  }

  /** A histogram over memory of its own. */
  static private(): Histogram {
    return new Histogram(new Uint32Array(WORDS));
  }

  /** Rebuilds a histogram from what `toPairs` gave; `maxUs` restores the exact max, else it is the last upper bound. */
  static fromPairs(pairs: readonly (readonly [upperBoundUs: number, count: number])[], maxUs?: number): Histogram {
    const histogram = Histogram.private();
    for (const [upperBoundUs, count] of pairs) {
      const bucket = keyOf(upperBoundUs) - 1;
      if (!(bucket >= 0 && bucket < BUCKETS && upperBound(bucket) === upperBoundUs)) {
        throw new InvalidArgumentError("upperBoundUs", upperBoundUs, "give the bounds that toPairs returned.");
      }
      if (!Number.isSafeInteger(count) || count < 0) throw new InvalidArgumentError("count", count, "give a whole number of samples.");
      if (count === 0) continue;
      histogram.#grow(FIRST_BUCKET + bucket, count);
      histogram.#raiseMax(upperBoundUs);
    }
    if (maxUs !== undefined) histogram.#writeMax(maxUs);
    return histogram;
  }

  /** Counts one duration in µs. A negative one (a clock that ran backwards) or NaN is no duration: it is counted in `negatives` only. */
  record(us: number): void {
    const words = this.#words;
    let at = NEGATIVES;
    if (us >= 0) {
      const bucket = keyOf(us);
      at = FIRST_BUCKET + (bucket < LAST_BUCKET ? bucket : LAST_BUCKET);
    }
    const count = words[at];
    if (count !== WORD_MAX) words[at] = count + 1;
    // The whole part first: it settles nearly all, and somebody else may have forgotten everything since.
    if (us >= words[MAX_WHOLE] && us > this.#readMax()) this.#writeMax(us);
  }

  /** Durations counted, negative ones not among them. */
  get count(): number {
    let count = 0;
    for (let at = FIRST_BUCKET; at < FIRST_BUCKET + BUCKETS; at++) count += this.#words[at];
    return count;
  }

  /** Values below 0 or NaN that were offered: anything but 0 means that a clock ran backwards. */
  get negatives(): number {
    return this.#words[NEGATIVES];
  }

  /** The longest duration, exact up to 71.6 minutes (a reader in another thread may err by 1 µs at the moment it rises); null without samples. */
  get maxUs(): number | null {
    return this.count === 0 ? null : this.#readMax();
  }

  /** Mean of the middles of the buckets, within 1/64 of the truth; null without samples. */
  get meanUs(): number | null {
    let count = 0;
    let sumUs = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const inBucket = this.#words[FIRST_BUCKET + bucket];
      if (inBucket === 0) continue;
      count += inBucket;
      sumUs += inBucket * (lowerBound(bucket) + upperBound(bucket)) / 2;
    }
    return count === 0 ? null : sumUs / count;
  }

  /**
   * The duration that a fraction `p` (0…1) of the samples does not exceed (nearest rank), as the upper bound of its bucket but never above
   * the max: it may be at most one bucket too long, never too short. Null with fewer than `samplesNeeded(p)` samples. When the histogram
   * grows meanwhile and several figures must agree, merge it into a private one first.
   */
  quantileUs(p: number): number | null {
    if (!(p >= 0 && p <= 1)) throw new InvalidArgumentError("p", p, "give a fraction between 0 and 1, such as 0.95.");
    const count = this.count;
    if (count < samplesNeeded(p)) return null;
    const rank = Math.max(1, Math.ceil(p * count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#words[FIRST_BUCKET + bucket];
      if (seen >= rank) return bucket === LAST_BUCKET ? this.#readMax() : Math.min(upperBound(bucket), this.#readMax());
    }
    return this.#readMax();
  }

  /** Adds another histogram's samples to this one; the other is only read. */
  mergeFrom(other: Histogram): void {
    const theirs = other.#words;
    for (let at = FIRST_BUCKET; at < FIRST_BUCKET + BUCKETS; at++) {
      if (theirs[at] !== 0) this.#grow(at, theirs[at]);
    }
    this.#grow(NEGATIVES, theirs[NEGATIVES]);
    this.#raiseMax(other.#readMax());
  }

  /** What it holds now, for `since`. */
  copy(): Histogram {
    const copy = Histogram.private();
    copy.mergeFrom(this);
    return copy;
  }

  /**
   * What has been counted since an earlier copy of this histogram. Its max is exact when it is the highest of all time; else the upper bound of
   * the highest bucket.
   */
  since(earlier: Histogram): Histogram {
    const grown = Histogram.private();
    let highest = -1;
    for (let at = FIRST_BUCKET; at < FIRST_BUCKET + BUCKETS; at++) {
      // A bucket that was full stands still. One that shrank belongs to another histogram: counted as nothing, not as billions.
      const count = Math.max(0, this.#words[at] - earlier.#words[at]);
      if (count === 0) continue;
      grown.#words[at] = count;
      highest = at - FIRST_BUCKET;
    }
    grown.#words[NEGATIVES] = Math.max(0, this.#words[NEGATIVES] - earlier.#words[NEGATIVES]);
    if (highest >= 0) grown.#writeMax(highest === LAST_BUCKET ? this.#readMax() : Math.min(upperBound(highest), this.#readMax()));
    return grown;
  }

  /** The buckets that hold something, in order: exclusive upper bound in µs and count. Plain JSON. */
  toPairs(): [upperBoundUs: number, count: number][] {
    const pairs: [number, number][] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.#words[FIRST_BUCKET + bucket];
      if (count !== 0) pairs.push([upperBound(bucket), count]);
    }
    return pairs;
  }

  /** Forgets everything. While nobody writes: a count that is being added would survive. */
  reset(): void {
    this.#words.fill(0);
  }

  #grow(at: number, by: number): void {
    this.#words[at] = Math.min(WORD_MAX, this.#words[at] + by);
  }

  #raiseMax(us: number): void {
    if (us > this.#readMax()) this.#writeMax(us);
  }

  #writeMax(us: number): void {
    const whole = Math.min(WORD_MAX, Math.floor(us));
    this.#words[MAX_WHOLE] = whole;
    this.#words[MAX_FRACTION] = whole === WORD_MAX ? 0 : Math.min(WORD_MAX, Math.ceil((us - whole) * FRACTION_UNIT));
  }

  #readMax(): number {
    return this.#words[MAX_WHOLE] + this.#words[MAX_FRACTION] / FRACTION_UNIT;
  }
}

/** The bucket that a duration would stand in if there were no last one. */
function keyOf(us: number): number {
  if (us < 1) return (us * STEPS) | 0;
  scratch[0] = us;
  return (scratchWords[UPPER_HALF] >>> KEY_SHIFT) - ONE_AS_KEY + STEPS;
}

function lowerBound(bucket: number): number {
  if (bucket < STEPS) return bucket / STEPS;
  return 2 ** (Math.floor(bucket / STEPS) - 1) * (1 + (bucket % STEPS) / STEPS);
}

function upperBound(bucket: number): number {
  return lowerBound(bucket + 1);
}
