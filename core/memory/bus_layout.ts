/**
 * The layout table's page for topics and named queues. All offsets are BYTES. Everything begins as zeros: untouched memory is an empty bus.
 *
 * ```
 * control │ hosts' counters │ queues: 256 × 1 KiB │ subscriptions: 16 Ki words │ rings: 3/16 │ cells of 256 B: the rest
 * ```
 * A message lies in one cell, or in a chain of them. A queue is a few rings of words that name cells (see message_queue.ts).
 *
 * @module
 */
import { CACHE_LINE_BYTES, HOST, hostField, HOSTS_MAX, type Layout } from "./layout.ts";

/** Named queues; number 0 holds the dead letters. */
export const QUEUES_MAX = 256;
/** Priorities −1…3, each with its own ring. */
export const QUEUE_LEVELS = 5;
/** Smallest ring: a lap's number comes round after 2^14 laps, which one stalled thread must not sleep through. */
export const QUEUE_RING_MIN = 64;
/** Longest name of a queue, in UTF-16 units. */
export const QUEUE_NAME_LENGTH_MAX = 96;
/** Subscriptions of all queues and agents. */
export const SUBSCRIPTIONS_MAX = 16_384;
/** Cells that a ring's word can name (17 bits). */
export const CELLS_MAX = 1 << 17;
/** One cell. */
export const CELL_BYTES = 256;

/** The bus's control words. */
export const BUS = {
  /** The lock of the tables, see store_lock.ts. */
  lock: 0,
  waiting: 4,
  turns: CACHE_LINE_BYTES,
  /** Go up with each change of the tables; read at each publish. Written by the lock's holder, like the next two. */
  queuesVersion: 2 * CACHE_LINE_BYTES,
  subscriptionsVersion: 2 * CACHE_LINE_BYTES + 4,
  /** Entries of the subscription table that were ever used. */
  subscriptionsEnd: 2 * CACHE_LINE_BYTES + 8,
  /** Words of the rings' room that were given to queues, for good. */
  ringWordsUsed: 2 * CACHE_LINE_BYTES + 12,
  /** Next cell to look at when one is claimed. */
  cellCursor: 3 * CACHE_LINE_BYTES,
  /** Cells in use: a hint that saves a look at all of them; off by a few after a thread died at work. */
  cellsInUse: 4 * CACHE_LINE_BYTES,
  /** Blocks of message ids handed out. */
  idBlocks: 5 * CACHE_LINE_BYTES,
} as const;
const BUS_CONTROL_BYTES = 6 * CACHE_LINE_BYTES;

/** Counters of one host: a line each, written by that host only. */
export const BUS_COUNTER = {
  /** Calls of publish. */
  published: 0,
  /** Copies that went into queues, and those handed to agents. */
  queued: 4,
  delivered: 8,
  /** Messages that nobody had subscribed to. */
  unrouted: 12,
  /** Copies refused: the queue, the pool or the agent was full. */
  refused: 16,
  /** Messages handed to consumers. */
  consumed: 20,
  /** Messages that came too late. */
  expired: 24,
  /** Dead letters kept, and those that gave way to others. */
  deadLettered: 28,
  deadLettersDropped: 32,
} as const;

/** Fields of one queue's block. */
export const QUEUE = {
  /** 0 never used, 1 live, 2 closed. Written by the holder of the tables' lock, like all that follows. */
  state: 0,
  /** Goes up when the queue is closed: a message that a slow publisher puts in afterwards is told by it. */
  generation: 4,
  /** Messages of one level. */
  capacity: 8,
  /** First word of its rings, counted from the rings' room, and log2 of the words of one. */
  ring: 12,
  ringLog2: 16,
  /** Levels: 5, or 1 for the dead letters. */
  levels: 20,
  nameLength: 24,
  /** Generation in which it got its name. */
  namedSince: 28,
  /** UTF-16 units of the name. */
  name: 32,
  /** 1: it is kept on disk. */
  durable: 224,
  /** Wake-up epoch of its waiters, and whether there are any: see doorbell.ts. */
  bell: 4 * CACHE_LINE_BYTES,
  sleeping: 5 * CACHE_LINE_BYTES,
  /** Level 0's head (the consumers' word); its tail (the producers') is a line further, then come the other levels. */
  cursors: 6 * CACHE_LINE_BYTES,
} as const;
const QUEUE_BLOCK_BYTES = 16 * CACHE_LINE_BYTES;

