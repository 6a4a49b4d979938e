/**
 * The writing half of the codecs: one pass over the payload, no exception and no allocation on the common way. With shapes at hand it writes objects of
 * a known shape as records; without, all keys are written out.
 *
 * @module
 */
import { PayloadNotCloneableError } from "../base/errors.ts";
import { type ByteWindow, privateWindow } from "../memory/shared_memory.ts";
import type { BorrowedBytes } from "./borrowed_bytes.ts";
import { type BuiltIn, classOf, isReally, type PathStep, pathText, primitiveOf, refusedKind } from "./codec_classes.ts";
import { ERROR_DOM, errorKind, errorProperties } from "./codec_errors.ts";
import { DEPTH_MAX, KEY_END, SMALL_INTEGER, TAG } from "./codec_format.ts";
import { ObjectNumbers } from "./codec_objects.ts";
import { writeKey, writeText } from "./codec_text.ts";
import { isOutOfBounds, isPlainView, viewKind, viewLength } from "./codec_views.ts";
import type { RecordSink, WriteShapes } from "./shape_encode.ts";
import { NOT_A_RECORD, SHAPE_DEPTH_MAX } from "./shape_format.ts";
import { type FieldWords, writeFieldText } from "./shape_words.ts";

const NOWHERE = privateWindow(0);
const ownProperty = Object.prototype.hasOwnProperty;

/** Encodes one payload at a time; usable again after a throw. */
export class Encoder implements RecordSink {
  #target: ByteWindow = NOWHERE;
  /** The target's. */
  bytes: Uint8Array = NOWHERE.bytes;
  #view: DataView = NOWHERE.view;
  /** First byte that is not to be touched. */
  limit = 0;
  /** Whether a payload is being written. */
  busy = false;
  readonly #objects = new ObjectNumbers();
  /** Where the value at hand stands: one step for each level above it. Read when something is refused. */
  readonly #path: PathStep[] = new Array(DEPTH_MAX + 1).fill("");
  readonly #shapes: WriteShapes | null;
  readonly #home: ByteWindow;

  /** Without shapes: the plain codec's. `home` is the window used most, which is kept at hand. */
  constructor(shapes: WriteShapes | null = null, home: ByteWindow = NOWHERE) {
    this.#shapes = shapes;
    this.#home = home;
    this.#enter(home);
  }

  /** See `Codec.encode`. */
  encode(value: unknown, target: ByteWindow, at: number, limit: number): number {
    this.busy = true;
    if (target !== this.#target) this.#enter(target);
    this.limit = Math.min(limit, target.bytes.length);
    try {
      if (this.#shapes !== null && typeof value === "object" && value !== null) return this.#writeRoot(value, at, this.#shapes);
      return this.#write(value, at, 0);
    } finally {
      this.busy = false;
      // No payload and no strange window is kept alive.
      this.#objects.clear();
      if (target !== this.#home) this.#enter(this.#home);
    }
  }

  #enter(target: ByteWindow): void {
    this.#target = target;
    this.bytes = target.bytes;
    this.#view = target.view;
  }

  #writeRoot(value: object, at: number, shapes: WriteShapes): number {
    if (at + 4 > this.limit) return -1;
    const shape = shapes.of(value);
    if (shape !== null) {
      this.#view.setUint32(at, shape.head, true);
      const end = shape.write(this, value, at + 4, 0);
      if (end !== NOT_A_RECORD) return end;
    }
    this.bytes[at] = TAG.table;
    this.bytes[at + 1] = shapes.host;
    return this.#writeObject(value, at + 2, 0);
  }

  #write(value: unknown, at: number, depth: number): number {
    switch (typeof value) {
      case "string":
        return writeText(value, this.#target, at, this.limit);
      case "number":
        return this.number(value, at);
      case "object":
        return value === null ? this.#writeByte(TAG.null, at) : this.#writeObject(value, at, depth);
      case "boolean":
        return this.flag(value, at);
      case "undefined":
        return this.#writeByte(TAG.undefined, at);
      case "bigint":
        return this.#writeBigint(value, at);
      default:
        throw this.#refusal(`a ${typeof value}`, depth);
    }
  }

  #writeByte(byte: number, at: number): number {
    if (at >= this.limit) return -1;
    this.bytes[at] = byte;
    return at + 1;
  }

