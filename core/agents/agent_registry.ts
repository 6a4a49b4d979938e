/**
 * How each agent was made, kept on the main thread: what is needed to make it again when its thread has died. One entry a slot; a new agent's replaces
 * that of the slot's last one, so nothing need be told when an agent ends.
 *
 * @module
 */
import { SNAPSHOT_BYTES_MAX } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { SpawnConfig } from "./agent.ts";
import { type AgentDirectory, generationOf, slotOf } from "./agent_directory.ts";
import { AgentIndex } from "./agent_index.ts";
import { AGENT_STATE } from "./lifecycle.ts";

/** How an agent was made; shared by all of a batch. */
export interface AgentRecord {
  /** Name of its behavior. */
  readonly type: string;
  /** As it travels: without signal and preWarm. */
  readonly config: SpawnConfig;
  /** Who spawned it; 0 for nobody. */
  readonly parent: AgentId;
}

/** What survives of an agent's state. */
export interface Snapshot {
  /** Encoded; the codec's plain form, which any thread reads. */
  readonly bytes: Uint8Array;
  /** `stateVersion` of the behavior that took it. */
  readonly version: number;
}

/** A snapshot as a thread sends it. */
export interface SnapshotNote extends Snapshot {
  /** Whose it is. */
  readonly agentId: AgentId;
}

/** What is known of one agent. */
export interface RegistryEntry {
  /** Its id. */
  readonly id: AgentId;
  /** How it was made. */
  readonly record: AgentRecord;
  /** Its last snapshot. */
  snapshot?: Snapshot;
}

/** The main thread's book of agents. */
export class AgentRegistry {
  readonly #entries: (RegistryEntry | undefined)[] = [];
  #snapshotBytes = 0;
  #generationMax = 0;
  /** Made when somebody first asks: most programs never choose an agent by what it can do. */
  #index: AgentIndex | null = null;

  /** Reads from `directory` who is still alive. */
  constructor(private readonly directory: AgentDirectory) {}

  /** Notes how agents are made, before they are. */
  add(ids: readonly AgentId[], record: AgentRecord): void {
    for (const id of ids) {
      const slot = slotOf(id);
      this.#generationMax = Math.max(this.#generationMax, generationOf(id));
      this.#drop(slot);
      this.#entries[slot] = { id, record };
    }
    this.#index?.add(ids, record.type, record.config.capabilities);
  }

  /** How an agent was made, if it is known. */
  get(id: AgentId): AgentRecord | undefined {
    return this.#find(id)?.record;
  }

  /** All entries, also of agents that have ended since. */
  *entries(): Generator<RegistryEntry, void, void> {
    for (const entry of this.#entries) if (entry !== undefined) yield entry;
  }

  /** The agent that was made last in a slot; 0 when it is forgotten. */
  idAt(slot: number): AgentId {
    return this.#entries[slot]?.id ?? 0;
  }

  /** Bytes of all snapshots. */
  get snapshotBytes(): number {
    return this.#snapshotBytes;
  }

  /** Highest generation of any id. */
  get generationMax(): number {
    return this.#generationMax;
  }

  /** Agents that take messages, of one type or of all. */
  living(type?: string): AgentId[] {
    const ids: AgentId[] = [];
    for (const entry of this.#entries) {
      if (entry === undefined || (type !== undefined && entry.record.type !== type)) continue;
      if (this.directory.lookup(entry.id) !== 0) ids.push(entry.id);
    }
    return ids;
  }

  /** One that takes messages, of a type or with a capability or both; they take turns. 0 when there is none. */
  choose(type: string | undefined, capability: string | undefined): AgentId {
    if (this.#index === null) {
      this.#index = new AgentIndex(this.directory);
      for (const { id, record } of this.entries()) this.#index.add([id], record.type, record.config.capabilities);
    }
    return this.#index.next(type, capability);
  }

  /** Whether an agent takes messages, and is of a type and has a capability where they are given. */
  fits(id: AgentId, type: string | undefined, capability: string | undefined): boolean {
    const record = this.get(id);
    if (record === undefined || this.directory.lookup(id) === 0) return false;
    return (type === undefined || record.type === type) &&
      (capability === undefined || record.config.capabilities?.includes(capability) === true);
  }

  /** Its last snapshot. */
  snapshotOf(id: AgentId): Snapshot | undefined {
    return this.#find(id)?.snapshot;
  }

  /** Keeps a snapshot; false when there is no room for it, and the last one stays. */
  keep({ agentId, bytes, version }: SnapshotNote): boolean {
    const snapshot: Snapshot = { bytes, version };
    const entry = this.#find(agentId);
    if (entry === undefined) return true; // it has ended meanwhile
    const grown = (): number => this.#snapshotBytes + snapshot.bytes.length - (entry.snapshot?.bytes.length ?? 0);
    if (grown() > SNAPSHOT_BYTES_MAX) this.#purge();
    if (grown() > SNAPSHOT_BYTES_MAX) return false;
    this.#snapshotBytes = grown();
    entry.snapshot = snapshot;
    return true;
  }

  #find(id: AgentId): RegistryEntry | undefined {
    const entry = this.#entries[slotOf(id)];
    return entry?.id === id ? entry : undefined;
  }

  #drop(slot: number): void {
    this.#snapshotBytes -= this.#entries[slot]?.snapshot?.bytes.length ?? 0;
    this.#entries[slot] = undefined;
  }

  #purge(): void {
    for (const [slot, entry] of this.#entries.entries()) {
      if (entry !== undefined && this.directory.stateOf(entry.id) === AGENT_STATE.free) this.#drop(slot);
    }
  }
}
