/**
 * Reads a log: first which blocks are whole and belong to a flush that counts, then their records.
 *
 * A batch counts when its commit is there, or when a later batch's is: batches are written one after another, each only once the one before it is on
 * the disk, so what stands between two that count was flushed and has been damaged since. Behind the last commit is what nobody was told of.
 *
 * @module
 */
import { foreignFile, newerVersion, unreadable } from "./persistence_errors.ts";
import { chain, type Checksum, type Salt } from "./log_batch.ts";
import {
  alignLog,
  alignRecord,
  BLOCK_BYTES_MAX,
  BLOCK_KIND,
  BLOCK_MAGIC,
  LOG_ALIGN_BYTES,
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
import { LogWindow } from "./log_window.ts";
import type { PersistenceFile } from "./persistence_file.ts";
import { type ByteWindow, privateWindow } from "./shared_memory.ts";

/** Numbers of damaged batches that a report names. */
const SEQUENCES_NAMED_MAX = 32;

/** What a log is made of. */
export interface LogScan {
  /** Behind the last batch that counts. */
  readonly end: number;
  /** Bytes of the file. */
  readonly bytes: number;
  /** Batches that count. */
  readonly batches: number;
  /** The highest number of any block, counted or not. */
  readonly sequence: number;
  /** Whether the file's header had to be guessed from its blocks. */
  readonly headerDamaged: boolean;
  /** Behind `end`. */
  readonly cut: { bytes: number; records: number; why: string } | null;
  /** Whether records were shown that are cut off. */
  readonly showedCut: boolean;
  /** Before `end`. */
  readonly lost: { places: number; records: number; sequences: number[] };
}

/** One record, as long as the visit lasts. */
export interface LogRecord {
  /** See `LOG_PART`. */
  part: number;
  /** Within the part. */
  key: number;
  /** See `LOG_RECORD`. */
  extra: number;
  /** See `LOG_RECORD`. */
  version: number;
  /** There is none of that key any more. */
  gone: boolean;
  /** Bytes of content. */
  bytes: number;
  /** First byte of the content in `window`; a multiple of 8. */
  at: number;
  /** Where it stands. */
  window: ByteWindow;
}

interface Place {
  readonly at: number;
  readonly bytes: number;
}

interface Head {
  readonly kind: number;
  readonly sequence: number;
  readonly index: number;
  readonly bytes: number;
  readonly records: number;
  readonly payload: number;
}

/** One log file, opened. */
export class LogReader {
  /** Of this file's blocks. */
  salt: Salt = [0, 0];
  #window: LogWindow;
  #bytes = 0;
  #headerDamaged = false;
  /** Number of the batch that the file began with when it took its place; 0: none. */
  #base = 0;
  readonly #blocks: Place[] = [];
  readonly #record: LogRecord = { part: 0, key: 0, extra: 0, version: 0, gone: false, bytes: 0, at: 0, window: privateWindow(0) };

  /** `path` is for errors. */
  constructor(private readonly file: PersistenceFile, private readonly path: string, private readonly checksum: Checksum) {
    this.#window = new LogWindow(file, path, 0);
  }

  /** Whether there is a log at all: false for a file that is empty, or whose making was interrupted. Throws what `persistence_errors.ts` has. */
  async begin(): Promise<boolean> {
    this.#bytes = await this.file.size();
    this.#window = new LogWindow(this.file, this.path, this.#bytes);
    const length = Math.min(this.#bytes, LOG_HEADER_BYTES);
    if (length === 0) return false;
    await this.#window.load(0, length);
    const { bytes, view } = this.#window.bytes;
    const magic = length >= 8 && LOG_MAGIC.every((word, index) => view.getUint32(LOG_HEADER.magic + 4 * index, true) === word);
    const isZero = bytes.subarray(0, length).every((byte) => byte === 0);
    // It begins to exist with its header; a loss of power then leaves a part of it, or zeros.
    if (this.#bytes <= LOG_HEADER_BYTES && (isZero || (magic && !this.#headerHolds(length)))) return false;
    if (this.#headerHolds(length) && magic) {
      const version = view.getUint32(LOG_HEADER.version, true);
      if (version > LOG_FORMAT_VERSION) throw newerVersion(this.path, version);
      this.salt = [view.getUint32(LOG_HEADER.salt, true), view.getUint32(LOG_HEADER.salt + 4, true)];
      this.#base = view.getFloat64(LOG_HEADER.base, true);
      return true;
    }
    const version = view.getUint32(LOG_HEADER.version, true);
    if (!await this.#guessSalt()) {
      if (!magic) throw foreignFile(this.path, isZero ? "it begins with zeros" : "it begins with something else");
      throw version > LOG_FORMAT_VERSION ? newerVersion(this.path, version) : unreadable(this.path);
    }
    return this.#headerDamaged = true;
  }

  /** Finds the blocks that count, and shows the records of every whole block on the way: also of those that turn out to be cut off, see `LogScan.showedCut`. */
  async scan(visit: (record: LogRecord) => void = () => {}): Promise<LogScan> {
    const lost = { places: 0, records: 0, sequences: [] as number[] };
    let [end, batches, sequence, committed] = [LOG_HEADER_BYTES, 0, 0, 0];
    let open: OpenBatch = newBatch();
    const accept = (upTo: number): void => {
      this.#blocks.push(...open.blocks);
      lost.places += open.places;
      lost.records += open.records;
      if (lost.sequences.length < SEQUENCES_NAMED_MAX) lost.sequences.push(...new Set(open.damaged));
      committed = open.sequence;
      batches++;
      end = upTo;
      open = newBatch();
    };
    for (let at = LOG_HEADER_BYTES; at < this.#bytes;) {
      const head = await this.#head(at);
      if (head === undefined) {
        if (!open.isLost) open.places++;
        open.isLost = true;
        at += LOG_ALIGN_BYTES;
        continue;
      }
      open.isLost = false;
      sequence = Math.max(sequence, head.sequence);
      const next = at + LOG_BLOCK_BYTES + alignLog(head.bytes);
      if (head.sequence > committed) {
        const isNew = head.sequence !== open.sequence && open.sequence !== 0;
        if (isNew) uncommitted(open);
        // A file that was written anew took its place only when its first batch was whole.
        if (isNew && open.sequence === this.#base) accept(at);
        if (head.kind === BLOCK_KIND.data) await this.#take(at, next, head, open, visit);
        else {
          const isWhole = open.sequence === head.sequence && head.index === open.indices && head.payload === open.sums;
          if (!isWhole && open.places === 0) open.places++;
          if (open.places > 0) open.damaged.push(head.sequence);
          open.sequence = head.sequence;
          accept(next);
        }
      } else open.remnants++;
      at = next;
    }
    if (open.sequence !== 0 && open.sequence === this.#base) {
      uncommitted(open);
      accept(open.end);
    }
    const cutBytes = this.#bytes - end;
    const cut = cutBytes <= 0 ? null : { bytes: cutBytes, records: open.seen, why: whyCut(open) };
    const showedCut = open.blocks.length > 0;
    return { end, bytes: this.#bytes, batches, sequence, headerDamaged: this.#headerDamaged, cut, showedCut, lost };
  }

  /** Shows all records of the blocks that count, in order. */
  async replay(visit: (record: LogRecord) => void): Promise<void> {
    for (const block of this.#blocks) this.#show(await this.#window.load(block.at, block.bytes), block.bytes, visit);
  }

  /** Resolves when the file is not read any more; before it is closed or written to. */
  async settled(): Promise<void> {
    await this.#window.settled();
  }

  #show(from: number, length: number, visit: (record: LogRecord) => void): void {
    const { words, floats } = this.#window.bytes;
    const record = this.#record;
    record.window = this.#window.bytes;
    const end = from + length;
    for (let at = from; at + LOG_RECORD_BYTES <= end;) {
      const word = at >>> 2;
      const part = words[word];
      const bytes = words[word + (LOG_RECORD.bytes >>> 2)];
      if (bytes < 0 || at + LOG_RECORD_BYTES + bytes > end) return;
      record.part = part & ~RECORD_GONE;
      record.gone = (part & RECORD_GONE) !== 0;
      record.key = words[word + (LOG_RECORD.key >>> 2)] >>> 0;
      record.extra = words[word + (LOG_RECORD.extra >>> 2)];
      record.version = floats[(at + LOG_RECORD.version) >>> 3];
      record.bytes = bytes;
      record.at = at + LOG_RECORD_BYTES;
      visit(record);
      at += LOG_RECORD_BYTES + alignRecord(bytes);
    }
  }

  async #take(at: number, next: number, head: Head, open: OpenBatch, visit: (record: LogRecord) => void): Promise<void> {
    if (head.sequence !== open.sequence) open.indices = open.sums = 0;
    open.sequence = head.sequence;
    open.end = next;
    open.seen += head.records;
    open.indices++;
    open.sums = chain(open.sums, head.payload, this.checksum);
    const isThere = at + LOG_BLOCK_BYTES + head.bytes <= this.#bytes;
    const from = isThere ? await this.#window.load(at + LOG_BLOCK_BYTES, head.bytes) : 0;
    if (isThere && this.checksum(this.#window.bytes.bytes.subarray(from, from + head.bytes)) === head.payload) {
      open.blocks.push({ at: at + LOG_BLOCK_BYTES, bytes: head.bytes });
      return this.#show(from, head.bytes, visit);
    }
    open.places++;
    open.records += head.records;
    open.damaged.push(head.sequence);
  }

  /** The head of a block, if one stands there. */
  async #head(at: number): Promise<Head | undefined> {
    if (at + LOG_BLOCK_BYTES > this.#bytes) return undefined;
    const from = await this.#window.load(at, LOG_BLOCK_BYTES);
    const { view, bytes } = this.#window.bytes;
    if (view.getUint32(from + LOG_BLOCK.magic, true) !== BLOCK_MAGIC) return undefined;
    if (this.salt.some((word, index) => view.getUint32(from + LOG_BLOCK.salt + 4 * index, true) !== word)) return undefined;
    const sum = this.checksum(bytes.subarray(from, from + LOG_BLOCK.checksum));
    const length = view.getUint32(from + LOG_BLOCK.bytes, true);
    if (view.getUint32(from + LOG_BLOCK.checksum, true) !== sum || length > BLOCK_BYTES_MAX) return undefined;
    return {
      kind: view.getUint32(from + LOG_BLOCK.kind, true),
      sequence: view.getFloat64(from + LOG_BLOCK.sequence, true),
      index: view.getUint32(from + LOG_BLOCK.index, true),
      bytes: length,
      records: view.getUint32(from + LOG_BLOCK.records, true),
      payload: view.getUint32(from + LOG_BLOCK.payload, true),
    };
  }

  /** Takes the salt from the first block that holds together by itself. */
  async #guessSalt(): Promise<boolean> {
    for (let at = LOG_HEADER_BYTES; at + LOG_BLOCK_BYTES <= this.#bytes; at += LOG_ALIGN_BYTES) {
      const from = await this.#window.load(at, LOG_BLOCK_BYTES);
      const { view } = this.#window.bytes;
      this.salt = [view.getUint32(from + LOG_BLOCK.salt, true), view.getUint32(from + LOG_BLOCK.salt + 4, true)];
      const head = await this.#head(at);
      if (head === undefined) continue;
      // Whether it is a base stood in the header: better taken for one than left out.
      this.#base = head.sequence;
      return true;
    }
    return false;
  }

  #headerHolds(length: number): boolean {
    if (length < LOG_HEADER_BYTES) return false;
    const { bytes, view } = this.#window.bytes;
    return view.getUint32(LOG_HEADER.checksum, true) === this.checksum(bytes.subarray(0, LOG_HEADER.checksum));
  }
}

/** Batches since the last commit: usually a part of one. */
interface OpenBatch {
  sequence: number;
  indices: number;
  sums: number;
  /** Behind its last block. */
  end: number;
  isLost: boolean;
  places: number;
  records: number;
  seen: number;
  remnants: number;
  readonly damaged: number[];
  readonly blocks: Place[];
}

function newBatch(): OpenBatch {
  const counts = { sequence: 0, end: 0, indices: 0, sums: 0, places: 0, records: 0, seen: 0, remnants: 0 };
  return { ...counts, isLost: false, damaged: [], blocks: [] };
}

/** The next batch was begun, so this one was flushed: its commit is what is damaged. */
function uncommitted(open: OpenBatch): void {
  if (open.places === 0) open.places++;
  open.damaged.push(open.sequence);
}

function whyCut(open: OpenBatch): string {
  if (open.places > 0) return "its end is damaged, or was not written as a whole";
  if (open.sequence !== 0) return "a flush was not finished";
  return open.remnants > 0 ? "remnants of a flush that failed" : "bytes behind the last flush";
}
