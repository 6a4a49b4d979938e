/**
 * Started agents of one type kept ready, so that a spawn is one compare-and-exchange instead of a trip to another thread. Refilled after the caller's
 * turn, so that it does not wait for that; the size follows the use (see pool_scaling.ts).
 *
 * @module
 */
import type { WarmPoolPlan } from "../base/config.ts";
import type { AgentId } from "../bus/message.ts";
import type { SpawnConfig } from "./agent.ts";
import { nextSize } from "./pool_scaling.ts";

/** Keys that a warm agent can still be given; one that asks for more is made anew. */
const ADOPTABLE_KEYS = new Set(["preWarm", "priority", "signal"]);

/** What a pool needs of the rest. */
export interface WarmPoolParts {
  /** Makes and ends agents. */
  readonly desk: {
    spawnMany(type: string, count: number, config: SpawnConfig, options: { warm: boolean }): Promise<AgentId[]>;
    adopt(id: AgentId, config: SpawnConfig): boolean;
    terminate(id: AgentId): Promise<void>;
  };
  /** Arena time. */
  readonly now: () => number;
  /** Runs something once the caller's turn is over. */
  readonly later: (callback: () => void) => void;
  /** Hears of a refill that failed; the next take or window tries again. */
  readonly onError: (error: unknown) => void;
}

/** The warm agents of one type. */
export class WarmPool {
  readonly #ready: AgentId[] = [];
  #size: number;
  /** Asked for since the pool was last full, and the most of that in this window. */
  #wanted = 0;
  #wantedMax = 0;
  #windowBegan: number;
  #filling: Promise<void> | null = null;
  #fillQueued = false;
  #fillFailed = false;
  #closed = false;

  /** Empty at first. */
  constructor(private readonly type: string, private readonly plan: WarmPoolPlan, private readonly parts: WarmPoolParts) {
    this.#size = plan.sizeMin;
    this.#windowBegan = parts.now();
  }

  /** A warm agent, or undefined when there is none or the config asks for what a started agent cannot be given. */
  take(config: SpawnConfig): AgentId | undefined {
    for (const key of Object.keys(config)) if (!ADOPTABLE_KEYS.has(key)) return undefined;
    this.#wantedMax = Math.max(this.#wantedMax, ++this.#wanted);
    let id: AgentId | undefined;
    try {
      // Taken out only once it is adopted: adoption throws at the limit of living agents, and the agent then stays warm.
      for (id = this.#ready.at(-1); id !== undefined && !this.parts.desk.adopt(id, config); id = this.#ready.at(-1)) this.#ready.pop();
      this.#ready.pop();
    } finally {
      this.#refillLater();
    }
    return id;
  }

  /** Fills the pool; resolves when it is full. */
  refill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => this.#filling = null);
    return this.#filling;
  }

  /** Once the window is over, sets the size by what was wanted in it. Called now and then; how often decides nothing but how late. */
  scale(): void {
    const now = this.parts.now();
    if (!this.plan.dynamic || this.#closed || now - this.#windowBegan < this.plan.cooldownMs) return;
    const next = nextSize(this.#size, this.#wantedMax, this.plan);
    this.#windowBegan = now;
    this.#wantedMax = this.#wanted; // who still waits for the refill belongs to this window, too
    if (next > this.#size && this.#fillFailed) return this.#refillLater(); // more of what cannot be made helps nobody
    this.#size = next;
    if (this.#ready.length < next) this.#refillLater();
    else this.#endSurplus();
  }

  /** Ends those that were not taken. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#filling?.catch(this.parts.onError);
    await Promise.allSettled(this.#ready.splice(0).map((id) => this.parts.desk.terminate(id)));
  }

  /** Agents ready to be taken. */
  get available(): number {
    return this.#ready.length;
  }

  /** Agents that are to be ready. */
  get size(): number {
    return this.#size;
  }

  #refillLater(): void {
    if (this.#fillQueued || this.#filling !== null || this.#closed) return;
    this.#fillQueued = true;
    this.parts.later(() => {
      this.#fillQueued = false;
      this.refill().catch(this.parts.onError);
    });
  }

  async #fill(): Promise<void> {
    try {
      while (!this.#closed && this.#ready.length < this.#size) {
        this.#ready.push(...await this.parts.desk.spawnMany(this.type, this.#size - this.#ready.length, {}, { warm: true }));
      }
      this.#fillFailed = false;
      this.#wanted = 0;
    } catch (error) {
      this.#fillFailed = true;
      throw error;
    }
    this.#endSurplus(); // the size may have shrunk meanwhile
  }

  #endSurplus(): void {
    if (this.#closed) return;
    for (const id of this.#ready.splice(this.#size)) this.parts.desk.terminate(id).catch(this.parts.onError);
  }
}
