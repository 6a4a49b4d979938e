/**
 * Deep comparison of two object graphs: tells -0 from 0, a hole from `undefined`, one class from another, one key order from another, and a
 * repeated reference from a copy. `assertEquals` forgives some of these.
 *
 * @module
 */

/** The places where two values differ, none when they are the same in all that a copy keeps. */
export function differences(actual: unknown, expected: unknown): string[] {
  const found: string[] = [];
  // Pairs that were compared: cycles end here, and an object must always meet the same partner.
  const partners = new Map<object, object>();
  const visit = (left: unknown, right: unknown, path: string): void => {
    if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
      if (!Object.is(left, right)) found.push(`${path}: ${String(left)} and ${String(right)}`);
      return;
    }
    const partner = partners.get(left);
    if (partner !== undefined) {
      if (partner !== right) found.push(`${path}: a repeated reference on one side only`);
      return;
    }
    partners.set(left, right);
    if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) found.push(`${path}: prototypes differ`);
    for (const [step, one, other] of members(left, right)) visit(one, other, path + step);
  };
  visit(actual, expected, "value");
  return found;
}

type Member = [step: string, actual: unknown, expected: unknown];

function members(left: object, right: object): Member[] {
  const pairs: Member[] = [];
  if (left instanceof Date && right instanceof Date) pairs.push([".getTime()", left.getTime(), right.getTime()]);
  if (left instanceof RegExp && right instanceof RegExp) {
    pairs.push([".lastIndex", left.lastIndex, right.lastIndex], [".text", `${left}`, `${right}`]);
  }
  for (const Boxed of [Number, String, Boolean, BigInt]) {
    if (left instanceof Boxed && right instanceof Boxed) pairs.push([".valueOf()", left.valueOf(), right.valueOf()]);
  }
  if (left instanceof Map && right instanceof Map) pairs.push([".entries", [...left], [...right]]);
  if (left instanceof Set && right instanceof Set) pairs.push([".members", [...left], [...right]]);
  if (left instanceof Error && right instanceof Error) {
    for (const key of ["name", "message", "stack", "cause"] as const) pairs.push([`.${key}`, left[key], right[key]]);
  }
  if (left instanceof ArrayBuffer && right instanceof ArrayBuffer) {
    pairs.push([".bytes", [...new Uint8Array(left)].join(), [...new Uint8Array(right)].join()]);
  }
  if (ArrayBuffer.isView(left) && ArrayBuffer.isView(right)) {
    for (const key of ["byteOffset", "byteLength", "buffer"] as const) pairs.push([`.${key}`, left[key], right[key]]);
    return pairs;
  }
  if (Array.isArray(left) && Array.isArray(right)) pairs.push([".length", left.length, right.length]);
  const [keys, others] = [Object.keys(left), Object.keys(right)];
  pairs.push([" keys", keys.join("\0"), others.join("\0")]);
  for (const key of keys) pairs.push([`.${key}`, (left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key]]);
  return pairs;
}
