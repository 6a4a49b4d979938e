/**
 * What an agent prints: all of it in its log, byte for byte, the first and the last of it in memory, and when it came. The log is written before more is
 * read, so an agent that prints faster than the disk waits for the disk.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { AGENT_LOG_BYTES_MAX, BURST_GAP_MS, OUTPUT_BYTES_KEPT } from "../base/limits.ts";

const encoder = new TextEncoder();
const STDERR_MARK = encoder.encode("[STDERR] ");

/** The first and the last bytes of a stream. */
export class HeadAndTail {
  readonly #half: number;
  #head = new Uint8Array(0);
  /** Pieces of the last half, oldest first; their sum is never more than the half and one piece. */
  readonly #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #bytes = 0;

  /** Keeps `bytesMax` of them. */
  constructor(bytesMax: number = OUTPUT_BYTES_KEPT) {
    this.#half = Math.floor(bytesMax / 2);
  }

  /** All that came. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a piece. The caller may use its memory again. */
  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    const first = piece.subarray(0, this.#half - this.#head.length);
    if (first.length > 0) this.#head = joined([this.#head, first]);
    const rest = piece.subarray(first.length).slice(-this.#half);
    if (rest.length === 0) return;
    this.#tail.push(rest);
    this.#tailBytes += rest.length;
    while (this.#tailBytes - this.#tail[0].length >= this.#half) this.#tailBytes -= this.#tail.shift()!.length;
    if (this.#tail.length > this.#half / 64) this.#tail.splice(0, Infinity, joined(this.#tail)); // many small pieces cost more than their bytes
  }

  /** As text, with what was left out named in the middle. Bytes that are no UTF-8 become U+FFFD. */
  text(): { text: string; leftOut: number; invalid: boolean } {
    const tail = joined(this.#tail).slice(-this.#half);
    const leftOut = this.#bytes - this.#head.length - tail.length;
    if (leftOut === 0) return { ...decoded(joined([this.#head, tail])), leftOut };
    const [head, end] = [decoded(trimmedEnd(this.#head)), decoded(trimmedStart(tail))];
    return {
      text: `${head.text}\n[… ${leftOut} bytes left out, see the log …]\n${end.text}`,
      invalid: head.invalid || end.invalid,
      leftOut,
    };
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function decoded(bytes: Uint8Array): { text: string; invalid: boolean } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), invalid: false };
  } catch {
    return { text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), invalid: true };
  }
}

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;
const SEQUENCE_MAX = 4;

/** Without the beginning of a character whose end was left out. */
function trimmedEnd(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(SEQUENCE_MAX, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (isContinuation(byte)) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** Without the end of a character whose beginning was left out. */
function trimmedStart(bytes: Uint8Array): Uint8Array {
  let from = 0;
  while (from < SEQUENCE_MAX - 1 && from < bytes.length && isContinuation(bytes[from])) from++;
  return bytes.subarray(from);
}

/** Figures of an agent's output. */
export interface OutputFigures {
  /** Of stdout and stderr together. */
  readonly totalBytes: number;
  /** Pieces of output with a pause between them. */
  readonly bursts: number;
  /** Arena time of the first; null while there was none. */
  readonly firstAt: number | null;
  /** Arena time of the last. */
  readonly lastAt: number | null;
}

/** Log and memory of one agent's output. */
export class OutputCapture {
  /** What it printed. */
  readonly stdout: HeadAndTail = new HeadAndTail();
  /** What it printed beside that. */
  readonly stderr: HeadAndTail = new HeadAndTail();
  #logBytes = 0;
  #bursts = 0;
  #firstAt: number | null = null;
  #lastAt: number | null = null;
  #lineOpen = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: Deno.FsFile, private readonly clock: Clock) {}

  /** Begins a log, with a heading; one that was there (of an attempt that a crash ended) goes on. */
  static open(path: string, heading: string, clock: Clock): OutputCapture {
    const file = Deno.openSync(path, { append: true, create: true });
    const bytes = encoder.encode(heading);
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    return new OutputCapture(file, clock);
  }

  /** Takes a piece of output; resolves when it stands in the log. */
  async add(piece: Uint8Array, from: "stdout" | "stderr"): Promise<void> {
    const now = this.clock.now();
    if (this.#lastAt === null || now - this.#lastAt >= BURST_GAP_MS) this.#bursts++;
    this.#firstAt ??= now;
    this.#lastAt = now;
    this[from].add(piece);
    await this.#write(from === "stderr" ? joined([STDERR_MARK, piece]) : piece);
  }

  /** Adds a line of the coordinator's own. */
  async note(text: string): Promise<void> {
    await this.#write(encoder.encode(`${this.#lineOpen ? "\n" : ""}[COORDINATOR] ${text}\n`), true);
  }

  /** Figures so far. */
  get figures(): OutputFigures {
    return { totalBytes: this.stdout.bytes + this.stderr.bytes, bursts: this.#bursts, firstAt: this.#firstAt, lastAt: this.#lastAt };
  }

  /** Ends the log. */
  async close(footer: string): Promise<void> {
    await this.#write(encoder.encode(`${this.#lineOpen ? "\n" : ""}${footer}`), true);
    this.file.close();
  }

  /** One piece after the other, whoever writes. */
  #write(bytes: Uint8Array, always = false): Promise<void> {
    const room = always ? bytes.length : Math.max(0, AGENT_LOG_BYTES_MAX - this.#logBytes);
    const kept = bytes.subarray(0, room);
    this.#logBytes += kept.length;
    if (kept.length > 0) this.#lineOpen = kept[kept.length - 1] !== 0x0a;
    const written = this.#writing.then(async () => {
      for (let at = 0; at < kept.length;) at += await this.file.write(kept.subarray(at));
    });
    this.#writing = written.catch(() => undefined); // whoever wrote hears of it
    return written;
  }
}
