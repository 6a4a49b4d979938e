/**
 * Makes a freshly decoded value read-only, once.
 *
 * @module
 */

/**
 * Freezes the plain objects and arrays of a value that nobody else holds yet. Returns whether that is all of it: true for plain data, which may be
 * handed to everybody; false when something in it can be changed though frozen (Map, Set, Date, binary data), so that each reader needs a copy.
 */
export function freezePlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (!isPlain(value)) return false;
  let all = true;
  // A list instead of recursion: the depth of a value is not bounded by the stack.
  const waiting: object[] = [Object.freeze(value)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const part of Object.values(next)) {
      if (typeof part !== "object" || part === null || Object.isFrozen(part)) continue;
      if (isPlain(part)) waiting.push(Object.freeze(part));
      else all = false;
    }
  }
  return all;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
