/**
 * Looks at the process while a scenario runs: resident memory, agents alive, shared memory at its fullest. None of it needs a permission.
 *
 * @module
 */
import type { Kernel } from "../kernel.ts";
import { residentBytes } from "../metrics/system_usage.ts";
import type { RegionUse } from "./result.ts";

/** What was seen. */
export interface Observation {
  /** Resident bytes at the first look. */
  readonly rssBytesStart: number;
  /** Most resident bytes at any look. */
  readonly rssBytesPeak: number;
  /** Fewest agents alive at any look under load; null before the first. */
  readonly agentsMin: number | null;
  /** Most agents alive at any look under load. */
  readonly agentsMax: number | null;
  /** Each region at its fullest. */
  readonly regions: RegionUse[];
}

/** Watches one scenario. */
export class Observer {
  readonly #rssStart = residentBytes();
  readonly #regions = new Map<string, RegionUse>();
  #rssPeak = 0;
  #agentsMin: number | null = null;
  #agentsMax: number | null = null;

  /** `helpers` agents are not the scenario's. */
  constructor(private readonly manager: Kernel, private readonly helpers: number) {}

  /** One look. `loaded` says that the population is complete, so that it counts for the agents alive at once. Returns agents alive. */
  look(loaded: boolean): number {
    this.#rssPeak = Math.max(this.#rssPeak, residentBytes());
    const { agentsLive, regions } = this.manager.inspectMemory();
    for (const region of regions) {
      const usedBytes = Math.max(region.usedBytes, this.#regions.get(region.name)?.usedBytes ?? 0);
      this.#regions.set(region.name, { ...region, usedBytes });
    }
    const agents = Math.max(0, agentsLive - this.helpers);
    if (loaded) {
      this.#agentsMin = Math.min(this.#agentsMin ?? Infinity, agents);
      this.#agentsMax = Math.max(this.#agentsMax ?? 0, agents);
    }
    return agents;
  }

  /** What was seen so far. */
  get observation(): Observation {
    return {
      rssBytesStart: this.#rssStart,
      rssBytesPeak: Math.max(this.#rssPeak, this.#rssStart),
      agentsMin: this.#agentsMin,
      agentsMax: this.#agentsMax,
      regions: [...this.#regions.values()],
    };
  }
}
