/**
 * Who lives where: one word of shared memory an agent tells its generation, its host, whether its inbox is full and its state. One atomic load
 * answers "does this id still live, and on which thread".
 *
 * ```
 * AgentId (53 bits):   node 10 │ generation 22 │ slot 21          slot word (32 bits):  generation 22 │ host 6 │ full 1 │ state 3
 * ```
 * The generation begins at 1, so an id is never 0; a slot at its last generation retires, so a stale id is never taken for a new agent.
 *
 * @module
 */
import { assert, KernelError } from "../base/errors.ts";
import { add, compareExchange, exchange, load, store } from "../memory/atomics.ts";
import { AGENT_SLOT, agentSlotAt, HEADER, HOST, hostField, type Layout } from "../memory/layout.ts";
import { SlotPool } from "../memory/slot_pool.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { AgentId } from "../bus/message.ts";
import { AGENT_STATE, type AgentState, mayBecome } from "./lifecycle.ts";

const SLOT_BITS = 21;
const SLOT_UNIT = 2 ** SLOT_BITS;
const SLOT_MASK = SLOT_UNIT - 1;
const GENERATION_MASK = 2 ** 22 - 1;
const NODE_UNIT = 2 ** 43;
const STATE_MASK = 7;
const FULL_BIT = 8;
const HOST_SHIFT = 4;
const HOST_MASK = 63;
const GENERATION_SHIFT = 10;

/** Slot of an id. `&` works on the low 32 bits of a number of any size, and is twice as quick as `%`. */
export function slotOf(id: AgentId): number {
  return id & SLOT_MASK;
}

/** Generation of an id. */
export function generationOf(id: AgentId): number {
  return (id / SLOT_UNIT) & GENERATION_MASK;
}

/** Whether a number can be an id at all. */
export function isAgentId(value: unknown): value is AgentId {
  return Number.isSafeInteger(value) && (value as number) > 0 && generationOf(value as number) > 0;
}

/** Host in a slot word. */
export function hostOfWord(word: number): number {
  return (word >>> HOST_SHIFT) & HOST_MASK;
}

/** Whether a slot word says that a message must wait: its inbox is full, or it is on its way to another thread. */
export function isClosedWord(word: number): boolean {
  return (word & FULL_BIT) !== 0 || (word & STATE_MASK) === AGENT_STATE.moving;
}

/** What a slot's word says, for whoever reads an arena from outside. */
export function readSlotWord(slot: number, word: number): { id: AgentId; host: number; isFull: boolean; state: AgentState } {
  return {
    id: (word >>> GENERATION_SHIFT) * SLOT_UNIT + slot,
    host: hostOfWord(word),
    isFull: (word & FULL_BIT) !== 0,
    state: (word & STATE_MASK) as AgentState,
  };
}

/** The agents that a dead host leaves. */
export interface Stranded {
  /** Were ready; now MOVING. */
  readonly moving: AgentId[];
  /** Were MOVING to it and had not arrived. */
  readonly still: AgentId[];
  /** Were being made, by order of hosts that live. */
  readonly spawning: AgentId[];
}

/** The agents of all threads, as one thread sees them. */
export class AgentDirectory {
  readonly #words: Int32Array;
  readonly #pool: SlotPool;

