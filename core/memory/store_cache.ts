/**
 * What one thread remembers of the store: for a key its entry, the version it had, and the decoded value. A get of a hot key is two Map lookups and
 * one atomic load of the version, no decoding.
 *
 * A key leads to a slot, and the slots lie one behind the other in one array: a get of one of 65,536 keys at random costs two cache misses more than
 * one of a Map, this one and the version's, and the collector has no records to walk through.
 *
 * @module
 */

/** As many as the store's benchmark keys and the pending replies of a thread: the hot keys of 10,000 agents with six each. */
const REMEMBERED_MAX = 65_536;
/** The least that a value weighs: its place here and the object's own header. */
const REMEMBERED_BYTES_MIN = 128;
/** 65,536 records of four times the least. In bytes of the keys and of the encoded values, which V8 holds in about one to three times as many. */
const BYTES_MAX = REMEMBERED_MAX * REMEMBERED_BYTES_MIN * 4;

/**
 * Stands for a value that is not decoded, or of which each reader gets a copy of its own. No value is ever undefined, and to compare with a symbol or an
 * object costs the cache miss of looking at the value.
 */
export const NOT_DECODED = undefined;
/** `find`: nothing is remembered. */
export const NO_SLOT = -1;

/** Places of a slot in `slots`. */
const SLOT_PLACES = 4;
/** In a slot: index of the entry in the store. */
export const SLOT_ENTRY = 0;
/** In a slot: the low 32 bits of the version for which the rest holds. */
export const SLOT_VERSION = 1;
/** In a slot: the frozen value, or `NOT_DECODED`. */
export const SLOT_VALUE = 2;
/** In a slot: the rest of the version. */
const SLOT_VERSION_HIGH = 3;

/** A bounded cache: a clock with second chances. A slot is named by the place where it begins. */
export class StoreCache {
  /** All slots; small integers but for the values. */
  readonly slots: unknown[] = [];
  readonly #used = new Uint8Array(REMEMBERED_MAX);
  readonly #namespaces = new Map<string, Map<string, number>>();
  readonly #keys: string[] = [];
  readonly #homes: (Map<string, number> | undefined)[] = [];
  readonly #weights: number[] = [];
  readonly #free: number[] = [];
  #lastNamespace = "";
  #lastHome = new Map<string, number>();
  #hand = 0;
  #bytes = 0;

  /** The slot of a key; the caller compares the version. Anything may be asked for. */
  find(namespace: string, key: string): number {
    return (namespace === this.#lastNamespace ? this.#lastHome : this.#turnTo(namespace)).get(key) ?? NO_SLOT;
  }

  /** Remembers a key. `slot` is what `find` returned for it. */
  note(
    slot: number,
    namespace: string,
    key: string,
    entry: number,
    version: number,
    versionHigh: number,
    value: unknown,
    valueBytes: number,
  ): void {
    const weight = REMEMBERED_BYTES_MIN + 2 * key.length + (value === NOT_DECODED ? 0 : valueBytes);
    const isNew = slot < 0;
    if (isNew) slot = this.#add(namespace, key);
    const slots = this.slots;
    slots[slot + SLOT_ENTRY] = entry;
    slots[slot + SLOT_VERSION] = version;
    slots[slot + SLOT_VALUE] = value;
    slots[slot + SLOT_VERSION_HIGH] = versionHigh;
    this.#used[slot / SLOT_PLACES] = isNew ? 0 : 1;
    this.#bytes += weight - this.#weights[slot / SLOT_PLACES];
    this.#weights[slot / SLOT_PLACES] = weight;
    while (this.#bytes > BYTES_MAX) this.#evict();
  }

  /** A slot was used: once in a while is enough. Its mark stays until the hand of the clock passes; what is marked then is kept. */
  use(slot: number): void {
    this.#used[slot / SLOT_PLACES] = 1;
  }

  /** The high part of a slot's version. */
  versionHigh(slot: number): number {
    return this.slots[slot + SLOT_VERSION_HIGH] as number;
  }

  /** Keys remembered, and what they weigh. */
  size(): { keys: number; bytes: number } {
    return { keys: this.#keys.length - this.#free.length, bytes: this.#bytes };
  }

  #add(namespace: string, key: string): number {
    if (this.#free.length === 0 && this.#keys.length >= REMEMBERED_MAX) this.#evict();
    const index = this.#free.pop() ?? this.#keys.length;
    const slot = index * SLOT_PLACES;
    if (slot === this.slots.length) this.slots.push(0, 0, NOT_DECODED, 0);
    let home = this.#namespaces.get(namespace);
    if (home === undefined) this.#namespaces.set(namespace, home = new Map());
    home.set(key, slot);
    this.#keys[index] = key;
    this.#homes[index] = home;
    this.#weights[index] = 0;
    return slot;
  }

  #turnTo(namespace: string): Map<string, number> {
    const home = this.#namespaces.get(namespace);
    if (home === undefined) return NOTHING;
    this.#lastNamespace = namespace;
    this.#lastHome = home;
    return home;
  }

  #evict(): void {
    for (;; this.#hand++) {
      if (this.#hand >= this.#keys.length) this.#hand = 0;
      if (this.#homes[this.#hand] === undefined) continue;
      if (this.#used[this.#hand] === 0) break;
      this.#used[this.#hand] = 0;
    }
    const index = this.#hand++;
    this.#homes[index]?.delete(this.#keys[index]);
    this.#homes[index] = undefined;
    this.#keys[index] = "";
    this.slots[index * SLOT_PLACES + SLOT_VALUE] = NOT_DECODED;
    this.#bytes -= this.#weights[index];
    this.#weights[index] = 0;
    this.#free.push(index);
  }
}

/** Home of a namespace of which nothing is remembered. */
const NOTHING: Map<string, number> = new Map();
