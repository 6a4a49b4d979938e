/**
 * A binary payload as its handler gets it: the bytes themselves, where they lie in shared memory, for as long as the handler runs. Nothing is copied
 * unless it is to be kept.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";

const BRAND = Symbol.for("@stage3/kernel.borrowed-bytes");

/** What is left where bytes were, in debug mode: whoever kept them sees it at once. */
const POISON = 0xdb;

/** Bytes on loan. Read them within the handler with `bytes()`, keep them with `copy()`; sent on, alone or inside of something, they are copied. */
export class BorrowedBytes {
  /** How many bytes. */
  readonly length: number;
  #home: Uint8Array | null;
  #at: number;

  /** A behavior may hold another copy of this class than the thread that lends: `instanceof` is true for both. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  /** @ignore */
  get [BRAND](): true {
    return true;
  }

  /** Lends `length` bytes of `home` from `at`. */
  constructor(home: Uint8Array, at: number, length: number) {
    this.#home = home;
    this.#at = at;
    this.length = length;
  }

  /**
   * The bytes, without a copy; what they are after the handler is no longer theirs. A handler that is no `async` function and yet returns a promise asks
   * again after waiting: they may have moved. Throws `BytesReturnedError` once it has settled.
   */
  bytes(): Uint8Array {
    if (this.#home === null) {
      throw new KernelError(
        "BYTES_RETURNED",
        "the handler has settled and its bytes are reused; call message.payload.copy() in the handler to keep them.",
        { length: this.length },
      );
    }
    return this.#home.subarray(this.#at, this.#at + this.length);
  }

  /** The bytes in private memory, to keep. */
  copy(): Uint8Array<ArrayBuffer> {
    const kept = new Uint8Array(this.length);
    kept.set(this.bytes());
    return kept;
  }

  /** The same bytes lie elsewhere from here on: `by` bytes further, in `home`. */
  moveTo(home: Uint8Array, by: number): void {
    this.#home = home;
    this.#at += by;
  }

  /** The loan ends; with `poison` also for those who kept what `bytes()` returned. */
  end(poison: boolean): void {
    if (poison && this.#home !== null) this.bytes().fill(POISON);
    this.#home = null;
  }
}

const PLAIN = Uint8Array.prototype;

/** The bytes of a payload that travels as it is, a plain `Uint8Array`. Views first: of those alone the prototype can be asked without running anybody's code. */
export function rawBytes(payload: unknown): Uint8Array | null {
  return ArrayBuffer.isView(payload) && Object.getPrototypeOf(payload) === PLAIN ? payload as Uint8Array : null;
}
