/**
 * Bounds of shapes and words, and the place where code is generated for them.
 *
 * A record is written as TAG.record, its shape's number (16 bits) and its values in the order of its keys; a key that a getter took away stands as
 * TAG.absent. A string of a field that is a word takes two bytes. A payload that may hold such numbers begins with TAG.table and the host whose
 * table they are of, or, when it is a record itself, with TAG.tableRecord, host and shape; its objects are numbered as in any payload.
 *
 * @module
 */

/** Keys of a shape. Larger objects are collections more often than records, and their code would be long. */
export const SHAPE_KEYS_MAX = 64;
/** Characters of a key: those of records are short, and each shape is kept. */
export const SHAPE_KEY_CHARACTERS_MAX = 64;
/** Deeper objects are written plainly: generated functions take more of the stack. */
export const SHAPE_DEPTH_MAX = 8;
/** What the writer of a record returns, having written and called nothing, when it is none: an array, a Date with properties, … */
export const NOT_A_RECORD = -2;
/** Longest string that becomes a word. */
export const WORD_CHARACTERS_MAX = 48;

/** How records are treated; tests choose otherwise. */
export interface ShapeOptions {
  /** A key list seen so often becomes a shape: objects with keys of their own each (collections) must not fill the table. */
  readonly sightingsMin: number;
  /** A string seen so often in one field, with few others in between, becomes a word. */
  readonly repeatsMin: number;
  /** A shape used so often gets a function of its own on either side: making one takes some 50 µs. */
  readonly usesBeforeCode: number;
  /** Whether functions may be generated at all. */
  readonly code: boolean;
}

/** Whether this runtime lets functions be made from text (`--disallow-code-generation-from-strings` does not). */
export function mayGenerateCode(): boolean {
  try {
    return generate("return () => true")() === true;
  } catch (error) {
    if (error instanceof EvalError) return false;
    throw error;
  }
}

/** Runs the text of a function's body with `argument` in scope, and returns what it returns. Only numbers and quoted keys may be put into the text. */
export function generate<T>(body: string, argument?: unknown): T & ((...values: never[]) => unknown) {
  return new Function("argument", `"use strict"; ${body}`)(argument);
}

/** A key as it may stand in an object literal or between brackets: the language would take a bare `__proto__` for the prototype. */
export function quoted(key: string): string {
  return `[${JSON.stringify(key)}]`;
}
