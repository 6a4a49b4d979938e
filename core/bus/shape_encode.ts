/**
 * The writing half of shapes: finds out which objects are records of a kind that was seen before, and writes them in one go.
 *
 * @module
 */
import type { Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { SMALL_INTEGER, TAG } from "./codec_format.ts";
import { generate, NOT_A_RECORD, quoted, SHAPE_KEY_CHARACTERS_MAX, SHAPE_KEYS_MAX, type ShapeOptions } from "./shape_format.ts";
import { ShapeTable } from "./shape_table.ts";
import { FieldWords, type WordBook } from "./shape_words.ts";

/** Key lists watched at a time (a power of two). */
const CANDIDATES = 512;
/** Shapes tried one after the other before the keys are hashed. */
const RECENT = 8;
const ownProperty = Object.prototype.hasOwnProperty;

/** What a generated function needs of the encoder at work. Each writes a value at `at` and returns the byte after it, or -1. */
export interface RecordSink {
  /** Where it writes. */
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** First byte that is not to be touched. */
  readonly limit: number;
  /** A number. */
  number(value: number, at: number): number;
  /** A string, by number if it is a word. */
  text(value: string, at: number, words: FieldWords): number;
  /** A boolean. */
  flag(value: boolean, at: number): number;
  /** Anything else that stands in `record[key]`. */
  member(value: unknown, at: number, depth: number, record: object, key: string): number;
  /** The object that is being written is a record: it takes the next object number. */
  enter(record: object): void;
  /** Whether an object of a class other than Object is none of the engine's. */
  isPlain(record: object, prototype: object | null): boolean;
  /** What to throw when reading `record[key]` threw. */
  readFailure(error: unknown, record: object, key: string, depth: number): unknown;
}

/** Writes the fields of one record; `NOT_A_RECORD` when the object only has the keys of one. */
type Write = (sink: RecordSink, record: object, at: number, depth: number) => number;

/** A key list with a number, and how its records are written. */
export class WriteShape {
  /** Shape of the object that came after one of this shape: the first to be tried the next time. */
  next: WriteShape = this;
  readonly words: readonly FieldWords[];
  /** First four bytes of a payload that is such a record. */
  readonly head: number;
  #write: Write | null = null;
  #uses = 0;

  /** Of an entry of the table. */
  constructor(readonly keys: readonly string[], readonly number: number, host: number, private readonly options: ShapeOptions) {
    this.head = TAG.tableRecord | host << 8 | number << 16;
    this.words = keys.map(() => new FieldWords());
  }

  /** See `Write`; what its getters throw passes. */
  write(sink: RecordSink, record: object, at: number, depth: number): number {
    if (this.#write !== null) return this.#write(sink, record, at, depth);
    if (this.options.code && ++this.#uses >= this.options.usesBeforeCode) this.#write = writerOf(this);
    return writeFields(this, sink, record, at, depth);
  }
}

/** The shapes and words of one host, as its encoder uses them. Bounded by its table. */
export class WriteShapes implements WordBook {
  readonly #table: ShapeTable;
  readonly #shapes = new Map<number, WriteShape>();
  readonly #words: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Hashes of key lists that are no shapes yet, and how often each was seen. */
  readonly #candidates = new Int32Array(CANDIDATES);
  readonly #sightings = new Int32Array(CANDIDATES);
  /** Shapes of the moment: messages of several kinds come in any order. */
  readonly #recent: WriteShape[] = [];
  #oldest = 0;
  readonly #names: string[] = new Array(SHAPE_KEYS_MAX).fill("");
  #previous: WriteShape;
  #shapeCount = 0;
  readonly repeatsMin: number;

  /** Goes on where the table of `host` ends. */
  constructor(memory: SharedMemory, layout: Layout, readonly host: number, private readonly options: ShapeOptions) {
    this.repeatsMin = options.repeatsMin;
    this.#previous = new WriteShape([], 0, host, options);
    this.#table = new ShapeTable(memory, layout, host, (entry) => {
      if (typeof entry === "string") this.#numbers.set(entry, this.#words.push(entry) - 1);
      else this.#shapes.set(hashOf(entry, entry.length), new WriteShape(entry, this.#shapeCount++, host, options));
    });
    this.#table.refresh();
  }

  /** The shape of an object, null when it has none (yet). The next object is expected to be of the shape that followed this one before. */
  of(record: object): WriteShape | null {
    try {
      // Their keys are many, and strings that would have to be made.
      if (Array.isArray(record) || ArrayBuffer.isView(record)) return null;
      const guess = this.#previous.next;
      const shape = hasKeys(record, guess.keys) ? guess : this.#find(record);
      if (shape === null) return null;
      this.#previous.next = shape;
      return this.#previous = shape;
    } catch (_thrownByATrap) {
      return null; // the plain way meets it again, and tells it
    }
  }

  /** See `WordBook`. */
  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    return this.#table.append(text) ? this.#words.length - 1 : -1;
  }

  /** See `WordBook`. */
  word(number: number): string {
    return this.#words[number];
  }

  #find(record: object): WriteShape | null {
    const names = this.#names;
    let count = 0;
    for (const name in record) {
      if (count === SHAPE_KEYS_MAX || name.length > SHAPE_KEY_CHARACTERS_MAX || !ownProperty.call(record, name)) return null;
      names[count++] = name;
    }
    if (count === 0) return null;
    for (const recent of this.#recent) if (sameKeys(recent.keys, names, count)) return recent;
    const hash = hashOf(names, count);
    const known = this.#shapes.get(hash) ?? this.#sighted(hash, count);
    if (known === null || !sameKeys(known.keys, names, count)) return null;
    this.#recent[this.#oldest] = known;
    this.#oldest = (this.#oldest + 1) % RECENT;
    return known;
  }

  /** Counts a candidate; it becomes a shape when it was seen often, with few others in its place. */
  #sighted(hash: number, count: number): WriteShape | null {
    const place = (hash ^ (hash >>> 15)) & (CANDIDATES - 1);
    if (this.#candidates[place] !== hash) {
      this.#candidates[place] = hash;
      this.#sightings[place] = 0;
    }
    if (++this.#sightings[place] < this.options.sightingsMin) return null;
    return this.#table.append(this.#names.slice(0, count)) ? this.#shapes.get(hash)! : null;
  }
}

