/**
 * A named queue: many producers, many consumers, a ring of words for each priority, FIFO within one. The words name cells (message_cells.ts).
 *
 * ```
 *  ring word:  lap 14 │ full 1 │ cell 17        empty of lap n → full of lap n → empty of lap n + 1 → …
 * ```
 * In Vyukov's bounded queue a producer claims a place by the cursor and then publishes it: one that dies in between blocks the queue for ever. Here both ends
 * work by one compare-and-exchange that is claim and publication at once, and every other step may be done by anybody:
 *
 * - publish: the RING WORD at the tail goes from empty to full; then the tail may be moved on;
 * - consume: the CELL'S STATE goes from READY to TAKEN; then the ring word may be emptied, then the head moved on.
 *
 * Whoever finds a step undone does it and goes on, so a thread that dies anywhere leaves at most one cell that is its own (`MessageCells.repair`).
 * Cursors are free-running 32-bit counts compared by difference. A ring's word leaves the ring before its cell is freed. Laps and positions come
 * round: a thread that sleeps between two steps through exactly 2^14 laps (a million messages of one priority in the smallest ring) could be deceived.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { compareExchange, load } from "./atomics.ts";
import { type MessageCells, readyAt } from "./message_cells.ts";
import type { SharedMemory } from "./shared_memory.ts";

const FULL = 1 << 17;
const CELL_MASK = FULL - 1;
const LAP_SHIFT = 18;
const LAPS = 0x3fff;
/** Each turn means that another thread has moved on; so many in a row mean that the words are not a queue's any more. */
const TURNS_MAX = 1 << 20;

/** Where a queue is. Indices are in 32-bit words. */
export interface QueuePlace {
  /** Its number. */
  readonly index: number;
  /** Head and tail of each level, lowest first. */
  readonly cursors: readonly { readonly head: number; readonly tail: number }[];
  /** First word of level 0's ring; the other levels' follow. */
  readonly ring: number;
  /** log2 of the words of one ring. */
  readonly ringLog2: number;
  /** Messages of one level, at most the words of its ring. */
  readonly capacity: number;
}

/** One thread's handle on a queue. */
export class MessageQueue {
  readonly #words: Int32Array;
  readonly #mask: number;

  /** A handle; every thread makes its own. */
  constructor(memory: SharedMemory, private readonly cells: MessageCells, readonly place: QueuePlace) {
    this.#words = memory.words;
    this.#mask = (1 << place.ringLog2) - 1;
  }

  /** Publishes a held cell on a level; false when the level is full, and the cell stays held. */
  tryPush(cell: number, level: number): boolean {
    const words = this.#words;
    const { cursors, index, capacity } = this.place;
    const { head, tail: tailWord } = cursors[level];
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      const tail = load(words, tailWord);
      const first = load(words, head);
      if (((tail - first) | 0) >= capacity) {
        if (this.#passTaken(level, first)) continue;
        if (turn > 0) this.cells.withdraw(cell);
        return false;
      }
      const at = this.#at(level, tail);
      const word = load(words, at);
      const empty = this.#empty(tail);
      if (word === empty) {
        this.cells.offer(cell, readyAt(index, level, tail));
        if (compareExchange(words, at, empty, empty | FULL | cell) !== empty) continue;
        compareExchange(words, tailWord, tail, (tail + 1) | 0);
        return true;
      }
      // Published (and perhaps consumed) by a thread that has not moved the tail yet; fails when the tail was seen too late.
      if ((word & ~CELL_MASK) === (empty | FULL) || word === this.#empty(tail + this.#mask + 1)) {
        compareExchange(words, tailWord, tail, (tail + 1) | 0);
      }
    }
    return this.#broken(level);
  }

  /** Takes the oldest message of the highest level that has one; −1 when there is none. */
  tryPop(): number {
    for (let level = this.place.cursors.length - 1; level >= 0; level--) {
      const cell = this.tryPopLevel(level);
      if (cell >= 0) return cell;
    }
    return -1;
  }

