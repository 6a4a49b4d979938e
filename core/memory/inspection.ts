/**
 * Shared memory in use, region by region, counted from the arena itself: for reports, not for hot paths.
 *
 * @module
 */
import { load } from "./atomics.ts";
import { AGENT_SLOT, agentSlotAt, LANE_ORDINARY, LANE_URGENT, type Layout, ringAt, SLAB_BYTES, slabAt, slabStateAt } from "./layout.ts";
import { SLAB_PARKING } from "./layout_parking.ts";
import { parksAny } from "./parking_lot.ts";
import type { ByteWindow } from "./shared_memory.ts";

/** One region's use. */
export interface RegionUse {
  /** Name as in the layout. */
  readonly name: string;
  /** Bytes that hold something now. */
  readonly usedBytes: number;
  /** Bytes there are. */
  readonly capacityBytes: number;
}

/** What of the shared memory is in use. */
export interface MemoryReport {
  /** Agents that count as alive. */
  readonly agentsLive: number;
  /** Agent slots that are not free, warm agents included. */
  readonly slotsInUse: number;
  /** Bytes committed to rings and not yet drained. */
  readonly ringBytesInUse: number;
  /** Slabs that hold a payload. */
  readonly slabsInUse: number;
  /** By region. */
  readonly regions: readonly RegionUse[];
}

/** Counts what is in use. `agentsLive` and `storeBytes` come from those who keep them. */
export function inspectArena(memory: ByteWindow, layout: Layout, agentsLive: number, storeBytes: number): MemoryReport {
  const slotsInUse = countSlots(memory, layout);
  const ringBytesInUse = countRingBytes(memory, layout);
  const slabsInUse = countSlabs(memory, layout);
  const slotBytes = agentSlotAt(layout, 1, 0) - agentSlotAt(layout, 0, 0);
  return {
    ...{ agentsLive, slotsInUse, ringBytesInUse, slabsInUse },
    regions: [
      { name: "queues", usedBytes: ringBytesInUse, capacityBytes: layout.queues.bytes },
      { name: "agents", usedBytes: slotsInUse * slotBytes, capacityBytes: layout.agents.bytes },
      { name: "slabs", usedBytes: slabsInUse * SLAB_BYTES, capacityBytes: layout.slabs * SLAB_BYTES },
      { name: "store", usedBytes: storeBytes, capacityBytes: layout.store.bytes },
    ],
  };
}

function countRingBytes({ words }: ByteWindow, layout: Layout): number {
  let bytes = 0;
  for (let from = 0; from < layout.hosts; from++) {
    for (let to = 0; to < layout.hosts; to++) {
      for (const lane of [LANE_ORDINARY, LANE_URGENT]) {
        const ring = ringAt(layout, from, to, lane);
        bytes += (load(words, ring.head >> 2) - load(words, ring.tail >> 2)) >>> 0;
      }
    }
  }
  return bytes;
}

function countSlabs({ words }: ByteWindow, layout: Layout): number {
  let taken = 0;
  for (let slab = 0; slab < layout.slabs; slab++) {
    const state = load(words, slabStateAt(layout, slab) >> 2);
    // A host keeps an idle slab or two to park in: that is no use of it.
    if (state !== 0 && ((state & SLAB_PARKING) === 0 || parksAny(words, slabAt(layout, slab)))) taken++;
  }
  return taken;
}

/** A slot is free when the three state bits of its tag are 0 (see agents/lifecycle.ts); 5 is retired. */
function countSlots({ words }: ByteWindow, layout: Layout): number {
  let taken = 0;
  for (let slot = 0; slot < layout.agentSlots; slot++) {
    const state = load(words, agentSlotAt(layout, slot, AGENT_SLOT.tag) >> 2) & 7;
    if (state !== 0 && state !== 5) taken++;
  }
  return taken;
}