/** Fields of a message's first cell, and of those that follow it in a chain. */
export const CELL = {
  /** Who has the cell: see message_cells.ts. THE word that claims, publishes, takes and frees. */
  state: 0,
  /** Goes up each time the cell is freed: a handle that was given back is told by it. */
  serial: 4,
  /** Next cell + 1 of the chain. */
  next: 8,
  /** The host + 1 that published it last, and above these 8 bits the queue that it was meant for. */
  origin: 12,
  id: 16,
  timestamp: 24,
  expiresAt: 32,
  from: 40,
  /** Bytes of topic, ids and payload together. */
  bytes: 48,
  topicBytes: 52,
  idsBytes: 56,
  /** Generation of the queue when it was published. */
  generation: 60,
  priority: 64,
  retryCount: 65,
  /** What the payload is: see bus_message.ts. */
  kind: 66,
  /** Why it is a dead letter, and since when. */
  reason: 67,
  deadAt: 72,
  /** Where the bytes begin: in the first cell, and in the others. */
  body: 80,
  bodyOfPart: 16,
} as const;

/** Where the parts of the bus lie (bytes from the start of the arena), and how much there is of each. */
export interface BusParts {
  /** See `BUS`. */
  readonly control: number;
  /** One line a host, see `BUS_COUNTER`. */
  readonly counters: number;
  /** See `QUEUE`. */
  readonly queues: number;
  /** One word a subscription. */
  readonly subscriptions: number;
  /** Words of all rings. */
  readonly rings: number;
  /** How many there are. */
  readonly ringWords: number;
  /** The cells. */
  readonly cells: number;
  /** How many there are: as many as were asked for, if they fit. */
  readonly cellCount: number;
}

/** Lays out the bus's part of `queues`: its end. */
export function busParts(layout: Layout): BusParts {
  const { busBytes: bytes, messagesMax } = layout;
  const offset = layout.queues.offset + layout.queues.bytes - bytes;
  const counters = offset + BUS_CONTROL_BYTES;
  const queues = counters + HOSTS_MAX * CACHE_LINE_BYTES;
  const subscriptions = queues + QUEUES_MAX * QUEUE_BLOCK_BYTES;
  const rings = subscriptions + SUBSCRIPTIONS_MAX * 4;
  const ringWords = Math.floor((bytes * 3) / 16 / CACHE_LINE_BYTES) * (CACHE_LINE_BYTES / 4);
  const cells = rings + ringWords * 4;
  const cellCount = Math.min(messagesMax, CELLS_MAX, Math.floor((offset + bytes - cells) / CELL_BYTES));
  return { control: offset, counters, queues, subscriptions, rings, ringWords, cells, cellCount };
}

/** Byte offset of a field of a queue's block. */
export function queueField(parts: BusParts, queue: number, field: number): number {
  return parts.queues + queue * QUEUE_BLOCK_BYTES + field;
}

/** Byte offsets of the cursors of one level of a queue. */
export function queueCursors(parts: BusParts, queue: number, level: number): { head: number; tail: number } {
  const head = queueField(parts, queue, QUEUE.cursors) + 2 * level * CACHE_LINE_BYTES;
  return { head, tail: head + CACHE_LINE_BYTES };
}

/** Byte offset of a field of a cell. */
export function cellField(parts: BusParts, cell: number, field: number): number {
  return parts.cells + cell * CELL_BYTES + field;
}

/** Byte offset of one of a host's counters. */
export function busCounter(parts: BusParts, host: number, field: number): number {
  return parts.counters + host * CACHE_LINE_BYTES + field;
}

/** Byte offset of the word that says whether a host runs: the fence. */
export function hostStateOf(layout: Layout, host: number): number {
  return hostField(layout, host, HOST.state);
}
