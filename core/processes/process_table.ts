/**
 * Looks at the system's processes, through /proc. The runtime reads that folder only with all permissions, the permission to run programs is enough for
 * a shell that reads it: one short look for all agents together.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

/** One process. Times in ticks of the system, a hundredth of a second each. */
export interface ProcessEntry {
  /** Its number. */
  readonly pid: number;
  /** Its parent's. */
  readonly parent: number;
  /** Its group's: the number of the first process in it. */
  readonly group: number;
  /** Its session's. */
  readonly session: number;
  /** Has ended, and waits for its parent to look. */
  readonly ended: boolean;
  /** Since the system started. */
  readonly startTicks: number;
  /** Processor time of it and of its ended children. */
  readonly cpuTicks: number;
  /** Bytes read and written, pipes and sockets included; 0 where that may not be seen. */
  readonly movedBytes: number;
  /** What `MARKER` holds in its environment; empty for others. */
  readonly marker: string;
}

/** All processes at one moment. */
export interface ProcessTable {
  /** By number. */
  readonly processes: ReadonlyMap<number, ProcessEntry>;
  /** Seconds since the system started. */
  readonly uptimeSeconds: number;
}

/** The variable that every process of an attempt carries: those that leave their group, too. */
export const MARKER = "SWARM_ATTEMPT";
/** Ticks a second, as /proc counts them on every Linux. */
export const TICKS_PER_SECOND = 100;

const SCRIPT = `cat /proc/uptime /proc/[0-9]*/stat
echo
grep -sH '^[rw]char' /proc/[0-9]*/io
echo
grep -sazoH '${MARKER}=.*' /proc/[0-9]*/environ | tr '\\0' '\\n'`;

/** Looks once; `null` where there is no /proc. */
export async function lookAtProcesses(): Promise<ProcessTable | null> {
  if (Deno.build.os !== "linux") return null;
  const command = new Deno.Command("sh", { args: ["-c", SCRIPT], stdin: "null", stdout: "piped", stderr: "null" });
  return parseTable(new TextDecoder().decode((await command.output()).stdout));
}

/** What the shell printed. */
export function parseTable(text: string): ProcessTable {
  const [stats, io, markers] = text.split("\n\n");
  const [uptime, ...lines] = stats.split("\n");
  const moved = new Map<number, number>();
  for (const [, pid, bytes] of (io ?? "").matchAll(/^\/proc\/(\d+)\/io:[rw]char: (\d+)$/gm)) {
    moved.set(Number(pid), (moved.get(Number(pid)) ?? 0) + Number(bytes));
  }
  const marked = new Map<number, string>();
  for (const [, pid, marker] of (markers ?? "").matchAll(new RegExp(`^/proc/(\\d+)/environ:${MARKER}=(.*)$`, "gm"))) {
    marked.set(Number(pid), marker);
  }
  const processes = new Map<number, ProcessEntry>();
  for (const line of lines) {
    const entry = parseStat(line, moved, marked);
    if (entry !== null) processes.set(entry.pid, entry);
  }
  return { processes, uptimeSeconds: parseFloat(uptime) };
}

/** Fields of a line of /proc/PID/stat behind the name, which may hold anything. */
const STATE = 0, PARENT = 1, GROUP = 2, SESSION = 3, CPU_FIRST = 11, CPU_LAST = 14, START = 19;

function parseStat(line: string, moved: ReadonlyMap<number, number>, marked: ReadonlyMap<number, string>): ProcessEntry | null {
  const name = line.lastIndexOf(")");
  if (name < 0) return null;
  const pid = parseInt(line);
  const fields = line.slice(name + 2).split(" ");
  let cpuTicks = 0;
  for (let i = CPU_FIRST; i <= CPU_LAST; i++) cpuTicks += Number(fields[i]);
  return {
    ...{ pid, parent: Number(fields[PARENT]), group: Number(fields[GROUP]), session: Number(fields[SESSION]) },
    ...{ ended: fields[STATE] === "Z" || fields[STATE] === "X", startTicks: Number(fields[START]), cpuTicks },
    ...{ movedBytes: moved.get(pid) ?? 0, marker: marked.get(pid) ?? "" },
  };
}

/** Everything that belongs to the agent whose first process is `leader`: its descendants, its group, its session, and what carries its marker. */
export function treeOf({ processes }: ProcessTable, leader: number, marker: string): ProcessEntry[] {
  const children = new Map<number, ProcessEntry[]>();
  for (const entry of processes.values()) children.set(entry.parent, [...children.get(entry.parent) ?? [], entry]);
  const own = [...processes.values()].filter((entry) =>
    entry.pid === leader || entry.group === leader || entry.session === leader || (marker !== "" && carries(entry.marker, marker))
  );
  const tree = new Set(own);
  for (const entry of tree) for (const child of children.get(entry.pid) ?? []) tree.add(child); // a set goes on to what is added meanwhile
  return [...tree];
}

/** Whether a marker is the one, or was inherited from it: a coordinator within an agent adds its own behind a space. */
export function carries(marker: string, sought: string): boolean {
  return marker === sought || marker.startsWith(`${sought} `);
}

/** When a process started, in ms since 1970. */
export function startedAtMs({ uptimeSeconds }: ProcessTable, { startTicks }: ProcessEntry, nowMs: number): number {
  return nowMs - (uptimeSeconds - startTicks / TICKS_PER_SECOND) * 1_000;
}

/** One look for all who ask at about the same time. */
export class SharedLooks {
  #looking: Promise<ProcessTable | null> | null = null;
  #last: { at: number; table: ProcessTable | null } | null = null;

  /** `look` looks at everything. */
  constructor(private readonly clock: Clock, private readonly look: () => Promise<ProcessTable | null>) {}

  /** A table that is at most `ageMs` old. */
  readonly recent = async (ageMs = 100): Promise<ProcessTable | null> => {
    if (this.#last !== null && this.clock.now() - this.#last.at <= ageMs) return this.#last.table;
    return await (this.#looking ??= this.fresh().finally(() => this.#looking = null));
  };

  /** A table of now. */
  readonly fresh = async (): Promise<ProcessTable | null> => {
    const at = this.clock.now();
    const table = await this.look();
    this.#last = { at, table };
    return table;
  };
}
