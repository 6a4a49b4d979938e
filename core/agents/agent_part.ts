/**
 * The agents' share of the log: how each that lives was made, and its last snapshot; and at the next start, their being made again under the same ids.
 *
 * @module
 */
import { asError } from "../base/errors.ts";
import { SPAWN_TIMEOUT_MS } from "../base/limits.ts";
import { plainCodec, toBytes } from "../bus/codec.ts";
import type { AgentId } from "../bus/message.ts";
import { MESSAGE_BYTES_MAX } from "../bus/outbound.ts";
import type { LogBatch } from "../memory/log_batch.ts";
import { LOG_PART } from "../memory/log_layout.ts";
import type { LogPart } from "../memory/log_part.ts";
import type { LogRecord } from "../memory/log_reader.ts";
import type { AgentRecovery } from "../memory/persistence.ts";
import { isAgentId, slotOf } from "./agent_directory.ts";
import type { AgentHost } from "./agent_host.ts";
import type { AgentRecord, AgentRegistry, Snapshot } from "./agent_registry.ts";
import { AGENT_STATE } from "./lifecycle.ts";
import type { MakeResult } from "./residents.ts";

/** Agents looked at in a row. */
const AGENTS_PER_STEP = 256;
/** Agents being made again at a time. */
const REVIVED_AT_ONCE = 256;
/** What generations skip at each start: agents that were made and ended since the last flush. */
const GENERATIONS_SKIPPED = 16;
/** Rough bytes of one agent's record, for the estimate. */
const RECORD_BYTES = 256;

interface Found {
  readonly id: AgentId;
  readonly record: AgentRecord;
}

interface Change {
  readonly slot: number;
  readonly id: AgentId;
  readonly snapshot: Snapshot | undefined;
}

/** One kernel's agents, for its log. */
export class AgentPart implements LogPart {
  /** See `LogPart`. */
  readonly early: readonly number[] = [];
  /** See `LogPart`. */
  readonly keyed: readonly number[] = [LOG_PART.agent, LOG_PART.agentSnapshot, LOG_PART.agentGeneration];
  /** See `LogPart`. */
  readonly listed: readonly number[] = [];
  /** See `LogPart`. */
  readonly mustRewrite = false;
  /** By slot, what the log says: id (0: nobody) and snapshot. */
  readonly #ids: AgentId[] = [];
  readonly #snapshots: (Snapshot | undefined)[] = [];
  #changes: Change[] = [];
  #generation = 0;
  #generationTaken = 0;
  #frozen: ReadonlySet<AgentId> | null = null;
  readonly #found = new Map<number, Found>();
  readonly #foundSnapshots = new Map<number, Snapshot & { readonly id: AgentId }>();

  /** Of the main thread. */
  constructor(private readonly main: AgentHost, private readonly registry: AgentRegistry) {}

  /** Agents that live now are kept as living, whatever ends from here on. */
  freeze(): void {
    this.#frozen ??= new Set(this.registry.living());
  }

