/**
 * The rule by which a warm pool grows and shrinks, apart from the pool.
 *
 * - **Wanted at once**: agents asked for between two moments at which the pool was full, whether it had them or not. A pool that is refilled faster
 *   than it is emptied has little wanted at once, however many are taken in all: it need not be larger.
 * - **Use** of a window: the most that were wanted at once in it, as a share of the pool's size. Above 1 it could not serve all.
 * - At `growAtShare` and above the pool grows, at `shrinkAtShare` and below it shrinks: to the size at which the same use stands midway between the
 *   two, at most to double and at least to half, never beyond its bounds.
 *
 * Midway means that the same use in the next window changes nothing: a steady load cannot make a pool grow and shrink in turn.
 *
 * @module
 */
import type { WarmPoolPlan } from "../base/config.ts";

/** Size of a pool after a window in which `wanted` agents were wanted at once. */
export function nextSize(size: number, wanted: number, plan: WarmPoolPlan): number {
  const { sizeMin, sizeMax, growAtShare, shrinkAtShare } = plan;
  const midway = Math.ceil(wanted / ((growAtShare + shrinkAtShare) / 2));
  if (wanted > 0 && wanted >= growAtShare * size) return Math.min(sizeMax, Math.max(size, Math.min(midway, 2 * size || 1)));
  if (wanted <= shrinkAtShare * size) return Math.max(sizeMin, Math.min(size, Math.max(midway, Math.floor(size / 2))));
  return size;
}
