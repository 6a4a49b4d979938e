/**
 * Seeded randomness: the same seed gives the same numbers, so that a run can be repeated.
 *
 * @module
 */

/** Mulberry32 (Tommy Ettinger, public domain): 32 bits of state, good enough for loads, jitter and simulation; not for secrets. */
export class Random {
  #state: number;

  /** Begins at `seed`. */
  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Uniform integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Log-uniform in [low, high]: each doubling is equally likely. */
  logUniform(low: number, high: number): number {
    return low * Math.exp(this.next() * Math.log(high / low));
  }
}

/** 32 bits that nobody can foresee: for names that data from outside must not hit by chance or on purpose. */
export function entropy(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/** Bytes that nobody can foresee, from the system's own source: for keys, nonces and credentials. The one randomness here that has no seed. */
export function secretBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
