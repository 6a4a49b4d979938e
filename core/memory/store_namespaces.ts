/**
 * Namespaces: at most 256 names, each with a number that never changes, so that every thread may remember it.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { load, store } from "./atomics.ts";
import type { Layout } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { StoreBlocks } from "./store_blocks.ts";
import { STORE, STORE_NAMESPACES_MAX, storeParts } from "./store_layout.ts";
import type { StoreScratch } from "./store_scratch.ts";

/** Longest name: it is stored one character a word. */
const NAME_LENGTH_MAX = 1_024;

/** One thread's view on the names. */
export class StoreNamespaces {
  readonly #words: Int32Array;
  readonly #count: number;
  readonly #names: number;
  readonly #entries: number;
  readonly #units: number;
  readonly #whole: number;
  readonly #known = new Map<string, number>();
  /** What was asked for last; at first what equals nothing. */
  #lastName: unknown = NaN;
  #lastId = -1;

  /** The names stand in blocks like those of entries. */
  constructor(memory: SharedMemory, layout: Layout, private readonly blocks: StoreBlocks) {
    const { control } = storeParts(layout);
    this.#words = memory.words;
    this.#count = (control + STORE.namespaceCount) >>> 2;
    this.#names = (control + STORE.namespaces) >>> 2;
    this.#entries = (control + STORE.namespaceEntries) >>> 2;
    this.#units = (control + STORE.namespaceUnits) >>> 2;
    this.#whole = (control + STORE.whole) >>> 2;
  }

  /** The number of a namespace, or −1 when nothing was ever stored in it. Throws when the name cannot be one. */
  find(name: unknown): number {
    if (name === this.#lastName) return this.#lastId;
    const known = this.#known.get(name as string);
    if (known !== undefined) {
      this.#lastName = name;
      return this.#lastId = known;
    }
    if (typeof name !== "string") throw new InvalidArgumentError("namespace", name, "give a string.");
    if (name.length === 0 || name.length > NAME_LENGTH_MAX) {
      throw new InvalidArgumentError("namespace", name, `give a string of 1 to ${NAME_LENGTH_MAX} characters.`);
    }
    return this.#learn(name);
  }

  /** How many there are. */
  get size(): number {
    return load(this.#words, this.#count);
  }

  /** Gives a new namespace its number; −1 when there is no room for its name. For the holder of the lock. */
  add(name: string, scratch: StoreScratch, at: number): number {
    const id = this.find(name);
    if (id >= 0) return id;
    const words = this.#words;
    const next = words[this.#count];
    if (next >= STORE_NAMESPACES_MAX) {
      throw new InvalidArgumentError("namespace", name, `there are ${STORE_NAMESPACES_MAX} already; use one of them with a longer key.`);
    }
    words[this.#whole] = 0;
    const unit = this.blocks.write(scratch, scratch.writeName(at, name));
    if (unit >= 0) {
      store(words, this.#names + next, unit + 1);
      store(words, this.#count, next + 1);
      this.blocks.settle();
      this.#known.set(name, next);
    }
    words[this.#whole] = 1;
    return unit < 0 ? unit : next;
  }

  /** All names by their numbers, as far as this thread has to know them. */
  names(): string[] {
    this.#learn("");
    return [...this.#known.keys()];
  }

  /** The name of a number. */
  nameOf(id: number): string {
    return this.names()[id];
  }

  /** Adds to the counts of a namespace. For the holder of the lock. */
  count(id: number, entries: number, units: number): void {
    this.#words[this.#entries + id] += entries;
    this.#words[this.#units + id] += units;
  }

  /** Entries of a namespace, and the units of their blocks. */
  counts(id: number): { entries: number; units: number } {
    return { entries: load(this.#words, this.#entries + id), units: load(this.#words, this.#units + id) };
  }

  /** Before they are counted anew. */
  forgetCounts(): void {
    this.#words.fill(0, this.#entries, this.#entries + STORE_NAMESPACES_MAX);
    this.#words.fill(0, this.#units, this.#units + STORE_NAMESPACES_MAX);
  }

  /** Tells the blocks which of them are names. */
  keepBlocks(): void {
    for (let id = 0; id < this.#words[this.#count]; id++) this.blocks.keep(this.#words[this.#names + id] - 1);
  }

  /** Units that the names take. */
  units(): number {
    let units = 0;
    for (let id = 0; id < load(this.#words, this.#count); id++) units += this.blocks.unitsOf(load(this.#words, this.#names + id) - 1);
    return units;
  }

  /** Reads the names that other threads have added; they are in their blocks for good. */
  #learn(name: string): number {
    const count = load(this.#words, this.#count);
    for (let id = this.#known.size; id < count; id++) {
      let text = "";
      for (const unit of this.blocks.keyWords(load(this.#words, this.#names + id) - 1)) text += String.fromCharCode(unit);
      this.#known.set(text, id);
    }
    return this.#known.get(name) ?? -1;
  }
}
