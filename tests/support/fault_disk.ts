/**
 * A disk in memory that fails on command. What was not synced is lost when the power goes, or a part of it is, in pieces of 512 bytes; names too.
 */
import { Random } from "../../core/base/random.ts";
import type { PersistenceDisk, PersistenceFile } from "../../core/memory/persistence_file.ts";

const SECTOR_BYTES = 512;

/** What goes wrong, and at which operation. `crash` ends everything: the operation itself is done in part, all that follow are refused. */
export interface Fault {
  /** Number of the operation (writes, syncs, truncations, renames, folder syncs), from 1. */
  readonly at: number;
  readonly kind: "crash" | "ENOSPC" | "EIO";
  /** Operations that fail from there on; one unless said otherwise. */
  readonly times?: number;
}

/** A file's bytes as the system shows them, and as they would be found after a loss of power. */
class Inode {
  now: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  synced: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  owner: object | null = null;
  /** First byte that was written since the last sync. */
  #changedFrom = 0;

  put(at: number, bytes: Uint8Array): void {
    this.now = lengthened(this.now, Math.max(this.now.length, at + bytes.length));
    this.now.set(bytes, at);
    this.#changedFrom = Math.min(this.#changedFrom, at);
  }

  cut(length: number): void {
    this.#changedFrom = Math.min(this.#changedFrom, length);
    const kept = this.now.slice(0, length);
    this.now = lengthened(kept, length);
  }

  /** The system could not write it all, and takes what it shows for written from now on. */
  forget(torn: Uint8Array<ArrayBuffer>): void {
    this.synced = lengthened(torn, this.now.length);
    this.#changedFrom = this.now.length;
  }

