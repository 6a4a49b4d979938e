/**
 * Which objects travel as what, which cannot be copied to another thread, and how a place in a payload is written.
 *
 * @module
 */
import { BorrowedBytes } from "./borrowed_bytes.ts";

/** One step from a value to a member: a property, an index, or the place in a Map or Set. */
export type PathStep = string | number | { readonly index: number; readonly side: "keys" | "values" };

/** Longest path in a message; the middle of a longer one is left out. */
const PATH_CHARACTERS_MAX = 240;

/** The first `depth` steps as one would write them: `.items[3].callback`. */
export function pathText(path: readonly PathStep[], depth: number): string {
  const text = path.slice(0, depth).map(stepText).join("");
  if (text.length <= PATH_CHARACTERS_MAX) return text;
  return `${text.slice(0, PATH_CHARACTERS_MAX - 80)} … ${text.slice(-80)}`;
}

function stepText(step: PathStep): string {
  if (typeof step === "number") return `[${step}]`;
  if (typeof step === "object") return `.${step.side}()[${step.index}]`;
  if (/^\d+$/.test(step)) return `[${step}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

/** Methods and getters that check for the inner slots of their class and change nothing. */
const PROBES = {
  Date: Date.prototype.getTime,
  Map: Map.prototype.has,
  Set: Set.prototype.has,
  RegExp: Object.getOwnPropertyDescriptor(RegExp.prototype, "source")!.get!,
  ArrayBuffer: Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")!.get!,
  Error: Error.isError,
  Number: Number.prototype.valueOf,
  String: String.prototype.valueOf,
  Boolean: Boolean.prototype.valueOf,
  BigInt: BigInt.prototype.valueOf,
} as const;

/** Built-in classes of which instances travel as such. */
export type BuiltIn = keyof typeof PROBES;

/** Whether the object is one of a built-in class, and not a Proxy or an heir without its inner slots. */
export function isReally(value: object, name: BuiltIn): boolean {
  if (name === "Error") return Error.isError(value);
  try {
    (PROBES[name] as (this: unknown, argument?: unknown) => unknown).call(value, 0);
    return true;
  } catch (_notOne) {
    return false;
  }
}

/** What a boxed primitive holds, whatever its own `valueOf` says. */
export function primitiveOf(value: object, name: "Number" | "String" | "Boolean" | "BigInt"): unknown {
  return (PROBES[name] as (this: unknown) => unknown).call(value);
}

/** A class as the codec sees it: `plain` is one of the program's own, of which the properties travel; `borrowed` bytes travel as a copy. */
export type ObjectClass = BuiltIn | "plain" | "refused" | "borrowed";

/** Classes by prototype, for asking a chain of ten `instanceof` costs as much as encoding a small object. */
const classes = new WeakMap<object, ObjectClass>([[BorrowedBytes.prototype, "borrowed"]]);

/** The class of an object that is no array and no view. */
export function classOf(value: object, prototype: object | null): ObjectClass {
  if (prototype === null) return "plain";
  let known = classes.get(prototype);
  if (known === undefined) {
    known = Error.isError(value) ? "Error" : builtInOf(value) ?? (refusedKind(value) === null ? "plain" : "refused");
    classes.set(prototype, known);
  }
  return known;
}

function builtInOf(value: object): BuiltIn | undefined {
  return (Object.keys(PROBES) as BuiltIn[]).find((name) => value instanceof globalThis[name]);
}

/** Built-in classes that have no constructor of their tag's name among the globals. */
const REFUSED_TAGS = /^(?:Symbol|.*Generator|.*Iterator|Iterator Helper|(?:Intl|Temporal|WebAssembly)\..+)$/;

/** What to call an object that the engine or the platform made and of which plain data cannot be taken; null for a program's own objects. */
export function refusedKind(value: object): string | null {
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === "Object") return null;
  const article = /^[AEIO]/.test(tag) ? "an" : "a";
  if (REFUSED_TAGS.test(tag)) return `${article} ${tag}`;
  const platformClass = (globalThis as unknown as Record<string, unknown>)[tag];
  return typeof platformClass === "function" && value instanceof platformClass ? `${article} ${tag}` : null;
}
