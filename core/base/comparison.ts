/**
 * Comparisons as data: `{ $gte: 5, $lt: 10 }`, compiled once to a function. Conditions of workflows and patterns of threats are written with them.
 *
 * @module
 */
import { InvalidArgumentError } from "./errors.ts";

/** What can be compared with. */
export type PlainValue = string | number | boolean | null;

/** Operators, all of which must hold. */
export interface ComparisonOperators {
  /** Equal. */
  readonly $eq?: PlainValue;
  /** Not equal, or not there. */
  readonly $ne?: PlainValue;
  /** Greater: numbers with numbers, strings with strings. */
  readonly $gt?: number | string;
  /** Greater or equal. */
  readonly $gte?: number | string;
  /** Less. */
  readonly $lt?: number | string;
  /** Less or equal. */
  readonly $lte?: number | string;
  /** One of these. */
  readonly $in?: readonly PlainValue[];
  /** Whether it is there at all. */
  readonly $exists?: boolean;
}

/** Whether a value is as compared. */
export type Test = (value: unknown) => boolean;

/** Makes the test of one operator. Throws `InvalidArgumentError` with the path to a bound that cannot be compared with. */
export type Operator = (bound: unknown, path: string) => Test;

type Ordered = number | string;

const isOrdered = (value: unknown): value is Ordered => typeof value === "string" || (typeof value === "number" && !Number.isNaN(value));

/** Whether a comparison is a value to be equal to. */
export const isPlain = (value: unknown): value is PlainValue => value === null || ["string", "number", "boolean"].includes(typeof value);

function ordering(holds: (value: Ordered, bound: Ordered) => boolean): Operator {
  return (bound, path) => {
    if (!isOrdered(bound)) throw new InvalidArgumentError(path, bound, "compare with a number or a string.");
    return (value) => isOrdered(value) && typeof value === typeof bound && holds(value, bound);
  };
}

function plain(value: unknown, path: string): PlainValue {
  if (isPlain(value)) return value;
  throw new InvalidArgumentError(path, value, "give a string, a number, a boolean or null.");
}

/** The operators by name. */
export const COMPARISONS: Readonly<Record<string, Operator>> = {
  $eq: (bound, path) => ((wanted) => (value: unknown) => value === wanted)(plain(bound, path)),
  $ne: (bound, path) => ((wanted) => (value: unknown) => value !== wanted)(plain(bound, path)),
  $gt: ordering((value, bound) => value > bound),
  $gte: ordering((value, bound) => value >= bound),
  $lt: ordering((value, bound) => value < bound),
  $lte: ordering((value, bound) => value <= bound),
  $in: (list, path) => {
    if (!Array.isArray(list)) throw new InvalidArgumentError(path, list, "give a list.");
    const known = new Set<unknown>(list.map((one, at) => plain(one, `${path}[${at}]`)));
    return (value) => known.has(value);
  },
  $exists: (wanted, path) => {
    if (typeof wanted !== "boolean") throw new InvalidArgumentError(path, wanted, "use true or false.");
    return (value) => (value !== undefined) === wanted;
  },
};

/** What `make` makes of each operator of a comparison. Throws `InvalidArgumentError` for one that is not of `names`, or when there is none. */
export function eachOperator<Made>(
  comparison: unknown,
  path: string,
  names: readonly string[],
  make: (name: string, bound: unknown, path: string) => Made,
): Made[] {
  const operators = typeof comparison === "object" && comparison !== null && !Array.isArray(comparison) ? Object.entries(comparison) : [];
  if (operators.length === 0) throw new InvalidArgumentError(path, comparison, `give a value, or operators: ${names.join(", ")}.`);
  return operators.map(([name, bound]) => {
    if (names.includes(name)) return make(name, bound, `${path}.${name}`);
    throw new InvalidArgumentError(`${path}.${name}`, bound, `there is no such operator; use one of ${names.join(", ")}.`);
  });
}
