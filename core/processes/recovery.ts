/**
 * Takes up what dead coordinators have left: their agents' processes are ended, requests that no agent was started for wait again, and of those whose
 * agent may have run, the result says that nobody knows how far it came. Each step may be done twice, so a crash in the middle costs nothing.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { pause } from "../base/pause.ts";
import type { AgentResult } from "./agent_result.ts";
import { signalProcess } from "../base/child_group.ts";
import { hasName, type OpenRequest, openRequests, whenNone } from "./journal.ts";
import type { ProcessTable } from "./process_table.ts";
import type { RequestFolder } from "./request_folder.ts";
import { type AgentRequest, parseRequest, RequestRejectedError } from "./agent_request.ts";
import { CLEAN_LOOKS, LOOKS_MAX, processesOf } from "./stray_processes.ts";

/** What was found. */
export interface Recovered {
  /** Requests that wait again. */
  readonly putBack: readonly string[];
  /** Requests whose result says that their fate is unknown. */
  readonly unknown: readonly AgentResult[];
  /** Processes that were ended. */
  readonly reaped: number;
}

const NOTHING: Recovered = { putBack: [], unknown: [], reaped: 0 };

/** Between looks that find nothing. A busy machine can stop a process in the moment when it shows no marker, so that two looks in a row miss it. */
const CLEAN_LOOK_PAUSE_MS = 100;

/** What recovery works with. */
export interface RecoveryParts {
  /** The folder. */
  readonly folder: RequestFolder;
  /** Name of the coordinator that recovers. */
  readonly coordinator: string;
  /** Time. */
  readonly clock: Clock;
  /** Looks at all processes. */
  readonly look: () => Promise<ProcessTable | null>;
}

/** Recovers, unless another coordinator is just doing it. */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  const lock = await Deno.open(parts.folder.path("coordinators", "recovery.lock"), { create: true, write: true });
  try {
    if (!await lock.tryLock(true)) return NOTHING;
    return await new Recovery(parts).run();
  } finally {
    lock.close();
  }
}

/** A dead coordinator's journal, locked so that nobody else takes it up. */
interface DeadJournal {
  readonly file: Deno.FsFile;
  readonly path: string;
  readonly open: readonly OpenRequest[];
}

