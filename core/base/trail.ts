/**
 * The last of what has happened: a list that grows to its bound and then overwrites its oldest.
 *
 * @module
 */
import { InvalidArgumentError } from "./errors.ts";

/** The last `max` items. */
export class Trail<Item> {
  #items: Item[] = [];
  /** Where the next one goes. */
  #place = 0;

  /** Throws `InvalidArgumentError` that names `field` when `max` is no bound. */
  constructor(field: string, private readonly max: number) {
    if (!Number.isSafeInteger(max) || max < 0) throw new InvalidArgumentError(field, max, "use a whole number of at least 0.");
  }

  /** Adds one; the oldest gives way. */
  add(item: Item): void {
    if (this.max === 0) return;
    this.#items[this.#place] = item;
    if (++this.#place === this.max) this.#place = 0;
  }

  /** The last `count`, oldest first. */
  last(count: number): Item[] {
    const kept = this.#items.length;
    const wanted = Math.min(kept, Math.max(0, Math.floor(count)));
    return Array.from({ length: wanted }, (_, at) => this.#items[(this.#place - wanted + at + this.max) % this.max]);
  }

  /** Forgets all. */
  clear(): void {
    this.#items = [];
    this.#place = 0;
  }
}
