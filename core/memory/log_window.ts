/**
 * A log file seen through a window, for who reads it in order: while what is in the window is looked at, the disk already reads what comes next.
 *
 * @module
 */
import { BLOCK_BYTES_MAX, LOG_ALIGN_BYTES, LOG_BLOCK_BYTES } from "./log_layout.ts";
import { unreadable } from "./persistence_errors.ts";
import type { PersistenceFile } from "./persistence_file.ts";
import { type ByteWindow, privateWindow } from "./shared_memory.ts";

/** Read at a time. */
const READ_BYTES = 4 << 20;
/** Of a block that begins in one reading and ends in the next so much is moved before the latter; of a longer one all is read again. */
const CARRIED_BYTES_MAX = 1 << 20;

/** The window. */
export class LogWindow {
  /** What `load` speaks of; another one after each call. */
  bytes: ByteWindow = privateWindow(BLOCK_BYTES_MAX + 2 * LOG_BLOCK_BYTES);
  #spare: ByteWindow | undefined;
  /** First byte in the window, where it stands there, and behind the last one. */
  #from = 0;
  #place = 0;
  #to = 0;
  /** Behind the last byte of the reading ahead, which begins at `#to`; undefined while there is none. */
  #ahead: Promise<number> | undefined;

  /** `path` is for errors. `size`: bytes of the file. */
  constructor(private readonly file: PersistenceFile, private readonly path: string, private readonly size: number) {}

  /** Has bytes of the file in the window: returns where. Throws when they are not there or cannot be read. */
  async load(at: number, bytes: number): Promise<number> {
    if (at >= this.#from && at + bytes <= this.#to) return this.#place + at - this.#from;
    const to = await this.#ahead ?? 0;
    this.#ahead = undefined;
    if (at >= this.#from && at + bytes <= to && this.#canCarry(at)) this.#carry(at, to);
    else await this.#read(at, bytes);
    const next = Math.min(READ_BYTES, this.size - this.#to);
    if (next > 0) this.#ahead = this.#readAhead(next);
    return this.#place;
  }

  /** Resolves when the file is not read any more. */
  async settled(): Promise<void> {
    await this.#ahead;
  }

  /** What was read before stays at the same place within an aligned word. */
  #canCarry(at: number): boolean {
    return at <= this.#to && this.#to - at <= CARRIED_BYTES_MAX && (this.#to - at) % LOG_ALIGN_BYTES === 0;
  }

  /** The reading ahead becomes the window, with what of the old one is still wanted before it. */
  #carry(at: number, to: number): void {
    const [old, fresh] = [this.bytes, this.#spare!];
    const begin = this.#place + at - this.#from;
    this.#place = CARRIED_BYTES_MAX - (this.#to - at);
    fresh.bytes.set(old.bytes.subarray(begin, begin + this.#to - at), this.#place);
    [this.bytes, this.#spare, this.#from, this.#to] = [fresh, old, at, to];
  }

  async #read(at: number, bytes: number): Promise<void> {
    const wanted = Math.min(Math.max(bytes, READ_BYTES), this.size - at, this.bytes.bytes.length);
    [this.#from, this.#place, this.#to] = [at, 0, at];
    try {
      this.#to = at + await this.#fill(this.bytes, 0, at, wanted);
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
    if (at + bytes > this.#to) throw unreadable(this.path, new Error(`it ends at ${this.#to} while it is being read`));
  }

  async #readAhead(bytes: number): Promise<number> {
    this.#spare ??= privateWindow(this.bytes.bytes.length);
    const from = this.#to;
    // What cannot be read now is read again when it is wanted, and says then why.
    return await this.#fill(this.#spare, CARRIED_BYTES_MAX, from, bytes).then((read) => from + read, () => 0);
  }

  async #fill({ bytes }: ByteWindow, place: number, at: number, wanted: number): Promise<number> {
    let filled = 0;
    while (filled < wanted) {
      const read = await this.file.read(at + filled, bytes.subarray(place + filled, place + wanted));
      if (read <= 0) break;
      filled += read;
    }
    return filled;
  }
}
