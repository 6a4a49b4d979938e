/** Figures that a test sets by hand, where a kernel would have measured them. */
import type { SystemUsage } from "../../core/metrics/system_usage.ts";
import { COUNT, HostMetrics } from "../../core/metrics/counters.ts";
import { Histogram } from "../../core/metrics/histogram.ts";
import type { FigureSources } from "../../core/metrics/moments.ts";
import { planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { FakeClock } from "../../core/testing.ts";

/** A system whose every figure is set by hand. */
export class Figures implements FigureSources {
  readonly clock: FakeClock = new FakeClock();
  readonly spawnTime: Histogram = Histogram.private();
  readonly hosts: readonly HostMetrics[];
  /** Agents alive. */
  agents = 0;
  /** Resident bytes, of a budget of 100. */
  resident = 10;
  /** Processor time so far, of two cores. */
  processorMs = 0;
  readonly usage: SystemUsage = {
    cores: 2,
    budget: { bytes: 100, unknown: [] },
    residentBytes: () => this.resident,
    processorMs: () => this.processorMs,
  };

  constructor() {
    const layout = planLayout({ hosts: 2, agentSlots: 16, sharedBufferBytes: 16 << 20, storeBytes: 1 << 20 });
    const memory = allocateMemory(layout.totalBytes);
    this.hosts = [0, 1].map((host) => new HostMetrics(memory, layout, host));
  }

  readonly agentsLive = (): number => this.agents;
  readonly agentsPeak = (): number => this.agents;

  /** So many durations, half of them on each host. */
  deliver(us: number, times: number): void {
    for (let time = 0; time < times; time++) this.hosts[time & 1].delivery.record(us);
  }

  /** So many spawns. */
  spawn(us: number, times: number): void {
    for (let time = 0; time < times; time++) this.spawnTime.record(us);
  }

  /** So many handlers entered, and of them failed. */
  handle(entered: number, failed: number): void {
    this.hosts[1].counts[COUNT.delivered] += entered;
    this.hosts[1].counts[COUNT.failed] += failed;
  }
}
