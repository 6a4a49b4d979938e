/**
 * How a payload becomes bytes and bytes a payload. What arrives is what `structuredClone` would have made, with these differences, each
 * because bytes are copied to another thread:
 *
 * - a view of shared memory, and an instance of a subclass of a typed array (node's `Buffer` is cut from a pool), brings the viewed bytes only,
 *   in a private buffer of its own; other views bring their whole buffer and share it as before;
 * - resizable buffers arrive with the length they had; a bare SharedArrayBuffer is refused;
 * - errors keep their `name`; AggregateErrors their class and `errors`; KernelErrors their class, `code`, `data` and own fields;
 * - platform objects of which the engine would leave `{}` are refused; a Proxy that behaves like plain data is copied as the data it shows.
 *
 * @module
 */
import { MessageTooLargeError } from "../base/errors.ts";
import { type ByteWindow, privateWindow } from "../memory/shared_memory.ts";
import { Decoder } from "./codec_decode.ts";
import { Encoder } from "./codec_encode.ts";

/** Copies payloads into a window of bytes and out of it. */
export interface Codec {
  /**
   * Writes `value` into `target` from byte `at`, never past `limit`. Returns the byte after it, or -1 when it does not fit; what lies outside
   * `[at, limit)` is never touched, what lies inside may be. Throws `PayloadNotCloneableError` for what cannot be copied; what a getter of
   * the payload throws passes unchanged.
   */
  encode(value: unknown, target: ByteWindow, at: number, limit: number): number;
  /**
   * Reads what `encode` wrote in `[at, end)`, no byte more or less. Throws `KernelError` with code `CORRUPT_MESSAGE` on anything malformed:
   * it never hangs, reads outside, or allocates more than in proportion to the bytes.
   */
  decode(source: ByteWindow, at: number, end: number): unknown;
  /** The same for somebody who nearly always writes into one window of his own: he need not enter and leave it each time (40 ns). */
  writingInto?(home: ByteWindow): Codec;
}

/** Decoding runs no code of the payload's owner: one is enough. */
const decoder = new Decoder();

/** See `plainCodec`. */
class PlainCodec implements Codec {
  readonly #encoder: Encoder;

  /** `home` is the window that it writes into most. */
  constructor(home?: ByteWindow) {
    this.#encoder = new Encoder(null, home);
  }

  encode(value: unknown, target: ByteWindow, at: number, limit: number): number {
    // A getter of a payload may send a message of its own while its payload is being encoded: that one gets another.
    return (this.#encoder.busy ? new Encoder() : this.#encoder).encode(value, target, at, limit);
  }

  decode(source: ByteWindow, at: number, end: number): unknown {
    return decoder.decode(source, at, end);
  }

  writingInto(home: ByteWindow): Codec {
    return new PlainCodec(home);
  }
}

/** The codec that needs no state on either side: any thread reads what any other wrote. */
export const plainCodec: Codec = new PlainCodec();

/** A value as bytes of its own, in the plain form that any thread reads at any time. Throws `MessageTooLargeError` over `bytesMax`. */
export function toBytes(value: unknown, bytesMax: number): Uint8Array {
  for (let size = 1_024;; size = Math.min(4 * size, bytesMax)) {
    const window = privateWindow(size);
    const end = plainCodec.encode(value, window, 0, size);
    if (end >= 0) return window.bytes.slice(0, end);
    if (size === bytesMax) throw new MessageTooLargeError(bytesMax);
  }
}
