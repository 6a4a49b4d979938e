/**
 * A bounded map that forgets whom it has not met for longest: an attacker chooses the keys, so there may be any number of them.
 *
 * @module
 */

/** Values by key; the least recently used give way. */
export class RecentKeys<T> {
  readonly #values = new Map<string, T>();
  /** Keys that gave way. */
  forgotten = 0;

  /** At most so many. */
  constructor(private readonly keysMax: number) {}

  /** The value of a key, made if there is none; it is the most recently used then. */
  get(key: string, make: () => T): T {
    let value = this.#values.get(key);
    if (value === undefined) {
      value = make();
      if (this.#values.size >= this.keysMax) this.#forgetOldest();
    } else this.#values.delete(key); // put back at the end: a Map keeps the order of insertion
    this.#values.set(key, value);
    return value;
  }

  /** The value of a key, if it is known; its place stays. */
  peek(key: string): T | undefined {
    return this.#values.get(key);
  }

  /** Sets the value of a key; it is the most recently used then. */
  set(key: string, value: T): void {
    if (!this.#values.delete(key) && this.#values.size >= this.keysMax) this.#forgetOldest();
    this.#values.set(key, value);
  }

  /** Forgets a key. */
  delete(key: string): void {
    this.#values.delete(key);
  }

  /** All of them, the least recently used first. */
  entries(): [key: string, value: T][] {
    return [...this.#values];
  }

  /** Keys now. */
  get size(): number {
    return this.#values.size;
  }

  #forgetOldest(): void {
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      this.forgotten++;
      return;
    }
  }
}
