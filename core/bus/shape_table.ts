/**
 * What a host's messages refer to by number: the key lists of records that it sends often (shapes) and short strings that it repeats (words).
 *
 * ```
 * used i32 │ … │ bytes i32, value by the plain codec, padding to 4 │ bytes i32, value … │ free
 * ```
 * An array of strings is a shape, a string is a word; each kind is numbered in the order of its entries (13 bits suffice: an entry takes 8 bytes of
 * at most 64 KiB). One table a host: its thread alone
 * appends, and never changes or takes back an entry. So a number means the same for as long as the arena lives, to whoever reads it whenever,
 * also after its writer has died: no frame depends on another. A full table costs speed, never a message.
 *
 * Order: entry, then `used` (one atomic store), then the ring's cursor: whoever sees a frame sees what it refers to.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { load, store } from "../memory/atomics.ts";
import { type Layout, SHAPE_TABLE, shapeTableAt } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { plainCodec } from "./codec.ts";

/** A shape's keys, or a word. */
export type TableEntry = readonly string[] | string;

const LENGTH_BYTES = 4;

/** One host's table, as its writer or any reader holds it. */
export class ShapeTable {
  readonly #usedWord: number;
  readonly #entries: number;
  readonly #capacity: number;
  /** Bytes of entries taken in so far. */
  #seen = 0;
  #full = false;

  /** The table of `host`; each entry found is handed to `take`, once and in order. */
  constructor(
    private readonly memory: SharedMemory,
    layout: Layout,
    private readonly host: number,
    private readonly take: (entry: TableEntry) => void,
  ) {
    this.#usedWord = shapeTableAt(layout, host, SHAPE_TABLE.used) >> 2;
    this.#entries = shapeTableAt(layout, host, SHAPE_TABLE.entries);
    this.#capacity = layout.shapeTableBytes - SHAPE_TABLE.entries;
  }

  /** Takes in what has been appended since. Throws `CORRUPT_MESSAGE` when something else than a table lies there. */
  refresh(): void {
    const used = load(this.memory.words, this.#usedWord);
    if (used > this.#capacity) throw this.#corrupt();
    while (this.#seen < used) {
      const at = this.#entries + this.#seen;
      const bytes = this.memory.words[at >> 2];
      const next = this.#seen + LENGTH_BYTES + padded(bytes);
      if (bytes < 1 || next > used) throw this.#corrupt();
      const entry = plainCodec.decode(this.memory, at + LENGTH_BYTES, at + LENGTH_BYTES + bytes);
      if (!isEntry(entry)) throw this.#corrupt();
      this.#seen = next;
      this.take(typeof entry === "string" ? interned(entry) : entry.map(interned));
    }
  }

  /** Owner: appends an entry and takes it in; false when there is no room. */
  append(entry: TableEntry): boolean {
    if (this.#full) return false;
    this.refresh();
    const at = this.#entries + this.#seen;
    const from = at + LENGTH_BYTES;
    const end = plainCodec.encode(entry, this.memory, from, this.#entries + this.#capacity);
    if (end < 0) {
      // A shorter one might still fit, but would be tried at the price of an encoding each time.
      this.#full = true;
      return false;
    }
    this.memory.words[at >> 2] = end - from;
    store(this.memory.words, this.#usedWord, this.#seen + LENGTH_BYTES + padded(end - from));
    this.refresh();
    return true;
  }

  #corrupt(): KernelError {
    return new KernelError(
      "CORRUPT_MESSAGE",
      `thread ${this.host}'s table of shapes cannot be read behind byte ${this.#seen}: something else wrote into it.`,
      { host: this.host, at: this.#seen },
    );
  }
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** The string as the engine stores property names: quick as a key, and told from another by its address. */
function interned(text: string): string {
  return Object.keys({ [text]: 0 })[0];
}

function isEntry(value: unknown): value is TableEntry {
  return typeof value === "string" || (Array.isArray(value) && value.length > 0 && value.every((key) => typeof key === "string"));
}
