/**
 * The sum of what came within a window of time, to a tenth of the window, in constant memory: whoever sends the events chooses how many there are.
 *
 * @module
 */

const BUCKETS = 10;

/** See the module. */
export class SlidingSum {
  readonly #sums = new Float64Array(BUCKETS);
  readonly #bucketMs: number;
  #newest = 0;

  /** Over so many ms. */
  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  /** Adds to it; the sum with it. */
  add(value: number, now: number): number {
    this.#roll(now);
    this.#sums[this.#newest % BUCKETS] += value;
    return this.at(now);
  }

  /** The sum now. */
  at(now: number): number {
    this.#roll(now);
    return this.#sums.reduce((sum, value) => sum + value, 0);
  }

  #roll(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    if (bucket - this.#newest >= BUCKETS) this.#sums.fill(0);
    else for (let at = this.#newest + 1; at <= bucket; at++) this.#sums[at % BUCKETS] = 0;
    this.#newest = Math.max(this.#newest, bucket);
  }
}
