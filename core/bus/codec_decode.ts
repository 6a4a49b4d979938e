/**
 * The reading half of the codecs. It trusts no byte: every length is held against the bytes that are left before anything is made of
 * it, collections grow only as their members are read, and whatever is malformed ends in one kind of error.
 *
 * @module
 */
import type { KernelError } from "../base/errors.ts";
import { type ByteWindow, privateWindow } from "../memory/shared_memory.ts";
import { corruptPayload, ERROR_DOM, makeError, setErrorProperty } from "./codec_errors.ts";
import { DEPTH_MAX, KEY_BYTES_MAX, KEY_END, SHORT_TEXT, SHORT_TEXT_MAX, SMALL_INTEGER, TAG, WORD } from "./codec_format.ts";
import { readAscii, readUnits, readUtf8, TextCache } from "./codec_text.ts";
import { isViewKind, makeView } from "./codec_views.ts";
import type { ReadShape, ReadTable, ReadTables, RecordSource } from "./shape_decode.ts";

const NOWHERE = privateWindow(0);
/** Objects of a usual message: the list of that many is kept, a longer one is given back. */
const KEPT_OBJECTS_MAX = 128;
/** Beyond this length a keyed array starts without storage, so that its length alone allocates nothing. */
const STORED_LENGTH_MAX = 32;

const NO_WORDS: readonly string[] = [];
/** Thrown where a record is referred to by one of its own values (a cycle) or a key is absent: functions that make a record last cannot read it. */
const NOT_IN_ONE_GO = Symbol("not in one go");

type Properties = Record<string, unknown>;

/** Decodes one payload at a time; usable again after a throw. */
export class Decoder implements RecordSource {
  bytes: Uint8Array = NOWHERE.bytes;
  view: DataView = NOWHERE.view;
  at = 0;
  words: readonly string[] = NO_WORDS;
  #end = 0;
  #table: ReadTable | null = null;
  /** Records are made before their values are read. */
  #early = false;
  /** Objects by their number; `undefined` stands for one that is not made yet. */
  #objects: unknown[] = [];
  #count = 0;
  readonly #keys = new TextCache(true);
  readonly #texts = new TextCache(false);

  readonly #home: ByteWindow;

  /** Without tables: the plain codec's. `home` is the window used most, which is kept at hand. */
  constructor(private readonly tables: ReadTables | null = null, home: ByteWindow = NOWHERE) {
    this.#home = home;
    this.bytes = home.bytes;
    this.view = home.view;
  }

  /** See `Codec.decode`. */
  decode(source: ByteWindow, at: number, end: number): unknown {
    this.bytes = source.bytes;
    this.view = source.view;
    this.at = at;
    this.#end = end;
    try {
      if (at < 0 || end > source.bytes.length) throw this.#corrupt("it does not lie inside the window");
      const value = this.tables === null ? this.#read(0) : this.#readPayload(this.tables);
      if (this.at !== end) throw this.#corrupt(`${end - this.at} bytes are left over`);
      return value;
    } catch (error) {
      if (error === NOT_IN_ONE_GO) return this.#decodeEarly(source, at, end);
      // No stack or no memory left for it: the caller hears of one kind of failure only.
      throw error instanceof RangeError ? this.#corrupt(`it cannot be built (${error.message})`, error) : error;
    } finally {
      this.#release();
    }
  }

