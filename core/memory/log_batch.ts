/**
 * Builds a batch of records block by block and puts it into a file. Nothing is allocated while it goes: one buffer, used again for each block, that
 * grows for a record that is larger than it.
 *
 * @module
 */
import {
  alignLog,
  alignRecord,
  BLOCK_BYTES,
  BLOCK_KIND,
  BLOCK_MAGIC,
  LOG_BLOCK,
  LOG_BLOCK_BYTES,
  LOG_FORMAT_VERSION,
  LOG_HEADER,
  LOG_HEADER_BYTES,
  LOG_MAGIC,
  LOG_RECORD,
  LOG_RECORD_BYTES,
  RECORD_GONE,
} from "./log_layout.ts";
import type { Kernels } from "./kernels.ts";
import type { PersistenceFile } from "./persistence_file.ts";
import { type ByteWindow, privateWindow } from "./shared_memory.ts";

/** CRC32C of bytes, going on from `seed`. */
export type Checksum = Kernels["crc32c"];

/** What blocks are written to. */
export type BlockSink = Pick<PersistenceFile, "write">;

/** How far a batch has come in whole blocks: what another builder needs to go on with it. */
export interface BatchProgress {
  /** Records. */
  readonly records: number;
  /** Blocks. */
  readonly blocks: number;
  /** Checksum of their checksums. */
  readonly sums: number;
}

/** Two words that every block of one file carries. */
export type Salt = readonly [number, number];

const GROWTH = 2;
/** Of a record's head; as words and not by a view, because there are many. */
const [PART, BYTES, KEY, EXTRA] = [LOG_RECORD.part >>> 2, LOG_RECORD.bytes >>> 2, LOG_RECORD.key >>> 2, LOG_RECORD.extra >>> 2];

/** A file's header. */
export function headerOf(salt: Salt, createdAt: number, base: number, checksum: Checksum): Uint8Array<ArrayBufferLike> {
  const { bytes, view } = privateWindow(LOG_HEADER_BYTES);
  LOG_MAGIC.forEach((word, index) => view.setUint32(LOG_HEADER.magic + 4 * index, word, true));
  view.setUint32(LOG_HEADER.version, LOG_FORMAT_VERSION, true);
  salt.forEach((word, index) => view.setUint32(LOG_HEADER.salt + 4 * index, word, true));
  view.setFloat64(LOG_HEADER.createdAt, createdAt, true);
  view.setFloat64(LOG_HEADER.base, base, true);
  view.setUint32(LOG_HEADER.checksum, checksum(bytes.subarray(0, LOG_HEADER.checksum)), true);
  return bytes;
}

/** Writes all of `bytes`, however many calls it takes. */
export async function writeAll(file: BlockSink, at: number, bytes: Uint8Array<ArrayBufferLike>): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const wrote = await file.write(at + done, bytes.subarray(done));
    if (!(wrote > 0)) throw new Error(`the file took ${done} of ${bytes.length} bytes and then no more`);
    done += wrote;
  }
}

/** One batch on its way into a file. */
export class LogBatch {
  /** Records so far. */
  records = 0;
  /** Where the file ends with what has been written so far. */
  end: number;
  #window: ByteWindow;
  #at = LOG_BLOCK_BYTES;
  #blockRecords = 0;
  #blocks = 0;
  #sums = 0;
  #mustWrite = false;

  /** From byte `begin` of the file on. `window` is a buffer to build in: it is taken over, and can be taken back when the batch is done. */
  constructor(
    private readonly file: BlockSink,
    begin: number,
    /** See `Salt`. */
    readonly salt: Salt,
    /** Its number. */
    readonly sequence: number,
    private readonly checksum: Checksum,
    window: ByteWindow = privateWindow(BLOCK_BYTES * GROWTH),
  ) {
    this.end = begin;
    this.#window = window;
  }

  /** Where the content of the record begun last goes. */
  get window(): ByteWindow {
    return this.#window;
  }

  /** Whether what has been built should be written before more is added. */
  get isFull(): boolean {
    return this.#mustWrite || this.#at >= BLOCK_BYTES;
  }

  /** What follows is to stand in another block: `isFull` until what came before is written. */
  endBlock(): void {
    this.#mustWrite = this.#blockRecords > 0;
  }

