/**
 * Numbers for the objects of one payload, so that an object that comes again is written as a reference.
 *
 * @module
 */

/** Objects found by walking a list: measured, a Map is dearer until then, for it must give each new object a hash. */
const LISTED_MAX = 128;

/** Numbers objects in the order in which they are first asked for. */
export class ObjectNumbers {
  /** The first few; all of them are in the map once there are more. */
  readonly #listed: (object | null)[] = new Array(LISTED_MAX).fill(null);
  readonly #mapped = new Map<object, number>();
  #count = 0;

  /** The number of an object that was seen before, else -1. */
  find(object: object): number {
    const count = this.#count;
    if (count > LISTED_MAX) return this.#mapped.get(object) ?? -1;
    const listed = this.#listed;
    for (let number = 0; number < count; number++) if (listed[number] === object) return number;
    return -1;
  }

  /** Gives an object the next number. */
  add(object: object): void {
    const number = this.#count++;
    if (number < LISTED_MAX) this.#listed[number] = object;
    else {
      if (number === LISTED_MAX) this.#listed.forEach((known, before) => this.#mapped.set(known!, before));
      this.#mapped.set(object, number);
    }
  }

  /** Forgets all, so that nothing is kept alive. */
  clear(): void {
    for (let number = Math.min(this.#count, LISTED_MAX) - 1; number >= 0; number--) this.#listed[number] = null;
    if (this.#count > LISTED_MAX) this.#mapped.clear();
    this.#count = 0;
  }
}
