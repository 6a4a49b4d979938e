/**
 * Fields of commands that more than one agent of the collective checks.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_TEXT_CHARS_MAX } from "../base/limits.ts";
import { textAt } from "../team/input.ts";

/** Bytes, not too many. */
export function bytesAt(field: string, value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new InvalidArgumentError(field, value, "give a Uint8Array.");
  if (value.length > TEAM_TEXT_CHARS_MAX) {
    throw new InvalidArgumentError(field, value, `it has ${value.length} bytes; at most ${TEAM_TEXT_CHARS_MAX}.`);
  }
  return value;
}

/** True or false; false when left out. */
export function flagAt(field: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw new InvalidArgumentError(field, value, "give true or false.");
}

/** A text that may be empty. */
export function optionalText(field: string, value: unknown): string {
  return value === undefined ? "" : textAt(field, value);
}

/** A number in bounds. */
export function numberAt(field: string, value: unknown, least: number, most: number): number {
  if (typeof value === "number" && value >= least && value <= most) return value;
  throw new InvalidArgumentError(field, value, `use a number from ${least} to ${most}.`);
}
