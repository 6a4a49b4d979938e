/**
 * What a coordinator notes before it does it, so that whoever comes after a crash knows how far each request was. The file is locked while its writer
 * lives: the system lets go of the lock when the process ends, however it ends, and no process number has to be trusted.
 *
 * ```
 * {"at":1766…,"claimed":"ID","file":"NAME.json","marker":"…"}   the request stands in processing/, no agent was started
 * {"at":1766…,"attempt":"ID"}                                   an agent is about to be started: from here on it may have run
 * {"at":1766…,"spawned":"ID","pid":4711}                        it runs
 * {"at":1766…,"ended":"ID"}                                     the result stands; what the agent left outside of its group may still run
 * {"at":1766…,"swept":"ID"}                                     nothing of it runs any more
 * ```
 *
 * An attempt is on the disk before its agent is started, so that no loss of power makes an agent run twice. The other lines need not be: without them,
 * what stands in the folder tells the same, or the marker is looked for once more than needed.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { JOURNAL_BYTES_MAX } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import { generateId } from "./agent_request.ts";
import { SharedSync } from "./disk_sync.ts";
import type { FolderName, RequestFolder } from "./request_folder.ts";

/** What is known of one request of a coordinator that has not ended it, or has not looked at what its agent left. */
export interface OpenRequest {
  /** Its id. */
  readonly requestId: string;
  /** As it was called in `requests/`. */
  fileName: string;
  /** Variable that all its processes carry. */
  readonly marker?: string;
  /** Whether an agent may have run. */
  attempted?: boolean;
  /** First process of the attempt, if it came so far. */
  pid?: number;
  /** When it was started, in ms since 1970. */
  startedAtMs?: number;
  /** Whether its result stands: then only its processes are still of interest. */
  ended?: boolean;
}

interface Note {
  readonly at: number;
  readonly claimed?: string;
  readonly file?: string;
  readonly attempt?: string;
  readonly marker?: string;
  readonly spawned?: string;
  readonly pid?: number;
  readonly ended?: string;
  readonly swept?: string;
}

const encoder = new TextEncoder();

/** The journal of one living coordinator. */
export class Journal {
  #bytes = 0;
  /** A journal of what is open now would have had so many bytes when it was last shortened. */
  #bytesAtLeast = 0;
  /** The last line may be incomplete. */
  #torn = false;
  /** The lines of what is open, by request. */
  readonly #open = new Map<string, string>();
  readonly #attempts: SharedSync;
  /** Whether the name stands for another file than when the folder was last synced. */
  #replaced = false;
  /** Files that were replaced, until nobody syncs them any more. */
  #retired: Promise<void> = Promise.resolve();

  private constructor(
    /** Names the coordinator. */
    readonly coordinator: string,
    private readonly path: string,
    private file: Deno.FsFile,
    private readonly clock: Clock,
    private readonly folder: RequestFolder,
  ) {
    this.#attempts = new SharedSync(() => this.#sync());
  }

  /** A journal with a name that no other has. */
  static async open(folder: RequestFolder, clock: Clock, random: Random): Promise<Journal> {
    for (;;) {
      const coordinator = generateId("coordinator", clock.now(), random);
      const path = folder.path("coordinators", `${coordinator}.jsonl`);
      const file = await Deno.open(path, { append: true, createNew: true, read: true });
      try {
        if (!await file.tryLock(true) || !await hasName(file, path)) {
          file.close(); // one that recovers took it for a dead one's, in the moment between making and locking it, or has removed it by now
          continue;
        }
        await folder.sync("coordinators");
        return new Journal(coordinator, path, file, clock, folder);
      } catch (error) {
        file.close();
        throw error;
      }
    }
  }

  /** The request stands in `processing/`. */
  claimed(requestId: string, fileName: string, marker: string): void {
    this.#note(requestId, { claimed: requestId, file: fileName, marker });
  }

  /** An agent is about to be started. Resolves when that is on the disk, with where the request stands. */
  attempt(requestId: string): Promise<void> {
    this.#note(requestId, { attempt: requestId });
    return this.#attempts.done();
  }

