/**
 * What a coordinator makes of its workers' replies.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { differences } from "./difference.ts";
import { isPlainObject } from "./input.ts";

/**
 * - `collect`: the replies as a list, null for a part that failed.
 * - `concat`: lists one behind the other, or texts.
 * - `sum`: numbers added; of objects, each field that is a number.
 * - `majority`: the reply that more than half of those who replied gave; null when there is none.
 */
export type Merge = "collect" | "concat" | "sum" | "majority";

/** Every way. */
export const MERGES: readonly Merge[] = ["collect", "concat", "sum", "majority"];

/** A part's reply; null when it has failed. */
export type PartReply = { readonly value: unknown } | null;

/** The replies as one value. Throws `InvalidArgumentError` when they are not of a kind that can be merged this way. */
export function merge(how: Merge, replies: readonly PartReply[]): unknown {
  if (how === "collect") return replies.map((reply) => reply === null ? null : reply.value);
  const values = replies.flatMap((reply) => reply === null ? [] : [reply.value]);
  if (how === "majority") return majority(values);
  return how === "concat" ? concat(values) : sum(values);
}

function concat(values: readonly unknown[]): unknown {
  if (values.length > 0 && values.every((value) => typeof value === "string")) return values.join("");
  return values.flatMap((value) => Array.isArray(value) ? value : refuse("concat", value, "lists or texts"));
}

function sum(values: readonly unknown[]): unknown {
  if (values.every((value) => typeof value === "number")) return values.reduce((total, value) => total + value, 0);
  const totals = new Map<string, number>();
  for (const value of values) {
    if (!isPlainObject(value)) return refuse("sum", value, "all numbers or all objects");
    for (const [key, number] of Object.entries(value)) if (typeof number === "number") totals.set(key, (totals.get(key) ?? 0) + number);
  }
  return Object.fromEntries(totals);
}

/** Boyer and Moore's vote: one pass for the only value that can have won, one to count it; no value is compared with every other. */
function majority(values: readonly unknown[]): unknown {
  let candidate: unknown = null;
  let lead = 0;
  for (const value of values) {
    if (lead === 0) candidate = value;
    lead += same(candidate, value) ? 1 : -1;
  }
  const votes = values.filter((value) => same(candidate, value)).length;
  return 2 * votes > values.length ? candidate : null;
}

function same(a: unknown, b: unknown): boolean {
  return differences(a, b).length === 0;
}

function refuse(how: Merge, value: unknown, wanted: string): never {
  throw new InvalidArgumentError("merge", value, `among the replies; ${how} takes ${wanted}: use collect, or pick a field of the replies.`);
}