/** Whether an object's own enumerable keys are these, in this order. */
function hasKeys(record: object, keys: readonly string[]): boolean {
  let count = 0;
  for (const name in record) {
    if (count === keys.length || keys[count] !== name || !ownProperty.call(record, name)) return false;
    count++;
  }
  return count === keys.length && count > 0;
}

/** By every character: keys that only differ in a number inside must not be taken for one kind of record. */
function hashOf(names: readonly string[], count: number): number {
  let hash = count;
  for (let index = 0; index < count; index++) {
    const name = names[index];
    hash = Math.imul(hash ^ name.length, 0x9e37_79b1);
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x0100_0193);
  }
  return hash;
}

function sameKeys(keys: readonly string[], names: readonly string[], count: number): boolean {
  if (keys.length !== count) return false;
  for (let index = 0; index < count; index++) if (keys[index] !== names[index]) return false;
  return true;
}

/** Without generated code; writes the same bytes. */
function writeFields(shape: WriteShape, sink: RecordSink, record: object, at: number, depth: number): number {
  const { keys, words } = shape;
  let index = -1;
  let reading = true;
  try {
    const prototype = Object.getPrototypeOf(record);
    if (prototype !== Object.prototype && !sink.isPlain(record, prototype)) return NOT_A_RECORD;
    sink.enter(record);
    for (index = 0; index < keys.length; index++) {
      const value = (record as Record<string, unknown>)[keys[index]];
      reading = false;
      if (typeof value === "string") at = sink.text(value, at, words[index]);
      else if (typeof value === "number") at = sink.number(value, at);
      else if (typeof value === "boolean") at = sink.flag(value, at);
      else at = sink.member(value, at, depth, record, keys[index]);
      if (at < 0) return -1;
      reading = true;
    }
    return at;
  } catch (error) {
    if (index < 0) return NOT_A_RECORD;
    throw reading ? sink.readFailure(error, record, keys[index], depth) : error;
  }
}

/** A property that no object has. */
const NO_PROPERTY = Symbol("none");

/**
 * The loop above, rolled out: each place in the code then sees one kind of value. An even `step` is the reading of its field. Looking for a property first
 * tells the engine the object's hidden class, and with it the prototype: asked alone, `getPrototypeOf` costs as much as half the record.
 */
function writerOf(shape: WriteShape): Write {
  const fields = shape.keys.map((key, index) => `
      v = o${quoted(key)}; step = ${2 * index + 1};
      if (typeof v === "string") {
        if (v === f${index}.last && at + 2 <= limit) { b[at] = f${index}.first; b[at + 1] = f${index}.second; at += 2; }
        else if ((at = e.text(v, at, f${index})) < 0) return -1;
      } else if (typeof v === "number") {
        if ((v & 0x7f) === v && at < limit && !Object.is(v, -0)) b[at++] = v | ${SMALL_INTEGER};
        else if ((at = e.number(v, at)) < 0) return -1;
      } else if (v === true || v === false) {
        if (at >= limit) return -1;
        b[at++] = v ? ${TAG.true} : ${TAG.false};
      } else if ((at = e.member(v, at, depth, o, ${JSON.stringify(key)})) < 0) return -1;
      step = ${2 * index + 2};`).join("");
  return generate(
    `const { shape: { keys, words }, none, plain } = argument, ${shape.keys.map((_key, index) => `f${index} = words[${index}]`).join(", ")};
    return function (e, o, at, depth) {
      let v, step = -1;
      try {
        if (o[none] !== undefined) return ${NOT_A_RECORD};
        const p = Object.getPrototypeOf(o);
        if (p !== plain && !e.isPlain(o, p)) return ${NOT_A_RECORD};
        e.enter(o);
        step = 0;
        const b = e.bytes, limit = e.limit;${fields}
        return at;
      } catch (error) {
        if (step < 0) return ${NOT_A_RECORD};
        throw (step & 1) === 0 ? e.readFailure(error, o, keys[step >> 1], depth) : error;
      }
    }`,
    { shape, none: NO_PROPERTY, plain: Object.prototype },
  );
}
