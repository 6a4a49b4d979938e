/**
 * The little that persistence asks of a disk, so that tests can put one in its place that fails, lies and loses power.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";

/** One open file. */
export interface PersistenceFile {
  /** Its length. */
  size(): Promise<number>;
  /** Reads from `at`; how many bytes, 0 at the end. May be fewer than asked for. */
  read(at: number, into: Uint8Array<ArrayBufferLike>): Promise<number>;
  /** Writes from `at`; how many bytes. May be fewer than asked for. */
  write(at: number, bytes: Uint8Array<ArrayBufferLike>): Promise<number>;
  /** Cuts it off. */
  truncate(bytes: number): Promise<void>;
  /** Resolves when all that was written survives a loss of power: fdatasync. */
  sync(): Promise<void>;
  /** Keeps every other process out for as long as this one has the file open; false when another one is in. */
  tryLock(): Promise<boolean>;
  /** Whether the path still names this file. */
  isAt(path: string): Promise<boolean>;
  /** Gives it back, with its lock. */
  close(): void;
}

/** A disk. */
export interface PersistenceDisk {
  /** Throws `ConfigError` that names the flags which this program needs to use a file and others beside it, and does not have. */
  requirePermissions(path: string, files: readonly string[]): void;
  /** Opens a file to read and write it, and makes it if there is none, for its owner only. `empty` empties it. */
  open(path: string, empty: boolean): Promise<PersistenceFile>;
  /** Puts one file in the place of another, at once for whoever looks. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; whether there was one. */
  remove(path: string): Promise<boolean>;
  /** Resolves when new names in the folder of `path` survive a loss of power. */
  syncFolder(path: string): Promise<void>;
}

/** Owner only: the file holds whatever the program stores. */
const FILE_MODE = 0o600;

/** The system's disk. */
export const systemDisk: PersistenceDisk = {
  requirePermissions(path, files) {
    const missing = (name: "read" | "write", paths: readonly string[]): string[] => {
      const refused = paths.filter((one) => Deno.permissions.querySync({ name, path: one }).state !== "granted");
      return refused.length === 0 ? [] : [`--allow-${name}=${refused.join(",")}`];
    };
    // The folder is read so that new names in it can be made durable.
    const flags = [...missing("read", [folderOf(path)]), ...missing("write", files)];
    if (flags.length > 0) throw new ConfigError("persistence.path", `may not be used; run with ${flags.join(" ")}.`, { flags });
  },
  async open(path, empty) {
    return new SystemFile(await Deno.open(path, { read: true, write: true, create: true, truncate: empty, mode: FILE_MODE }));
  },
  async rename(from, to) {
    await Deno.rename(from, to);
  },
  async remove(path) {
    try {
      await Deno.remove(path);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
  async syncFolder(path) {
    // Windows opens no folders; its file systems keep names in a journal of their own.
    if (Deno.build.os === "windows") return;
    using folder = await Deno.open(folderOf(path), { read: true });
    await folder.sync();
  },
};

function folderOf(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), Deno.build.os === "windows" ? path.lastIndexOf("\\") : -1);
  return end < 0 ? "." : path.slice(0, Math.max(1, end));
}

class SystemFile implements PersistenceFile {
  /** Where the system's own position is, −1 while that is not known: a log is read and written in order, and a call to move it costs as much as a small write. */
  #at = 0;

  constructor(private readonly file: Deno.FsFile) {}

  async size(): Promise<number> {
    return (await this.file.stat()).size;
  }

  async read(at: number, into: Uint8Array<ArrayBufferLike>): Promise<number> {
    await this.#seek(at);
    this.#at = -1;
    const read = await this.file.read(into) ?? 0;
    this.#at = at + read;
    return read;
  }

  async write(at: number, bytes: Uint8Array<ArrayBufferLike>): Promise<number> {
    await this.#seek(at);
    this.#at = -1;
    const wrote = await this.file.write(bytes);
    this.#at = at + wrote;
    return wrote;
  }

  async truncate(bytes: number): Promise<void> {
    await this.file.truncate(bytes);
  }

  async sync(): Promise<void> {
    await this.file.syncData();
  }

  async tryLock(): Promise<boolean> {
    return await this.file.tryLock(true);
  }

  async isAt(path: string): Promise<boolean> {
    const [own, there] = [await this.file.stat(), await Deno.stat(path)];
    return own.ino === there.ino && own.dev === there.dev;
  }

  close(): void {
    this.file.close();
  }

  async #seek(at: number): Promise<void> {
    if (this.#at !== at) await this.file.seek(at, Deno.SeekMode.Start);
  }
}
