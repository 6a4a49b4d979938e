/**
 * What a coordinator notes before it does it, so that whoever comes after a crash knows how far each request was. The file is locked while its writer
 * lives: the system lets go of the lock when the process ends, however it ends, and no process number has to be trusted.
 *
 * ```
 * {"at":1766…,"claimed":"ID","file":"NAME.json","marker":"…"}   the request stands in processing/, no agent was started
 * {"at":1766…,"attempt":"ID"}                                   an agent is about to be started: from here on it may have run
 * {"at":1766…,"spawned":"ID","pid":4711}                        it runs
 * {"at":1766…,"ended":"ID"}                                     the result stands
 * ```
 *
 * An attempt is on the disk before its agent is started, so that no loss of power makes an agent run twice. The other lines need not be: without them,
 * what stands in the folder tells the same, or there is nothing left that runs.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { JOURNAL_BYTES_MAX } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import { generateId } from "./agent_request.ts";
import { SharedSync } from "./disk_sync.ts";
import type { RequestFolder } from "./request_folder.ts";

/** What is known of one request of a coordinator that has not ended it. */
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
}

const encoder = new TextEncoder();

/** The journal of one living coordinator. */
export class Journal {
  #bytes = 0;
  #open = 0;
  readonly #attempts: SharedSync;

  private constructor(
    /** Names the coordinator. */
    readonly coordinator: string,
    private readonly path: string,
    private readonly file: Deno.FsFile,
    private readonly clock: Clock,
    folder: RequestFolder,
  ) {
    this.#attempts = new SharedSync(() => Promise.all([file.syncData(), folder.sync("requests"), folder.sync("processing")]));
  }

  /** A journal with a name that no other has. */
  static async open(folder: RequestFolder, clock: Clock, random: Random): Promise<Journal> {
    for (;;) {
      const coordinator = generateId("coordinator", clock.now(), random);
      const path = folder.path("coordinators", `${coordinator}.jsonl`);
      const file = await Deno.open(path, { append: true, createNew: true, read: true });
      try {
        if (!await file.tryLock(true)) {
          file.close(); // one that recovers took it for a dead one's, in the moment between making and locking it
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
    this.#open++;
    this.#note({ at: this.clock.now(), claimed: requestId, file: fileName, marker });
  }

  /** An agent is about to be started. Resolves when that is on the disk, with where the request stands. */
  attempt(requestId: string): Promise<void> {
    this.#note({ at: this.clock.now(), attempt: requestId });
    return this.#attempts.done();
  }

  /** It runs. */
  spawned(requestId: string, pid: number): void {
    this.#note({ at: this.clock.now(), spawned: requestId, pid });
  }

  /** Its result stands, or it was put back. */
  ended(requestId: string): void {
    this.#note({ at: this.clock.now(), ended: requestId });
    if (--this.#open > 0 || this.#bytes < JOURNAL_BYTES_MAX) return;
    this.#bytes = 0;
    this.file.truncateSync(0);
  }

  /** Ends it; the file goes when nothing is left open. */
  async close(): Promise<void> {
    if (this.#open === 0) await Deno.remove(this.path);
    this.file.close();
  }

  #note(note: Note): void {
    const bytes = encoder.encode(`${JSON.stringify(note)}\n`);
    this.#bytes += bytes.length;
    for (let at = 0; at < bytes.length;) at += this.file.writeSync(bytes.subarray(at));
  }
}

/** What the lines of a journal leave open. A last line that a crash cut short was never acted upon. */
export function openRequests(text: string): OpenRequest[] {
  const open = new Map<string, OpenRequest>();
  for (const line of text.split("\n")) {
    const note = parseNote(line);
    if (note === null) continue;
    const { claimed, file, marker } = note;
    if (claimed !== undefined) open.set(claimed, { requestId: claimed, fileName: file ?? `${claimed}.json`, marker });
    if (note.ended !== undefined) open.delete(note.ended);
    const request = open.get(note.attempt ?? note.spawned ?? "");
    if (request === undefined) continue;
    request.attempted = true;
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