  /** A view on the arena's agent slots. `agentsMax` bounds agents alive, warm ones not counted. */
  constructor(memory: SharedMemory, private readonly layout: Layout, private readonly agentsMax: number) {
    this.#words = memory.words;
    this.#pool = new SlotPool({
      words: memory.words,
      first: agentSlotAt(layout, 0, AGENT_SLOT.tag) >> 2,
      stride: (agentSlotAt(layout, 1, 0) - agentSlotAt(layout, 0, 0)) >> 2,
      count: layout.agentSlots,
      cursor: HEADER.agentCursor >> 2,
      isFree: (word) => (word & STATE_MASK) === AGENT_STATE.free,
    });
  }

  /** Claims a slot on `host` by order of `orderedBy`: its new id, in state SPAWNING. Throws when the limit or the slots are used up. */
  claim(host: number, orderedBy: number, warm = false): AgentId {
    if (!warm) this.#countLive();
    let word = 0;
    const slot = this.#pool.tryClaim((free) => {
      word = (((free >>> GENERATION_SHIFT) + 1) << GENERATION_SHIFT) | (host << HOST_SHIFT) | AGENT_STATE.spawning;
      return word;
    });
    if (slot < 0) {
      if (!warm) this.#add(HEADER.agentsLive, -1);
      throw new KernelError("AGENT_SLOTS_EXHAUSTED", `all ${this.layout.agentSlots} agent slots are taken; terminate agents first.`, {
        agentSlots: this.layout.agentSlots,
      });
    }
    store(this.#words, agentSlotAt(this.layout, slot, AGENT_SLOT.counted) >> 2, warm ? 0 : 1);
    this.#words[agentSlotAt(this.layout, slot, AGENT_SLOT.orderedBy) >> 2] = orderedBy + 1;
    this.#add(hostField(this.layout, host, HOST.agents), 1);
    return (word >>> GENERATION_SHIFT) * SLOT_UNIT + slot;
  }

  /** At the start, before anybody else claims: takes the slot of an agent that lived when the kernel ran last, in state MOVING. Null, or why it cannot be had. */
  claimKept(id: AgentId, host: number): string | null {
    const slot = slotOf(id);
    if (id >= NODE_UNIT) return "its id belongs to another node";
    if (slot >= this.layout.agentSlots) return `its slot is beyond the ${this.layout.agentSlots} of this kernel; raise maxConcurrentAgents`;
    if (this.live >= this.agentsMax) return `${this.agentsMax} agents live already, which is maxConcurrentAgents`;
    const word = (generationOf(id) << GENERATION_SHIFT) | (host << HOST_SHIFT) | AGENT_STATE.moving;
    if (compareExchange(this.#words, agentSlotAt(this.layout, slot, AGENT_SLOT.tag) >> 2, 0, word) !== 0) return "its slot is taken";
    this.#countLive();
    store(this.#words, agentSlotAt(this.layout, slot, AGENT_SLOT.counted) >> 2, 1);
    this.#words[agentSlotAt(this.layout, slot, AGENT_SLOT.orderedBy) >> 2] = 1;
    this.#add(hostField(this.layout, host, HOST.agents), 1);
    return null;
  }

  /** The same: no slot that was never used gives out a generation up to this one, so that no id from before is ever a new agent's. */
  startAbove(generation: number): void {
    const word = Math.min(generation, GENERATION_MASK - 1) << GENERATION_SHIFT;
    for (let slot = 0; slot < this.layout.agentSlots; slot++) {
      compareExchange(this.#words, agentSlotAt(this.layout, slot, AGENT_SLOT.tag) >> 2, 0, word);
    }
  }

  /** The slot word of a living agent that takes messages, now or once it has moved; 0 when there is none of that id. */
  lookup(id: AgentId): number {
    const word = this.#word(id);
    const state = word & STATE_MASK;
    return state === AGENT_STATE.ready || state === AGENT_STATE.moving ? word : 0;
  }

  /** State of the agent of that id; FREE when the id is stale or never was. */
  stateOf(id: AgentId): AgentState {
    return (this.#word(id) & STATE_MASK) as AgentState;
  }

  /** Host of the agent of that id, whatever its state; −1 when the id is stale. */
  hostOf(id: AgentId): number {
    const word = this.#word(id);
    return word === 0 ? -1 : hostOfWord(word);
  }

  /** Moves an agent from one state to another; false when it is not in `from` (any more). A warm agent that becomes ready counts as alive. */
  become(id: AgentId, from: AgentState, to: AgentState): boolean {
    assert(mayBecome(from, to), `agent state ${from} never becomes ${to}`);
    const counts = from === AGENT_STATE.warm && to === AGENT_STATE.ready;
    if (counts) this.#countLive();
    const moved = this.#change(id, (word) => (word & STATE_MASK) === from ? (word & ~STATE_MASK) | to : word);
    if (counts && moved) store(this.#words, this.#counted(id), 1);
    if (counts && !moved) this.#add(HEADER.agentsLive, -1);
    return moved;
  }

  /** The receiver's host says whether the inbox takes more. */
  setFull(id: AgentId, full: boolean): void {
    this.#change(id, (word) => full ? word | FULL_BIT : word & ~FULL_BIT);
  }

  /** Bound of an agent's inbox, as its host set it. */
  inboxMessagesMax(id: AgentId): number {
    return load(this.#words, agentSlotAt(this.layout, slotOf(id), AGENT_SLOT.inboxMessagesMax) >> 2);
  }

  /** Its host says how many messages may wait for it. */
  setInboxMessagesMax(id: AgentId, messages: number): void {
    store(this.#words, agentSlotAt(this.layout, slotOf(id), AGENT_SLOT.inboxMessagesMax) >> 2, messages);
  }

  /** The slot is empty again; the id is stale from here on. Harmless when the agent is not in `from` (any more). */
  free(id: AgentId, from: AgentState): void {
    const host = this.hostOf(id);
    const last = generationOf(id) === GENERATION_MASK;
    const state = last ? AGENT_STATE.retired : AGENT_STATE.free;
    assert(mayBecome(from, state), `agent state ${from} never becomes ${state}`);
    if (this.stateOf(id) !== from) return;
    // Before the slot can be claimed again; the exchange lets only one of two that free it count down.
    if (exchange(this.#words, this.#counted(id), 0) === 1) this.#add(HEADER.agentsLive, -1);
    const freed = this.#change(
      id,
      (word) => (word & STATE_MASK) === from ? ((word >>> GENERATION_SHIFT) << GENERATION_SHIFT) | state : word,
    );
    if (freed) this.#add(hostField(this.layout, host, HOST.agents), -1);
  }

  /** Agents alive, warm ones not counted. */
  get live(): number {
    return load(this.#words, HEADER.agentsLive >> 2);
  }

  /** Agents placed on a host, warm ones included. */
  placedOn(host: number): number {
    return load(this.#words, hostField(this.layout, host, HOST.agents) >> 2);
  }

  /** A host has died: its ready agents are MOVING from here on, so that senders wait; what nobody will miss is freed. `isDead` says which hosts are. */
  strand(host: number, isDead: (host: number) => boolean): Stranded {
    const stranded: Stranded = { moving: [], still: [], spawning: [] };
    for (let slot = 0; slot < this.layout.agentSlots; slot++) {
      const word = load(this.#words, agentSlotAt(this.layout, slot, AGENT_SLOT.tag) >> 2);
      if (hostOfWord(word) !== host) continue;
      const id = (word >>> GENERATION_SHIFT) * SLOT_UNIT + slot;
      const state = (word & STATE_MASK) as AgentState;
      if (state === AGENT_STATE.warm) this.become(id, state, AGENT_STATE.stopping);
      else if (state === AGENT_STATE.moving) stranded.still.push(id);
      else if (state === AGENT_STATE.ready && this.become(id, state, AGENT_STATE.moving)) {
        this.setFull(id, false);
        stranded.moving.push(id);
      }
      const now = this.stateOf(id);
      const orderedBy = this.#words[agentSlotAt(this.layout, slot, AGENT_SLOT.orderedBy) >> 2] - 1;
      if (now === AGENT_STATE.stopping || (now === AGENT_STATE.spawning && isDead(orderedBy))) this.free(id, now);
      else if (now === AGENT_STATE.spawning) stranded.spawning.push(id);
    }
    return stranded;
  }

  /** Another host is to make the agent, which is MOVING or still SPAWNING. False when it is neither (any more). */
  rehost(id: AgentId, host: number): boolean {
    const old = this.hostOf(id);
    const changed = this.#change(id, (word) => {
      const state = word & STATE_MASK;
      if (state !== AGENT_STATE.moving && state !== AGENT_STATE.spawning) return word;
      return (word & ~(HOST_MASK << HOST_SHIFT)) | (host << HOST_SHIFT);
    });
    if (!changed) return old === host;
    this.#add(hostField(this.layout, old, HOST.agents), -1);
    this.#add(hostField(this.layout, host, HOST.agents), 1);
    return true;
  }

  /** The slot word if it belongs to this generation, else 0. */
  #word(id: AgentId): number {
    const slot = slotOf(id);
    if (slot >= this.layout.agentSlots || id >= NODE_UNIT) return 0;
    const word = load(this.#words, agentSlotAt(this.layout, slot, AGENT_SLOT.tag) >> 2);
    return word >>> GENERATION_SHIFT === generationOf(id) && (word & STATE_MASK) !== AGENT_STATE.free ? word : 0;
  }

  /** Changes the slot word of exactly this agent; false when it is gone or `next` leaves the word as it is. */
  #change(id: AgentId, next: (word: number) => number): boolean {
    const at = agentSlotAt(this.layout, slotOf(id), AGENT_SLOT.tag) >> 2;
    for (;;) {
      // Lock-free: a failed exchange means that somebody else's change went through.
      const word = this.#word(id);
      const changed = next(word);
      if (word === 0 || changed === word) return false;
      if (compareExchange(this.#words, at, word, changed) === word) return true;
    }
  }

  #counted(id: AgentId): number {
    return agentSlotAt(this.layout, slotOf(id), AGENT_SLOT.counted) >> 2;
  }

  #countLive(): void {
    if (add(this.#words, HEADER.agentsLive >> 2, 1) < this.agentsMax) return;
    this.#add(HEADER.agentsLive, -1);
    throw new KernelError(
      "AGENT_LIMIT",
      `${this.agentsMax} agents are alive, which is maxConcurrentAgents. Terminate some, or raise maxConcurrentAgents.`,
      { maxConcurrentAgents: this.agentsMax },
    );
  }

  #add(field: number, value: number): void {
    add(this.#words, field >> 2, value);
  }
}
