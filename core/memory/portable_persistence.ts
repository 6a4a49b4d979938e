/**
 * Keeps state in a log of changes: each flush appends one batch of what has changed, and is done when that is on the disk. When the log has grown to
 * several times what is alive, it is written anew into a file beside it that then takes its place.
 *
 * What is not collected by another thread (see collected_part.ts) is on this one in short turns, between which others have theirs; the disk works
 * meanwhile. Only one flush runs at a time.
 * Who calls while one runs shares the next: the running one may have passed by what the caller has set.
 *
 * @module
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { assert } from "../base/errors.ts";
import { LOG_COPIES_MAX, LOG_COPIES_SOFT, LOG_SLACK_BYTES, PERSISTENCE_TURN_MS } from "../base/limits.ts";
import { entropy } from "../base/random.ts";
import type { Kernels } from "./kernels.ts";
import { headerOf, LogBatch, type Salt, writeAll } from "./log_batch.ts";
import { BLOCK_BYTES, LOG_HEADER_BYTES } from "./log_layout.ts";
import type { LogPart } from "./log_part.ts";
import { LogReader } from "./log_reader.ts";
import { type LogRecovery, nothingFound, recoverLog } from "./log_recovery.ts";
import type { PersistenceStatus, RecoveryReport } from "./persistence.ts";
import { cannotOpen, locked, notWritten, reasonOf } from "./persistence_errors.ts";
import type { PersistenceDisk, PersistenceFile } from "./persistence_file.ts";
import { type ByteWindow, privateWindow } from "./shared_memory.ts";
import { notKept } from "./store_errors.ts";

/** Names of what is told to the outside. */
export type PersistenceEvent = "persistence:failed" | "persistence:mended";

/** What keeping state takes. */
export interface PortableOptions {
  /** The file. */
  readonly path: string;
  /** Between two flushes that nobody asked for. */
  readonly intervalMs: number;
  /** Where the file is. */
  readonly disk: PersistenceDisk;
  /** For the checksums. */
  readonly kernels: Pick<Kernels, "crc32c">;
  /** Time. */
  readonly clock: Clock;
  /** What is kept; restored in this order. */
  readonly parts: readonly LogPart[];
  /** Resolves when others have had a turn of this thread. */
  readonly turn: () => Promise<void>;
  /** Tells that the disk fails, and that it works again. */
  readonly emit: (event: PersistenceEvent, data: unknown) => void;
}

/** Times that another process may have put a new file in place between our opening and our locking it. */
const OPEN_TRIES_MAX = 16;

/** State in a log. */
export class PortablePersistence {
  readonly #options: PortableOptions;
  #file: PersistenceFile;
  #salt: Salt;
  #found: LogRecovery;
  /** Behind the last batch that is on the disk. */
  #end: number;
  #sequence: number;
  /** Whether nothing may be appended any more: what the file ends with is not known, or its keys fit no longer. */
  #mustRewrite: boolean;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #cancelTimer: Cancel = () => {};
  #isClosed = false;
  #flushes = 0;
  #failure: string | null = null;
  #window: ByteWindow = privateWindow(2 * BLOCK_BYTES);

  private constructor(options: PortableOptions, file: PersistenceFile, found: LogRecovery) {
    this.#options = options;
    this.#file = file;
    this.#found = found;
    this.#salt = found.salt;
    this.#end = found.end;
    this.#sequence = found.sequence;
    this.#mustRewrite = options.parts.some((part) => part.mustRewrite);
  }

