/**
 * Ends what ended agents have left running: processes that left their group (daemons), and those of a coordinator that was killed.
 *
 * @module
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { signalProcess } from "../base/child_group.ts";
import type { OpenRequest } from "./journal.ts";
import { carries, type ProcessEntry, type ProcessTable, startedAtMs, treeOf } from "./process_table.ts";

/** A process that started within this of the note that says so is the one noted, and no later one with its number. */
const SAME_START_MS = 2_000;

/** The processes of an attempt whose coordinator is gone. What is not surely its own is left alone. */
export function processesOf(table: ProcessTable, { marker = "", pid, startedAtMs: notedMs }: OpenRequest, nowMs: number): ProcessEntry[] {
  const entries = [...table.processes.values()];
  const marked = entries.filter((entry) => marker !== "" && carries(entry.marker, marker));
  const leader = pid === undefined ? undefined : table.processes.get(pid);
  const isLeader = leader !== undefined && notedMs !== undefined && Math.abs(startedAtMs(table, leader, nowMs) - notedMs) <= SAME_START_MS;
  // The number of a group is not given away while somebody is in it: one member that is surely ours makes the group ours.
  const ownGroup = isLeader || marked.some(({ group, session }) => group === pid || session === pid);
  const tree = ownGroup ? treeOf(table, pid!, marker) : marked.flatMap((entry) => treeOf(table, -1, entry.marker));
  return [...new Set(tree)].filter((entry) => !entry.ended);
}

/** Time between the end of an agent and the look at what it has left; ends that come closer together share one look. */
const SWEEP_DELAY_MS = 500;
/**
 * Looks that must find nothing. A process that is just becoming another program (`exec`) shows no environment, so no marker: nine of a hundred looks at
 * one that does nothing else missed it.
 */
export const CLEAN_LOOKS = 2;
/** Looks in a row that may find something: a process that starts others as fast as they are ended would keep us for ever. */
export const LOOKS_MAX = 6;

/** Looks for what the ended agents of one living coordinator have left. */
export class StraySweep {
  /** Markers of ended agents, each with the looks that have found nothing of it, and who waits for that. */
  readonly #ended = new Map<string, { readonly cleanLooks: number; readonly whenClean: () => void }>();
  #cancel: Cancel | null = null;
  #sweeping: Promise<void> | null = null;
  #found = 0;

  /** `look` looks at everything. */
  constructor(private readonly clock: Clock, private readonly look: () => Promise<ProcessTable | null>) {}

  /** Processes that were ended so far. */
  get found(): number {
    return this.#found;
  }

  /** An agent has ended: nothing may carry its marker any more. `whenClean` is called when nothing does; when it throws, again after another look. */
  ended(marker: string, whenClean: () => void = () => undefined): void {
    this.#ended.set(marker, { cleanLooks: 0, whenClean });
    this.#schedule();
  }

  /** Looks now, and until nothing is found. */
  async finish(): Promise<void> {
    await this.#sweeping;
    this.#cancel?.();
    this.#cancel = null;
    for (let looks = 0; looks < LOOKS_MAX && this.#ended.size > 0; looks++) await this.#sweep();
  }

  #schedule(): void {
    this.#cancel ??= this.clock.schedule(SWEEP_DELAY_MS, () => {
      this.#cancel = null;
      // One that fails is made up for after the next end, and at last by `finish`, which tells.
      this.#sweeping = this.#sweepOften().catch(() => undefined).finally(() => this.#sweeping = null);
    });
  }

  /** While something is found; the look that confirms that nothing was comes later, with the looks for those that end meanwhile. */
  async #sweepOften(): Promise<void> {
    let finds = true;
    for (let looks = 0; looks < LOOKS_MAX && finds; looks++) finds = await this.#sweep();
    // What does not end by being killed is looked at again when another agent ends.
    if (!finds && this.#ended.size > 0) this.#schedule();
  }

  /** One look; whether it found something. */
  async #sweep(): Promise<boolean> {
    const markers = [...this.#ended.keys()];
    const table = await this.look();
    const strays = table === null
      ? []
      : [...table.processes.values()].filter((entry) =>
        !entry.ended && entry.marker !== "" && markers.some((marker) => carries(entry.marker, marker))
      );
    for (const stray of strays) signalProcess(stray.pid, "SIGKILL");
    this.#found += strays.length;
    for (const marker of markers) {
      const { cleanLooks, whenClean } = this.#ended.get(marker)!;
      const clean = strays.length > 0 ? 0 : cleanLooks + 1;
      this.#ended.set(marker, { cleanLooks: clean, whenClean });
      if (clean < CLEAN_LOOKS) continue;
      whenClean();
      this.#ended.delete(marker);
    }
    return strays.length > 0;
  }
}
