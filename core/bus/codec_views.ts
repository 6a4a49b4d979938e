/**
 * Typed arrays and DataViews as payloads.
 *
 * @module
 */

/** Views by their kind byte. */
const VIEWS = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float16Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
] as const;
const kinds: ReadonlyMap<string, number> = new Map(VIEWS.map((view, kind) => [view.name, kind]));
/** The name of a typed array's class, whatever a subclass says; undefined for a DataView. */
const nameOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!;

/** The kind byte of a view, -1 for one of a class that this codec does not know. */
export function viewKind(view: ArrayBufferView): number {
  return kinds.get(nameOf.call(view) ?? "DataView") ?? -1;
}

/** Whether the view is of a class of the language itself, not of a subclass such as node's `Buffer`. */
export function isPlainView(kind: number, prototype: unknown): boolean {
  return VIEWS[kind].prototype === prototype;
}

/** Length of a view in elements. */
export function viewLength(view: ArrayBufferView): number {
  return "length" in view ? view.length as number : view.byteLength;
}

/** Whether a view's buffer was taken away or made too small for it. */
export function isOutOfBounds(view: ArrayBufferView): boolean {
  const { buffer } = view;
  if (!(buffer instanceof ArrayBuffer)) return false;
  if (buffer.detached || !buffer.resizable) return buffer.detached;
  try {
    if (view instanceof DataView) return view.byteLength < 0;
    Uint8Array.prototype.keys.call(view as Uint8Array);
    return false;
  } catch (_outOfBounds) {
    return true;
  }
}

/** Makes the view of a kind byte; throws as its constructor does when it does not fit the buffer. */
export function makeView(kind: number, buffer: ArrayBuffer, offset: number, length: number): ArrayBufferView {
  const View = VIEWS[kind] as new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
  return new View(buffer, offset, length);
}

/** Whether a kind byte names a view. */
export function isViewKind(kind: number): boolean {
  return kind < VIEWS.length;
}