  sync(): void {
    const from = Math.min(this.#changedFrom, this.synced.length);
    this.synced = lengthened(this.synced.subarray(0, Math.min(this.synced.length, this.now.length)), this.now.length);
    this.synced.set(this.now.subarray(from), from);
    this.#changedFrom = this.now.length;
  }
}

/** The same bytes and zeros behind them; in place where the buffer has room, so that appending costs what is appended. */
function lengthened(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (bytes.byteOffset === 0 && bytes.buffer.byteLength >= length) {
    const grown = new Uint8Array(bytes.buffer, 0, length);
    return grown.fill(0, bytes.length);
  }
  const grown = new Uint8Array(new ArrayBuffer(2 * length), 0, length);
  grown.set(bytes);
  return grown;
}

/** An error as the system's. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code} (os error)`), { code });
}

/** The disk. */
export class FaultDisk implements PersistenceDisk {
  /** Operations so far that a fault can hit. */
  operations = 0;
  /** The next fault. */
  fault: Fault | null = null;
  /** Whether writes take only a part of what they are given. */
  writesShort = false;
  /** Whether files may be opened to write. */
  isReadOnly = false;
  isDown = false;
  /** What each write waits for, where there is something. */
  mayWrite: (() => Promise<void>) | null = null;
  /** Whether the next sync says no; the one after it says yes, whatever was lost. */
  nextSyncFails = false;
  readonly #random: Random;
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** The power goes and comes back. */
  losePower(): void {
    const inodes = new Set([...this.#names.values(), ...this.#syncedNames.values()]);
    for (const inode of inodes) {
      inode.synced = this.#torn(inode);
      inode.now = inode.synced.slice();
      inode.owner = null;
    }
    // A rename is one step: it was kept or not.
    if (this.#random.below(2) === 0) this.#syncedNames = new Map(this.#names);
    this.#names = new Map(this.#syncedNames);
    this.restart();
  }

  /** The process has ended and the system has not: everything that was written is there. */
  killProcess(): void {
    for (const inode of this.#names.values()) inode.owner = null;
    this.restart();
  }

  /** No faults any more. */
  restart(): void {
    this.isDown = false;
    this.fault = null;
  }

  /** The bytes of a file, to look at and to damage. */
  bytesOf(path: string): Uint8Array<ArrayBuffer> {
    return this.#names.get(path)?.now ?? new Uint8Array(0);
  }

  /** Puts bytes in the place of a file. */
  place(path: string, bytes: Uint8Array<ArrayBuffer>): void {
    const inode = new Inode();
    inode.now = bytes;
    inode.synced = bytes.slice();
    this.#names.set(path, inode);
    this.#syncedNames = new Map(this.#names);
  }

  /** Another disk with the same files, nobody's. */
  copy(): FaultDisk {
    const copy = new FaultDisk(1);
    for (const [name, { now }] of this.#names) copy.place(name, now.slice());
    return copy;
  }

  requirePermissions(): void {}

  names(): string[] {
    return [...this.#names.keys()];
  }

  open(path: string, empty: boolean): Promise<PersistenceFile> {
    return this.#does(() => {
      if (this.isReadOnly) throw systemError("EROFS");
      let inode = this.#names.get(path);
      if (inode === undefined) this.#names.set(path, inode = new Inode());
      if (empty) inode.cut(0);
      return new FaultFile(this, inode, (name) => this.#names.get(name) === inode);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step(() => {
      const inode = this.#names.get(from);
      if (inode === undefined) throw systemError("ENOENT");
      this.#names.delete(from);
      this.#names.set(to, inode);
    });
  }

  remove(path: string): Promise<boolean> {
    return this.#does(() => this.#names.delete(path));
  }

  syncFolder(_path: string): Promise<void> {
    return this.#step(() => void (this.#syncedNames = new Map(this.#names)));
  }

  write(inode: Inode, at: number, bytes: Uint8Array): Promise<number> {
    const count = this.writesShort && bytes.length > 1 ? 1 + this.#random.below(bytes.length - 1) : bytes.length;
    return this.#step(() => {
      inode.put(at, bytes.subarray(0, count));
      return count;
    }, () => inode.put(at, bytes.subarray(0, this.#random.below(count + 1))));
  }

  sync(inode: Inode): Promise<void> {
    const fails = this.nextSyncFails;
    this.nextSyncFails = false;
    const forget = (): void => inode.forget(this.#torn(inode));
    return this.#step(() => {
      if (!fails) return inode.sync();
      forget();
      throw systemError("EIO");
    }, forget);
  }

  truncate(inode: Inode, bytes: number): Promise<void> {
    return this.#step(() => inode.cut(bytes));
  }

  /** Without a fault of its own. */
  #does<T>(action: () => T): Promise<T> {
    return Promise.resolve().then(() => {
      if (this.isDown) throw new Error("the power is off");
      return action();
    });
  }

  #step<T>(action: () => T, partly: () => void = () => {}): Promise<T> {
    return this.#does(() => {
      const { fault } = this;
      const number = ++this.operations;
      if (fault === null || number < fault.at || number >= fault.at + (fault.times ?? 1)) return action();
      partly();
      if (fault.kind !== "crash") throw systemError(fault.kind);
      this.isDown = true;
      throw new Error("the power is off");
    });
  }

  /** What may be on the disk of what was written since the last sync: each sector old or new. */
  #torn({ now, synced }: Inode): Uint8Array<ArrayBuffer> {
    const length = this.#random.below(2) === 0 ? now.length : Math.min(now.length, synced.length + this.#random.below(now.length + 1));
    const found = new Uint8Array(length);
    const keep = this.#random.next();
    for (let at = 0; at < length; at += SECTOR_BYTES) {
      const from = this.#random.next() < keep ? now : synced;
      found.set(from.subarray(at, Math.min(length, at + SECTOR_BYTES)), at);
    }
    return found;
  }
}

class FaultFile implements PersistenceFile {
  #isOpen = true;

  constructor(private readonly disk: FaultDisk, private readonly inode: Inode, private readonly names: (path: string) => boolean) {}

  size(): Promise<number> {
    return Promise.resolve(this.inode.now.length);
  }

  read(at: number, into: Uint8Array): Promise<number> {
    const part = this.inode.now.subarray(at, Math.min(this.inode.now.length, at + into.length));
    into.set(part);
    return Promise.resolve(part.length);
  }

  write(at: number, bytes: Uint8Array): Promise<number> {
    const write = (): Promise<number> => this.disk.write(this.inode, at, bytes);
    return this.disk.mayWrite?.().then(write) ?? write();
  }

  truncate(bytes: number): Promise<void> {
    return this.disk.truncate(this.inode, bytes);
  }

  sync(): Promise<void> {
    return this.disk.sync(this.inode);
  }

  tryLock(): Promise<boolean> {
    this.inode.owner ??= this;
    return Promise.resolve(this.inode.owner === this);
  }

  isAt(path: string): Promise<boolean> {
    return Promise.resolve(this.names(path));
  }

  close(): void {
    if (!this.#isOpen) throw new Error("closed twice");
    this.#isOpen = false;
    if (this.inode.owner === this) this.inode.owner = null;
  }
}
