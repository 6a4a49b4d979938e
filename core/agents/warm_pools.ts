/**
 * The warm pools of all types, and the one timer that lets them follow their use.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Cancel, Clock } from "../base/clock.ts";
import type { WarmPoolPlan } from "../base/config.ts";
import type { AgentId } from "../bus/message.ts";
import type { SpawnConfig } from "./agent.ts";
import { WarmPool, type WarmPoolParts } from "./warm_pool.ts";

/** Pools are looked at so often within a window: they change at most so much of it late. */
const LOOKS_PER_WINDOW = 10;

/** What a kernel keeps warm. */
export class WarmPools {
  readonly #pools = new Map<string, WarmPool>();
  readonly #lookEveryMs: number;
  #cancel: Cancel | null = null;

  /** `onError` hears of refills that failed. */
  constructor(
    plans: Readonly<Record<string, WarmPoolPlan>>,
    desk: WarmPoolParts["desk"],
    private readonly clock: Clock,
    onError: (type: string, error: unknown) => void,
  ) {
    let windowMs = Infinity;
    for (const [type, plan] of Object.entries(plans)) {
      if (plan.sizeMin === 0 && !plan.dynamic) continue;
      const parts: WarmPoolParts = { desk, now: () => clock.now(), later: setImmediate, onError: (error) => onError(type, error) };
      this.#pools.set(type, new WarmPool(type, plan, parts));
      if (plan.dynamic) windowMs = Math.min(windowMs, plan.cooldownMs);
    }
    this.#lookEveryMs = windowMs / LOOKS_PER_WINDOW;
  }

  /** Fills all pools; from then on they follow their use. */
  async open(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.refill()));
    if (this.#lookEveryMs < Infinity) this.#look();
  }

  /** A warm agent, if there is one that fits. */
  take(type: string, config: SpawnConfig): AgentId | undefined {
    return this.#pools.get(type)?.take(config);
  }

  /** Ends all warm agents. */
  async close(): Promise<void> {
    this.#cancel?.();
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  /** Agents ready to be taken, and agents that are to be ready, by type. */
  get sizes(): Record<string, { ready: number; size: number }> {
    return Object.fromEntries([...this.#pools].map(([type, { available, size }]) => [type, { ready: available, size }]));
  }

  #look(): void {
    this.#cancel = this.clock.schedule(this.#lookEveryMs, () => this.#look(), true);
    for (const pool of this.#pools.values()) pool.scale();
  }
}
