/**
 * The folder through which requests come and results go. Every step is one rename or one link, so that of several coordinators exactly one gets a
 * request, and a crash between two steps leaves nothing in two places that recovery could not tell apart.
 *
 * ```
 * requests/NAME.json ──rename──> processing/COORDINATOR.N.NAME.json.claim      (private: nobody else takes it)
 *                                  │ read, checked ──── refused ──rename──> rejected/NAME.json (+ NAME.json.reason.json)
 *                                  └─link──> processing/ID.json ──(agent runs)──> results/ID.json, then both are removed
 * ```
 *
 * The steps before an agent starts are synchronous: each takes some 10 µs, a hop to the runtime's other threads ten times that on a busy machine.
 *
 * @module
 */
import { ConfigError } from "../base/errors.ts";
import { REQUEST_BYTES_MAX, REQUEST_FILE_NAME_CHARS_MAX, REQUESTS_PER_LOOK_MAX } from "../base/limits.ts";
import { RequestRejectedError } from "./agent_request.ts";
import { SharedSync, syncFolder, writeSynced } from "./disk_sync.ts";

const FOLDERS = ["requests", "processing", "results", "logs", "context", "rejected", "coordinators", "lineage", "work"] as const;

/** One of the folders within. */
export type FolderName = typeof FOLDERS[number];

const CLAIM = /^([A-Za-z0-9-]+)\.(\d+)\.(.+)\.claim$/s;

/** A request file that nobody else can take any more. */
export interface Claim {
  /** As it was called in `requests/`. */
  readonly fileName: string;
  /** Where it is now. */
  readonly path: string;
}

/** The folder of one swarm. */
export class RequestFolder {
  #claims = 0;
  readonly #results = new SharedSync(() => this.sync("results"));

  private constructor(
    /** Absolute, without links. */
    readonly root: string,
  ) {}

  /** Makes what is missing. Throws `ConfigError` when it cannot, or when a folder within leads outside. */
  static async open(path: string): Promise<RequestFolder> {
    try {
      await Deno.mkdir(path, { recursive: true });
      const folder = new RequestFolder(await Deno.realPath(path));
      for (const name of FOLDERS) {
        await Deno.mkdir(folder.path(name), { recursive: true });
        const real = await Deno.realPath(folder.path(name));
        if (real !== folder.path(name)) {
          throw new ConfigError("folder", `${name}/ leads to ${real}, outside of ${folder.root}; remove that link.`);
        }
      }
      await syncFolder(folder.root);
      folder.#probe();
      return folder;
    } catch (cause) {
      if (cause instanceof ConfigError) throw cause;
      throw new ConfigError("folder", `${path} cannot be used: ${(cause as Error).message}.`, {}, { cause });
    }
  }

