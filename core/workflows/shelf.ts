/**
 * The executions of one engine by id: those that live, and the last that have ended.
 *
 * @module
 */
import type { Run } from "./run.ts";

/** Places to begin with; a power of two. */
const PLACES = 256;

/**
 * Executions. Those that the engine has numbered stand in a table of its own, chained through themselves: a `Map` whose keys come and go leaves old tables
 * behind that lead from one to the next, and with them the collector would carry along thousands of executions that nobody keeps.
 */
export class Shelf {
  #places: (Run | null)[] = new Array(PLACES).fill(null);
  #numbered = 0;
  /** Sub-workflows, and what was resumed: they came with an id. */
  readonly #named = new Map<string, Run>();
  /** The ended, a ring. */
  readonly #ended: Run[] = [];
  /** Where the next that ends goes. */
  #end = 0;
  /** Those that have not ended. */
  livingCount = 0;

  /** Keeps so many ended ones. */
  constructor(private readonly keptMax: number) {}

  /** Adds a living one. */
  add(run: Run): void {
    this.livingCount++;
    if (typeof run.key === "string") return void this.#named.set(run.key, run);
    if (++this.#numbered > this.#places.length) this.#grow();
    this.#put(run, run.key);
  }

  /** It has ended; the one that ended longest ago gives way. */
  end(run: Run): void {
    this.livingCount--;
    if (this.keptMax === 0) return this.#remove(run);
    if (this.#ended.length === this.keptMax) this.#remove(this.#ended[this.#end]);
    this.#ended[this.#end] = run;
    if (++this.#end === this.keptMax) this.#end = 0;
  }

  /** A living one, or one of the last ended. */
  get(id: string): Run | undefined {
    const number = parseInt(id.slice(id.lastIndexOf("-") + 1), 36);
    let run = this.#places[number & (this.#places.length - 1)];
    while (run !== null && run.key !== number) run = run.beside;
    return run?.id === id ? run : this.#named.get(id);
  }

  /** All that have not ended. */
  living(): Run[] {
    return [...this.#all(), ...this.#named.values()].filter(({ over }) => !over);
  }

  #all(): Run[] {
    const found: Run[] = [];
    for (const first of this.#places) for (let run = first; run !== null; run = run.beside) found.push(run);
    return found.sort((a, b) => Number(a.key) - Number(b.key));
  }

  #put(run: Run, number: number): void {
    const place = number & (this.#places.length - 1);
    run.beside = this.#places[place];
    this.#places[place] = run;
  }

  #remove(run: Run): void {
    if (typeof run.key === "string") return void this.#named.delete(run.key);
    this.#numbered--;
    const place = run.key & (this.#places.length - 1);
    let before = this.#places[place]!;
    if (before === run) {
      this.#places[place] = run.beside;
    } else {
      while (before.beside !== run) before = before.beside!;
      before.beside = run.beside;
    }
    run.beside = null;
  }

  #grow(): void {
    const runs = this.#all();
    this.#places = new Array(2 * this.#places.length).fill(null);
    for (const run of runs) this.#put(run, Number(run.key));
  }
}