  /** Writes a number. */
  number(value: number, at: number): number {
    if ((value | 0) !== value || Object.is(value, -0)) return this.#writeFloat(TAG.float, value, at);
    if (value >= 0 && value <= 0x7f) return this.#writeByte(SMALL_INTEGER | value, at);
    return this.#writeWord(TAG.integer, value, at);
  }

  #writeFloat(tag: number, value: number, at: number): number {
    if (at + 9 > this.limit) return -1;
    this.bytes[at] = tag;
    this.#view.setFloat64(at + 1, value, true);
    return at + 9;
  }

  /** A tag and 32 bits. */
  #writeWord(tag: number, word: number, at: number): number {
    if (at + 5 > this.limit) return -1;
    this.bytes[at] = tag;
    this.#view.setInt32(at + 1, word, true);
    return at + 5;
  }

  #writeBigint(value: bigint, at: number): number {
    if (at + 9 > this.limit) return -1;
    if (BigInt.asIntN(64, value) === value) {
      this.bytes[at] = TAG.bigint;
      this.#view.setBigInt64(at + 1, value, true);
      return at + 9;
    }
    this.bytes[at] = TAG.hugeBigint;
    this.bytes[at + 1] = value < 0n ? 1 : 0;
    return writeText((value < 0n ? -value : value).toString(16), this.#target, at + 2, this.limit);
  }

  #writeObject(value: object, at: number, depth: number): number {
    const number = this.#objects.find(value);
    if (number >= 0) return this.#writeWord(TAG.reference, number, at);
    if (depth >= DEPTH_MAX) throw this.#refusal(`nested more than ${DEPTH_MAX} levels deep`, depth);
    if (this.#shapes !== null && depth > 0 && depth < SHAPE_DEPTH_MAX) {
      const end = this.#writeRecord(value, at, depth, this.#shapes);
      if (end !== NOT_A_RECORD) return end;
    }
    this.#objects.add(value);
    if (this.#isArray(value, depth)) return this.#writeArray(value, at, depth);
    const prototype = this.#prototypeOf(value, depth);
    if (prototype === Object.prototype) return this.#writePlain(value, at, depth);
    if (ArrayBuffer.isView(value)) return this.#writeView(value, prototype, at, depth);
    return this.#writeInstance(value, prototype, at, depth);
  }

  #writePlain(value: object, at: number, depth: number): number {
    if (at >= this.limit) return -1;
    this.bytes[at] = TAG.object;
    return this.#writeProperties(value, at + 1, depth);
  }

  #writeRecord(value: object, at: number, depth: number, shapes: WriteShapes): number {
    const shape = shapes.of(value);
    if (shape === null) return NOT_A_RECORD;
    if (at + 3 > this.limit) return -1;
    this.bytes[at] = TAG.record;
    this.#view.setUint16(at + 1, shape.number, true);
    return shape.write(this, value, at + 3, depth);
  }

  /** Numbers an object that is a record. */
  enter(record: object): void {
    this.#objects.add(record);
  }

  /** Whether a class is the program's own, so that its instances travel as records. */
  isPlain(record: object, prototype: object | null): boolean {
    return classOf(record, prototype) === "plain";
  }

  /** Writes a string in a field of a record. */
  text(value: string, at: number, words: FieldWords): number {
    if (value !== words.last && !words.find(value)) return writeFieldText(value, this.#target, at, this.limit, words, this.#shapes!);
    if (at + 2 > this.limit) return -1;
    this.bytes[at] = words.first;
    this.bytes[at + 1] = words.second;
    return at + 2;
  }

  /** Writes a boolean. */
  flag(value: boolean, at: number): number {
    if (at >= this.limit) return -1;
    this.bytes[at] = value ? TAG.true : TAG.false;
    return at + 1;
  }

  /** Writes any other value of a record. */
  member(value: unknown, at: number, depth: number, record: object, key: string): number {
    if (value === undefined && !ownProperty.call(record, key)) return this.#writeByte(TAG.absent, at);
    this.#path[depth] = key;
    return this.#write(value, at, depth + 1);
  }

  #isArray(value: object, depth: number): value is readonly unknown[] {
    try {
      return Array.isArray(value);
    } catch (_revokedProxy) {
      throw this.#refusal("a Proxy that throws", depth);
    }
  }

  #prototypeOf(value: object, depth: number): object | null {
    try {
      return Object.getPrototypeOf(value);
    } catch (_thrownByATrap) {
      throw this.#refusal("a Proxy that throws", depth);
    }
  }

  /** `for…in` and not `Object.keys`: three times as quick where it counts, on small objects. */
  #writeProperties(value: object, at: number, depth: number): number {
    let key: string | undefined;
    let reading = true;
    try {
      for (const name in value) {
        key = name;
        if (!ownProperty.call(value, name)) continue;
        const member = (value as Record<string, unknown>)[name];
        reading = false;
        at = writeKey(name, this.#target, at, this.limit);
        if (at < 0) return -1;
        this.#path[depth] = name;
        at = this.#write(member, at, depth + 1);
        if (at < 0) return -1;
        reading = true;
      }
    } catch (error) {
      throw reading ? this.readFailure(error, value, key, depth) : error;
    }
    return this.#writeByte(KEY_END, at);
  }

  #writeArray(value: readonly unknown[], at: number, depth: number): number {
    let index = -1;
    let reading = true;
    try {
      const length = value.length;
      const keys = Object.keys(value);
      // Indices come first and in order: as many keys as elements, the last an index, means no hole and no named property.
      if (keys.length !== length || (length > 0 && keys[length - 1] !== String(length - 1))) {
        reading = false;
        at = this.#writeWord(TAG.keyedArray, length, at);
        return at < 0 ? -1 : this.#writeProperties(value, at, depth);
      }
      at = this.#writeWord(TAG.array, length, at);
      if (at < 0) return -1;
      for (index = 0; index < length; index++) {
        const member = value[index];
        reading = false;
        this.#path[depth] = index;
        at = this.#write(member, at, depth + 1);
        if (at < 0) return -1;
        reading = true;
      }
      return at;
    } catch (error) {
      throw reading ? this.readFailure(error, value, index < 0 ? undefined : String(index), depth) : error;
    }
  }

  #writeView(value: ArrayBufferView, prototype: unknown, at: number, depth: number): number {
    const kind = viewKind(value);
    if (kind < 0) throw this.#refusal("a view of an unknown kind", depth);
    if (isOutOfBounds(value)) throw this.#refusal("a view of a detached or shrunk ArrayBuffer", depth);
    if (at + 10 > this.limit) return -1;
    const { buffer, byteOffset, byteLength } = value;
    const whole = buffer instanceof ArrayBuffer && isPlainView(kind, prototype);
    this.bytes[at] = TAG.view;
    this.bytes[at + 1] = kind;
    this.#view.setUint32(at + 2, whole ? byteOffset : 0, true);
    this.#view.setUint32(at + 6, viewLength(value), true);
    if (whole) return this.#writeObject(buffer, at + 10, depth);
    // The buffer that the reader makes takes a number of its own.
    this.#objects.add({});
    return this.#writeBytes(new Uint8Array(buffer, byteOffset, byteLength), at + 10);
  }

  #writeBytes(bytes: Uint8Array, at: number): number {
    if (at + 5 + bytes.length > this.limit) return -1;
    this.bytes[at] = TAG.buffer;
    this.#view.setUint32(at + 1, bytes.length, true);
    this.bytes.set(bytes, at + 5);
    return at + 5 + bytes.length;
  }

  #writeInstance(value: object, prototype: object | null, at: number, depth: number): number {
    const type = classOf(value, prototype);
    if (type === "refused") throw this.#refusal(refusedKind(value) ?? "a platform object", depth);
    if (type === "borrowed") return this.#writeView((value as BorrowedBytes).bytes(), Uint8Array.prototype, at, depth);
    if (type !== "plain") {
      if (isReally(value, type)) return this.#writeBuiltIn(value, type, at, depth);
      // It would arrive as `{}`.
      throw this.#refusal(`a Proxy of ${type}, or an object that only inherits from it`, depth);
    }
    return this.#writePlain(value, at, depth);
  }

  #writeBuiltIn(value: object, name: BuiltIn, at: number, depth: number): number {
    switch (name) {
      case "Date":
        return this.#writeFloat(TAG.date, Date.prototype.getTime.call(value as Date), at);
      case "Map":
        return this.#writeMap(value as Map<unknown, unknown>, at, depth);
      case "Set":
        return this.#writeSet(value as Set<unknown>, at, depth);
      case "RegExp":
        return this.#writeTagged(TAG.regExp, [(value as RegExp).source, (value as RegExp).flags], at, depth);
      case "Error":
        return this.#writeError(value as Error, at, depth);
      case "ArrayBuffer":
        if ((value as ArrayBuffer).detached) throw this.#refusal("a detached ArrayBuffer", depth);
        return this.#writeBytes(new Uint8Array(value as ArrayBuffer), at);
      default:
        return this.#writeTagged(TAG.boxed, [primitiveOf(value, name)], at, depth);
    }
  }

  /** A tag and primitive values behind it. */
  #writeTagged(tag: number, parts: readonly unknown[], at: number, depth: number): number {
    at = this.#writeByte(tag, at);
    for (const part of parts) if (at >= 0) at = this.#write(part, at, depth + 1);
    return at;
  }

  #writeMap(value: Map<unknown, unknown>, at: number, depth: number): number {
    // A copy first, as structuredClone does: a getter may change the map while it is written.
    const entries = Array.from(Map.prototype.entries.call(value));
    at = this.#writeWord(TAG.map, entries.length, at);
    for (let index = 0; index < entries.length && at >= 0; index++) {
      at = this.#writeEntry(entries[index][0], "keys", index, at, depth);
      if (at >= 0) at = this.#writeEntry(entries[index][1], "values", index, at, depth);
    }
    return at;
  }

  #writeSet(value: Set<unknown>, at: number, depth: number): number {
    const members = Array.from(Set.prototype.values.call(value));
    at = this.#writeWord(TAG.set, members.length, at);
    for (let index = 0; index < members.length && at >= 0; index++) {
      at = this.#writeEntry(members[index], "values", index, at, depth);
    }
    return at;
  }

  #writeEntry(value: unknown, side: "keys" | "values", index: number, at: number, depth: number): number {
    this.#path[depth] = { index, side };
    return this.#write(value, at, depth + 1);
  }

  #writeError(error: Error, at: number, depth: number): number {
    if (at + 2 > this.limit) return -1;
    const kind = errorKind(error);
    this.bytes[at] = TAG.error;
    this.bytes[at + 1] = kind;
    at += 2;
    if (kind === ERROR_DOM) at = writeText(error.name, this.#target, at, this.limit);
    if (kind === ERROR_DOM && at >= 0) at = writeText(error.message, this.#target, at, this.limit);
    for (const [key, value] of errorProperties(error, kind)) {
      if (at >= 0) at = writeKey(key, this.#target, at, this.limit);
      if (at < 0) return -1;
      this.#path[depth] = key;
      at = this.#write(value, at, depth + 1);
    }
    return at < 0 ? -1 : this.#writeByte(KEY_END, at);
  }

  /** What a failed read of `value[key]` means: a getter's own error passes unchanged, a Proxy's is told as what it is. */
  readFailure(error: unknown, value: object, key: string | undefined, depth: number): unknown {
    if (error instanceof RangeError) return error;
    if (key !== undefined) this.#path[depth] = key;
    if (key !== undefined && isGetter(value, key)) return error;
    return this.#refusal("read through a Proxy that throws", key === undefined ? depth : depth + 1);
  }

  #refusal(kind: string, depth: number): PayloadNotCloneableError {
    return new PayloadNotCloneableError(pathText(this.#path, depth), kind);
  }
}

function isGetter(value: object, key: string): boolean {
  try {
    return Object.getOwnPropertyDescriptor(value, key)?.get !== undefined;
  } catch (_thrownByATrap) {
    return false;
  }
}