  /** Everything here is done by links: a file system without them (or a folder that may not be written) is found out before a request is claimed. */
  #probe(): void {
    const one = Deno.makeTempFileSync({ dir: this.path("lineage"), prefix: "~probe" });
    const other = `${one}~`;
    try {
      linked(one, other);
    } finally {
      removeIfThere(one);
      removeIfThere(other);
    }
  }

  /** A path within. `file` must be a checked id with an ending, or a name that was listed here. */
  path(folder: FolderName, file?: string): string {
    return file === undefined ? `${this.root}/${folder}` : `${this.root}/${folder}/${file}`;
  }

  /** Resolves when the names in one of the folders stand on the disk as they are now. */
  sync(folder: FolderName): Promise<void> {
    return syncFolder(this.path(folder));
  }

  /** Names of the request files that wait, oldest first. */
  async waiting(): Promise<string[]> {
    const found: { name: string; at: number }[] = [];
    for await (const { name } of Deno.readDir(this.path("requests"))) {
      if (!name.endsWith(".json") || name.startsWith(".")) continue;
      const info = statIfThere(this.path("requests", name));
      if (info !== null) found.push({ name, at: info.mtime?.getTime() ?? 0 });
      if (found.length >= REQUESTS_PER_LOOK_MAX) break;
    }
    return found.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  }

  /** Takes a request file, or `null` when somebody else was faster. Throws `RequestRejectedError` for a name that is too long; it is rejected then. */
  claim(fileName: string, coordinator: string): Claim | null {
    const from = this.path("requests", fileName);
    if (fileName.length > REQUEST_FILE_NAME_CHARS_MAX) {
      const error = new RequestRejectedError("file", `its name is longer than ${REQUEST_FILE_NAME_CHARS_MAX} characters.`);
      this.#reject(from, `${fileName.slice(0, REQUEST_FILE_NAME_CHARS_MAX)}.json`, error);
      throw error;
    }
    const claim: Claim = { fileName, path: this.path("processing", `${coordinator}.${this.#claims++}.${fileName}.claim`) };
    return moved(from, claim.path) ? claim : null;
  }

  /** What is in a claimed file, and the time of its last change. Throws `RequestRejectedError`. */
  read({ path }: Claim): { bytes: Uint8Array<ArrayBuffer>; changedMs: number } {
    const info = Deno.lstatSync(path);
    if (!info.isFile) throw new RequestRejectedError("file", "it is no ordinary file.");
    if (info.size > REQUEST_BYTES_MAX) {
      throw new RequestRejectedError(
        "file",
        `it has ${info.size} bytes; a request may have ${REQUEST_BYTES_MAX}. Put long context into a file of its own.`,
      );
    }
    try {
      return { bytes: Deno.readFileSync(path), changedMs: info.mtime?.getTime() ?? 0 };
    } catch (cause) {
      throw new RequestRejectedError("file", `it cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  /** Puts a claimed request under its id. Throws `RequestRejectedError` when the id is taken. */
  begin({ path }: Claim, requestId: string): void {
    if (this.hasResult(requestId)) {
      throw new RequestRejectedError("requestId", `there is a result of ${requestId} already; use an id that was never used.`);
    }
    if (!linked(path, this.path("processing", `${requestId}.json`))) {
      throw new RequestRejectedError("requestId", `a request ${requestId} is at work already; use an id of its own.`);
    }
  }

  /** The claim is no longer needed: the request stands under its id, or was moved. */
  forget({ path }: Claim): void {
    removeIfThere(path);
  }

  /** Moves a claimed file to `rejected/`, with the reason beside it. */
  reject(claim: Claim, error: RequestRejectedError): void {
    this.#reject(claim.path, claim.fileName, error);
  }

  /** Puts a claimed file, or one that was at work, back among those that wait, under its name or one beside it. */
  putBack(path: string, fileName: string): void {
    const stem = fileName.replace(/\.json$/, "");
    for (let n = 0; !linked(path, this.path("requests", n === 0 ? fileName : `${stem}.${n}.json`)); n++);
    removeIfThere(path);
  }

  /** Writes the one result of a request, all of it before it can be seen, and resolves when it is on the disk; false when there is one. */
  async writeResult(requestId: string, coordinator: string, result: unknown): Promise<boolean> {
    const draft = this.path("coordinators", `${coordinator}.${requestId}.draft`);
    try {
      await writeSynced(draft, `${JSON.stringify(result, null, 2)}\n`);
      if (!linked(draft, this.path("results", `${requestId}.json`))) return false;
      await this.#results.done();
      return true;
    } finally {
      removeIfThere(draft);
    }
  }

  /** Moves a result out of the way that stands there although the request is still at work: nobody but its coordinator may write one. */
  refuseResult(requestId: string): void {
    const error = new RequestRejectedError("results", `somebody else wrote the result of ${requestId} while it was at work.`);
    this.#reject(this.path("results", `${requestId}.json`), `${requestId}.result.json`, error);
  }

  /** The request is done: its result stands. */
  finish(requestId: string): void {
    removeIfThere(this.path("processing", `${requestId}.json`));
  }

  /** Claims that stand in `processing/`, with whose they are. */
  async claims(): Promise<(Claim & { readonly coordinator: string })[]> {
    const names = await namesIn(this.path("processing"));
    return names.flatMap((name) => {
      const [, coordinator, , fileName] = CLAIM.exec(name) ?? [];
      return fileName === undefined ? [] : [{ coordinator, fileName, path: this.path("processing", name) }];
    });
  }

  /** Names of the coordinators that have a journal, living and dead. */
  async coordinators(): Promise<string[]> {
    const names = await namesIn(this.path("coordinators"));
    return names.filter((name) => name.endsWith(".jsonl")).map((name) => name.slice(0, -".jsonl".length));
  }

  /** Results that were being written, with whose they are. */
  async drafts(): Promise<{ readonly coordinator: string; readonly path: string }[]> {
    const names = (await namesIn(this.path("coordinators"))).filter((name) => name.endsWith(".draft"));
    return names.map((name) => ({ coordinator: name.slice(0, name.indexOf(".")), path: this.path("coordinators", name) }));
  }

  /** Ids of the requests that stand in `processing/`. */
  async atWork(): Promise<string[]> {
    return (await namesIn(this.path("processing"))).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length));
  }

  /** Whether a request has its result. */
  hasResult(requestId: string): boolean {
    return statIfThere(this.path("results", `${requestId}.json`)) !== null;
  }

  #reject(from: string, fileName: string, { field, message }: RequestRejectedError): void {
    let name = fileName;
    for (let n = 1; statIfThere(this.path("rejected", name)) !== null; n++) name = `${fileName.replace(/\.json$/, "")}.${n}.json`;
    const reason = { file: fileName, field, reason: message };
    Deno.writeTextFileSync(this.path("rejected", `${name}.reason.json`), `${JSON.stringify(reason, null, 2)}\n`);
    moved(from, this.path("rejected", name));
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names;
}

/** Of the thing itself, not of what it links to. */
function statIfThere(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function moved(from: string, to: string): boolean {
  try {
    Deno.renameSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A second name for a file; false when the name is taken. Unlike a rename, never replaces. */
function linked(from: string, to: string): boolean {
  try {
    Deno.linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