  /** Locks the file, gives the parts back what is in it, and cuts off what was not finished. Throws `ConfigError` or `PERSISTENCE_…`. */
  static async open(options: PortableOptions): Promise<PortablePersistence> {
    const { path, disk, clock, kernels, parts } = options;
    const startedAt = clock.now();
    const file = await openLocked(disk, path);
    const reader = new LogReader(file, path, kernels.crc32c);
    try {
      // What a rewrite left that never took this file's place.
      await disk.remove(nextPath(path));
      let found: LogRecovery;
      if (await reader.begin()) {
        found = await recoverLog(reader, parts);
        await reader.settled();
        if (found.scan.cut !== null) await file.truncate(found.end);
      } else {
        const salt: Salt = [entropy(), entropy()];
        await file.truncate(0);
        await writeAll(file, 0, headerOf(salt, clock.now(), 0, kernels.crc32c));
        await file.sync();
        await disk.syncFolder(path);
        found = nothingFound(salt, LOG_HEADER_BYTES);
      }
      found.durationMs = clock.now() - startedAt;
      return new PortablePersistence(options, file, found);
    } catch (error) {
      await reader.settled();
      file.close();
      throw error;
    }
  }

  /** What was found; counts of entries and the like are the parts' own to say. */
  get recovery(): Omit<RecoveryReport, "recovered" | "agents"> {
    const { scan, durationMs, refused, notes } = this.#found;
    const { path } = this.#options;
    return {
      ...{ mode: "portable", path, found: scan.batches > 0, sync: "fdatasync", bytes: scan.bytes, cut: scan.cut },
      lost: { ...scan.lost, refused },
      ...{ notes, durationMs },
    };
  }

