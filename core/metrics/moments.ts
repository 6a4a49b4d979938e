/**
 * What has happened within a while: the difference of two looks at counters that only grow. Nobody who counts has to know of it.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { COUNTERS, type Counts, type HostMetrics, sumCounts, zeroCounts } from "./counters.ts";
import { Histogram } from "./histogram.ts";
import { cpuPercent, type SystemUsage } from "./system_usage.ts";

/** Where figures come from. */
export interface FigureSources {
  /** Arena time. */
  readonly clock: Clock;
  /** Times of spawns. */
  readonly spawnTime: Histogram;
  /** All hosts' blocks. */
  readonly hosts: readonly HostMetrics[];
  /** Agents alive. */
  readonly agentsLive: () => number;
  /** Most agents that were seen alive at once. */
  readonly agentsPeak: () => number;
  /** The process. */
  readonly usage: SystemUsage;
}

/** All figures as they were at one look. */
export interface Moment {
  /** Arena time. */
  readonly at: number;
  /** Times of spawns since the start. */
  readonly spawnTime: Histogram;
  /** Times of deliveries since the start. */
  readonly delivery: Histogram;
  /** Counts since the start. */
  readonly counts: Counts;
  /** Agents alive. */
  readonly agents: number;
  /** Resident. */
  readonly residentBytes: number;
  /** Since the process began. */
  readonly processorMs: number;
}

/** Looks. */
export function takeMoment({ clock, spawnTime, hosts, agentsLive, usage }: FigureSources): Moment {
  const delivery = Histogram.private();
  for (const host of hosts) delivery.mergeFrom(host.delivery);
  return {
    ...{ at: clock.now(), spawnTime: spawnTime.copy(), delivery, agents: agentsLive() },
    counts: sumCounts(hosts.map((host) => host.read())),
    ...{ residentBytes: usage.residentBytes(), processorMs: usage.processorMs() },
  };
}

/** What happened between two looks. */
export class Span {
  #spawnTime: Histogram | null = null;
  #delivery: Histogram | null = null;

  /** `from` is the earlier one. */
  constructor(readonly from: Moment, readonly to: Moment, private readonly usage: SystemUsage) {}

  /** Its length. */
  get ms(): number {
    return this.to.at - this.from.at;
  }

  /** Spawns within. */
  get spawnTime(): Histogram {
    return this.#spawnTime ??= this.to.spawnTime.since(this.from.spawnTime);
  }

  /** Deliveries within. */
  get delivery(): Histogram {
    return this.#delivery ??= this.to.delivery.since(this.from.delivery);
  }

  /** Counted within. */
  get counts(): Counts {
    const grown = zeroCounts();
    for (const name of COUNTERS) grown[name] = this.to.counts[name] - this.from.counts[name];
    return grown;
  }

  /** Resident memory at its end, in percent of the budget. */
  get memoryPercent(): number {
    return 100 * this.to.residentBytes / this.usage.budget.bytes;
  }

  /** Processor time within, in percent of all cores; null when it was too short to say. */
  get cpuPercent(): number | null {
    return cpuPercent(this.to.processorMs - this.from.processorMs, this.ms, this.usage.cores);
  }
}
