/**
 * The executions of one engine by id: those that live, and the last that have ended.
 *
 * @module
 */
import type { Run } from "./run.ts";

/**
 * Executions. One map for all, by number where the engine has given one: a new text would have to be put together and hashed, which costs as much as a step.
 */
export class Shelf {
  readonly #runs = new Map<number | string, Run>();
  /** The ended, a ring. */
  readonly #ended: (number | string)[] = [];
  /** Where the next that ends goes. */
  #place = 0;
  /** Those that have not ended. */
  livingCount = 0;

  /** Keeps so many ended ones. */
  constructor(private readonly keptMax: number) {}

  /** Adds a living one. */
  add(run: Run): void {
    this.#runs.set(run.key, run);
    this.livingCount++;
  }

  /** It has ended; the one that ended longest ago gives way. */
  end({ key }: Run): void {
    this.livingCount--;
    if (this.keptMax === 0) return void this.#runs.delete(key);
    if (this.#ended.length === this.keptMax) this.#runs.delete(this.#ended[this.#place]);
    this.#ended[this.#place] = key;
    if (++this.#place === this.keptMax) this.#place = 0;
  }

  /** A living one, or one of the last ended. */
  get(id: string): Run | undefined {
    const numbered = this.#runs.get(parseInt(id.slice(id.lastIndexOf("-") + 1), 36));
    return numbered?.id === id ? numbered : this.#runs.get(id);
  }

  /** All that have not ended. */
  living(): Run[] {
    return [...this.#runs.values()].filter(({ over }) => !over);
  }
}
