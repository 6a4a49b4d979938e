/**
 * The durable queues' share of the log: what each is called and holds, every message that was published and not consumed, and how far each level has
 * been consumed.
 *
 * Publishing and consuming cost nothing for it: a level is first in, first out, so two cursors say what is new and what is gone since the last flush. In the
 * log a message's place counts on over all lives of a queue, and queues have numbers of their own there: positions and indices begin anew with each start.
 *
 * @module
 */
import { BUS_MESSAGE_BYTES_MAX } from "../base/limits.ts";
import { load } from "../memory/atomics.ts";
import { type BusParts, busParts, CELL, CELL_BYTES, cellField, QUEUE_LEVELS } from "../memory/bus_layout.ts";
import type { Layout } from "../memory/layout.ts";
import type { LogBatch } from "../memory/log_batch.ts";
import { LOG_PART } from "../memory/log_layout.ts";
import type { LogPart } from "../memory/log_part.ts";
import type { LogRecord } from "../memory/log_reader.ts";
import { MessageCells, readyAt } from "../memory/message_cells.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { textBytes, textOf } from "../memory/store_part.ts";
import { BusTables } from "./bus_tables.ts";
import { CellBytes } from "./cell_bytes.ts";
import { type NamedQueue, QueueRegistry } from "./queue_registry.ts";

/** What of a first cell is kept: its fields from the id on. */
const FIELDS_BYTES = CELL.body - CELL.id;
/** Messages copied in a row. */
const MESSAGES_PER_STEP = 64;
/** Blocks of ids that are skipped at each start: ids of messages that never reached the disk are not given out again. */
const ID_BLOCKS_SKIPPED = 1_024;

/** One level of one queue. Positions are counted without end; the queue's own are their low 32 bits. */
interface Lane {
  /** Messages before this position are in the log, or gone; and what the batch under way makes of it. */
  next: number;
  nextTaken: number;
  /** Messages before this one are consumed, as the log says; likewise. */
  head: number;
  headTaken: number;
  /** Places in the log of the positions 0, 1, … of messages that were there at the start. */
  readonly places: readonly number[];
  /** Place of the position behind them. */
  readonly base: number;
}

interface KeptQueue {
  readonly number: number;
  readonly name: string;
  generation: number;
  readonly lanes: Lane[];
}

interface FoundQueue {
  readonly name: string;
  readonly capacity: number;
}

/** One kernel's durable queues, for its log. */
export class QueuePart implements LogPart {
  /** See `LogPart`. */
  readonly early: readonly number[] = [];
  /** See `LogPart`. */
  readonly keyed: readonly number[] = [LOG_PART.busIds, LOG_PART.queue];
  /** See `LogPart`. */
  readonly listed: readonly number[] = [LOG_PART.queueHead, LOG_PART.queueMessage];
  /** See `LogPart`. */
  readonly mustRewrite = false;
  readonly #parts: BusParts;
  readonly #tables: BusTables;
  readonly #cells: MessageCells;
  readonly #content: CellBytes;
  readonly #registry: QueueRegistry;
  /** By name; at most as many as there are queues. */
  readonly #kept = new Map<string, KeptQueue>();
  #made: KeptQueue[] = [];
  #ended: KeptQueue[] = [];
  #number = 0;
  #idBlocks = 0;
  #idBlocksTaken = 0;
  /** While records are shown. */
  readonly #found = new Map<number, FoundQueue>();
  readonly #messages = new Map<number, Map<number, Uint8Array>>();
  readonly #heads = new Map<number, number>();
  #restored = { queues: 0, messages: 0 };

  /** `host` is the index of this thread. */
  constructor(private readonly memory: SharedMemory, layout: Layout, private readonly host: number) {
    this.#parts = busParts(layout);
    this.#tables = new BusTables(memory, layout, this.#parts, host);
    this.#cells = new MessageCells(memory, this.#parts, host);
    this.#content = new CellBytes(memory, this.#cells);
    this.#registry = new QueueRegistry(memory, this.#tables, this.#cells);
  }

  /** What is there again. */
  get restored(): { readonly queues: number; readonly messages: number } {
    return this.#restored;
  }

