/**
 * The reading half of the plain codec. It trusts no byte: every length is held against the bytes that are left before anything is made of
 * it, collections grow only as their members are read, and whatever is malformed ends in one kind of error.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { type ByteWindow, privateWindow } from "../memory/shared_memory.ts";
import { ERROR_DOM, makeError, setErrorProperty } from "./codec_errors.ts";
import { DEPTH_MAX, KEY_BYTES_MAX, KEY_END, SHORT_TEXT, SHORT_TEXT_MAX, SMALL_INTEGER, TAG } from "./codec_format.ts";
import { readAscii, readUnits, readUtf8, TextCache } from "./codec_text.ts";
import { isViewKind, makeView } from "./codec_views.ts";

const NOWHERE = privateWindow(0);
/** Objects of a usual message: the list of that many is kept, a longer one is given back. */
const KEPT_OBJECTS_MAX = 128;
/** Beyond this length a keyed array starts without storage, so that its length alone allocates nothing. */
const STORED_LENGTH_MAX = 32;

type Properties = Record<string, unknown>;

/** Decodes one payload at a time; usable again after a throw. */
export class Decoder {
  #bytes: Uint8Array = NOWHERE.bytes;
  #view: DataView = NOWHERE.view;
  #at = 0;
  #end = 0;
  /** Objects by their number; `undefined` stands for one that is not made yet. */
  #objects: unknown[] = [];
  #count = 0;
  readonly #keys = new TextCache(true);
  readonly #texts = new TextCache(false);

  /** See `Codec.decode`. */
  decode(source: ByteWindow, at: number, end: number): unknown {
    this.#bytes = source.bytes;
    this.#view = source.view;
    this.#at = at;
    this.#end = end;
    try {
      if (at < 0 || end > source.bytes.length) throw this.#corrupt("it does not lie inside the window");
      const value = this.#read(0);
      if (this.#at !== end) throw this.#corrupt(`${end - this.#at} bytes are left over`);
      return value;
    } catch (error) {
      // No stack or no memory left for it: the caller hears of one kind of failure only.
      throw error instanceof RangeError ? this.#corrupt(`it cannot be built (${error.message})`, error) : error;
    } finally {
      this.#release();
    }
  }

  /** Keeps no payload and no window alive. */
  #release(): void {
    if (this.#count > KEPT_OBJECTS_MAX) this.#objects = [];
    else for (let index = 0; index < this.#count; index++) this.#objects[index] = undefined;
    this.#count = 0;
    this.#bytes = NOWHERE.bytes;
    this.#view = NOWHERE.view;
  }

  #read(depth: number): unknown {
    const tag = this.#byte();
    if (tag >= SMALL_INTEGER) return tag & 0x7f;
    if (tag >= SHORT_TEXT) {
      const length = tag & SHORT_TEXT_MAX;
      return this.#texts.read(this.#bytes, this.#take(length), length);
    }
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
        return this.#view.getInt32(this.#take(4), true);
      case TAG.float:
        return this.#view.getFloat64(this.#take(8), true);
      case TAG.bigint:
        return this.#view.getBigInt64(this.#take(8), true);
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
        return this.#keep(new Date(this.#view.getFloat64(this.#take(8), true)));
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
      default:
        throw this.#corrupt(`no value starts with byte ${tag}`);
    }
  }

  #byte(): number {
    if (this.#at >= this.#end) throw this.#corrupt("it ends too early");
    return this.#bytes[this.#at++];
  }

  /** Moves past `length` bytes that must be there; returns where they start. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw this.#corrupt(`${length} bytes announced, ${this.#end - at} left`);
    this.#at = at + length;
    return at;
  }

  #word(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  #keep<T>(object: T): T {
    this.#objects[this.#count++] = object;
    return object;
  }

  #readReference(): unknown {
    const number = this.#word();
    const object = number < this.#count ? this.#objects[number] : undefined;
    if (object === undefined) throw this.#corrupt(`object ${number} referred to before it was there`);
    return object;
  }

  #readLongText(tag: number): string {
    const count = this.#word();
    if (tag === TAG.utf16) return readUnits(this.#view, this.#take(count * 2), count);
    const at = this.#take(count);
    if (tag === TAG.ascii) return readAscii(this.#bytes, at, count);
    const text = readUtf8(this.#bytes, at, count);
    if (text === null) throw this.#corrupt("a string is not UTF-8");
    return text;
  }

  #readString(): string {
    const tag = this.#byte();
    if (tag >= SHORT_TEXT && tag < SMALL_INTEGER) {
      const length = tag & SHORT_TEXT_MAX;
      return this.#texts.read(this.#bytes, this.#take(length), length);
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
    if (length <= KEY_BYTES_MAX) return this.#keys.read(this.#bytes, this.#take(length), length);
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

  #readArray(depth: number): unknown[] {
    const count = this.#word();
    if (count > this.#end - this.#at) throw this.#corrupt(`${count} elements announced, ${this.#end - this.#at} bytes left`);
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
    new Uint8Array(buffer).set(this.#bytes.subarray(at, at + length));
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
    return new KernelError(
      "CORRUPT_MESSAGE",
      `the bytes of a message cannot be read: ${what} (byte ${this.#at} of a payload that ends at ${this.#end}). ` +
        "The sender runs another version of the codec, or something else wrote into the message's memory.",
      { at: this.#at, end: this.#end },
      cause === undefined ? undefined : { cause },
    );
  }
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}
