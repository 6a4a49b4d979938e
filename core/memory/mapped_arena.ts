/**
 * An arena that is a file: what a thread wrote is kept although the process is killed at any instruction, at no cost. A loss of power may leave any mixture
 * of old and new pages of it: against that helps only a log (mapped_state.ts).
 *
 * A start never changes the file that it finds. It fills its memory from the old one's image, maps that to a new file, and then gives it the old one's
 * name: a crash in between leaves the old one as it was.
 *
 * ```
 * path.next: locked ─► path: locked, read ─► path.next: reserved, filled, mapped ─► renamed to path
 * ```
 *
 * @module
 */
import { type Layout, LAYOUT_VERSION } from "./layout.ts";
import { headerOf, tooSmall } from "./mapped_errors.ts";
import { bootId, MappedFile, requireMapping } from "./mapped_file.ts";
import {
  decodeState,
  encodeHeader,
  encodeState,
  MAPPED_HEADER_BYTES,
  MAPPED_STATE,
  MAPPED_STATE_AT,
  mappedFileBytes,
  type MappedHeader,
  mappedRanges,
} from "./mapped_layout.ts";
import { type Salvage, salvage } from "./mapped_recovery.ts";
import { cannotOpen, locked } from "./persistence_errors.ts";
import { allocateMemory, type SharedMemory } from "./shared_memory.ts";
import { StoreImage } from "./store_image.ts";
import { StoreRestore } from "./store_restore.ts";

/** Owner only: the file holds whatever the program stores. */
const FILE_MODE = 0o600;
/** Other managers that may replace the file between two looks at it. */
const RENAMES_MAX = 10;
/** What a file in which something is damaged is kept as. */
const DAMAGED = ".damaged";

/** What the file held that was found. Its memory is private: what is changed there changes no file. */
export interface PreviousArena {
  /** The arena as it was left. */
  readonly memory: SharedMemory;
  /** Its plan. */
  readonly layout: Layout;
  /** Whether its bytes are those of one moment: they are, unless the system itself has stopped since. */
  readonly isWhole: boolean;
  /** Whether its manager was shut down in order. */
  readonly isClosed: boolean;
  /** Bytes of its file. */
  readonly bytes: number;
  /** In sentences, what is wrong with the file besides its entries. */
  readonly notes: readonly string[];
}

/** What is to be a file. */
export interface ArenaPlan {
  /** Its path. */
  readonly path: string;
  /** Its store is empty. */
  readonly memory: SharedMemory;
  /** How it is divided. */
  readonly layout: Layout;
  /** Unix time in ms. */
  readonly now: number;
}

/** A file under an arena. */
export class MappedArena {
  /** The old arena, until `commit` or `close`; undefined when there was none. */
  previous: PreviousArena | undefined;
  readonly #file: MappedFile;
  readonly #old: MappedFile | undefined;
  #isMapped = false;
  #isCommitted = false;
  #isOpen = true;

