/**
 * The shortest way from one list of lines to another: Eugene Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), the greedy forward
 * form. Equal lines at both ends are set aside first. When what is left differs in more than `DIFF_STEPS_MAX` lines, it is replaced as a whole: the
 * result is then still right, only not the shortest.
 *
 * @module
 */
import { DIFF_STEPS_MAX } from "../base/limits.ts";

/** `oldCount` lines at `oldAt` give way to `newCount` lines at `newAt`; places count from 0. */
export interface LineChange {
  /** Place in the old list. */
  readonly oldAt: number;
  /** Lines that go. */
  readonly oldCount: number;
  /** Place in the new list. */
  readonly newAt: number;
  /** Lines that come. */
  readonly newCount: number;
}

/** The changes in order; none touches the next. */
export function lineChanges(before: readonly string[], after: readonly string[]): LineChange[] {
  let head = 0;
  const shorter = Math.min(before.length, after.length);
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const [a, b] = numbered(before.slice(head, before.length - tail), after.slice(head, after.length - tail));
  if (a.length === 0 && b.length === 0) return [];
  const trace = search(a, b);
  if (trace === null) return [{ oldAt: head, oldCount: a.length, newAt: head, newCount: b.length }];
  return walkBack(trace, a.length, b.length).map((change) => ({ ...change, oldAt: change.oldAt + head, newAt: change.newAt + head }));
}

/** Lines as numbers, so that comparing two costs the same for any length. */
function numbered(before: readonly string[], after: readonly string[]): [Int32Array, Int32Array] {
  const numbers = new Map<string, number>();
  const number = (line: string): number => {
    let known = numbers.get(line);
    if (known === undefined) numbers.set(line, known = numbers.size);
    return known;
  };
  return [Int32Array.from(before, number), Int32Array.from(after, number)];
}

/**
 * For each number of steps d the furthest place reached on each diagonal k = x − y, kept at index k + d + 1; null when more than the
 * bound would be needed.
 */
function search(a: Int32Array, b: Int32Array): Int32Array[] | null {
  const trace: Int32Array[] = [];
  let reached: Int32Array = new Int32Array(3);
  for (let d = 0; d <= DIFF_STEPS_MAX; d++) {
    const next = new Int32Array(2 * d + 5);
    for (let k = -d; k <= d; k += 2) {
      let x = startOf(reached, k, d);
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      next[k + d + 2] = x;
      if (x >= a.length && x - k >= b.length) return trace;
    }
    trace.push(next);
    reached = next;
  }
  return null;
}

/** Where the d-th step lands on diagonal k: one line down from k + 1, or one to the right from k − 1, whichever is further. */
function startOf(reached: Int32Array, k: number, d: number): number {
  if (d === 0) return 0;
  const [left, right] = [reached[k - 1 + d + 1], reached[k + 1 + d + 1]];
  return k === -d || (k !== d && left < right) ? right : left + 1;
}

/** From the end to the beginning; neighbouring steps are one change. */
function walkBack(trace: readonly Int32Array[], oldCount: number, newCount: number): LineChange[] {
  const changes: LineChange[] = [];
  let [x, y] = [oldCount, newCount];
  for (let d = trace.length; d > 0; d--) {
    const reached = trace[d - 1];
    const k = x - y;
    const fromAbove = k === -d || (k !== d && reached[k - 1 + d + 1] < reached[k + 1 + d + 1]);
    const [oldAt, newAt] = fromAbove ? pointOn(k + 1, reached[k + 1 + d + 1]) : pointOn(k - 1, reached[k - 1 + d + 1]);
    const step: LineChange = { oldAt, oldCount: fromAbove ? 0 : 1, newAt, newCount: fromAbove ? 1 : 0 };
    const last = changes.at(-1);
    if (last !== undefined && oldAt + step.oldCount === last.oldAt && newAt + step.newCount === last.newAt) {
      changes[changes.length - 1] = { oldAt, oldCount: last.oldCount + step.oldCount, newAt, newCount: last.newCount + step.newCount };
    } else changes.push(step);
    [x, y] = [oldAt, newAt];
  }
  return changes.reverse();
}

function pointOn(k: number, x: number): [x: number, y: number] {
  return [x, x - k];
}
