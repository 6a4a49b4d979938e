/**
 * Frames in a pipe: length, kind, bytes. Known to both ends of a process's pipes, and small, since one of them travels in a command line.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { ISOLATED_FRAME_BYTES_MAX } from "../base/limits.ts";

/** Kinds of frames. */
export const PIPE_FRAME = {
  /** For the agent's thread, or from it. */
  work: 0,
  /** Answer to the call that it blocks in. */
  answer: 1,
  /** How the thread is to be started, as JSON. */
  setup: 2,
  /** Its code; then it starts. */
  code: 3,
} as const;

const HEAD_BYTES = 5;

/** A frame as it goes into the pipe. */
export function packFrame(kind: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(HEAD_BYTES + bytes.length);
  new DataView(packed.buffer).setUint32(0, bytes.length);
  packed[HEAD_BYTES - 1] = kind;
  packed.set(bytes, HEAD_BYTES);
  return packed;
}

/** Finds frames in what a pipe brings. */
export class PipeFrames {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** `onFrame` is called for each. */
  constructor(private readonly onFrame: (kind: number, bytes: Uint8Array) => void) {}

  /** More has come. Throws when it is no frame. */
  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    for (let needed = this.#needed(); this.#bytes >= needed; needed = this.#needed()) {
      const frame = this.#take(needed);
      this.onFrame(frame[HEAD_BYTES - 1], frame.subarray(HEAD_BYTES));
    }
  }

  /** Bytes of the first frame; of its head while that is not here. */
  #needed(): number {
    if (this.#bytes < HEAD_BYTES) return HEAD_BYTES;
    if (this.#pieces[0].length < HEAD_BYTES) this.#join();
    const { buffer, byteOffset } = this.#pieces[0];
    const bytes = new DataView(buffer, byteOffset, HEAD_BYTES).getUint32(0);
    if (bytes <= ISOLATED_FRAME_BYTES_MAX) return HEAD_BYTES + bytes;
    throw new KernelError(
      "PIPE_FRAME",
      "what came through the pipe is no frame: only the kernel may write to a process agent's standard output.",
    );
  }

  #take(bytes: number): Uint8Array {
    if (this.#pieces[0].length < bytes) this.#join();
    const first = this.#pieces[0];
    if (first.length > bytes) this.#pieces[0] = first.subarray(bytes);
    else this.#pieces.shift();
    this.#bytes -= bytes;
    return first.subarray(0, bytes);
  }

  #join(): void {
    const joined = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      joined.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [joined];
  }
}
