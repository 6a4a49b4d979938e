/**
 * The outside as actions may see it: facts by name. An action that changes the outside only through this can be rehearsed.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { EFFECTS_KEPT_MAX } from "../base/limits.ts";

/** Facts of the outside. */
export interface Effects {
  /** A fact, undefined when it is not so. */
  get(key: string): unknown;
  /** Makes it so; a promise is to be awaited. */
  set(key: string, value: unknown): unknown;
  /** Makes it no longer so. */
  delete(key: string): unknown;
}

/** Facts kept in memory. */
export class MemoryEffects implements Effects {
  readonly #facts = new Map<string, unknown>();

  /** Nothing is so. */
  constructor(facts: Iterable<readonly [string, unknown]> = []) {
    for (const [key, value] of facts) this.#facts.set(key, value);
  }

  /** A fact. */
  get(key: string): unknown {
    return this.#facts.get(key);
  }

  /** Throws `EFFECTS_FULL` when there are too many. */
  set(key: string, value: unknown): void {
    if (this.#facts.size >= EFFECTS_KEPT_MAX && !this.#facts.has(key)) {
      throw new KernelError(
        "EFFECTS_FULL",
        `${EFFECTS_KEPT_MAX} effects are kept in memory already. Give the engine \`effects\` of your own.`,
        { key },
      );
    }
    this.#facts.set(key, value);
  }

  /** Forgets it. */
  delete(key: string): void {
    this.#facts.delete(key);
  }

  /** All facts. */
  entries(): [string, unknown][] {
    return [...this.#facts];
  }
}
