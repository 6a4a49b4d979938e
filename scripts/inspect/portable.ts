/**
 * Reads a portable file, or the log beside a mapped one: which flushes count, and what a start would find in them.
 *
 * @module
 */
import type { AgentRecord } from "../../core/agents/agent_registry.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import { portableKernels } from "../../core/memory/kernels.ts";
import { LOG_PART } from "../../core/memory/log_layout.ts";
import { LogReader, type LogRecord, type LogScan } from "../../core/memory/log_reader.ts";
import { unreadable } from "../../core/memory/persistence_errors.ts";
import type { PersistenceFile } from "../../core/memory/persistence_file.ts";
import { STORE_KEY_BITS } from "../../core/memory/store_layout.ts";
import { textOf } from "../../core/memory/store_part.ts";
import type { PortableReport } from "./report.ts";

/** Bits of a lane's key below its queue's number. */
const LEVELS = 8;

/** What the records of a log come to: of each key the last one. */
class Latest {
  readonly names: string[] = [];
  readonly entries = new Map<number, { namespace: number; bytes: number }>();
  readonly queues = new Map<number, { name: string; capacity: number }>();
  readonly heads = new Map<number, number>();
  readonly messages = new Map<number, Set<number>>();
  readonly agents = new Map<number, { id: number; type: string; snapshotBytes: number }>();
  readonly counts: Record<string, number> = {};

  async readAll(reader: LogReader, path: string): Promise<LogScan> {
    if (!await reader.begin()) throw unreadable(path);
    const scan = await reader.scan();
    await reader.replay((record) => this.take(record));
    return scan;
  }

  take(record: LogRecord): void {
    const { part, key, version, extra, bytes, at, window } = record;
    const kind = Object.entries(LOG_PART).find(([, number]) => number === part)?.[0] ?? `unknown ${part}`;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    if (part === LOG_PART.storeNamespace) this.names[key] = textOf(window.bytes.subarray(at, at + bytes));
    else if (part === LOG_PART.storeEntry) {
      set(this.entries, record, () => ({ namespace: window.words[at >>> 2] >>> STORE_KEY_BITS, bytes }));
    } else if (part === LOG_PART.queue) {
      set(this.queues, record, () => ({ name: textOf(window.bytes.subarray(at, at + bytes)), capacity: extra }));
    } else if (part === LOG_PART.queueHead) this.heads.set(key, Math.max(version, this.heads.get(key) ?? 0));
    else if (part === LOG_PART.queueMessage) this.messages.set(key, (this.messages.get(key) ?? new Set()).add(version));
    else if (part === LOG_PART.agent) {
      set(this.agents, record, () => {
        const { type } = plainCodec.decode(window, at, at + bytes) as AgentRecord;
        return { id: version, type, snapshotBytes: 0 };
      });
    } else if (part === LOG_PART.agentSnapshot) {
      const agent = this.agents.get(key);
      if (agent?.id === version) agent.snapshotBytes = bytes;
    }
  }

  waiting(queue: number): number {
    let messages = 0;
    for (let key = queue * LEVELS; key < (queue + 1) * LEVELS; key++) {
      const head = this.heads.get(key) ?? 0;
      for (const place of this.messages.get(key) ?? []) if (place >= head) messages++;
    }
    return messages;
  }
}

function set<T>(map: Map<number, T>, { key, gone }: LogRecord, value: () => T): void {
  if (gone) map.delete(key);
  else map.set(key, value());
}

/** What stands in the file. Throws `PERSISTENCE_…` when it is no file that this program can read. */
export async function inspectPortable(path: string): Promise<PortableReport> {
  using file = Deno.openSync(path);
  const reader = new LogReader(readOnly(file), path, portableKernels.crc32c);
  const latest = new Latest();
  const scan = await latest.readAll(reader, path).finally(() => reader.settled());
  const sums = new Map<number, { entries: number; bytes: number }>();
  for (const { namespace, bytes } of latest.entries.values()) {
    const sum = sums.get(namespace) ?? { entries: 0, bytes: 0 };
    sums.set(namespace, { entries: sum.entries + 1, bytes: sum.bytes + bytes });
  }
  return {
    ...{
      mode: "portable",
      path,
      bytes: scan.bytes,
      state: isLocked(file) ? "in use" : "left or closed",
      headerDamaged: scan.headerDamaged,
    },
    ...{ batches: scan.batches, sequence: scan.sequence, cut: scan.cut, lost: scan.lost, records: latest.counts },
    namespaces: [...sums].sort(([a], [b]) => a - b).map(([id, sum]) => ({
      namespace: latest.names[id] ?? `(name of ${id} is missing)`,
      ...sum,
    })),
    queues: [...latest.queues].map(([number, queue]) => ({ ...queue, messages: latest.waiting(number) })),
    agents: [...latest.agents.values()],
  };
}

/** Whether a manager has the file: it holds the lock that is asked for here, and given back at once. */
export function isLocked(file: Deno.FsFile): boolean {
  if (!file.tryLockSync(false)) return true;
  file.unlockSync();
  return false;
}

function readOnly(file: Deno.FsFile): PersistenceFile {
  const refused = (): never => {
    throw new Error("an inspection writes nothing");
  };
  return {
    size: () => Promise.resolve(file.statSync().size),
    read: (at, into) => {
      file.seekSync(at, Deno.SeekMode.Start);
      return Promise.resolve(file.readSync(into as Uint8Array<ArrayBuffer>) ?? 0);
    },
    ...{ write: refused, truncate: refused, sync: refused, tryLock: refused, isAt: refused, close: refused },
  };
}