class Recovery {
  readonly #parts: RecoveryParts;
  readonly #living = new Set<string>();
  readonly #atLiving = new Set<string>();
  readonly #putBack: string[] = [];
  readonly #unknown: AgentResult[] = [];
  #reaped = 0;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  async run(): Promise<Recovered> {
    const { folder } = this.#parts;
    // Before the journals are read: what stands here now was noted before.
    const [atWork, claims, drafts] = [await folder.atWork(), await folder.claims(), await folder.drafts()];
    const dead = await this.#readJournals();
    try {
      const noted = dead.flatMap((journal) => journal.open);
      await this.#reap(noted);
      // First the claims: one that stands under its id, too, was never begun.
      for (const claim of claims) if (!this.#living.has(claim.coordinator)) await this.#restore(claim.path, claim.fileName);
      const open = noted.filter(({ ended }) => !ended);
      for (const request of open) await this.#settle(request);
      const settled = new Set(open.map(({ requestId }) => requestId));
      for (const requestId of atWork) {
        if (!settled.has(requestId) && !this.#atLiving.has(requestId)) await this.#settle({ requestId, fileName: `${requestId}.json` });
      }
      for (const { coordinator, path } of drafts) if (!this.#living.has(coordinator)) await Deno.remove(path).catch(whenNone);
      for (const { path } of dead) await Deno.remove(path);
    } finally {
      for (const { file } of dead) file.close();
    }
    return { putBack: this.#putBack, unknown: this.#unknown, reaped: this.#reaped };
  }

  /** Sorts the coordinators into living and dead ones: a journal that can be locked has no writer. */
  async #readJournals(): Promise<DeadJournal[]> {
    const { folder } = this.#parts;
    const dead: DeadJournal[] = [];
    // Twice: a name that is given to another file during a look may be skipped by it.
    for (const coordinator of new Set([...await folder.coordinators(), ...await folder.coordinators()])) {
      const path = folder.path("coordinators", `${coordinator}.jsonl`);
      const file = await openIfThere(path);
      if (file === null) continue; // its coordinator has just ended, and left nothing
      // A file that has lost its name is no longer locked, and says nothing of its coordinator: it has just ended, or goes on in another file.
      const isDead = await file.tryLock(true) && await hasName(file, path);
      const open = openRequests(await Deno.readTextFile(path).catch(whenGone));
      if (isDead) dead.push({ file, path, open });
      else {
        file.close();
        this.#living.add(coordinator);
        for (const { requestId, ended } of open) if (!ended) this.#atLiving.add(requestId);
      }
    }
    return dead;
  }

  /** Ends what still runs, until nothing is found. */
  async #reap(attempts: readonly OpenRequest[]): Promise<void> {
    const { clock, look } = this.#parts;
    const reaped = new Set<number>();
    for (let looks = 0, clean = 0; attempts.length > 0 && looks < LOOKS_MAX && clean < CLEAN_LOOKS; looks++) {
      const table = await look();
      if (table === null) return;
      const strays = attempts.flatMap((attempt) => processesOf(table, attempt, clock.now()).map(({ pid }) => pid));
      for (const pid of strays) {
        signalProcess(pid, "SIGKILL");
        reaped.add(pid);
      }
      clean = strays.length === 0 ? clean + 1 : 0;
      this.#reaped = reaped.size;
      if (clean > 0 && clean < CLEAN_LOOKS) await pause(clock, CLEAN_LOOK_PAUSE_MS);
    }
  }

  /** A claim that was not begun waits again, once. */
  async #restore(path: string, fileName: string): Promise<void> {
    const { folder } = this.#parts;
    const claimed = await Deno.lstat(path).catch(whenNone);
    if (claimed === null) return;
    for (const requestId of await folder.atWork()) {
      const twin = await Deno.lstat(folder.path("processing", `${requestId}.json`)).catch(whenNone);
      if (twin !== null && twin.ino === claimed.ino && twin.dev === claimed.dev) folder.finish(requestId);
    }
    folder.putBack(path, fileName);
    this.#putBack.push(fileName);
  }

  async #settle(request: OpenRequest): Promise<void> {
    const { folder } = this.#parts;
    const { requestId, fileName, attempted } = request;
    const path = folder.path("processing", `${requestId}.json`);
    if (folder.hasResult(requestId)) return folder.finish(requestId);
    if (await Deno.lstat(path).catch(whenNone) === null) return; // it was put back already
    if (!attempted) {
      folder.putBack(path, fileName);
      this.#putBack.push(requestId);
      return;
    }
    const result = await this.#unknownResult(request, path);
    if (await folder.writeResult(requestId, this.#parts.coordinator, result)) this.#unknown.push(result);
    folder.finish(requestId);
  }

  async #unknownResult({ requestId, fileName, startedAtMs }: OpenRequest, path: string): Promise<AgentResult> {
    const { clock, coordinator } = this.#parts;
    const { agentRole, parentRequestId } = await asked(path, fileName, requestId);
    return {
      ...{ requestId, requestFile: fileName, agentRole, parentRequestId: parentRequestId ?? null, status: "failed", output: "" },
      ...{ durationMs: startedAtMs === undefined ? 0 : Math.max(0, clock.now() - startedAtMs), exitCode: null, failureReason: "SHUTDOWN" },
      error:
        `the coordinator died while the agent may have run; how far it came is not known. What it printed is in logs/${requestId}.stream.txt.`,
      ...{ fate: "unknown", stats: null, completedAt: new Date(clock.now()).toISOString(), coordinator },
    };
  }
}

/** What was asked. An agent can write over its request: then nobody knows any more, and that must not keep the others from being taken up. */
async function asked(path: string, fileName: string, requestId: string): Promise<Pick<AgentRequest, "agentRole" | "parentRequestId">> {
  try {
    return parseRequest(await Deno.readTextFile(path), fileName, () => requestId);
  } catch (error) {
    if (error instanceof RequestRejectedError) return { agentRole: "unknown" };
    throw error;
  }
}

async function openIfThere(path: string): Promise<Deno.FsFile | null> {
  try {
    return await Deno.open(path, { read: true, write: true });
  } catch (error) {
    return whenNone(error);
  }
}

function whenGone(error: unknown): string {
  return whenNone(error) ?? "";
}
