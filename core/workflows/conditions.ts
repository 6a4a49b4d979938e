/**
 * What a workflow says in data about values that are known only when it runs: paths to them, references in inputs, conditions.
 *
 * @module
 */
import { type ComparisonOperators, COMPARISONS, eachOperator, isPlain, type PlainValue, type Test } from "../base/comparison.ts";
import { describe, InvalidArgumentError } from "../base/errors.ts";
import { CONDITION_DEPTH_MAX } from "../base/limits.ts";
import type { WorkflowView } from "./workflow.ts";

/** A value to compare with, or operators that must all hold. */
export type ConditionTest = PlainValue | ComparisonOperators;

/** A function, or comparisons by path, all of which must hold: `{ "steps.check.score": { $gte: 0.8 } }`. */
export type WorkflowCondition = ((view: WorkflowView) => boolean) | { readonly [path: string]: ConditionTest };

/** Reads a value out of a view. */
export type Reader = (view: WorkflowView) => unknown;

const OPERATORS = Object.keys(COMPARISONS);

/** Checks a condition and makes it a function. `knows` says whether there is a step of that id. */
export function compileCondition(
  condition: WorkflowCondition,
  path: string,
  knows: (step: string) => boolean,
): (view: WorkflowView) => boolean {
  if (typeof condition === "function") return (view) => condition(view) === true;
  if (typeof condition !== "object" || condition === null || Array.isArray(condition)) {
    throw new InvalidArgumentError(path, condition, 'give a function, or comparisons by path such as { "steps.a.score": { $gte: 5 } }.');
  }
  const tests = Object.entries(condition).map(([at, comparison]) => {
    const read = compilePath(at, `${path}["${at}"]`, knows);
    const test = compileComparison(comparison, `${path}["${at}"]`);
    return (view: WorkflowView) => test(read(view));
  });
  return (view) => tests.every((test) => test(view));
}

function compileComparison(comparison: unknown, path: string): Test {
  if (isPlain(comparison)) return (value) => value === comparison;
  const tests = eachOperator(comparison, path, OPERATORS, (name, bound, at) => COMPARISONS[name](bound, at));
  return (value) => tests.every((test) => test(value));
}

/** `input.a.b`, `steps.id.a`, `item.a`: own properties only. */
export function compilePath(text: string, path: string, knows: (step: string) => boolean): Reader {
  const [root, ...keys] = String(text).split(".");
  if (root === "steps" && keys.length > 0) {
    if (!knows(keys[0])) throw new InvalidArgumentError(path, keys[0], "name a step of this workflow after steps.");
  } else if (root !== "input" && root !== "item") {
    throw new InvalidArgumentError(path, text, "begin with input, item, or steps and a step's id.");
  }
  return (view) => keys.reduce(ownProperty, (view as unknown as Record<string, unknown>)[root]);
}

function ownProperty(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

/** An input with its references; null when it has none, so that it is handed on as it is. */
export function compileInput(input: unknown, path: string, knows: (step: string) => boolean): Reader | null {
  if (typeof input === "function") return input as Reader;
  return compileValue(input, path, knows, 0);
}

function compileValue(value: unknown, path: string, knows: (step: string) => boolean, depth: number): Reader | null {
  if (typeof value !== "object" || value === null) return null;
  if (depth > CONDITION_DEPTH_MAX) throw new InvalidArgumentError(path, value, `nest it at most ${CONDITION_DEPTH_MAX} deep.`);
  const proto = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && proto !== Object.prototype && proto !== null) return null;
  const entries = Object.entries(value);
  if (!Array.isArray(value) && Object.hasOwn(value, "$ref")) {
    const { $ref } = value as { $ref: unknown };
    if (typeof $ref !== "string" || entries.length !== 1) {
      throw new InvalidArgumentError(
        `${path}.$ref`,
        $ref,
        `a reference is { $ref: "steps.a.field" } and nothing else, not ${describe(value)}.`,
      );
    }
    return compilePath($ref, `${path}.$ref`, knows);
  }
  const readers = entries.map(([key, part]) => compileValue(part, `${path}.${key}`, knows, depth + 1));
  if (readers.every((reader) => reader === null)) return null;
  return (view) => {
    const parts = entries.map(([key, part], at) => [key, readers[at]?.(view) ?? (readers[at] === null ? part : undefined)] as const);
    return Array.isArray(value) ? parts.map(([, part]) => part) : Object.fromEntries(parts);
  };
}
