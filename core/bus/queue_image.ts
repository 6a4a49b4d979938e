/**
 * Durable queues as a crashed process left them in its arena: what waits there and is not in this kernel's queues yet is added to them.
 *
 * The queues have been filled from the log before, so a message that was consumed and whose consumption was never flushed is there again, as in every
 * mode. What is added is what was published since the last flush.
 *
 * @module
 */
import { BUS_MESSAGE_BYTES_MAX } from "../base/limits.ts";
import { BUS, type BusParts, busParts, CELL, cellField, hostStateOf, QUEUE_LEVELS } from "../memory/bus_layout.ts";
import type { Layout } from "../memory/layout.ts";
import { MessageCells } from "../memory/message_cells.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { BusTables } from "./bus_tables.ts";
import { CellBytes } from "./cell_bytes.ts";
import { type NamedQueue, QueueRegistry } from "./queue_registry.ts";

/** An arena and its plan. */
interface Arena {
  readonly memory: SharedMemory;
  readonly layout: Layout;
}

/** What was added. */
export interface AddedMessages {
  readonly queues: number;
  readonly messages: number;
  /** Messages that found no room. */
  readonly refused: number;
}

/** State of a host that runs; whoever is stopped may not take a lock, not even in an image. */
const RUNNING = 2;

/** One arena's queues, as host 0 sees them. */
class Side {
  readonly parts: BusParts;
  readonly tables: BusTables;
  readonly cells: MessageCells;
  readonly content: CellBytes;
  readonly registry: QueueRegistry;

  constructor(readonly memory: SharedMemory, layout: Layout) {
    this.parts = busParts(layout);
    this.tables = new BusTables(memory, layout, this.parts, 0);
    this.cells = new MessageCells(memory, this.parts, 0);
    this.content = new CellBytes(memory, this.cells);
    this.registry = new QueueRegistry(memory, this.tables, this.cells);
  }

  idOf(cell: number): number {
    return this.memory.view.getFloat64(cellField(this.parts, cell, CELL.id), true);
  }

  bytesOf(cell: number): number {
    return this.memory.view.getInt32(cellField(this.parts, cell, CELL.bytes), true);
  }
}

/** Adds to the durable queues of `to` what waits in those of `from`, whose memory is nobody else's. */
export function addWaiting(from: Arena, to: Arena): AddedMessages {
  const { words } = from.memory;
  // Its holder is dead.
  words[(busParts(from.layout).control + BUS.lock) >> 2] = 0;
  words[hostStateOf(from.layout, 0) >> 2] = RUNNING;
  const [old, own] = [new Side(from.memory, from.layout), new Side(to.memory, to.layout)];
  const idBlocks = Math.max(old.tables.read("idBlocks"), own.tables.read("idBlocks")) + 1;
  own.tables.change(() => own.tables.write("idBlocks", idBlocks));
  let [queues, messages, refused] = [0, 0, 0];
  for (const source of old.registry.all()) {
    if (!source.durable) continue;
    if (own.registry.get(source.name) === undefined) queues++;
    const target = own.registry.create(source.name, source.capacity, true);
    for (let level = 0; level < QUEUE_LEVELS; level++) {
      const known = new Set(target.queue.list(level).map(({ cell }) => own.idOf(cell)));
      for (const { cell } of source.queue.list(level)) {
        if (known.has(old.idOf(cell))) continue;
        if (move(old, cell, own, target, level)) messages++;
        else refused++;
      }
    }
  }
  return { queues, messages, refused };
}

/** Copies a message from its first field on; false when there is no room, or it is none. */
function move(old: Side, source: number, own: Side, { queue, index, generation }: NamedQueue, level: number): boolean {
  const bytes = old.bytesOf(source);
  const cell = bytes < 0 || bytes > BUS_MESSAGE_BYTES_MAX ? -1 : own.cells.tryClaim(bytes);
  if (cell < 0) return false;
  const [at, fields] = [cellField(own.parts, cell, CELL.id), cellField(old.parts, source, CELL.id)];
  own.memory.bytes.set(old.memory.bytes.subarray(fields, fields + CELL.body - CELL.id), at);
  own.memory.view.setInt32(cellField(own.parts, cell, CELL.generation), generation, true);
  own.memory.view.setInt32(cellField(own.parts, cell, CELL.origin), (index << 8) | 1, true);
  const content = new Uint8Array(bytes);
  old.content.copyOut(source, bytes, content);
  own.content.copyIn(cell, content, bytes);
  if (queue.tryPush(cell, level)) return true;
  own.cells.free(cell);
  return false;
}
