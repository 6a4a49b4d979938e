/**
 * Which value of a series is out of line, told online: a value counts as anomalous when it is far from the middle of the last ones by the robust z-score
 * (median and median absolute deviation: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993) and far from the moving average (EWMA:
 * Roberts, 1959) as well. The first is not moved by a few outliers, the second follows a drift; together they raise fewer false alarms than either.
 *
 * @module
 */

/** Values that the median is of. */
const WINDOW = 64;
/** Turns a median absolute deviation into the standard deviation of a normal distribution. */
const MAD_TO_SIGMA = 1.4826;
/** Weight of the newest value in the average. */
const ALPHA = 0.05;
/** An outlier moves the average as if it were so many deviations away: a flood does not become the new normal at once. */
const CLIP_SIGMA = 3;
/** Spread below which a constant series counts as having none: then any other value is out of line by this much of itself. */
const SPREAD_MIN = 1e-9;

/** One series. */
export class AnomalyDetector {
  readonly #recent = new Float64Array(WINDOW);
  readonly #sorted: number[] = [];
  readonly #deviations = new Float64Array(WINDOW);
  #count = 0;
  #mean = 0;
  #variance = 0;

  /** `sigma`: how far is far, in standard deviations; the first `warmup` values only teach. */
  constructor(private readonly sigma: number, private readonly warmup: number) {}

  /** Whether a value is out of line with those before it; it is learnt in any case. NaN and infinities never are, and teach nothing. */
  isAnomalous(value: number): boolean {
    if (!Number.isFinite(value)) return false;
    const judged = this.#count >= this.warmup;
    const deviation = Math.sqrt(this.#variance);
    const spread = judged ? Math.max(this.#robustSpread(), SPREAD_MIN * Math.abs(this.#median), Number.MIN_VALUE) : 0;
    const isFar = judged && Math.abs(value - this.#median) > this.sigma * spread &&
      Math.abs(value - this.#mean) > this.sigma * Math.max(deviation, SPREAD_MIN * Math.abs(this.#mean));
    this.#learn(value, deviation, judged);
    return isFar;
  }

  get #median(): number {
    const { length } = this.#sorted;
    return length % 2 === 1 ? this.#sorted[length >> 1] : (this.#sorted[length / 2 - 1] + this.#sorted[length / 2]) / 2;
  }

  #robustSpread(): number {
    const middle = this.#median;
    const deviations = this.#deviations.subarray(0, this.#sorted.length);
    for (let at = 0; at < deviations.length; at++) deviations[at] = Math.abs(this.#sorted[at] - middle);
    deviations.sort();
    return MAD_TO_SIGMA * deviations[deviations.length >> 1];
  }

  #learn(value: number, deviation: number, judged: boolean): void {
    const slot = this.#count % WINDOW;
    if (this.#count >= WINDOW) this.#sorted.splice(placeOf(this.#sorted, this.#recent[slot]), 1);
    this.#recent[slot] = value;
    this.#sorted.splice(placeOf(this.#sorted, value), 0, value);
    const reach = CLIP_SIGMA * Math.max(deviation, Math.abs(this.#mean) * SPREAD_MIN);
    const clipped = judged ? Math.min(this.#mean + reach, Math.max(this.#mean - reach, value)) : value;
    // A plain average while there are few: the first value would weigh for ever otherwise.
    const weight = Math.max(ALPHA, 1 / (this.#count + 1));
    const step = clipped - this.#mean;
    this.#mean += weight * step;
    this.#variance = (1 - weight) * (this.#variance + weight * step * step);
    this.#count++;
  }
}

/** Where a value stands, or belongs, in a sorted list. */
function placeOf(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
