/**
 * The cells in which messages of named queues lie. One state word says who has a cell, so that a thread may die at any instruction:
 *
 * ```
 *             claim                offer (at a place of a ring)          take                     free
 *   FREE ───────────▶ HELD by host ──────────────────────▶ READY at place ─────▶ TAKEN by host ───────▶ FREE
 *                          ▲────────── withdraw (no room) ──────┘                  = HELD, with a mark
 * ```
 * READY names queue, level and position, so a consumer that read a ring's word long ago cannot take the cell once it serves another message.
 * A message longer than a cell continues in PART cells, which name their first one: they are owned by whoever owns that.
 *
 * @module
 */
import { add, compareExchange, load, store } from "./atomics.ts";
import { BUS, type BusParts, CELL, CELL_BYTES } from "./bus_layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { SlotPool } from "./slot_pool.ts";

const FREE = 0;
const HELD = 1;
const READY = 2;
const PART = 3;
const PHASE = 3;
/** In a HELD word: the cell was taken from a queue, and what is in it is whole. */
const TAKEN = 4;
const HOLDER_SHIFT = 3;
/** Holder of what stands in the subscription table; hosts are 1…64. */
const TABLE_HOLDER = 127;
/** Bits of `origin` that name the host + 1. */
const HOST_MASK = 0xff;

/** The state of a cell that is published at a place: 2 bits of phase, 3 of level, 8 of queue, 19 of position. */
export function readyAt(queue: number, level: number, position: number): number {
  return READY | (level << 2) | (queue << 5) | (position << 13);
}

/** The place in a READY word. */
export function placeOf(word: number): { queue: number; level: number; position: number } {
  return { level: (word >> 2) & 7, queue: (word >> 5) & 0xff, position: word >>> 13 };
}

/** What `repair` found of a dead host. */
export interface CellsOfDead {
  /** First cells of messages that were being written, or given back: freed. */
  freed: number;
  /** First cells of messages that it had taken from queues and not handed over; now held by the repairing host, as if it had taken them. */
  readonly taken: number[];
}

/** One thread's view of the cells. */
export class MessageCells {
  /** How many there are. */
  readonly count: number;
  readonly #words: Int32Array;
  readonly #first: number;
  readonly #inUse: number;
  readonly #pool: SlotPool;
  readonly #held: number;
  readonly #claimHead = (): number => this.#held;
  #head = 0;
  readonly #claimPart = (): number => PART | (this.#head << 2);

  /** `host` is written into what this thread claims and takes. */
  constructor(memory: SharedMemory, readonly parts: BusParts, private readonly host: number) {
    this.#words = memory.words;
    this.#first = parts.cells >> 2;
    this.#inUse = (parts.control + BUS.cellsInUse) >> 2;
    this.#held = HELD | ((host + 1) << HOLDER_SHIFT);
    this.count = parts.cellCount;
    const cursor = (parts.control + BUS.cellCursor) >> 2;
    this.#pool = new SlotPool({ words: memory.words, first: this.#first, stride: CELL_BYTES >> 2, count: this.count, cursor });
  }