  #decodeEarly(source: ByteWindow, at: number, end: number): unknown {
    this.#release();
    this.#early = true;
    try {
      return this.decode(source, at, end);
    } finally {
      this.#early = false;
    }
  }

  /** Keeps no payload and no strange window alive. */
  #release(): void {
    if (this.#count > KEPT_OBJECTS_MAX) this.#objects = [];
    else for (let index = 0; index < this.#count; index++) this.#objects[index] = undefined;
    this.#count = 0;
    this.bytes = this.#home.bytes;
    this.view = this.#home.view;
    this.#table = null;
  }

  #readPayload(tables: ReadTables): unknown {
    const tag = this.bytes[this.at];
    if (tag !== TAG.tableRecord && tag !== TAG.table) return this.#read(0);
    const head = this.#take(2);
    const table = tables.of(this.bytes[head + 1]);
    if (table === undefined) throw this.#corrupt("it names a thread that is none");
    this.#table = table;
    this.words = table.words;
    return tag === TAG.table ? this.#read(0) : this.#readRecord(0);
  }

  #read(depth: number): unknown {
    const tag = this.#byte();
    if (tag >= SMALL_INTEGER) return tag & 0x7f;
    if (tag >= SHORT_TEXT) {
      const length = tag & SHORT_TEXT_MAX;
      return this.#texts.read(this.bytes, this.#take(length), length);
    }
    if (tag >= WORD) return this.#readWord((tag - WORD) << 8 | this.#byte());
    switch (tag) {
      case TAG.undefined:
        return undefined;
      case TAG.null:
        return null;
      case TAG.false:
        return false;
      case TAG.true:
        return true;
      case TAG.integer:
        return this.view.getInt32(this.#take(4), true);
      case TAG.float:
        return this.view.getFloat64(this.#take(8), true);
      case TAG.bigint:
        return this.view.getBigInt64(this.#take(8), true);
      case TAG.hugeBigint:
        return this.#readHugeBigint();
      case TAG.ascii:
      case TAG.utf8:
      case TAG.utf16:
        return this.#readLongText(tag);
      case TAG.reference:
        return this.#readReference();
    }
    if (depth >= DEPTH_MAX) throw this.#corrupt(`more than ${DEPTH_MAX} levels`);
    return this.#readObject(tag, depth);
  }

  #readObject(tag: number, depth: number): unknown {
    switch (tag) {
      case TAG.object:
        return this.#readProperties(this.#keep<Properties>({}), depth);
      case TAG.array:
        return this.#readArray(depth);
      case TAG.keyedArray:
        return this.#readKeyedArray(depth);
      case TAG.date:
        return this.#keep(new Date(this.view.getFloat64(this.#take(8), true)));
      case TAG.regExp:
        return this.#readRegExp();
      case TAG.map:
        return this.#readMap(depth);
      case TAG.set:
        return this.#readSet(depth);
      case TAG.boxed:
        return this.#readBoxed();
      case TAG.buffer:
        return this.#keep(this.#readBuffer());
      case TAG.view:
        return this.#readView();
      case TAG.error:
        return this.#readError(depth);
      case TAG.record:
        return this.#readRecord(depth);
      default:
        throw this.#corrupt(`no value starts with byte ${tag}`);
    }
  }

  #byte(): number {
    if (this.at >= this.#end) throw this.#corrupt("it ends too early");
    return this.bytes[this.at++];
  }

  /** Moves past `length` bytes that must be there; returns where they start. */
  #take(length: number): number {
    const at = this.at;
    if (length > this.#end - at) throw this.#corrupt(`${length} bytes announced, ${this.#end - at} left`);
    this.at = at + length;
    return at;
  }

  #word(): number {
    return this.view.getUint32(this.#take(4), true);
  }

  #keep<T>(object: T): T {
    this.#objects[this.#count++] = object;
    return object;
  }

  #readReference(): unknown {
    const number = this.#word();
    const object = number < this.#count ? this.#objects[number] : undefined;
    if (object === undefined && this.#table !== null && !this.#early) throw NOT_IN_ONE_GO;
    if (object === undefined) throw this.#corrupt(`object ${number} referred to before it was there`);
    return object;
  }

  #readLongText(tag: number): string {
    const count = this.#word();
    if (tag === TAG.utf16) return readUnits(this.view, this.#take(count * 2), count);
    const at = this.#take(count);
    if (tag === TAG.ascii) return readAscii(this.bytes, at, count);
    const text = readUtf8(this.bytes, at, count);
    if (text === null) throw this.#corrupt("a string is not UTF-8");
    return text;
  }

  #readString(): string {
    const tag = this.#byte();
    if (tag >= SHORT_TEXT && tag < SMALL_INTEGER) {
      const length = tag & SHORT_TEXT_MAX;
      return this.#texts.read(this.bytes, this.#take(length), length);
    }
    if (tag !== TAG.ascii && tag !== TAG.utf8 && tag !== TAG.utf16) throw this.#corrupt(`byte ${tag} where a string starts`);
    return this.#readLongText(tag);
  }

  #readHugeBigint(): bigint {
    const sign = this.#byte();
    const digits = this.#readString();
    if (sign > 1 || !/^[0-9a-f]+$/.test(digits)) throw this.#corrupt("the digits of a bigint");
    const magnitude = this.#tried(() => BigInt(`0x${digits}`), "the size of a bigint");
    return sign === 1 ? -magnitude : magnitude;
  }

  /** Runs a constructor that checks its arguments by itself. */
  #tried<T>(make: () => T, what: string): T {
    try {
      return make();
    } catch (cause) {
      throw this.#corrupt(what, cause);
    }
  }

  /** The next key of a property list, null at its end. */
  #readKey(): string | null {
    const length = this.#byte();
    if (length <= KEY_BYTES_MAX) return this.#keys.read(this.bytes, this.#take(length), length);
    return length === KEY_END ? null : this.#readString();
  }

  #readProperties(object: Properties, depth: number): Properties {
    for (let key = this.#readKey(); key !== null; key = this.#readKey()) {
      const value = this.#read(depth + 1);
      // An own property of that name is data like any other; assigning it would set the prototype.
      if (key === "__proto__") define(object, key, value);
      else object[key] = value;
    }
    return object;
  }

  #readRecord(depth: number): unknown {
    const number = this.view.getUint16(this.#take(2), true);
    const shape = this.#table?.shape(number);
    if (shape === undefined) throw this.#corrupt(`no shape has number ${number}`);
    if (shape.read !== null && !this.#early) return shape.read(this, depth + 1);
    return this.#readFields(shape, depth + 1);
  }

  /** Key by key, the record first: so a value of it may refer to it. */
  #readFields(shape: ReadShape, depth: number): Properties {
    const record = this.#keep<Properties>({});
    for (const key of shape.keys) {
      if (this.at < this.#end && this.bytes[this.at] === TAG.absent) {
        this.at++;
        continue;
      }
      const value = this.#read(depth);
      if (key === "__proto__") define(record, key, value);
      else record[key] = value;
    }
    if (!this.#early) shape.used();
    return record;
  }

  #readWord(number: number): string {
    const word = this.#table?.word(number);
    if (word === undefined) throw this.#corrupt(`no word has number ${number}`);
    return word;
  }

  /** A number for a record that is made once its values have been read. */
  reserve(): number {
    return this.#count++;
  }

  /** Any value of a record. */
  member(depth: number): unknown {
    if (this.bytes[this.at] === TAG.absent) throw NOT_IN_ONE_GO;
    return this.#read(depth);
  }

  /** A record is made; where its function ran past the end of the payload is seen here. */
  fill(number: number, record: object): void {
    if (this.at > this.#end) throw this.#corrupt("a record ends too late");
    this.#objects[number] = record;
  }

  #readArray(depth: number): unknown[] {
    const count = this.#word();
    if (count > this.#end - this.at) throw this.#corrupt(`${count} elements announced, ${this.#end - this.at} bytes left`);
    const array = this.#keep<unknown[]>([]);
    for (let index = 0; index < count; index++) array.push(this.#read(depth + 1));
    return array;
  }

  #readKeyedArray(depth: number): unknown[] {
    const length = this.#word();
    const array = this.#keep<unknown[]>([]);
    // The engine keeps the elements of so long an array in a table, also once it is shorter.
    if (length > STORED_LENGTH_MAX) array.length = 0xffffffff;
    array.length = length;
    for (let key = this.#readKey(); key !== null; key = this.#readKey()) {
      const value = this.#read(depth + 1);
      if (key === "length") throw this.#corrupt("the length of an array among its properties");
      if (key === "__proto__") define(array, key, value);
      else (array as unknown as Properties)[key] = value;
      if (array.length !== length) throw this.#corrupt("an element behind the end of its array");
    }
    return array;
  }

  #readRegExp(): RegExp {
    const number = this.#count++;
    const source = this.#readString();
    const flags = this.#readString();
    return this.#objects[number] = this.#tried(() => new RegExp(source, flags), "a regular expression");
  }

  #readMap(depth: number): Map<unknown, unknown> {
    const count = this.#word();
    const map = this.#keep(new Map<unknown, unknown>());
    for (let index = 0; index < count; index++) {
      const key = this.#read(depth + 1);
      map.set(key, this.#read(depth + 1));
    }
    return map;
  }

  #readSet(depth: number): Set<unknown> {
    const count = this.#word();
    const set = this.#keep(new Set<unknown>());
    for (let index = 0; index < count; index++) set.add(this.#read(depth + 1));
    return set;
  }

  #readBoxed(): unknown {
    const number = this.#count++;
    const value = this.#read(DEPTH_MAX);
    if (value === null || value === undefined || typeof value === "object") throw this.#corrupt("no primitive in a boxed value");
    return this.#objects[number] = Object(value);
  }

  #readBuffer(): ArrayBuffer {
    const length = this.#word();
    const at = this.#take(length);
    const buffer = new ArrayBuffer(length);
    new Uint8Array(buffer).set(this.bytes.subarray(at, at + length));
    return buffer;
  }

  #readView(): ArrayBufferView {
    const number = this.#count++;
    const kind = this.#byte();
    const offset = this.#word();
    const length = this.#word();
    const tag = this.#byte();
    if (!isViewKind(kind) || (tag !== TAG.buffer && tag !== TAG.reference)) throw this.#corrupt("a view of an unknown kind");
    const buffer = tag === TAG.buffer ? this.#keep(this.#readBuffer()) : this.#readReference();
    if (!(buffer instanceof ArrayBuffer)) throw this.#corrupt("a view of something else than a buffer");
    return this.#objects[number] = this.#tried(() => makeView(kind, buffer, offset, length), "a view outside its buffer");
  }

  #readError(depth: number): Error {
    const number = this.#count++;
    const kind = this.#byte();
    const dom = kind === ERROR_DOM;
    const error = makeError(kind, dom ? this.#readString() : "", dom ? this.#readString() : "");
    if (error === null) throw this.#corrupt(`error kind ${kind}`);
    this.#objects[number] = error;
    for (let key = this.#readKey(); key !== null; key = this.#readKey()) {
      if (!setErrorProperty(error, kind, key, this.#read(depth + 1))) throw this.#corrupt(`the ${key} of an error is no string`);
    }
    return error;
  }

  #corrupt(what: string, cause?: unknown): KernelError {
    return corruptPayload(what, this.at, this.#end, cause);
  }
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}
