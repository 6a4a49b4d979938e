/**
 * What a thread says of itself in shared memory while it works, and what its watcher reads there: it turns, whose function it is in, how long that one may
 * take. Written plainly by the thread, for nobody reads it while the thread turns; only the beat is an atomic addition.
 *
 * @module
 */
import { add, load } from "../memory/atomics.ts";
import { HOST, hostField, type Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { AgentId } from "../bus/message.ts";

/** One thread's pulse. */
export class HostPulse {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #beat: number;
  readonly #running: number;
  readonly #patience: number;
  readonly #importing: number;

  /** Of the thread with this index; made by itself to write, by others to read. */
  constructor(memory: SharedMemory, layout: Layout, host: number) {
    this.#words = memory.words;
    this.#floats = memory.floats;
    this.#beat = hostField(layout, host, HOST.beat) >> 2;
    this.#running = hostField(layout, host, HOST.running) >> 3;
    this.#patience = hostField(layout, host, HOST.patienceMs) >> 2;
    this.#importing = hostField(layout, host, HOST.importing) >> 2;
  }

  /** A turn has ended: no agent's function runs. */
  turned(): void {
    this.#floats[this.#running] = 0;
    add(this.#words, this.#beat, 1);
  }

  /** A function of this agent begins, and may take so long; 0: as long as any. */
  runs(agent: AgentId, patienceMs: number): void {
    this.#floats[this.#running] = agent;
    this.#words[this.#patience] = patienceMs;
  }

  /** One import more, or less. */
  imports(change: 1 | -1): void {
    this.#words[this.#importing] += change;
  }

  /** Turns so far; wraps. */
  get beats(): number {
    return load(this.#words, this.#beat);
  }

  /** The agent whose function it is in; 0 for none. */
  get running(): AgentId {
    return this.#floats[this.#running];
  }

  /** How long that agent's functions may take, if its supervision says so, else 0. */
  get patienceMs(): number {
    return this.running === 0 ? 0 : this.#words[this.#patience];
  }

  /** Whether it imports a behavior. */
  get isImporting(): boolean {
    return load(this.#words, this.#importing) > 0;
  }
}