  /** Begins a record of `bytes`: returns the byte of `window` from which on the caller writes as many. */
  add(part: number, key: number, bytes: number, version = 0, extra = 0): number {
    const at = this.#at;
    const next = at + LOG_RECORD_BYTES + alignRecord(bytes);
    if (next > this.#window.bytes.length) this.#grow(next);
    const { words, floats } = this.#window;
    // Padding is part of what the checksum covers.
    if (bytes > 0) floats[(next >>> 3) - 1] = 0;
    const word = at >>> 2;
    words[word + PART] = part;
    words[word + BYTES] = bytes;
    words[word + KEY] = key;
    words[word + EXTRA] = extra;
    floats[(at + LOG_RECORD.version) >>> 3] = version;
    this.#at = next;
    this.#blockRecords++;
    this.records++;
    return at + LOG_RECORD_BYTES;
  }

  /** A record with its content. */
  put(part: number, key: number, content: Uint8Array<ArrayBufferLike>, version = 0, extra = 0): void {
    const at = this.add(part, key, content.length, version, extra);
    this.#window.bytes.set(content, at);
  }

  /** A record that says: there is none of that key any more. */
  gone(part: number, key: number, version = 0): void {
    this.add(part | RECORD_GONE, key, 0, version);
  }

  /** Takes back the record begun last: what it was to hold is not there any more. */
  drop(at: number): void {
    this.#at = at - LOG_RECORD_BYTES;
    this.#blockRecords--;
    this.records--;
  }

  /** How far it has come; `write` it before, what is no block yet does not count. */
  get progress(): BatchProgress {
    return { records: this.records, blocks: this.#blocks, sums: this.#sums };
  }

  /** Goes on from where another builder of the same batch has come to. */
  continueFrom({ records, blocks, sums }: BatchProgress): void {
    [this.records, this.#blocks, this.#sums] = [records, blocks, sums];
  }

  /** Writes blocks that another builder has made. */
  async append(blocks: Uint8Array<ArrayBufferLike>): Promise<void> {
    await writeAll(this.file, this.end, blocks);
    this.end += blocks.length;
  }

  /** Writes what has been built as a block. */
  async write(): Promise<void> {
    if (this.#blockRecords > 0) await this.#put(this.#finishBlock());
  }

  /** Writes the rest and the commit: from then on the batch is one. Not synced yet. */
  async commit(): Promise<void> {
    const at = this.#blockRecords > 0 ? this.#finishBlock() : 0;
    if (at + LOG_BLOCK_BYTES > this.#window.bytes.length) this.#grow(at + LOG_BLOCK_BYTES);
    this.#head(at, BLOCK_KIND.commit, this.#blocks, 0, this.records, this.#sums);
    await this.#put(at + LOG_BLOCK_BYTES);
  }

  /** Completes the block in the window: returns its end. */
  #finishBlock(): number {
    const { bytes } = this.#window;
    const end = alignLog(this.#at);
    bytes.fill(0, this.#at, end);
    const sum = this.checksum(bytes.subarray(LOG_BLOCK_BYTES, this.#at));
    this.#head(0, BLOCK_KIND.data, this.#blocks, this.#at - LOG_BLOCK_BYTES, this.#blockRecords, sum);
    this.#sums = chain(this.#sums, sum, this.checksum);
    this.#blocks++;
    this.#at = LOG_BLOCK_BYTES;
    this.#blockRecords = 0;
    this.#mustWrite = false;
    return end;
  }

  #put(bytes: number): Promise<void> {
    return this.append(this.#window.bytes.subarray(0, bytes));
  }

  #head(at: number, kind: number, index: number, bytes: number, records: number, payload: number): void {
    const { view } = this.#window;
    this.#window.bytes.fill(0, at, at + LOG_BLOCK_BYTES);
    view.setUint32(at + LOG_BLOCK.magic, BLOCK_MAGIC, true);
    view.setUint32(at + LOG_BLOCK.kind, kind, true);
    this.salt.forEach((word, place) => view.setUint32(at + LOG_BLOCK.salt + 4 * place, word, true));
    view.setFloat64(at + LOG_BLOCK.sequence, this.sequence, true);
    view.setUint32(at + LOG_BLOCK.index, index, true);
    view.setUint32(at + LOG_BLOCK.bytes, bytes, true);
    view.setUint32(at + LOG_BLOCK.records, records, true);
    view.setUint32(at + LOG_BLOCK.payload, payload, true);
    view.setUint32(at + LOG_BLOCK.checksum, this.checksum(this.#window.bytes.subarray(at, at + LOG_BLOCK.checksum)), true);
  }

  #grow(bytes: number): void {
    const old = this.#window.bytes;
    this.#window = privateWindow(alignLog(Math.max(bytes, old.length * GROWTH) + LOG_BLOCK_BYTES));
    this.#window.bytes.set(old);
  }
}

const word = new DataView(new ArrayBuffer(4));

/** The checksum of the blocks' checksums, one further. */
export function chain(sums: number, sum: number, checksum: Checksum): number {
  word.setUint32(0, sum, true);
  return checksum(new Uint8Array(word.buffer), sums);
}