  /** Takes the oldest message of a level; −1 when there is none. */
  tryPopLevel(level: number): number {
    const words = this.#words;
    const headWord = this.place.cursors[level].head;
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      const head = load(words, headWord);
      const at = this.#at(level, head);
      const word = load(words, at);
      const empty = this.#empty(head);
      if (word === empty) return -1;
      if ((word & ~CELL_MASK) === (empty | FULL)) {
        const taken = this.cells.tryTake(word & CELL_MASK, readyAt(this.place.index, level, head));
        compareExchange(words, at, word, this.#empty(head + this.#mask + 1));
        compareExchange(words, headWord, head, (head + 1) | 0);
        if (taken) return word & CELL_MASK;
      } else if (word === this.#empty(head + this.#mask + 1)) compareExchange(words, headWord, head, (head + 1) | 0);
    }
    return this.#broken(level);
  }

  /** Takes one message out of the middle, as `list` found it; false when somebody else was first. */
  tryTake(level: number, position: number, cell: number): boolean {
    if (!this.cells.tryTake(cell, readyAt(this.place.index, level, position))) return false;
    const full = this.#empty(position) | FULL | cell;
    compareExchange(this.#words, this.#at(level, position), full, this.#empty(position + this.#mask + 1));
    const { head } = this.place.cursors[level];
    for (let turn = 0; turn < TURNS_MAX && this.#passTaken(level, load(this.#words, head)); turn++);
    return true;
  }

  /** Waiting messages of a level, oldest first, as they stand now: each may be gone by the time it is looked at. */
  list(level: number): { cell: number; position: number }[] {
    const { head, tail } = this.place.cursors[level];
    const first = load(this.#words, head);
    const count = this.#count(first, load(this.#words, tail));
    const found: { cell: number; position: number }[] = [];
    for (let position = first, end = (first + count) | 0; position !== end; position = (position + 1) | 0) {
      const cell = this.cellAt(level, position);
      if (cell >= 0) found.push({ cell, position });
    }
    return found;
  }

  /** The cell that waits at a position, as it stands now; −1 when none does. */
  cellAt(level: number, position: number): number {
    const word = load(this.#words, this.#at(level, position));
    return (word & ~CELL_MASK) === (this.#empty(position) | FULL) ? word & CELL_MASK : -1;
  }

  /** Whether the ring's word at a position names `cell`. `position` may be cut to the bits that a READY word keeps: rings are shorter. */
  names(level: number, position: number, cell: number): boolean {
    return (load(this.#words, this.#at(level, position)) & (FULL | CELL_MASK)) === (FULL | cell);
  }

  /** Whether anything waits; now and then true of a message that is just being taken. */
  readable(): boolean {
    // The ring's words, not the cursors: a tail that a dead producer did not move on hides nothing.
    for (let level = this.place.cursors.length - 1; level >= 0; level--) {
      const head = load(this.#words, this.place.cursors[level].head);
      if (load(this.#words, this.#at(level, head)) !== this.#empty(head)) return true;
    }
    return false;
  }

  /** Messages that wait, of all levels. */
  depth(): number {
    let depth = 0;
    for (let level = 0; level < this.place.cursors.length; level++) depth += this.depthOf(level);
    return depth;
  }

  /** Messages of one level that wait. */
  depthOf(level: number): number {
    const { head, tail } = this.place.cursors[level];
    // Head first: read the other way round it could have overtaken the tail in between.
    const first = load(this.#words, head);
    return this.#count(first, load(this.#words, tail));
  }

  /** Messages of one level that were ever published, modulo 2³². */
  publishedOf(level: number): number {
    return load(this.#words, this.place.cursors[level].tail) >>> 0;
  }

  /** The tail may lag behind the head for a moment, and the head moves on while both are read. */
  #count(head: number, tail: number): number {
    return Math.max(0, Math.min((tail - head) | 0, this.place.capacity));
  }

  /** Does what a consumer has left undone at the head; false when nothing was. */
  #passTaken(level: number, head: number): boolean {
    const words = this.#words;
    const headWord = this.place.cursors[level].head;
    const at = this.#at(level, head);
    const word = load(words, at);
    const emptied = this.#empty(head + this.#mask + 1);
    if ((word & ~CELL_MASK) === (this.#empty(head) | FULL)) {
      if (this.cells.isReady(word & CELL_MASK, readyAt(this.place.index, level, head))) return load(words, headWord) !== head;
      compareExchange(words, at, word, emptied);
    } else if (word !== emptied) return load(words, headWord) !== head;
    compareExchange(words, headWord, head, (head + 1) | 0);
    return true;
  }

  #at(level: number, position: number): number {
    return this.place.ring + (level << this.place.ringLog2) + (position & this.#mask);
  }

  #empty(position: number): number {
    return ((position >>> this.place.ringLog2) & LAPS) << LAP_SHIFT;
  }

  #broken(level: number): never {
    const { index } = this.place;
    throw new KernelError(
      "QUEUE_BROKEN",
      `level ${level} of queue ${index} does not hold together: a thread given up for dead may have written.`,
      {
        queue: index,
        level,
      },
    );
  }
}
