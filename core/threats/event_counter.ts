/**
 * How many events of one kind there were of late: a sliding window for each key, exact, and a forecast of when the count will be reached.
 *
 * @module
 */

/** Buckets that a window is cut into for the forecast. */
const BUCKETS = 8;
/** Weights of the newest in level and trend (Holt, "Forecasting seasonals and trends by exponentially weighted moving averages", 1957). */
const [LEVEL, TREND] = [0.5, 0.3];

/** The last events of one key: as many as are needed to tell whether `count` of them lie within the window. */
export class EventCounter {
  readonly #times: Float64Array;
  #next = 0;
  #size = 0;
  #bucketAt: number;
  #inBucket = 0;
  #level = 0;
  #trend = 0;
  #buckets = 0;

  /** `now` is the time of the first event, which is still to be added. */
  constructor(private readonly countMax: number, private readonly windowMs: number, now: number) {
    this.#times = new Float64Array(countMax);
    this.#bucketAt = now;
  }

  /** One more; whether there are now `countMax` within the window. Then it begins anew: the next alarm takes as many again. */
  add(now: number): boolean {
    this.#roll(now);
    this.#inBucket++;
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % this.countMax;
    this.#size = Math.min(this.countMax, this.#size + 1);
    if (this.#size < this.countMax || now - this.#times[this.#next] > this.windowMs) return false;
    this.#size = 0;
    return true;
  }

  /** Those within the window now. */
  countAt(now: number): number {
    let count = 0;
    for (let back = 1; back <= this.#size; back++) {
      if (now - this.#times[(this.#next - back + this.countMax) % this.countMax] > this.windowMs) break;
      count++;
    }
    return count;
  }

  /** Whether the count will be reached within `horizonMs` if things go on as they do: those that will still be in the window, and those to come. */
  willReach(now: number, horizonMs: number): boolean {
    this.#roll(now);
    if (this.#buckets < 2) return false; // no trend yet
    const bucketMs = this.windowMs / BUCKETS;
    const ahead = Math.min(horizonMs, this.windowMs) / bucketMs;
    const coming = Math.max(0, ahead * (this.#level + this.#trend * (ahead + 1) / 2));
    let staying = 0;
    for (let back = 1; back <= this.#size; back++) {
      if (now + horizonMs - this.#times[(this.#next - back + this.countMax) % this.countMax] > this.windowMs) break;
      staying++;
    }
    return staying + coming >= this.countMax;
  }

  /** Closes the buckets whose time is over. */
  #roll(now: number): void {
    const bucketMs = this.windowMs / BUCKETS;
    // After a long silence the past says nothing.
    if (now - this.#bucketAt > 4 * this.windowMs) {
      [this.#level, this.#trend, this.#buckets, this.#inBucket, this.#bucketAt] = [0, 0, 0, 0, now];
    }
    while (now - this.#bucketAt >= bucketMs) {
      const before = this.#level;
      this.#level = this.#buckets === 0 ? this.#inBucket : LEVEL * this.#inBucket + (1 - LEVEL) * (before + this.#trend);
      if (this.#buckets > 0) this.#trend = TREND * (this.#level - before) + (1 - TREND) * this.#trend;
      this.#buckets++;
      this.#inBucket = 0;
      this.#bucketAt += bucketMs;
    }
  }
}
