/**
 * Counters of the bus: one line of shared words a thread, which that thread alone writes, so that counting costs no atomic operation.
 *
 * @module
 */
import { BUS_COUNTER, busCounter, type BusParts } from "../memory/bus_layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";

/** What has been counted since the start, by all threads; each number is modulo 2³². */
export interface BusCounts {
  /** Calls of publish. */
  readonly published: number;
  /** Copies that went into queues. */
  readonly queued: number;
  /** Messages handed to agents. */
  readonly delivered: number;
  /** Messages that nobody had subscribed to. */
  readonly unrouted: number;
  /** Copies refused: the queue, the pool or the agent was full. */
  readonly refused: number;
  /** Messages handed to consumers. */
  readonly consumed: number;
  /** Messages that came too late. */
  readonly expired: number;
  /** Messages that became dead letters. */
  readonly deadLettered: number;
  /** Dead letters that gave way to others. */
  readonly deadLettersDropped: number;
}

/** The counters of one thread, and the sums of all. */
export class BusCounters {
  /** `host` is the index of this thread, of `hosts`. */
  constructor(
    private readonly memory: SharedMemory,
    private readonly parts: BusParts,
    private readonly host: number,
    private readonly hosts: number,
  ) {}

  /** Counts. */
  add(counter: keyof BusCounts, count = 1): void {
    const at = busCounter(this.parts, this.host, BUS_COUNTER[counter]) >> 2;
    this.memory.words[at] = (this.memory.words[at] + count) | 0;
  }

  /** Sums over all threads; plain reads, so a count of another thread may be seen a moment late. */
  sums(): BusCounts {
    const sum = (field: number): number => {
      let total = 0;
      for (let host = 0; host < this.hosts; host++) total = (total + this.memory.words[busCounter(this.parts, host, field) >> 2]) >>> 0;
      return total;
    };
    const { published, queued, delivered, unrouted, refused, consumed, expired, deadLettered, deadLettersDropped } = BUS_COUNTER;
    return {
      ...{ published: sum(published), queued: sum(queued), delivered: sum(delivered), unrouted: sum(unrouted), refused: sum(refused) },
      ...{ consumed: sum(consumed), expired: sum(expired), deadLettered: sum(deadLettered), deadLettersDropped: sum(deadLettersDropped) },
    };
  }
}
