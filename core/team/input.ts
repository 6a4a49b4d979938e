/**
 * What the team's agents accept: every field is checked, by name, before any work begins. No schema library, since this runs inside the threads.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_TEXT_CHARS_MAX } from "../base/limits.ts";

/** An object with no other keys than these. */
export function objectAt<Key extends string>(field: string, value: unknown, keys: readonly Key[]): Partial<Record<Key, unknown>> {
  if (!isPlainObject(value)) throw new InvalidArgumentError(field, value, `give an object with ${keys.join(", ")}.`);
  for (const key of Object.keys(value)) {
    if (!(keys as readonly string[]).includes(key)) {
      throw new InvalidArgumentError(`${field}.${key}`, key, `known fields: ${keys.join(", ") || "none"}.`);
    }
  }
  return value as Partial<Record<Key, unknown>>;
}

/** Whether a value is an object of fields: no list, no Date, no Map. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A string that is not too long. */
export function textAt(field: string, value: unknown, charsMax = TEAM_TEXT_CHARS_MAX): string {
  if (typeof value !== "string") throw new InvalidArgumentError(field, value, "give a string.");
  if (value.length > charsMax) throw new InvalidArgumentError(field, value, `it has ${value.length} characters; at most ${charsMax}.`);
  return value;
}

/** A list that is not too long. */
export function listAt(field: string, value: unknown, itemsMax: number, itemsMin = 0): readonly unknown[] {
  if (!Array.isArray(value)) throw new InvalidArgumentError(field, value, "give a list.");
  if (value.length > itemsMax) throw new InvalidArgumentError(field, value, `it has ${value.length} items; at most ${itemsMax}.`);
  if (value.length < itemsMin) throw new InvalidArgumentError(field, value, `it has ${value.length} items; at least ${itemsMin}.`);
  return value;
}

/** A whole number between bounds. */
export function wholeAt(field: string, value: unknown, least: number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(field, value, `use a whole number from ${least} to ${most}.`);
}

/** One of a few words. */
export function choiceAt<Choice extends string>(field: string, value: unknown, choices: readonly Choice[]): Choice {
  if ((choices as readonly unknown[]).includes(value)) return value as Choice;
  throw new InvalidArgumentError(field, value, `use one of ${choices.join(", ")}.`);
}
