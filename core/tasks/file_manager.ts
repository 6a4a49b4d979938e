/**
 * Files below one folder: so many operations at a time, whole writes or none, and no path that leads out of the folder.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { FILES_OPEN_MAX, FILES_WAITING_MAX } from "../base/limits.ts";

/** Bounds of a file manager. */
export interface FileManagerOptions {
  /** Operations at a time. Default 16. */
  readonly concurrency?: number;
  /** Operations that may wait besides. Default 10,000. */
  readonly waitingMax?: number;
}

/** What stands in a folder. */
export interface FileEntry {
  /** Path from the manager's folder, with `/`. */
  readonly path: string;
  /** Whether it is a folder. */
  readonly isFolder: boolean;
}

/** Reads and writes files below one folder. Links inside of it are not followed out of it. */
export class AsyncFileManager {
  readonly #root: string;
  readonly #concurrency: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #writes = 0;
  #realRoot: string | undefined;

  /** `folder` must exist before the first operation. */
  constructor(folder: string | URL, { concurrency = FILES_OPEN_MAX, waitingMax = FILES_WAITING_MAX }: FileManagerOptions = {}) {
    const path = typeof folder === "string" ? folder : decodeURIComponent(folder.pathname);
    if (path === "") throw new InvalidArgumentError("folder", folder, "give the path of a folder.");
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new InvalidArgumentError("concurrency", concurrency, "use a whole number of at least 1.");
    }
    this.#root = path.length > 1 ? path.replace(/\/+$/, "") : path;
    this.#concurrency = concurrency;
    this.#waitingMax = waitingMax;
  }

  /** Operations that run and that wait. */
  get statistics(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#waiting.length };
  }

  /** A file as text; undefined when there is none. */
  async readText(path: string, options?: { signal?: AbortSignal }): Promise<string | undefined> {
    const bytes = await this.read(path, options);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  /** A file; undefined when there is none. */
  read(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<Uint8Array | undefined> {
    return this.#inTurn(async () => {
      const file = await this.#confined(path);
      if (file === undefined) return undefined;
      try {
        return await Deno.readFile(file, { signal });
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    }, signal);
  }

  /** Writes a whole file: whoever reads it sees the old one or the new one. Folders on its way are made. */
  write(path: string, data: string | Uint8Array, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return this.#inTurn(async () => {
      const file = await this.#confined(path, true);
      const beside = `${file}.${Deno.pid}.${++this.#writes}.part`;
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      try {
        const part = await Deno.open(beside, { write: true, createNew: true });
        try {
          for (let at = 0; at < bytes.length;) {
            signal?.throwIfAborted();
            at += await part.write(bytes.subarray(at));
          }
          await part.sync(); // a rename that outlives its data in a crash would leave an empty file
        } finally {
          part.close();
        }
        await Deno.rename(beside, file!);
      } catch (error) {
        await Deno.remove(beside).catch((reason) => {
          if (!(reason instanceof Deno.errors.NotFound)) throw reason;
        });
        throw error;
      }
    }, signal);
  }

  /** Removes a file; false when there was none. */
  remove(path: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const file = await this.#confined(path);
      if (file === undefined) return false;
      try {
        await Deno.remove(file);
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      }
    });
  }

  /** What stands in a folder, by name. */
  list(path = "."): Promise<FileEntry[]> {
    return this.#inTurn(async () => {
      const folder = await this.#confined(path);
      if (folder === undefined) return [];
      const entries: FileEntry[] = [];
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        entries.push({ path: path === "." ? name : `${path}/${name}`, isFolder: isDirectory });
      }
      return entries.sort((a, b) => a.path < b.path ? -1 : 1);
    });
  }

  /** Runs when fewer than `concurrency` others do. */
  async #inTurn<Value>(work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    signal?.throwIfAborted();
    if (this.#running >= this.#concurrency) {
      if (this.#waiting.length >= this.#waitingMax) {
        throw new KernelError("FILES_WAITING", `${this.#waitingMax} file operations wait already. Await some of them first.`, {
          waitingMax: this.#waitingMax,
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve)); // whoever ends hands its place on
    } else this.#running++;
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** The real path, by links and all, or an error if it is outside. Undefined when it, or a folder on its way, does not exist. */
  async #confined(path: string, makes = false): Promise<string | undefined> {
    const parts = checkedParts(path);
    const root = this.#realRoot ??= await Deno.realPath(this.#root);
    let at = root;
    for (const [index, part] of parts.entries()) {
      const next = at === "/" ? `/${part}` : `${at}/${part}`;
      const isLast = index === parts.length - 1;
      const real = await realPath(next);
      if (real === undefined) {
        if (!makes) return undefined;
        if (await isDangling(next)) throw new PathOutsideError(path, "it leads through a link to nowhere");
        if (isLast) return next;
        await Deno.mkdir(next, { recursive: true });
        at = next;
      } else {
        if (real !== root && !real.startsWith(root === "/" ? "/" : `${root}/`)) throw new PathOutsideError(path, "it leads through a link");
        at = real;
      }
    }
    return at;
  }
}

/** A path leads out of the folder that a file manager is for. */
export class PathOutsideError extends KernelError {
  /** The path as it was given. */
  constructor(readonly path: string, why: string) {
    super("PATH_OUTSIDE", `${JSON.stringify(path)} is outside the folder: ${why}. Give a path from the folder, without "..".`, { path });
  }
}

function checkedParts(path: string): string[] {
  if (typeof path !== "string" || path === "") throw new InvalidArgumentError("path", path, "give a path from the manager's folder.");
  if (path.includes("\0")) throw new PathOutsideError(path, "it holds a zero byte");
  if (/^[/\\]|^[A-Za-z]:/.test(path)) throw new PathOutsideError(path, "it is absolute");
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new PathOutsideError(path, 'it holds ".."');
  return parts;
}

async function realPath(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function isDangling(path: string): Promise<boolean> {
  try {
    return (await Deno.lstat(path)).isSymlink;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
