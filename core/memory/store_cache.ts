/**
 * What one thread remembers of the store: for a key its entry, the version it had, and the decoded value. A get of a hot key is two Map lookups and
 * one atomic load of the version, no decoding.
 *
 * @module
 */

/** As many as the store's benchmark keys and the pending replies of a thread: the hot keys of 10,000 agents with six each. */
const REMEMBERED_MAX = 65_536;
/** The least that a value weighs: its record here and the object's own header. */
const REMEMBERED_BYTES_MIN = 128;
/** 65,536 records of four times the least. In bytes of the keys and of the encoded values, which V8 holds in about one to three times as many. */
const BYTES_MAX = REMEMBERED_MAX * REMEMBERED_BYTES_MIN * 4;

/** Stands for a value that is not decoded, or of which each reader gets a copy of its own. */
export const NOT_DECODED: unique symbol = Symbol("not decoded");

/** One remembered key. */
export interface Remembered {
  /** Index of its entry in the store. */
  entry: number;
  /** Version for which the rest holds. */
  version: number;
  /** The frozen value, or `NOT_DECODED`. */
  value: unknown;
  /** Set when it is used, cleared when the hand of the clock passes: what was used since its last round stays. */
  used: boolean;
  /** What it weighs. */
  bytes: number;
  /** Where it is found. */
  readonly key: string;
  readonly home: Map<string, Remembered>;
}

/** A bounded cache: a clock with second chances. */
export class StoreCache {
  readonly #namespaces = new Map<string, Map<string, Remembered>>();
  readonly #slots: Remembered[] = [];
  #lastNamespace = "";
  #lastHome = new Map<string, Remembered>();
  #hand = 0;
  #bytes = 0;

  /** What is remembered of a key; the caller compares the version. Anything may be asked for. */
  find(namespace: string, key: string): Remembered | undefined {
    if (namespace === this.#lastNamespace) return this.#lastHome.get(key);
    const home = this.#namespaces.get(namespace);
    if (home === undefined) return undefined;
    this.#lastNamespace = namespace;
    this.#lastHome = home;
    return home.get(key);
  }

  /** Remembers a key. `known` is what `find` returned for it. */
  note(
    known: Remembered | undefined,
    namespace: string,
    key: string,
    entry: number,
    version: number,
    value: unknown,
    valueBytes: number,
  ): void {
    const bytes = REMEMBERED_BYTES_MIN + 2 * key.length + (value === NOT_DECODED ? 0 : valueBytes);
    if (known === undefined) this.#add({ entry, version, value, used: false, bytes, key, home: this.#homeOf(namespace) });
    else {
      this.#bytes += bytes - known.bytes;
      known.bytes = bytes;
      known.entry = entry;
      known.version = version;
      known.value = value;
      known.used = true;
    }
    while (this.#slots.length > REMEMBERED_MAX || this.#bytes > BYTES_MAX) this.#evict();
  }

  /** Keys remembered, and what they weigh. */
  size(): { keys: number; bytes: number } {
    return { keys: this.#slots.length, bytes: this.#bytes };
  }

  #add(fresh: Remembered): void {
    fresh.home.set(fresh.key, fresh);
    this.#slots.push(fresh);
    this.#bytes += fresh.bytes;
  }

  #homeOf(namespace: string): Map<string, Remembered> {
    let home = this.#namespaces.get(namespace);
    if (home === undefined) this.#namespaces.set(namespace, home = new Map());
    return home;
  }

  #evict(): void {
    for (;;) {
      if (this.#hand >= this.#slots.length) this.#hand = 0;
      const slot = this.#slots[this.#hand];
      if (!slot.used) break;
      slot.used = false;
      this.#hand++;
    }
    const victim = this.#slots[this.#hand];
    const last = this.#slots.pop() as Remembered;
    if (last !== victim) this.#slots[this.#hand] = last;
    this.#hand++;
    victim.home.delete(victim.key);
    this.#bytes -= victim.bytes;
  }
}