  /** See `LogPart.collect`. */
  *collect(batch: LogBatch, all: boolean): Generator<void, void, void> {
    this.#changes = [];
    let looked = 0;
    for (const { id, record, snapshot } of this.registry.entries()) {
      if (this.#lives(id)) this.#write(batch, all, id, record, snapshot);
      if (batch.isFull || ++looked % AGENTS_PER_STEP === 0) yield;
    }
    for (let slot = 0; slot < this.#ids.length; slot++) {
      const id = this.#ids[slot] ?? 0;
      // Another one lives in its slot, and was written above or will be next time.
      if (id === 0 || this.#lives(id) || this.#lives(this.registry.idAt(slot))) continue;
      if (!all) batch.gone(LOG_PART.agent, slot);
      this.#changes.push({ slot, id: 0, snapshot: undefined });
      if (slot % AGENTS_PER_STEP === 0) yield;
    }
    this.#generationTaken = Math.max(this.#generation, this.registry.generationMax);
    if (all || this.#generationTaken > this.#generation) batch.add(LOG_PART.agentGeneration, 0, 0, this.#generationTaken);
  }

  /** See `LogPart.kept`. */
  kept(): void {
    for (const { slot, id, snapshot } of this.#changes) {
      this.#ids[slot] = id;
      this.#snapshots[slot] = snapshot;
    }
    this.#generation = this.#generationTaken;
    this.#changes = [];
  }

  /** See `LogPart.undo`. */
  undo(): void {
    this.#changes = [];
  }

  /** See `LogPart.liveBytes`. */
  liveBytes(): number {
    return this.main.directory.live * RECORD_BYTES + this.registry.snapshotBytes;
  }

  /** See `LogPart.beginRestore`. */
  beginRestore(): void {}

  /** See `LogPart.restore`. */
  restore({ part, key, version, extra, bytes, at, window }: LogRecord): boolean {
    if (part === LOG_PART.agentGeneration) this.#generation = version;
    else if (part === LOG_PART.agentSnapshot) {
      this.#foundSnapshots.set(key, { id: version, version: extra, bytes: new Uint8Array(window.bytes.subarray(at, at + bytes)) });
    } else {
      if (!isAgentId(version) || slotOf(version) !== key) return false;
      this.#found.set(key, { id: version, record: plainCodec.decode(window, at, at + bytes) as AgentRecord });
    }
    return true;
  }

  /** See `LogPart.endRestore`. */
  endRestore(): number {
    return 0;
  }

  /** Makes the agents again that the log has: all slots are taken first, so that what one of them spawns takes no other's. */
  async revive(): Promise<AgentRecovery[]> {
    const outcomes: AgentRecovery[] = [];
    const { directory } = this.main;
    const waiting: (Found & { snapshot: Snapshot | undefined })[] = [];
    for (const [slot, found] of this.#found) {
      const { id, record } = found;
      const kept = this.#foundSnapshots.get(slot);
      const snapshot = kept?.id === id ? { bytes: kept.bytes, version: kept.version } : undefined;
      const why = directory.claimKept(id, this.#hostFor(record));
      if (why !== null) outcomes.push({ agentId: id, type: record.type, outcome: "lost", why });
      else {
        this.registry.add([id], record);
        if (snapshot !== undefined) this.registry.keep({ agentId: id, ...snapshot });
        [this.#ids[slot], this.#snapshots[slot]] = [id, this.registry.snapshotOf(id)];
        waiting.push({ ...found, snapshot });
      }
    }
    directory.startAbove(this.#generation === 0 ? 0 : this.#generation + GENERATIONS_SKIPPED);
    this.#found.clear();
    this.#foundSnapshots.clear();
    for (let from = 0; from < waiting.length; from += REVIVED_AT_ONCE) {
      outcomes.push(...await Promise.all(waiting.slice(from, from + REVIVED_AT_ONCE).map((one) => this.#make(one))));
    }
    return outcomes;
  }

  async #make({ id, record, snapshot }: Found & { snapshot: Snapshot | undefined }): Promise<AgentRecovery> {
    const { directory } = this.main;
    const { type, config } = record;
    let why: string;
    try {
      const order = { type, config, ids: [id], warm: false, moved: [{ id, snapshot, frames: [] }] };
      const made = await this.main.call(directory.hostOf(id), "spawn", order, SPAWN_TIMEOUT_MS) as MakeResult;
      if (made.error === undefined) return { agentId: id, type, outcome: snapshot === undefined ? "fresh" : "restored" };
      why = asError(made.error).message;
    } catch (error) {
      why = asError(error).message;
    }
    // It stays in the file until its slot is used by another, or the file is written anew: a start with its behavior still finds it.
    this.#ids[slotOf(id)] = 0;
    if (directory.become(id, AGENT_STATE.moving, AGENT_STATE.stopping)) directory.free(id, AGENT_STATE.stopping);
    return { agentId: id, type, outcome: "lost", why };
  }

  /** The thread that was asked for, if there is one of that number, else the one with the fewest agents. */
  #hostFor({ config }: AgentRecord): number {
    const hosts = this.main.desk.placeable();
    if (config.host === 0 || (config.host !== undefined && hosts.includes(config.host))) return config.host;
    const { directory } = this.main;
    return hosts.reduce((best, host) => directory.placedOn(host) < directory.placedOn(best) ? host : best, hosts[0]);
  }

  #lives(id: AgentId): boolean {
    return this.#frozen === null ? this.main.directory.lookup(id) !== 0 : this.#frozen.has(id);
  }

  #write(batch: LogBatch, all: boolean, id: AgentId, record: AgentRecord, snapshot: Snapshot | undefined): void {
    const slot = slotOf(id);
    const isNew = this.#ids[slot] !== id;
    const isOld = !isNew && this.#snapshots[slot] === snapshot;
    if (isOld && !all) return;
    if (isNew || all) batch.put(LOG_PART.agent, slot, toBytes(record, MESSAGE_BYTES_MAX), id);
    // One that belongs to the slot's last agent names another id.
    if (snapshot !== undefined) batch.put(LOG_PART.agentSnapshot, slot, snapshot.bytes, id, snapshot.version);
    this.#changes.push({ slot, id, snapshot });
  }
}