  /** It runs. */
  spawned(requestId: string, pid: number): void {
    this.#note(requestId, { spawned: requestId, pid });
  }

  /** Its result stands. */
  ended(requestId: string): void {
    this.#note(requestId, { ended: requestId });
  }

  /** Nothing that carries its marker runs any more. Of a request that has not ended this says nothing: its fate is still to be settled. */
  swept(requestId: string): void {
    this.#note(requestId, { swept: requestId });
  }

  /** Ends it; the file goes when nothing is left open. */
  async close(): Promise<void> {
    await this.#retired;
    if (this.#open.size === 0) await Deno.remove(this.path);
    this.file.close();
  }

  #note(requestId: string, what: Omit<Note, "at">): void {
    const line = `${JSON.stringify({ at: this.clock.now(), ...what })}\n`;
    const bytes = encoder.encode(this.#torn ? `\n${line}` : line);
    this.#bytes += bytes.length;
    this.#torn = true;
    for (let at = 0; at < bytes.length;) at += this.file.writeSync(bytes.subarray(at));
    this.#torn = false;
    const lines = (this.#open.get(requestId) ?? "") + line;
    if (openRequests(lines).length > 0) this.#open.set(requestId, lines);
    else this.#open.delete(requestId);
    if (this.#bytes >= Math.max(JOURNAL_BYTES_MAX, 2 * this.#bytesAtLeast)) this.#shorten();
  }

  /** Puts a file with what is open in the place of the long one. It is locked before it has the name, so nobody can take it for a dead one's. */
  #shorten(): void {
    const draft = this.folder.path("coordinators", `${this.coordinator}.journal.draft`);
    const next = Deno.openSync(draft, { write: true, create: true, truncate: true });
    try {
      next.lockSync(true);
      const bytes = encoder.encode([...this.#open.values()].join(""));
      for (let at = 0; at < bytes.length;) at += next.writeSync(bytes.subarray(at));
      next.syncDataSync();
      Deno.renameSync(draft, this.path);
      this.#bytes = this.#bytesAtLeast = bytes.length;
    } catch (error) {
      next.close();
      throw error;
    }
    const old = this.file;
    this.file = next;
    this.#replaced = true;
    const unused = (): void => old.close();
    this.#retired = Promise.all([this.#retired, this.#attempts.done()]).then(unused, unused);
  }

  /** An attempt is on the disk when its line is, and the folder that names the file, and the request at its place. */
  #sync(): Promise<unknown> {
    const folders: FolderName[] = this.#replaced ? ["requests", "processing", "coordinators"] : ["requests", "processing"];
    this.#replaced = false;
    return Promise.all([this.file.syncData(), ...folders.map((name) => this.folder.sync(name))]);
  }
}

/** Whether a file is the one that stands there under its name. */
export async function hasName(file: Deno.FsFile, path: string): Promise<boolean> {
  const [{ ino, dev }, named] = [await file.stat(), await Deno.lstat(path).catch(whenNone)];
  return named !== null && named.ino === ino && named.dev === dev;
}

/** For `catch`: null when there is no such file. */
export function whenNone(error: unknown): null {
  if (error instanceof Deno.errors.NotFound) return null;
  throw error;
}

/** What the lines of a journal leave open. A last line that a crash cut short was never acted upon. */
export function openRequests(text: string): OpenRequest[] {
  const open = new Map<string, OpenRequest>();
  for (const line of text.split("\n")) {
    const note = parseNote(line);
    if (note === null) continue;
    const { claimed, file, marker } = note;
    if (claimed !== undefined) open.set(claimed, { requestId: claimed, fileName: file ?? `${claimed}.json`, marker });
    const request = open.get(note.attempt ?? note.spawned ?? note.ended ?? note.swept ?? "");
    if (request === undefined) continue;
    if (note.ended !== undefined) request.ended = true;
    else if (note.swept === undefined) request.attempted = true;
    else if (request.ended) open.delete(note.swept);
    if (note.pid !== undefined) Object.assign(request, { pid: note.pid, startedAtMs: note.at });
  }
  return [...open.values()];
}

function parseNote(line: string): Note | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" ? value as Note | null : null;
  } catch {
    return null; // the line that the crash cut short
  }
}
