/**
 * Started agents kept ready, so that a spawn is one compare-and-exchange instead of a trip to another thread. Refilled behind the caller's back.
 *
 * @module
 */
import type { AgentId } from "../bus/message.ts";
import type { SpawnConfig } from "./agent.ts";
import type { SpawnDesk } from "./spawn_desk.ts";

/** Keys that a warm agent can still be given; one that asks for more is made anew. */
const ADOPTABLE_KEYS = new Set(["preWarm", "priority", "signal"]);

/** The warm agents of one type. */
export class WarmPool {
  readonly #ready: AgentId[] = [];
  #filling: Promise<void> | null = null;
  #closed = false;

  /** Keeps `size` agents of `type` ready; `onError` hears of a refill that failed (the next take tries again). */
  constructor(
    private readonly desk: SpawnDesk,
    private readonly type: string,
    private readonly size: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** A warm agent, or undefined when there is none or the config asks for what a started agent cannot be given. */
  take(config: SpawnConfig): AgentId | undefined {
    for (const key of Object.keys(config)) if (!ADOPTABLE_KEYS.has(key)) return undefined;
    let id: AgentId | undefined;
    try {
      // Taken out only once it is adopted: adoption throws at the limit of living agents, and the agent then stays warm.
      for (id = this.#ready.at(-1); id !== undefined && !this.desk.adopt(id, config); id = this.#ready.at(-1)) this.#ready.pop();
      this.#ready.pop();
    } finally {
      this.refill().catch(this.onError);
    }
    return id;
  }

  /** Fills the pool; resolves when it is full. */
  refill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => this.#filling = null);
    return this.#filling;
  }

  /** Ends those that were not taken. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#filling?.catch(this.onError);
    await Promise.allSettled(this.#ready.splice(0).map((id) => this.desk.terminate(id)));
  }

  /** Agents ready to be taken. */
  get available(): number {
    return this.#ready.length;
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#ready.length < this.size) {
      this.#ready.push(...await this.desk.spawnMany(this.type, this.size - this.#ready.length, {}, { warm: true }));
    }
  }
}