  /** See `LogPart.collect`. */
  *collect(batch: LogBatch, all: boolean): Generator<void, void, void> {
    [this.#made, this.#ended] = [[], []];
    const durable = this.#registry.all().filter((queue) => queue.durable);
    const names = new Set(durable.map(({ name }) => name));
    for (const known of this.#kept.values()) if (!names.has(known.name)) this.#end(batch, known, all);
    for (const queue of durable) {
      const known = this.#kept.get(queue.name);
      // Deleted and made again: what was in it is not in this one.
      if (known !== undefined && known.generation !== queue.generation) this.#end(batch, known, all);
      const kept = known?.generation === queue.generation ? known : this.#make(queue);
      if (all || kept !== known) batch.put(LOG_PART.queue, kept.number, textBytes(queue.name), 0, queue.capacity);
      for (let level = 0; level < QUEUE_LEVELS; level++) yield* this.#collectLane(batch, queue, kept, level, all);
    }
    this.#idBlocksTaken = this.#tables.read("idBlocks") >>> 0;
    if (all || this.#idBlocksTaken !== this.#idBlocks) batch.add(LOG_PART.busIds, 0, 0, this.#idBlocksTaken);
  }

  /** See `LogPart.kept`. */
  kept(): void {
    for (const { name } of this.#ended) this.#kept.delete(name);
    for (const queue of this.#made) this.#kept.set(queue.name, queue);
    for (const { lanes } of this.#kept.values()) {
      for (const lane of lanes) [lane.next, lane.head] = [lane.nextTaken, lane.headTaken];
    }
    this.#idBlocks = this.#idBlocksTaken;
    [this.#made, this.#ended] = [[], []];
  }

  /** See `LogPart.undo`. */
  undo(): void {
    for (const { lanes } of this.#kept.values()) {
      for (const lane of lanes) [lane.nextTaken, lane.headTaken] = [lane.next, lane.head];
    }
    [this.#made, this.#ended] = [[], []];
  }

  /** See `LogPart.liveBytes`. */
  liveBytes(): number {
    return this.#cells.inUse * CELL_BYTES;
  }

  /** See `LogPart.beginRestore`. */
  beginRestore(): void {}

  /** See `LogPart.restore`. */
  restore({ part, key, version, extra, bytes, at, window }: LogRecord): boolean {
    if (part === LOG_PART.busIds) {
      this.#tables.change(() => this.#tables.write("idBlocks", version + ID_BLOCKS_SKIPPED));
    } else if (part === LOG_PART.queue) {
      this.#found.set(key, { name: textOf(window.bytes.subarray(at, at + bytes)), capacity: extra });
      this.#number = Math.max(this.#number, key);
    } else if (part === LOG_PART.queueHead) {
      this.#heads.set(key, Math.max(version, this.#heads.get(key) ?? 0));
      const messages = this.#messages.get(key);
      for (const place of messages?.keys() ?? []) if (place < version) messages!.delete(place);
    } else {
      const messages = this.#messages.get(key) ?? new Map<number, Uint8Array>();
      this.#messages.set(key, messages.set(version, new Uint8Array(window.bytes.subarray(at, at + bytes))));
    }
    return true;
  }

  /** See `LogPart.endRestore`. */
  endRestore(): number {
    let refused = 0;
    for (const [number, { name, capacity }] of this.#found) {
      let queue: NamedQueue;
      try {
        queue = this.#registry.create(name, capacity, true);
      } catch {
        refused++; // an arena that is too small for its rings; its messages follow
        for (let level = 0; level < QUEUE_LEVELS; level++) refused += this.#messages.get(laneKey(number, level))?.size ?? 0;
        continue;
      }
      const lanes: Lane[] = [];
      for (let level = 0; level < QUEUE_LEVELS; level++) {
        const messages = [...this.#messages.get(laneKey(number, level)) ?? []].sort(([a], [b]) => a - b);
        const places = messages.filter(([, bytes]) => this.#push(queue, level, bytes)).map(([place]) => place);
        refused += messages.length - places.length;
        this.#restored = { ...this.#restored, messages: this.#restored.messages + places.length };
        const base = Math.max(this.#heads.get(laneKey(number, level)) ?? 0, (messages.at(-1)?.[0] ?? -1) + 1);
        lanes.push({ next: places.length, nextTaken: places.length, head: 0, headTaken: 0, places, base });
      }
      this.#kept.set(name, { number, name, generation: queue.generation, lanes });
      this.#restored = { ...this.#restored, queues: this.#restored.queues + 1 };
    }
    for (const found of [this.#found, this.#messages, this.#heads]) found.clear();
    return refused;
  }

  #make({ name, generation, queue }: NamedQueue): KeptQueue {
    const lanes = queue.place.cursors.map(({ head }): Lane => {
      const first = load(this.memory.words, head) >>> 0;
      // Places begin at 0 with the first message that this number is to keep.
      return { next: first, nextTaken: first, head: first, headTaken: first, places: [], base: -first };
    });
    const made = { number: ++this.#number, name, generation, lanes };
    this.#made.push(made);
    return made;
  }

  #end(batch: LogBatch, known: KeptQueue, all: boolean): void {
    this.#ended.push(known);
    if (!all) batch.gone(LOG_PART.queue, known.number);
  }

  *#collectLane(
    batch: LogBatch,
    named: NamedQueue,
    { number, lanes }: KeptQueue,
    level: number,
    all: boolean,
  ): Generator<void, void, void> {
    const { queue, index } = named;
    const lane = lanes[level];
    const key = laneKey(number, level);
    const cursors = queue.place.cursors[level];
    // Head first: read the other way round it could have overtaken the tail in between.
    const head = lane.headTaken = ahead(lane.head, load(this.memory.words, cursors.head));
    const tail = lane.nextTaken = Math.max(head, ahead(lane.next, load(this.memory.words, cursors.tail)));
    if (all || head > lane.head) batch.add(LOG_PART.queueHead, key, 0, placeAt(lane, head));
    let copied = 0;
    for (let position = all ? head : Math.max(head, lane.next); position < tail; position++) {
      const cell = queue.cellAt(level, position | 0);
      if (cell >= 0) this.#copy(batch, key, cell, readyAt(index, level, position | 0), placeAt(lane, position));
      if (batch.isFull || ++copied % MESSAGES_PER_STEP === 0) yield;
    }
  }

  /** Copies a message that waits; one that is consumed meanwhile is left out. */
  #copy(batch: LogBatch, key: number, cell: number, ready: number, place: number): void {
    if (!this.#cells.isReady(cell, ready)) return;
    const fields = cellField(this.#parts, cell, CELL.id);
    const bytes = this.memory.view.getInt32(cellField(this.#parts, cell, CELL.bytes), true);
    if (bytes < 0 || bytes > BUS_MESSAGE_BYTES_MAX) return;
    const at = batch.add(LOG_PART.queueMessage, key, FIELDS_BYTES + bytes, place);
    const target = batch.window.bytes;
    target.set(this.memory.bytes.subarray(fields, fields + FIELDS_BYTES), at);
    this.#content.copyOut(cell, bytes, target.subarray(at + FIELDS_BYTES));
    if (!this.#cells.isReady(cell, ready)) batch.drop(at);
  }

  /** Puts a message back; false when there is no room. */
  #push({ queue, index, generation }: NamedQueue, level: number, kept: Uint8Array): boolean {
    const bytes = kept.length - FIELDS_BYTES;
    const cell = bytes < 0 || bytes > BUS_MESSAGE_BYTES_MAX ? -1 : this.#cells.tryClaim(bytes);
    if (cell < 0) return false;
    const { view } = this.memory;
    this.memory.bytes.set(kept.subarray(0, FIELDS_BYTES), cellField(this.#parts, cell, CELL.id));
    view.setInt32(cellField(this.#parts, cell, CELL.bytes), bytes, true);
    view.setInt32(cellField(this.#parts, cell, CELL.generation), generation, true);
    view.setInt32(cellField(this.#parts, cell, CELL.origin), (index << 8) | (this.host + 1), true);
    this.#content.copyIn(cell, kept.subarray(FIELDS_BYTES), bytes);
    if (queue.tryPush(cell, level)) return true;
    this.#cells.free(cell);
    return false;
  }
}

function laneKey(number: number, level: number): number {
  return number * 8 + level;
}

/** The position at or behind `known` of which a cursor shows the low 32 bits. */
function ahead(known: number, cursor: number): number {
  return known + Math.max(0, (cursor - (known | 0)) | 0);
}

function placeAt({ places, base }: Lane, position: number): number {
  return position < places.length ? places[position] : base + position - places.length;
}
