/**
 * The arena: one shared block of memory that every thread of the kernel sees. It is a shared `WebAssembly.Memory`, whose buffer is a
 * SharedArrayBuffer of the same speed, page-aligned, so that later a file can be mapped over it. Pages cost nothing until touched.
 *
 * @module
 */

/** A window on bytes: the arena, or a private buffer of the same shape. */
export interface ByteWindow {
  /** Every byte. */
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** The same bytes, for numbers at any alignment. */
  readonly view: DataView<ArrayBufferLike>;
  /** 32-bit words: cursors, states, lengths. Index = byte offset ÷ 4. */
  readonly words: Int32Array<ArrayBufferLike>;
  /** 64-bit floats: ids, times. Index = byte offset ÷ 8. */
  readonly floats: Float64Array<ArrayBufferLike>;
}

/** The arena with the views that the kernel uses on it. */
export interface SharedMemory extends ByteWindow {
  /** What is handed to a worker so that it can attach. */
  readonly memory: WebAssembly.Memory;
}

const PAGE_BYTES = 65_536;

/** Allocates an arena of at least `bytes`. */
export function allocateMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return attachMemory(new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }));
}

/** Sees an arena that another thread allocated. */
export function attachMemory(memory: WebAssembly.Memory): SharedMemory {
  return { memory, ...viewsOf(memory.buffer) };
}

/** A private window that can take the place of the arena where a message is built before it is known to fit. */
export function privateWindow(bytes: number): ByteWindow {
  return viewsOf(new ArrayBuffer(bytes));
}

/** Words and floats end at the last whole one. */
function viewsOf(buffer: ArrayBufferLike): ByteWindow {
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    words: new Int32Array(buffer, 0, buffer.byteLength >> 2),
    floats: new Float64Array(buffer, 0, buffer.byteLength >> 3),
  };
}
