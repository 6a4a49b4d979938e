/**
 * Which patterns a topic meets: a trie over the levels, and before it the last so many topics with what they met.
 *
 * Levels are separated by dots. `*` stands for exactly one level, `#` (only as the last) for all that follow, also for none: `orders.#` meets
 * `orders` and `orders.eu.paid`. An empty level is a level.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { TOPIC_LENGTH_MAX, TOPICS_REMEMBERED_MAX } from "../base/limits.ts";

const SEPARATOR = ".";
const ANY = "*";
const REST = "#";

/** A pattern that can be subscribed to. Throws `InvalidArgumentError`. */
export function checkedPattern(pattern: unknown): string {
  const text = checkedText("pattern", pattern);
  const levels = text.split(SEPARATOR);
  const wrong = levels.findIndex((level, at) =>
    level === REST ? at < levels.length - 1 : level !== ANY && (level.includes(ANY) || level.includes(REST))
  );
  if (wrong < 0) return text;
  throw new InvalidArgumentError("pattern", pattern, `* stands for one whole level, # only as the last one; see level ${wrong + 1}.`);
}

/** A topic that can be published to. Throws `InvalidArgumentError`. */
export function checkedTopic(topic: unknown): string {
  const text = checkedText("topic", topic);
  if (!text.includes(ANY) && !text.includes(REST)) return text;
  throw new InvalidArgumentError("topic", topic, "* and # belong in patterns.");
}

function checkedText(field: string, value: unknown): string {
  if (typeof value === "string" && value.length > 0 && value.length <= TOPIC_LENGTH_MAX) return value;
  throw new InvalidArgumentError(field, value, `give a string of 1 to ${TOPIC_LENGTH_MAX} characters, such as "orders.eu.paid".`);
}

class Level<T> {
  /** By hash of their names: a topic's levels are hashed in one pass and compared in place, so that matching makes no strings. */
  readonly next = new Map<number, Level<T>>();
  /** Another level of the same parent with the same hash. */
  twin: Level<T> | null = null;
  any: Level<T> | null = null;
  /** Of patterns that end here, and of those that end in `#` here. */
  readonly here: T[] = [];
  readonly rest: T[] = [];

  constructor(readonly name: string) {}

  get empty(): boolean {
    return this.next.size === 0 && this.any === null && this.here.length === 0 && this.rest.length === 0;
  }
}

/**
 * Values under patterns.
 *
 * @example
 * ```ts
 * import { TopicMatcher } from "@stage3/kernel";
 * const matcher = new TopicMatcher<string>();
 * matcher.add("orders.*.paid", "billing");
 * matcher.add("orders.#", "audit");
 * matcher.match("orders.eu.paid"); // ["audit", "billing"]
 * ```
 */
export class TopicMatcher<T> {
  #root = new Level<T>("");
  #size = 0;
  /** Patterns of each value: only a value under several can be found twice, and sorting that out costs more than finding. */
  readonly #patterns = new Map<T, number>();
  #repeated = 0;
  /** Two halves instead of an order of use: what was asked for in the last half or so of the room stays, and nothing is moved at a hit. */
  #young = new Map<string, readonly T[]>();
  #old = new Map<string, readonly T[]>();
  #lastTopic = "";
  #lastValues: readonly T[] = [];

  /** Puts a value under a pattern; false when it is there already. Throws `InvalidArgumentError`. */
  add(pattern: string, value: T): boolean {
    const values = this.#valuesOf(checkedPattern(pattern));
    if (values.includes(value)) return false;
    values.push(value);
    this.#size++;
    const patterns = this.#patterns.get(value) ?? 0;
    this.#patterns.set(value, patterns + 1);
    if (patterns === 1) this.#repeated++;
    this.#forget();
    return true;
  }

  /** Takes a value from a pattern; false when it is not there. */
  remove(pattern: string, value: T): boolean {
    const removed = this.#removeAt(this.#root, pattern, 0, cut(checkedPattern(pattern)), value);
    if (removed) {
      this.#size--;
      const patterns = this.#patterns.get(value)!;
      if (patterns === 1) this.#patterns.delete(value);
      else this.#patterns.set(value, patterns - 1);
      if (patterns === 2) this.#repeated--;
      this.#forget();
    }
    return removed;
  }

  /** Every value whose pattern the topic meets, once each, in no particular order. The array is shared: do not change it. */
  match(topic: string): readonly T[] {
    if (topic === this.#lastTopic) return this.#lastValues;
    const values = this.#recall(topic);
    this.#lastTopic = topic;
    this.#lastValues = values;
    return values;
  }

  #recall(topic: string): readonly T[] {
    const known = this.#young.get(topic);
    if (known !== undefined) return known;
    return this.#remember(topic, this.#old.get(topic) ?? this.find(topic));
  }

