/**
 * State in a mapped file, with a log beside it.
 *
 * The file has every change up to the instruction at which its process was killed, at no cost. But a page reaches the disk when the system likes, so after
 * a loss of power it may hold any mixture of old and new pages, and no `msync` would help: it promises nothing of what is written after it, and a value that
 * was flushed and then overwritten could be lost altogether. So `flush` writes the log. At a start the file counts if the system has run on since it was
 * written, else the log.
 *
 * @module
 */
import type { Clock } from "./base/clock.ts";
import type { PersistencePlan } from "./base/config.ts";
import { type AddedMessages, addWaiting } from "./bus/queue_image.ts";
import { type KeptParts, openState } from "./kept_state.ts";
import type { Layout } from "./memory/layout.ts";
import type { Kernels } from "./memory/kernels.ts";
import { LOG_HEADER_BYTES } from "./memory/log_layout.ts";
import { DelegatedPart, type LogPart } from "./memory/log_part.ts";
import type { MappedArena, PreviousArena } from "./memory/mapped_arena.ts";
import type { Salvage } from "./memory/mapped_recovery.ts";
import type { Persistence, PersistenceStatus, RecoveryReport } from "./memory/persistence.ts";
import { type PersistenceDisk, systemDisk } from "./memory/persistence_file.ts";
import type { SharedMemory } from "./memory/shared_memory.ts";

/** What the log beside a mapped file is called. */
const LOG = ".log";

/** What of the log is older than what is there already: it is written anew, and not taken back. */
class Superseded extends DelegatedPart {
  constructor(part: LogPart, readonly restored: number) {
    super(part);
  }

  override get mustRewrite(): boolean {
    return true;
  }

  override beginRestore(): void {}

  override restore(): boolean {
    return true;
  }

  override endRestore(): number {
    return 0;
  }
}

/** What the old file gave. */
interface FromImage {
  readonly store: Salvage;
  readonly queues: AddedMessages;
}

/** The log's state, seen together with the file. */
class MappedState implements Persistence {
  constructor(
    private readonly log: Persistence,
    private readonly arena: MappedArena,
    private readonly image: FromImage | undefined,
    private readonly facts: { readonly bytes: number; readonly notes: readonly string[]; readonly durationMs: number },
  ) {}

  get recovery(): RecoveryReport {
    const { recovery } = this.log;
    const { image, facts: { bytes, notes, durationMs } } = this;
    const report = { ...recovery, mode: "mapped" as const, path: this.arena.path, durationMs, notes: [...notes, ...recovery.notes] };
    if (image === undefined) return report;
    const { recovered, lost } = recovery;
    return {
      ...report,
      ...{ found: true, bytes, cut: null },
      recovered: {
        ...recovered,
        queues: recovered.queues + image.queues.queues,
        messages: recovered.messages + image.queues.messages,
      },
      lost: {
        ...{ places: lost.places + image.store.damaged, records: lost.records + image.store.damaged, sequences: lost.sequences },
        refused: lost.refused + image.store.refused + image.queues.refused,
      },
    };
  }

  get status(): PersistenceStatus {
    const { status } = this.log;
    return { ...status, mode: "mapped", path: this.arena.path, bytes: status.bytes + this.arena.bytes };
  }

  async start(): Promise<void> {
    await this.log.start();
    // They stand in no log yet: consumed before the next flush and then killed, they would not come again as what was flushed does. Where the log cannot be
    // written, the status and an event have said so.
    if ((this.image?.queues.messages ?? 0) > 0) await this.log.flush().catch(() => undefined);
  }

  flush(): Promise<void> {
    return this.log.flush();
  }

  freeze(): void {
    this.log.freeze();
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

/** What is to be kept, and where it lies. */
export interface MappedPlan {
  readonly plan: PersistencePlan;
  readonly parts: KeptParts;
  readonly arena: MappedArena;
  readonly memory: SharedMemory;
  readonly layout: Layout;
  readonly clock: Clock;
  readonly emit: (name: string, data: unknown) => void;
  readonly kernels: Kernels;
  readonly disk?: PersistenceDisk;
}

/** Takes over what the old file and the log have, and puts the new file in the old one's place. Throws `PERSISTENCE_…`; nothing was changed then. */
export async function openMappedState(given: MappedPlan): Promise<Persistence> {
  const { plan, parts, arena, memory, layout, clock, emit, kernels, disk = systemDisk } = given;
  const startedAt = clock.now();
  const path = arena.path + LOG;
  const { previous } = arena;
  const counts = previous !== undefined && await imageCounts(previous, disk, path);
  const store = counts ? arena.restoreStore() : undefined;
  const kept = store === undefined ? parts : { ...parts, store: new Superseded(parts.store, store.entries) };
  const log = await openState({ ...plan, mode: "portable", path }, kept, clock, emit, { kernels, disk });
  try {
    const image = store === undefined ? undefined : { store, queues: addWaiting(previous!, { memory, layout }) };
    const bytes = previous?.bytes ?? 0;
    const notes = notesOn(previous, store, counts);
    const damaged = arena.commit((store?.damaged ?? 0) > 0);
    if (store !== undefined && store.damaged > 0) notes.push(`the mapped file as it was found is kept as ${damaged}`);
    return new MappedState(log, arena, image, { bytes, notes, durationMs: clock.now() - startedAt });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/**
 * Whether the file counts, and not the log: it was left by a process that was killed, or there is no log. One that was shut down in order has all of it in
 * its log, which can then be appended to.
 */
async function imageCounts({ isWhole, isClosed }: PreviousArena, disk: PersistenceDisk, log: string): Promise<boolean> {
  if (isWhole && !isClosed) return true;
  const file = await disk.open(log, false);
  try {
    return await file.size() <= LOG_HEADER_BYTES;
  } finally {
    file.close();
  }
}

function notesOn(previous: PreviousArena | undefined, store: Salvage | undefined, counts: boolean): string[] {
  if (previous === undefined) return [];
  const notes = [...previous.notes];
  if (!counts && !previous.isClosed) {
    notes.push("the system itself has stopped since the mapped file was written: what counts is the last flush");
  }
  if (store === undefined) return notes;
  if (!previous.isWhole) {
    notes.push("there is no log of the last flush: all that is whole in the mapped file was taken, as old or new as it is");
  }
  if (store.older > 0) notes.push(`${store.older} entries were there twice, as after a loss of power; the newer ones count`);
  return [...notes, ...store.named];
}
