/**
 * Bytes as they come from a pipe, as lines.
 *
 * @module
 */
import { PROTOCOL_LINE_BYTES_MAX } from "./limits.ts";

/** Cuts bytes into lines. A line that is longer than the bound is dropped and counted. */
export class LineCutter {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #dropping = false;
  #dropped = 0;

  /** Hands on each line that is not empty. */
  constructor(private readonly onLine: (line: string) => void, private readonly bytesMax: number = PROTOCOL_LINE_BYTES_MAX) {}

  /** Lines that were too long. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes the next bytes. The caller may not use their memory again. */
  take(piece: Uint8Array): void {
    for (let from = 0; from < piece.length;) {
      const end = piece.indexOf(0x0a, from);
      this.#keep(piece.subarray(from, end < 0 ? piece.length : end));
      if (end < 0) return;
      this.end();
      from = end + 1;
    }
  }

  /** What came since the last line's end is a line, too. */
  end(): void {
    if (this.#dropping) this.#dropped++;
    else if (this.#bytes > 0) this.#hand();
    this.#pieces = [];
    this.#bytes = 0;
    this.#dropping = false;
  }

  #keep(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.bytesMax) {
      this.#dropping = true;
      this.#pieces = [];
    } else if (!this.#dropping) this.#pieces.push(piece);
  }

  #hand(): void {
    const decoder = new TextDecoder();
    const line = this.#pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
    if (line.trim() !== "") this.onLine(line);
  }
}
