/**
 * Conditions on messages, as plain data that travels between threads, compiled once per subscription and thread.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { FILTER_CONDITIONS_MAX, FILTER_TEXT_LENGTH_MAX } from "../base/limits.ts";
import { LinearPattern } from "./linear_pattern.ts";

/** One condition. A field that is missing, or of another kind than the value, meets none but `ne` and `exists: false`. */
export interface FilterCondition {
  /** `topic`, `priority`, `from`, `correlationId`, `causationId`, or a path into the payload, such as `payload.customer.tier`. */
  readonly field: string;
  /**
   * `eq ne`: one primitive. `gt lt gte lte`: numbers, bigints or strings. `contains`: a part of a string, or an element of an array. `in`: one of a list of
   * primitives. `exists`: true (default) or false. `matches`: a regular expression without look-around and back references, which costs at most
   * states × characters however it is written; a text of more than 4,096 characters does not match.
   */
  readonly op: "eq" | "ne" | "gt" | "lt" | "gte" | "lte" | "contains" | "matches" | "in" | "exists";
  /** What the field is compared with. */
  readonly value?: unknown;
}

/** A condition, or several of which all or at least one must hold. */
export type MessageFilter = FilterCondition | { readonly and: readonly MessageFilter[] } | { readonly or: readonly MessageFilter[] };

/** What a filter may look at. */
export interface Filterable {
  /** As published. */
  readonly topic: string;
  /** As published; binary data has no fields. */
  readonly payload: unknown;
  /** −1…3. */
  readonly priority: number;
  /** Publishing agent, or 0. */
  readonly from: number;
  /** If any. */
  readonly correlationId?: string | number;
  /** If any. */
  readonly causationId?: string | number;
}

/** A compiled filter. */
export type FilterTest = (message: Filterable) => boolean;

const ROOTS: readonly string[] = ["topic", "payload", "priority", "from", "correlationId", "causationId"];
const OPS: readonly string[] = ["eq", "ne", "gt", "lt", "gte", "lte", "contains", "matches", "in", "exists"];
const MISSING = Symbol("missing");

/** Compiles a filter. Throws `InvalidArgumentError` that says where it is wrong. */
export function compileFilter(filter: MessageFilter): FilterTest {
  let conditions = 0;
  const compile = (part: unknown, where: string): FilterTest => {
    if (++conditions > FILTER_CONDITIONS_MAX) {
      throw new InvalidArgumentError("filter", filter, `it has more than ${FILTER_CONDITIONS_MAX} parts.`);
    }
    if (typeof part !== "object" || part === null) {
      throw new InvalidArgumentError(where, part, "give { field, op, value }, { and } or { or }.");
    }
    const { and, or } = part as { and?: unknown; or?: unknown };
    if (and === undefined && or === undefined) return compileCondition(part as FilterCondition, where);
    const list = and ?? or;
    if ((and !== undefined && or !== undefined) || !Array.isArray(list) || list.length === 0) {
      throw new InvalidArgumentError(where, part, "give either and or or, each with a list of at least one filter.");
    }
    const tests = list.map((inner, index) => compile(inner, `${where}.${and ? "and" : "or"}[${index}]`));
    return and ? (message) => tests.every((test) => test(message)) : (message) => tests.some((test) => test(message));
  };
  return compile(filter, "filter");
}

function compileCondition({ field, op, value }: FilterCondition, where: string): FilterTest {
  if (typeof field !== "string" || !ROOTS.includes(field.split(".", 1)[0])) {
    throw new InvalidArgumentError(`${where}.field`, field, `begin with one of ${ROOTS.join(", ")}.`);
  }
  if (!OPS.includes(op)) throw new InvalidArgumentError(`${where}.op`, op, `use one of ${OPS.join(", ")}.`);
  const path = field.split(".");
  const holds = comparison(op, value, `${where}.value`);
  return (message) => holds(read(message, path));
}

/** The value at a path, through own properties only; `MISSING` when there is none. */
function read(message: Filterable, path: readonly string[]): unknown {
  let value: unknown = message;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return MISSING;
    value = (value as Record<string, unknown>)[name];
  }
  return value === undefined ? MISSING : value;
}

function comparison(op: FilterCondition["op"], value: unknown, where: string): (found: unknown) => boolean {
  switch (op) {
    case "eq":
      return ((wanted) => (found: unknown) => found === wanted)(primitive(value, where));
    case "ne":
      return ((wanted) => (found: unknown) => found !== wanted)(primitive(value, where));
    case "in": {
      if (!Array.isArray(value)) throw new InvalidArgumentError(where, value, "give a list of primitives.");
      const wanted = new Set<unknown>(value.map((one, index) => primitive(one, `${where}[${index}]`)));
      return (found) => wanted.has(found);
    }
    case "contains":
      return ((wanted) => (found: unknown) =>
        typeof found === "string" ? typeof wanted === "string" && found.includes(wanted) : Array.isArray(found) && found.includes(wanted))(
          primitive(value, where),
        );
    case "matches": {
      const pattern = new LinearPattern(value as string, where);
      return (found) => typeof found === "string" && found.length <= FILTER_TEXT_LENGTH_MAX && pattern.test(found);
    }
    case "exists":
      if (value !== undefined && typeof value !== "boolean") throw new InvalidArgumentError(where, value, "give true or false.");
      return (found) => (found !== MISSING) === (value ?? true);
    default:
      return ordering(op, value, where);
  }
}

function ordering(op: "gt" | "lt" | "gte" | "lte", value: unknown, where: string): (found: unknown) => boolean {
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "string") {
    throw new InvalidArgumentError(where, value, "give a number, a bigint or a string.");
  }
  const numeric = typeof value !== "string";
  // Numbers and bigints compare with each other, strings with strings; the types do not say so.
  const bound = value as number;
  const comparable = (found: unknown): found is number =>
    numeric ? typeof found === "number" || typeof found === "bigint" : typeof found === "string";
  switch (op) {
    case "gt":
      return (found) => comparable(found) && found > bound;
    case "lt":
      return (found) => comparable(found) && found < bound;
    case "gte":
      return (found) => comparable(found) && found >= bound;
    default:
      return (found) => comparable(found) && found <= bound;
  }
}

function primitive(value: unknown, where: string): unknown {
  if (value !== undefined && (value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol"))) {
    return value;
  }
  throw new InvalidArgumentError(where, value, "give a string, a number, a boolean, a bigint or null.");
}
