/**
 * Where two values differ: the paths, with what stands there. Knows every type that a message can carry, cycles too.
 *
 * @module
 */

/** One place where two values differ. */
export interface Difference {
  /** Such as `.items[2].name`; empty for the values themselves. */
  readonly path: string;
  /** What was expected there, as text. */
  readonly expected: string;
  /** What stands there, as text. */
  readonly actual: string;
}

/** Differences listed at most; the first ones say enough. */
const DIFFERENCES_MAX = 8;
/** Nesting up to which values are compared; deeper ones count as different, since they cannot be walked without risking the stack. */
const DEPTH_MAX = 500;
const SHOWN_CHARS_MAX = 80;
const PATH_CHARS_MAX = 200;

/** The first differences; none when the values are the same, −0 and 0 told apart. */
export function differences(expected: unknown, actual: unknown): Difference[] {
  const found: Difference[] = [];
  const compared = new Map<object, Set<object>>();
  const differ = (path: string, a: unknown, b: unknown): void => {
    if (found.length < DIFFERENCES_MAX) found.push({ path: path.slice(0, PATH_CHARS_MAX), expected: shown(a), actual: shown(b) });
  };
  const walk = (path: string, a: unknown, b: unknown, depth: number): void => {
    if (Object.is(a, b) || found.length >= DIFFERENCES_MAX) return;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || kindOf(a) !== kindOf(b)) return differ(path, a, b);
    if (depth > DEPTH_MAX) return differ(`${path} (nested deeper than ${DEPTH_MAX})`, a, b);
    if (compared.get(a)?.has(b)) return; // being compared further up, or compared before
    compared.set(a, (compared.get(a) ?? new Set()).add(b));
    if (isBinary(a) && isBinary(b)) return void compareBytes(path, bytesOf(a), bytesOf(b), differ);
    if (Array.isArray(a) && Array.isArray(b)) return walkList(path, a, b, depth);
    const [ofA, ofB] = [partsOf(a), partsOf(b)];
    if (ofA.own !== ofB.own) return differ(path, a, b);
    for (const [key, value] of ofA.parts) {
      if (ofB.parts.has(key)) walk(path + stepTo(a, key), value, ofB.parts.get(key), depth + 1);
      else differ(path + stepTo(a, key), value, NOTHING);
    }
    for (const [key, value] of ofB.parts) if (!ofA.parts.has(key)) differ(path + stepTo(b, key), NOTHING, value);
  };
  const walkList = (path: string, a: readonly unknown[], b: readonly unknown[], depth: number): void => {
    if (a.length !== b.length) differ(`${path}.length`, a.length, b.length);
    for (let at = 0; at < Math.min(a.length, b.length); at++) if (!Object.is(a[at], b[at])) walk(`${path}[${at}]`, a[at], b[at], depth + 1);
  };
  walk("", expected, actual, 0);
  return found;
}

const NOTHING = Symbol("nothing");

function kindOf(value: object): string {
  return Object.prototype.toString.call(value);
}

/** A value as what it says of itself and the parts in it. */
function partsOf(value: object): { own: string; parts: Map<unknown, unknown> } {
  if (value instanceof Date) return { own: String(value.getTime()), parts: new Map() };
  if (value instanceof RegExp) return { own: String(value), parts: new Map() };
  if (value instanceof Map) return { own: "", parts: keyed(value) };
  if (value instanceof Set) return { own: "", parts: keyed(new Map(Array.from(value, (item) => [item, item]))) };
  if (value instanceof Error) return { own: `${value.name}: ${value.message}`, parts: new Map(Object.entries(value)) };
  if (value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt) {
    return { own: String(value), parts: new Map() };
  }
  return { own: "", parts: new Map(Object.entries(value)) };
}

function isBinary(value: object): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** The first byte that differs says enough. */
function compareBytes(path: string, a: Uint8Array, b: Uint8Array, differ: (path: string, a: unknown, b: unknown) => void): void {
  if (a.length !== b.length) return differ(`${path}.byteLength`, a.length, b.length);
  const at = a.findIndex((byte, index) => byte !== b[index]);
  if (at !== -1) differ(`${path} byte ${at}`, a[at], b[at]);
}

/** Keys that are objects have no address of their own: they are compared with those at the same place, like their values. */
function keyed(map: Map<unknown, unknown>): Map<unknown, unknown> {
  const parts = new Map<unknown, unknown>();
  let place = 0;
  for (const [key, value] of map) {
    if (typeof key === "object" && key !== null) parts.set(`entry ${place++}`, [key, value]);
    else parts.set(key, value);
  }
  return parts;
}

function stepTo(holder: object, key: unknown): string {
  if (holder instanceof Map || holder instanceof Set) return `<${typeof key === "string" ? JSON.stringify(key) : String(key)}>`;
  return /^[A-Za-z_$][\w$]*$/.test(String(key)) ? `.${String(key)}` : `[${JSON.stringify(key)}]`;
}

/** A value in a few words. */
export function shown(value: unknown): string {
  if (value === NOTHING) return "nothing";
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, SHOWN_CHARS_MAX + 1)) : brief(value, 2);
  return text.length > SHOWN_CHARS_MAX ? text.slice(0, SHOWN_CHARS_MAX - 1) + "…" : text;
}

function brief(value: unknown, levels: number): string {
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN_CHARS_MAX + 1));
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Date) return `Date ${Number.isNaN(value.getTime()) ? "invalid" : value.toISOString()}`;
  if (value instanceof RegExp) return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const size = value instanceof Map || value instanceof Set ? value.size : ArrayBuffer.isView(value) ? value.byteLength : 0;
  const kind = kindOf(value).slice(8, -1);
  if (kind !== "Object" && kind !== "Array") return `${kind} of ${size}`;
  if (levels === 0) return kind === "Array" ? "[…]" : "{…}";
  const items = Object.entries(value).slice(0, SHOWN_CHARS_MAX);
  if (kind === "Array") return `[${items.map(([, item]) => brief(item, levels - 1)).join(", ")}]`;
  return `{ ${items.map(([key, item]) => `${key}: ${brief(item, levels - 1)}`).join(", ")} }`;
}
