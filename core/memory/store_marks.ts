/**
 * Who was used lately: a bitmap over the entries for each thread, in shared memory. A thread marks in its own, so that marking is a plain write to a line
 * that no other thread writes but when the hand of the clock clears it. All accesses are plain: a mark that is lost or seen late only makes an
 * entry look a little colder.
 *
 * @module
 */
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { storeParts } from "./store_layout.ts";

/** Entries that one word of a bitmap stands for. */
export const ENTRIES_PER_MARKS = 32;
/** One thread's view on the marks. */
export class StoreMarks {
  readonly #words: Int32Array;
  readonly #first: number;
  readonly #stride: number;
  readonly #hosts: number;
  readonly #own: number;

  /** `host` is the index of this thread. */
  constructor(memory: SharedMemory, layout: Layout, host: number) {
    const { marks, marksBytes } = storeParts(layout);
    this.#words = memory.words;
    this.#first = marks >>> 2;
    this.#stride = marksBytes >>> 2;
    this.#hosts = layout.hosts;
    this.#own = this.#first + host * this.#stride;
  }

  /** This thread used an entry. */
  mark(entry: number): void {
    const at = this.#own + (entry >>> 5);
    const bit = 1 << (entry & 31);
    if ((this.#words[at] & bit) === 0) this.#words[at] |= bit;
  }

  /** The marks of 32 entries by all threads, which are cleared. */
  take(index: number): number {
    const words = this.#words;
    let marks = 0;
    for (let host = 0, at = this.#first + index; host < this.#hosts; host++, at += this.#stride) {
      if (words[at] === 0) continue;
      marks |= words[at];
      words[at] = 0;
    }
    return marks;
  }

  /** Whether any thread marked an entry. */
  has(entry: number): boolean {
    const bit = 1 << (entry & 31);
    for (let host = 0, at = this.#first + (entry >>> 5); host < this.#hosts; host++, at += this.#stride) {
      if ((this.#words[at] & bit) !== 0) return true;
    }
    return false;
  }
}