  /** Claims a first cell with room for `bytes`, and the cells that must follow; −1 when there are not enough free ones. */
  tryClaim(bytes: number): number {
    const room = CELL_BYTES - CELL.body;
    const parts = bytes <= room ? 0 : Math.ceil((bytes - room) / (CELL_BYTES - CELL.bodyOfPart));
    // Without the hint a full pool would be looked at cell by cell at each call.
    if (load(this.#words, this.#inUse) + parts >= this.count) return -1;
    const head = this.#pool.tryClaim(this.#claimHead);
    if (head < 0) return -1;
    this.#words[this.#word(head, CELL.origin)] = this.host + 1;
    this.#words[this.#word(head, CELL.next)] = 0;
    add(this.#words, this.#inUse, 1);
    return parts === 0 || this.#extend(head, parts) ? head : -1;
  }

  #extend(head: number, parts: number): boolean {
    this.#head = head;
    for (let last = head; parts > 0; parts--) {
      const part = this.#pool.tryClaim(this.#claimPart);
      if (part < 0) {
        this.free(head);
        return false;
      }
      this.#words[this.#word(part, CELL.next)] = 0;
      this.#words[this.#word(last, CELL.next)] = part + 1;
      add(this.#words, this.#inUse, 1);
      last = part;
    }
    return true;
  }

  /** The cell behind `cell` in its chain, or −1. */
  next(cell: number): number {
    const next = this.#words[this.#word(cell, CELL.next)] - 1;
    // Also read while the cell may be written by others (the reader checks afterwards): never leave the pool.
    return next >= 0 && next < this.count ? next : -1;
  }

  /** Says where the cell is about to be published, and by whom. */
  offer(cell: number, ready: number): void {
    const origin = this.#word(cell, CELL.origin);
    this.#words[origin] = (this.#words[origin] & ~HOST_MASK) | (this.host + 1);
    store(this.#words, this.#word(cell, CELL.state), ready);
  }

  /** Takes an offer back that found no room. */
  withdraw(cell: number): void {
    store(this.#words, this.#word(cell, CELL.state), this.#held);
  }

  /** Takes a published cell; false when another consumer was first. */
  tryTake(cell: number, ready: number): boolean {
    return compareExchange(this.#words, this.#word(cell, CELL.state), ready, this.#held | TAKEN) === ready;
  }

  /** Whether the cell is published at that place right now. */
  isReady(cell: number, ready: number): boolean {
    return load(this.#words, this.#word(cell, CELL.state)) === ready;
  }

  /** Whether this host has claimed the cell, in its life number `serial`, and neither freed nor published it. */
  isHeld(cell: number, serial: number): boolean {
    return load(this.#words, this.#word(cell, CELL.state)) === this.#held && this.serial(cell) === serial;
  }

  /** Number of the cell's present life. */
  serial(cell: number): number {
    return this.#words[this.#word(cell, CELL.serial)];
  }

  /** Gives a held message back, first the cells that follow it: should this thread die on the way, the rest is found by its first cell. */
  free(head: number): void {
    const words = this.#words;
    const state = this.#word(head, CELL.state);
    let part = this.next(head);
    let freed = 1;
    // No longer whole from here on: whoever finds it must not take it for a message.
    if (part >= 0) store(words, state, this.#held);
    while (part >= 0) {
      const next = this.next(part);
      store(words, this.#word(part, CELL.state), FREE);
      part = next;
      freed++;
    }
    words[this.#word(head, CELL.serial)]++;
    store(words, state, FREE);
    add(words, this.#inUse, -freed);
  }

  /** Hands a held cell over to the subscription table. The table must already name it, so that a repair can tell. */
  giveToTable(cell: number): void {
    store(this.#words, this.#word(cell, CELL.state), HELD | (TABLE_HOLDER << HOLDER_SHIFT));
  }

  /** Takes it back from there, while the table still names it. */
  takeFromTable(cell: number): void {
    store(this.#words, this.#word(cell, CELL.state), this.#held);
  }

  /** Cells in use, near enough for reports. */
  get inUse(): number {
    return Math.max(0, load(this.#words, this.#inUse));
  }

  /**
   * Finds what a dead host had: `inTable` says of a first cell whether the subscription table names it, `isPublished` of a READY cell's place
   * whether its ring does. Call it under the tables' lock; the host must be past writing (its state word is its fence).
   */
  repair(dead: number, inTable: (cell: number) => boolean, isPublished: (cell: number, ready: number) => boolean): CellsOfDead {
    const words = this.#words;
    const held = HELD | ((dead + 1) << HOLDER_SHIFT);
    const found: CellsOfDead = { freed: 0, taken: [] };
    const lost = new Set<number>();
    for (let cell = 0; cell < this.count; cell++) {
      const at = this.#word(cell, CELL.state);
      const state = load(words, at);
      if (state === (held | TAKEN)) {
        if (compareExchange(words, at, state, this.#held | TAKEN) === state) found.taken.push(cell);
      } else if (state === held) {
        if (inTable(cell)) this.giveToTable(cell);
        else if (compareExchange(words, at, state, this.#held) === state) lost.add(cell);
      } else if (
        (state & PHASE) === READY && (words[this.#word(cell, CELL.origin)] & HOST_MASK) === dead + 1 && !isPublished(cell, state)
      ) {
        // Published and consumed since would show in the state: nobody but the dead host publishes this cell.
        if (compareExchange(words, at, state, this.#held) === state) lost.add(cell);
      }
    }
    found.freed = lost.size;
    this.#freeLost(lost);
    return found;
  }

  /** Frees first cells and what belongs to them, linked or not; sets the hint right on the way. */
  #freeLost(lost: ReadonlySet<number>): void {
    const words = this.#words;
    let inUse = 0;
    for (let cell = 0; cell < this.count; cell++) {
      const at = this.#word(cell, CELL.state);
      const state = load(words, at);
      if ((state & PHASE) === PART && lost.has(state >>> 2)) store(words, at, FREE);
      else if (state !== FREE && !lost.has(cell)) inUse++;
    }
    for (const cell of lost) {
      words[this.#word(cell, CELL.serial)]++;
      store(words, this.#word(cell, CELL.state), FREE);
    }
    store(words, this.#inUse, inUse);
  }

  #word(cell: number, field: number): number {
    return this.#first + ((cell * CELL_BYTES + field) >> 2);
  }
}