  /** The same without remembering. Throws `InvalidArgumentError` for what cannot be a topic. */
  find(topic: string): T[] {
    checkedTopic(topic);
    const found: T[] = [];
    collect(this.#root, topic, 0, cut(topic), found);
    return this.#repeated > 0 && found.length > 1 ? [...new Set(found)] : found;
  }

  /** Values under patterns; one value under two patterns counts twice. */
  get size(): number {
    return this.#size;
  }

  /** Forgets everything. */
  clear(): void {
    this.#root = new Level<T>("");
    this.#size = this.#repeated = 0;
    this.#patterns.clear();
    this.#forget();
  }

  #remember(topic: string, values: readonly T[]): readonly T[] {
    if (this.#young.size >= TOPICS_REMEMBERED_MAX / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(topic, values);
    return values;
  }

  #forget(): void {
    this.#lastTopic = "";
    if (this.#young.size > 0) this.#young = new Map();
    if (this.#old.size > 0) this.#old = new Map();
  }

  #valuesOf(pattern: string): T[] {
    let level = this.#root;
    for (let at = 0, count = cut(pattern); at < count; at++) {
      const name = pattern.slice(starts[at], starts[at + 1] - 1);
      if (name === REST) return level.rest;
      if (name === ANY) level = level.any ??= new Level<T>("");
      else level = child(level, pattern, at) ?? addChild(level, new Level<T>(name), hashes[at]);
    }
    return level.here;
  }

  /** Removes from the sub-trie, and levels that have become empty with it. */
  #removeAt(level: Level<T>, pattern: string, at: number, count: number, value: T): boolean {
    if (at === count) return drop(level.here, value);
    const name = pattern.slice(starts[at], starts[at + 1] - 1);
    if (name === REST) return drop(level.rest, value);
    const next = name === ANY ? level.any : child(level, pattern, at);
    if (next === null || !this.#removeAt(next, pattern, at + 1, count, value)) return false;
    if (next.empty && name === ANY) level.any = null;
    else if (next.empty) removeChild(level, next, hashes[at]);
    return true;
  }
}

/** Where the levels of the topic at hand begin (one more than there are, as if a separator stood at the end), and the hashes of their names. */
const starts = new Int32Array(TOPIC_LENGTH_MAX + 2);
const hashes = new Int32Array(TOPIC_LENGTH_MAX + 1);
const DOT = 46;
/** Keeps hashes small integers, the quickest keys there are. */
const HASH_MASK = 0x3fff_ffff;

/** Finds the levels of a topic; returns how many. */
function cut(topic: string): number {
  let count = 0;
  let hash = 0;
  for (let at = 0; at < topic.length; at++) {
    const unit = topic.charCodeAt(at);
    if (unit === DOT) {
      hashes[count++] = hash & HASH_MASK;
      starts[count] = at + 1;
      hash = 0;
    } else hash = Math.imul(hash ^ unit, 0x0100_0193) ^ (hash >>> 15);
  }
  hashes[count++] = hash & HASH_MASK;
  starts[count] = topic.length + 1;
  return count;
}

function child<T>(level: Level<T>, topic: string, at: number): Level<T> | null {
  let next = level.next.get(hashes[at]) ?? null;
  const from = starts[at];
  const length = starts[at + 1] - 1 - from;
  while (next !== null && !(next.name.length === length && topic.startsWith(next.name, from))) next = next.twin;
  return next;
}

function addChild<T>(level: Level<T>, added: Level<T>, hash: number): Level<T> {
  added.twin = level.next.get(hash) ?? null;
  level.next.set(hash, added);
  return added;
}

function removeChild<T>(level: Level<T>, removed: Level<T>, hash: number): void {
  let before = level.next.get(hash)!;
  if (before !== removed) {
    while (before.twin !== removed) before = before.twin!;
    before.twin = removed.twin;
  } else if (removed.twin === null) level.next.delete(hash);
  else level.next.set(hash, removed.twin);
}

function drop<T>(values: T[], value: T): boolean {
  const at = values.indexOf(value);
  if (at < 0) return false;
  values.splice(at, 1);
  return true;
}

/** Adds what the topic meets from level `at` on to `found`. */
function collect<T>(level: Level<T>, topic: string, at: number, count: number, found: T[]): void {
  if (level.rest.length > 0) append(found, level.rest);
  if (at === count) return append(found, level.here);
  if (level.next.size > 0) {
    const next = child(level, topic, at);
    if (next !== null) collect(next, topic, at + 1, count, found);
  }
  if (level.any !== null) collect(level.any, topic, at + 1, count, found);
}

function append<T>(found: T[], values: readonly T[]): void {
  for (let at = 0; at < values.length; at++) found.push(values[at]);
}
