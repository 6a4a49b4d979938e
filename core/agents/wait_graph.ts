/**
 * Who waits for whose reply, in shared memory, so that a circle is found on the ask that would close it and not after thirty seconds.
 *
 * Only an agent that handles one message at a time blocks while it asks; its open asks are edges from its slot to those of the agents asked. Each asker
 * writes its edge before it looks for a circle, and atomics are sequentially consistent: of two agents that ask each other at the same time at least
 * one sees the other's edge.
 *
 * @module
 */
import { load, store } from "../memory/atomics.ts";
import { AGENT_SLOT, agentSlotAt, AWAITS_MAX, type Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { AgentId } from "../bus/message.ts";
import { slotOf } from "./agent_directory.ts";

/** Agents looked at before the search gives up; an ask that it lets pass still has its time-out. */
const VISITS_MAX = 256;

/** The waits of all agents, as one thread sees them. An agent's edges are written by its host only. */
export class WaitGraph {
  readonly #words: Int32Array;

  /** A view on the agents' slots. */
  constructor(memory: SharedMemory, private readonly layout: Layout) {
    this.#words = memory.words;
  }

  /** `asker` begins to wait for `asked`: its edge's number, or −1 when it has too many to note. */
  begin(asker: AgentId, asked: AgentId): number {
    const first = this.#edges(slotOf(asker));
    for (let edge = 0; edge < AWAITS_MAX; edge++) {
      if (this.#words[first + edge] !== 0) continue;
      store(this.#words, first + edge, slotOf(asked) + 1);
      return edge;
    }
    return -1;
  }

  /** The reply has come, or will not. */
  end(asker: AgentId, edge: number): void {
    if (edge >= 0) store(this.#words, this.#edges(slotOf(asker)) + edge, 0);
  }

  /** A new agent waits for nobody, whatever the slot's last one did when its thread died. */
  clear(agent: AgentId): void {
    const first = this.#edges(slotOf(agent));
    for (let edge = 0; edge < AWAITS_MAX; edge++) if (this.#words[first + edge] !== 0) store(this.#words, first + edge, 0);
  }

  /** Whether `asked` waits, directly or through others, for `asker`. */
  closes(asker: AgentId, asked: AgentId): boolean {
    const goal = slotOf(asker);
    const seen = [slotOf(asked)];
    for (let at = 0; at < seen.length && at < VISITS_MAX; at++) {
      if (seen[at] === goal) return true;
      const first = this.#edges(seen[at]);
      for (let edge = 0; edge < AWAITS_MAX; edge++) {
        const slot = load(this.#words, first + edge) - 1;
        if (slot >= 0 && !seen.includes(slot)) seen.push(slot);
      }
    }
    return false;
  }

  #edges(slot: number): number {
    return agentSlotAt(this.layout, slot, AGENT_SLOT.awaits) >> 2;
  }
}