  private constructor(private readonly plan: ArenaPlan) {
    const { path } = plan;
    this.#file = lockNew(path + NEXT, path);
    try {
      const old = this.#old = lockOld(path);
      const found = old === undefined ? undefined : readHeader(path);
      this.#make();
      if (found !== undefined) this.previous = imageOf(old!, found, path);
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /**
   * Locks and reads the file of that path, and makes a new one for the memory. Throws `MAPPING_UNAVAILABLE` and `PERSISTENCE_…`; nothing has been changed
   * then. `commit` makes it the file.
   */
  static open(plan: ArenaPlan): MappedArena {
    requireMapping();
    return new MappedArena({ ...plan, path: realPath(plan.path) });
  }

  /** The file. */
  get path(): string {
    return this.plan.path;
  }

  /** Its length. */
  get bytes(): number {
    return mappedFileBytes(this.plan.layout);
  }

  /** Takes over the old arena's store, as far as it is whole. Throws `PERSISTENCE_ROOM` when this one is too small for it. */
  restoreStore(): Salvage | undefined {
    if (this.previous === undefined) return undefined;
    const { path, memory, layout: own } = this.plan;
    const { layout } = this.previous;
    const found = salvage(new StoreImage(this.previous.memory, layout), new StoreRestore(memory, own));
    if (found.refused > 0 && own.store.bytes < layout.store.bytes) throw tooSmall(path, layout.store.bytes, own.store.bytes, found.refused);
    return found;
  }

  /** The memory becomes the new file, and that takes the old one's place. No other thread may write meanwhile. With `keepsOld` that one stays beside it, for a closer look: returns its name. */
  commit(keepsOld = false): string {
    const { path, memory, layout } = this.plan;
    this.#file.copyIn(memory, mappedRanges(layout));
    this.#file.map(memory, mappedRanges(layout), "write");
    this.#isMapped = true;
    writeState(path + NEXT, MAPPED_STATE.live);
    if (keepsOld) keepDamaged(path);
    Deno.renameSync(path + NEXT, path);
    this.#isCommitted = true;
    this.#releaseOld();
    return path + DAMAGED;
  }

  /**
   * Lets go of the file, and of its lock; the memory is empty then. Without `commit` everything is as it was. `inOrder`: everything in it has been kept
   * elsewhere too.
   */
  close(inOrder: boolean): void {
    if (!this.#isOpen) return;
    if (this.#isCommitted && inOrder) writeState(this.plan.path, MAPPED_STATE.closed);
    this.#release();
  }

  #make(): void {
    const { path, layout, now } = this.plan;
    const header: MappedHeader = { layoutVersion: LAYOUT_VERSION, layout, createdAt: now, pid: Deno.pid, boot: bootId() };
    using file = Deno.openSync(path + NEXT, { write: true });
    file.truncateSync(0);
    file.truncateSync(mappedFileBytes(layout));
    this.#file.reserve([{ offset: 0, bytes: MAPPED_HEADER_BYTES, fileOffset: 0 }, ...mappedRanges(layout)]);
    file.writeSync(encodeHeader(header, MAPPED_STATE.filling));
  }

  #release(): void {
    this.#isOpen = false;
    const { path, memory, layout } = this.plan;
    if (this.#isMapped) this.#file.release(memory, mappedRanges(layout));
    // Ours: we hold its lock.
    if (!this.#isCommitted) Deno.removeSync(path + NEXT);
    this.#file.close();
    this.#releaseOld();
  }

  #releaseOld(): void {
    if (this.previous !== undefined) this.#old?.release(this.previous.memory, mappedRanges(this.previous.layout));
    this.previous = undefined;
    this.#old?.close();
  }
}

/** The file that is to take the place of another. */
const NEXT = ".next";

/** Opens and locks the file to be. Whoever has this lock may look at the old file and replace it. */
function lockNew(next: string, path: string): MappedFile {
  return lockFile(next, path, () => {
    try {
      Deno.openSync(next, { write: true, create: true, mode: FILE_MODE }).close();
    } catch (cause) {
      throw cannotOpen(path, cause);
    }
  })!;
}

/** Opens and locks the file there is; undefined when there is none. */
function lockOld(path: string): MappedFile | undefined {
  return lockFile(path, path, () => {});
}

function lockFile(name: string, path: string, prepare: () => void): MappedFile | undefined {
  for (let tries = 0; tries < RENAMES_MAX; tries++) {
    prepare();
    const before = inodeOf(name);
    if (before === undefined) return undefined;
    const file = MappedFile.open(name, "write");
    if (!file.tryLock()) {
      file.close();
      throw locked(path);
    }
    // Another manager may have given the name to another file between the two looks.
    if (inodeOf(name) === before) return file;
    file.close();
  }
  throw locked(path);
}

function inodeOf(name: string): string | undefined {
  try {
    const { ino, dev } = Deno.statSync(name);
    return `${dev}:${ino}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw cannotOpen(name, error);
  }
}

interface FoundHeader {
  readonly header: MappedHeader;
  readonly copiesDamaged: number;
  readonly state: number;
}

/** The header of a file that can be read here; undefined when the file is empty. */
function readHeader(path: string): FoundHeader | undefined {
  const size = fileBytes(path);
  if (size === 0) return undefined;
  const bytes = new Uint8Array(Math.min(size, MAPPED_HEADER_BYTES));
  using file = Deno.openSync(path);
  for (let at = 0, read: number | null = 1; at < bytes.length && read; at += read) read = file.readSync(bytes.subarray(at)) ?? 0;
  return { ...headerOf(path, bytes), state: decodeState(bytes) };
}

function imageOf(old: MappedFile, { header: { layout, boot }, copiesDamaged, state }: FoundHeader, path: string): PreviousArena {
  const memory = allocateMemory(layout.totalBytes);
  // What lies behind a cut-off file's end must not be touched: that would be a SIGBUS. It reads as zeros.
  const bytes = fileBytes(path);
  const ranges = mappedRanges(layout).map((range) => ({ ...range, bytes: Math.max(0, Math.min(range.bytes, bytes - range.fileOffset)) }));
  old.map(memory, ranges, "private");
  const notes = copiesDamaged > 0 ? ["one copy of the mapped file's header was damaged; the other one was read"] : [];
  const missing = mappedFileBytes(layout) - bytes;
  if (missing > 0) notes.push(`the mapped file was cut off: ${missing} bytes are missing at its end`);
  return { memory, layout, bytes, notes, isWhole: boot !== "" && boot === bootId(), isClosed: state === MAPPED_STATE.closed };
}

function fileBytes(path: string): number {
  return Deno.statSync(path).size;
}

function writeState(path: string, state: number): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(MAPPED_STATE_AT, Deno.SeekMode.Start);
  file.writeSync(encodeState(state));
}

/** The file as it was found stays beside the new one: what is lost there may be worth a closer look. */
function keepDamaged(path: string): void {
  try {
    Deno.removeSync(path + DAMAGED);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.linkSync(path, path + DAMAGED);
}

/** A link's own name must stay a link. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw cannotOpen(path, error);
  }
}
