/**
 * What a tester can assert: each is a word, and says in a line what differs.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { differences, shown } from "./difference.ts";
import { isPlainObject } from "./input.ts";
import { Pattern, type PatternBudget } from "./pattern.ts";

/**
 * - `equal`: the same primitive value (−0 is not 0, NaN is NaN).
 * - `deepEqual`: the same structure of the same values.
 * - `contains`: a text holds a text, a list or set an item, an object the fields of another.
 * - `matches`: a text matches a pattern.
 * - `greater`, `less`: for numbers, big integers, dates and texts.
 * - `throws`: an error, or an object shaped like one, whose name and code are those expected and whose message holds the expected text.
 */
export type Assertion = "equal" | "deepEqual" | "contains" | "matches" | "greater" | "less" | "throws";

/** Every assertion. */
export const ASSERTIONS: readonly Assertion[] = ["equal", "deepEqual", "contains", "matches", "greater", "less", "throws"];

/** Holds a value against what is expected: undefined for a pass, else what differs. */
export type Assert = (actual: unknown, budget: PatternBudget) => string | undefined;

/** Checks what is expected, before anything is tested, and returns the test. `field` names it in errors. */
export function assertion(field: string, kind: Assertion, expected: unknown): Assert {
  switch (kind) {
    case "equal":
      return (actual) =>
        Object.is(expected, actual) ? undefined : differing([{ path: "", expected: shown(expected), actual: shown(actual) }]);
    case "deepEqual":
      return (actual) => differing(differences(expected, actual));
    case "contains":
      return (actual) => contains(actual, expected) ? undefined : `+ ${shown(actual)}\n- does not contain ${shown(expected)}`;
    case "matches": {
      const pattern = new Pattern(field, expected);
      return (actual, budget) =>
        typeof actual === "string" && pattern.test(actual, budget) ? undefined : `+ ${shown(actual)}\n- does not match ${shown(expected)}`;
    }
    case "greater":
    case "less":
      return ordered(field, kind, expected);
    case "throws":
      return thrown(field, expected);
  }
}

function differing(found: readonly { path: string; expected: string; actual: string }[]): string | undefined {
  if (found.length === 0) return undefined;
  return found.map(({ path, expected, actual }) => `${path === "" ? "" : `at ${path}\n`}- ${expected}\n+ ${actual}`).join("\n");
}

function contains(actual: unknown, expected: unknown): boolean {
  if (typeof actual === "string") return typeof expected === "string" && actual.includes(expected);
  if (Array.isArray(actual)) return actual.some((item) => differences(expected, item).length === 0);
  if (actual instanceof Set) return contains([...actual], expected);
  if (!isPlainObject(actual) || !isPlainObject(expected)) return false;
  return Object.entries(expected).every(([key, value]) => Object.hasOwn(actual, key) && differences(value, actual[key]).length === 0);
}

function ordered(field: string, kind: "greater" | "less", expected: unknown): Assert {
  const isOrdered = (value: unknown): value is number =>
    typeof value === "number" || typeof value === "bigint" || typeof value === "string" || value instanceof Date;
  if (!isOrdered(expected)) {
    throw new InvalidArgumentError(field, expected, "give a number, a big integer, a date or a text to compare with.");
  }
  const isNumeric = (value: unknown): boolean => typeof value === "number" || typeof value === "bigint";
  return (actual) => {
    const comparable = isOrdered(actual) && (typeof actual === typeof expected || (isNumeric(actual) && isNumeric(expected)));
    if (comparable && (kind === "greater" ? actual > expected : actual < expected)) return undefined;
    return `+ ${shown(actual)}\n- is not ${kind} than ${shown(expected)}`;
  };
}

function thrown(field: string, expected: unknown): Assert {
  if (!isPlainObject(expected) && expected !== undefined) {
    throw new InvalidArgumentError(field, expected, "give an object with name, code or message, each a string, or nothing for any error.");
  }
  const wanted = Object.entries(expected ?? {});
  const odd = wanted.find(([key, value]) => !["name", "code", "message"].includes(key) || typeof value !== "string");
  if (odd !== undefined) throw new InvalidArgumentError(`${field}.${odd[0]}`, odd[1], "known are name, code and message, each a string.");
  return (actual) => {
    if (!(actual instanceof Error) && !(isPlainObject(actual) && typeof actual.message === "string")) {
      return `+ ${shown(actual)}\n- is no error`;
    }
    const shape = actual as unknown as Record<string, unknown>;
    return differing(
      wanted.filter(([key, value]) => key === "message" ? !String(shape.message).includes(value as string) : shape[key] !== value)
        .map(([key, value]) => ({ path: `.${key}`, expected: shown(value), actual: shown(shape[key]) })),
    );
  };
}
