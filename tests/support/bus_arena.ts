/** Small arenas with a bus, for tests. */
import { type BusParts, busParts, queueCursors, queueField } from "../../core/memory/bus_layout.ts";
import { QUEUE } from "../../core/memory/bus_layout.ts";
import { MessageCells } from "../../core/memory/message_cells.ts";
import { MessageQueue } from "../../core/memory/message_queue.ts";
import { type Layout, planLayout } from "../../core/memory/layout.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";

/** An arena for `hosts` threads with at most `cells` cells. */
export function busArena(
  hosts = 4,
  cells = 2_000,
  sharedBufferBytes = 32 << 20,
): { memory: SharedMemory; layout: Layout; parts: BusParts } {
  // Planned for any number of cells; that there are also so many slabs is of no use here.
  const layout = { ...planLayout({ hosts, agentSlots: 16, sharedBufferBytes, storeBytes: 0 }), messagesMax: cells };
  return { memory: allocateMemory(layout.totalBytes), layout, parts: busParts(layout) };
}

/** A host's handles on the cells and on queue 1, whose rings begin with the rings' room. */
export function queueOf(
  { memory, parts }: { memory: SharedMemory; parts: BusParts },
  host: number,
  { capacity = 64, ringLog2 = 6, levels = 5 } = {},
): { cells: MessageCells; queue: MessageQueue } {
  const cells = new MessageCells(memory, parts, host);
  const cursors = Array.from({ length: levels }, (_unused, level) => {
    const { head, tail } = queueCursors(parts, 1, level);
    return { head: head >> 2, tail: tail >> 2 };
  });
  return { cells, queue: new MessageQueue(memory, cells, { index: 1, cursors, ring: parts.rings >> 2, ringLog2, capacity }) };
}

/** Sets the cursors of every level of queue 1 and the laps of its rings, as if so many messages had gone through. */
export function advanceQueue({ memory, parts }: { memory: SharedMemory; parts: BusParts }, start: number, ringLog2 = 6, levels = 5): void {
  const size = 1 << ringLog2;
  for (let level = 0; level < levels; level++) {
    const { head, tail } = queueCursors(parts, 1, level);
    memory.words[head >> 2] = memory.words[tail >> 2] = start;
    for (let step = 0; step < size; step++) {
      const position = (start + step) | 0;
      memory.words[(parts.rings >> 2) + (level << ringLog2) + (position & (size - 1))] = ((position >>> ringLog2) & 0x3fff) << 18;
    }
  }
}

/** Word of a field of queue 1. */
export function fieldOf(parts: BusParts, field: keyof typeof QUEUE): number {
  return queueField(parts, 1, QUEUE[field]) >> 2;
}
