/**
 * Takes note of the hits of one thread, one in eight of them: the entry is marked as used, and the hits since the last time are counted. A hot key has
 * hundreds of hits before the hand of the clock comes round, and noting each would cost a third of the get.
 *
 * @module
 */
import { Random } from "../base/random.ts";
import type { StoreCounts } from "./store_counts.ts";
import type { StoreMarks } from "./store_marks.ts";

/** On average. The gaps are of random length: a loop over eight keys would have the same one noted each time. */
const HITS_PER_NOTE = 8;

/** One thread's sampler. */
export class StoreSampler {
  #left = 1;
  #gap = 1;
  readonly #random: Random;

  /** `seed` may be anything. */
  constructor(private readonly marks: StoreMarks, private readonly counts: StoreCounts, seed: number) {
    this.#random = new Random(seed);
  }

  /** A value of an entry was read. Whether this one was noted. */
  hit(entry: number): boolean {
    if (--this.#left > 0) return false;
    this.marks.mark(entry);
    this.#flush(1 + this.#random.below(2 * HITS_PER_NOTE - 1));
    return true;
  }

  /** Counts the hits that are not counted yet. */
  flush(): void {
    this.#flush(this.#left);
  }

  #flush(nextGap: number): void {
    this.counts.hits(this.#gap - this.#left);
    this.#gap = this.#left = nextGap;
  }
}
