/**
 * Sizes in whole units.
 *
 * @module
 */

/** The largest power of two that is not above; 0 below 1. */
export function powerOfTwoDown(bytes: number): number {
  return bytes < 1 ? 0 : 2 ** Math.floor(Math.log2(bytes));
}

/** The largest multiple of `unit` that is not above. */
export function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}

/** The smallest multiple of `unit` that is not below. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