  /** How it fares. */
  get status(): PersistenceStatus {
    return { mode: "portable", path: this.#options.path, failure: this.#failure, flushes: this.#flushes, bytes: this.#end };
  }

  /** Flushes every `intervalMs` from now on. */
  start(): void {
    const { clock, intervalMs } = this.#options;
    const tick = (): void => {
      // Whoever asked for a flush hears of its failure; of these everybody does, by the event and the status.
      const done = (): void => void (this.#isClosed || (this.#cancelTimer = clock.schedule(intervalMs, tick, true)));
      this.flush().then(done, done);
    };
    this.#cancelTimer = clock.schedule(intervalMs, tick, true);
  }

  /** See `Persistence.flush`. */
  flush(): Promise<void> {
    if (this.#isClosed) return Promise.reject(notKept("the manager has been shut down"));
    if (this.#running === null) return this.#run();
    return this.#next ??= this.#running.then(() => this.#run(), () => this.#run());
  }

  /** See `Persistence.close`. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#cancelTimer();
    const last = this.flush();
    this.#isClosed = true;
    try {
      await last;
    } finally {
      await this.#running;
      this.#cancelTimer();
      await this.#giveBack();
    }
  }

  /** Gives the file back as it is. */
  async abandon(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTimer();
    await this.#running;
    await this.#giveBack();
  }

  async #giveBack(): Promise<void> {
    this.#file.close();
    for (const part of this.#options.parts) await part.close?.();
  }

  #run(): Promise<void> {
    this.#next = null;
    const flushed = this.#flushNow();
    this.#running = flushed.then(() => this.#tidy(), () => undefined).finally(() => this.#running = null);
    return flushed;
  }

  async #flushNow(): Promise<void> {
    const mustRewrite = this.#mustRewrite || this.#end > this.#bound(LOG_COPIES_MAX);
    try {
      await (mustRewrite ? this.#rewrite() : this.#append());
    } catch (cause) {
      throw this.#failed(cause);
    }
    if (this.#failure !== null) this.#options.emit("persistence:mended", { path: this.#options.path });
    this.#failure = null;
  }

  /** Behind a flush that is done, and that nobody waits for any more. */
  async #tidy(): Promise<void> {
    if (this.#end <= this.#bound(LOG_COPIES_SOFT)) return;
    await this.#rewrite().catch((cause) => this.#failed(cause));
  }

  #bound(copies: number): number {
    return copies * this.#options.parts.reduce((sum, part) => sum + part.liveBytes(), 0) + LOG_SLACK_BYTES;
  }

  #failed(cause: unknown): Error {
    const { path, emit } = this.#options;
    const error = notWritten(path, cause);
    if (this.#failure === null) emit("persistence:failed", { path, error });
    this.#failure = reasonOf(cause);
    return error;
  }

  /** One batch of what has changed, behind the last one. */
  async #append(): Promise<void> {
    const file = this.#file;
    const batch = this.#batch(file, this.#end, this.#salt);
    try {
      await this.#fill(batch, false);
      if (batch.records > 0) {
        await batch.commit();
        await file.sync();
        this.#end = batch.end;
        this.#flushes++;
      }
      for (const part of this.#options.parts) part.kept();
    } catch (error) {
      // A sync that failed may have thrown pages away and call the next one a success: all of the batch is written again, not only synced again.
      this.#undo();
      // Else a later, shorter batch would be followed by the remnants of this one.
      await file.truncate(this.#end).catch(() => this.#mustRewrite = true);
      throw error;
    }
  }

  /** Everything into a new file that then takes this one's place; whenever this is interrupted, one of the two is whole. */
  async #rewrite(): Promise<void> {
    const { path, disk, clock, kernels, parts } = this.#options;
    const salt: Salt = [entropy(), entropy()];
    const file = await disk.open(nextPath(path), true);
    let isPlaced = false;
    try {
      // Nobody else can have it: to come here one must hold the lock of the old one.
      assert(await file.tryLock(), "the file beside the log is locked");
      const batch = this.#batch(file, LOG_HEADER_BYTES, salt);
      await writeAll(file, 0, headerOf(salt, clock.now(), batch.sequence, kernels.crc32c));
      await this.#fill(batch, true);
      await batch.commit();
      await file.sync();
      await disk.rename(nextPath(path), path);
      isPlaced = true;
      this.#file.close();
      [this.#file, this.#salt, this.#end] = [file, salt, batch.end];
      // Until this is done a loss of power may bring the old file back.
      this.#mustRewrite = true;
      await disk.syncFolder(path);
      this.#mustRewrite = false;
      this.#flushes++;
      for (const part of parts) part.kept();
    } catch (error) {
      this.#undo();
      if (!isPlaced) {
        file.close();
        await disk.remove(nextPath(path)).catch(() => false); // it is emptied before it is used again
      }
      throw error;
    }
  }

  #undo(): void {
    for (const part of this.#options.parts) {
      try {
        part.undo();
      } catch {
        // The store's lock could not be had, so what the batch held is not marked any more: only everything has all of it.
        this.#mustRewrite = true;
      }
    }
  }

  #batch(file: PersistenceFile, begin: number, salt: Salt): LogBatch {
    return new LogBatch(file, begin, salt, ++this.#sequence, this.#options.kernels.crc32c, this.#window);
  }

  async #fill(batch: LogBatch, all: boolean): Promise<void> {
    const { clock, turn, parts } = this.#options;
    let until = clock.now() + PERSISTENCE_TURN_MS;
    for (const part of parts) {
      if (part.collectFar !== undefined) {
        await part.collectFar(batch, all);
        until = clock.now() + PERSISTENCE_TURN_MS;
        continue;
      }
      for (const _slice of part.collect(batch, all)) {
        if (batch.isFull) await batch.write();
        else if (clock.now() < until) continue;
        else await turn();
        until = clock.now() + PERSISTENCE_TURN_MS;
      }
    }
  }
}

function nextPath(path: string): string {
  return `${path}.next`;
}

async function openLocked(disk: PersistenceDisk, path: string): Promise<PersistenceFile> {
  disk.requirePermissions(path, [path, nextPath(path)]);
  for (let tries = 0; tries < OPEN_TRIES_MAX; tries++) {
    let file: PersistenceFile | undefined;
    try {
      file = await disk.open(path, false);
      const isOurs = await file.tryLock();
      // Its holder may have put a new file in its place and let this one go.
      if (isOurs && await file.isAt(path)) return file;
      if (!isOurs) tries = OPEN_TRIES_MAX;
    } catch (cause) {
      file?.close();
      throw cannotOpen(path, cause);
    }
    file.close();
  }
  throw locked(path);
}
