/**
 * Who can do what: agents by type, by capability and by both, so that to choose one nobody looks at the others. Agents end without telling the main thread:
 * they are found to be gone when their turn comes, or when as many again have been added.
 *
 * @module
 */
import { AGENT_INDEX_SLACK } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import { AGENT_STATE } from "./lifecycle.ts";

/** Agents of one kind. */
interface Members {
  ids: AgentId[];
  /** Place of the one whose turn it is. */
  turn: number;
}

/** Agents by what they are and can. */
export class AgentIndex {
  /** By type, then by capability; undefined stands for any. */
  readonly #kinds = new Map<string | undefined, Map<string | undefined, Members>>();
  #entries = 0;
  /** Entries after which those that are gone are looked for. */
  #entriesMax = AGENT_INDEX_SLACK;

  /** Reads from `directory` who is still alive. */
  constructor(private readonly directory: AgentDirectory) {}

  /** Agents of a type that can all do the same. */
  add(ids: readonly AgentId[], type: string, capabilities: readonly string[] = []): void {
    this.#append(ids, type, undefined);
    for (const [at, capability] of capabilities.entries()) {
      if (capabilities.indexOf(capability) !== at) continue;
      this.#append(ids, undefined, capability);
      this.#append(ids, type, capability);
    }
    if (this.#entries > this.#entriesMax) this.#purge();
  }

  /** One that takes messages, of this type and with this capability where they are given; 0 when there is none. They take turns. */
  next(type: string | undefined, capability: string | undefined): AgentId {
    const members = this.#kinds.get(type)?.get(capability);
    if (members === undefined) return 0;
    const { ids } = members;
    for (let passed = 0; passed < ids.length;) {
      const at = members.turn < ids.length ? members.turn : 0;
      const id = ids[at];
      if (this.#isGone(id)) {
        ids[at] = ids[ids.length - 1];
        ids.pop();
        this.#entries--;
        continue;
      }
      members.turn = at + 1;
      if (this.directory.lookup(id) !== 0) return id;
      passed++; // not ready yet
    }
    return 0;
  }

  #append(ids: readonly AgentId[], type: string | undefined, capability: string | undefined): void {
    let kind = this.#kinds.get(type);
    if (kind === undefined) this.#kinds.set(type, kind = new Map());
    let members = kind.get(capability);
    if (members === undefined) kind.set(capability, members = { ids: [], turn: 0 });
    for (const id of ids) members.ids.push(id);
    this.#entries += ids.length;
  }

  #isGone(id: AgentId): boolean {
    const state = this.directory.stateOf(id);
    return state === AGENT_STATE.free || state === AGENT_STATE.retired;
  }

  #purge(): void {
    this.#entries = 0;
    for (const kind of this.#kinds.values()) {
      for (const [capability, members] of kind) {
        members.ids = members.ids.filter((id) => !this.#isGone(id));
        this.#entries += members.ids.length;
        if (members.ids.length === 0) kind.delete(capability);
      }
    }
    this.#entriesMax = 2 * this.#entries + AGENT_INDEX_SLACK;
  }
}
