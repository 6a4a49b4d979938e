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

  /** The number of an object that was seen before; else -1, and it has a number from now on. */
  numberOf(object: object): number {
    const count = this.#count;
    if (count > LISTED_MAX) {
      const number = this.#mapped.get(object);
      if (number !== undefined) return number;
      this.#mapped.set(object, count);
    } else {
      const listed = this.#listed;
      for (let number = 0; number < count; number++) if (listed[number] === object) return number;
      if (count < LISTED_MAX) listed[count] = object;
      else {
        listed.forEach((known, number) => this.#mapped.set(known!, number));
        this.#mapped.set(object, count);
      }
    }
    this.#count = count + 1;
    return -1;
  }

  /** Forgets all, so that nothing is kept alive. */
  clear(): void {
    for (let number = Math.min(this.#count, LISTED_MAX) - 1; number >= 0; number--) this.#listed[number] = null;
    if (this.#count > LISTED_MAX) this.#mapped.clear();
    this.#count = 0;
  }
}
