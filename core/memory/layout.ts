/**
 * THE table of shared bytes: which region stands where, and where each field of it lies. Pure arithmetic; nothing else in the project writes a
 * raw offset, but for the store's own page of the table: store_layout.ts. All offsets here are BYTES from the start of the arena; a field is used as `words[offset >> 2]` or `floats[offset >> 3]`.
 *
 * ```
 * header 64 B │ buckets 64 KiB │ queues ½ │ agents ¼ │ metrics 1/16 │ shapes ≤ 1/128 │ slabs: the rest │ store (memoryStoreSize) │ black box, if any
 * ```
 * The fractions are of `sharedBufferSize` (128 MiB by default, which gives the sizes of the owner's document).
 *
 * @module
 */
import { ConfigError } from "../base/errors.ts";
import { MESSAGE_POOL_SIZE } from "../base/limits.ts";
import { powerOfTwoDown, roundDown, roundUp } from "./rounding.ts";

/** A cache line: words written by different threads never share one. */
export const CACHE_LINE_BYTES = 64;
/** Buckets of the store's hash table, unless it is large (see store_layout.ts). */
export const STORE_BUCKETS = 16_384;
/** Hosts that an agent's slot word can name (6 bits). */
export const HOSTS_MAX = 64;
/** Slots that an agent's id can name (21 bits). */
export const AGENT_SLOTS_MAX = 1 << 21;
/** Longest frame of a ring. A longer message travels in slabs. Equals the slack behind a ring, which removes wrap frames. */
export const FRAME_BYTES_MAX = 16_384;
/** Longest frame that a sender writes: with a parking head before it, it still fits a slab. */
export const MESSAGE_FRAME_BYTES_MAX = FRAME_BYTES_MAX - 128;
/** One slab; a large message takes several, and parked frames share some. */
export const SLAB_BYTES = 16_384;
/** Slabs of one message: with the list of their indices a frame stays small, and one sender cannot take them all. */
export const SLABS_PER_MESSAGE_MAX = 64;
/** Largest ring of one lane: 1 MiB holds about 8,000 small messages; a larger one only adds waiting and cache misses. */
const RING_BYTES_MAX = 1 << 20;
/** A ring must hold a few of the longest frames, or one frame would stop the lane. */
const RING_BYTES_MIN = 4 * FRAME_BYTES_MAX;
/** Offsets are used as signed 32-bit numbers (`offset >> 2`): 2 GiB less a page. */
const ARENA_BYTES_MAX = 2 ** 31 - 65_536;
/** Largest table of shapes: some 1,500 records of six keys. */
const SHAPE_TABLE_BYTES_MAX = 65_536;
/** All tables of shapes take such a part of `sharedBufferSize` at most. */
const SHAPES_SHARE = 1 / 128;
const HEADER_BYTES = 64;
const HOST_CONTROL_BYTES = 8 * CACHE_LINE_BYTES;
const RING_CONTROL_BYTES = 2 * CACHE_LINE_BYTES;
const BUS_BYTES_MIN = 2 ** 19; // its tables, and a few hundred messages
const AGENT_SLOT_BYTES = CACHE_LINE_BYTES;
/** Words 0…: see `HEADER`. */
export const LAYOUT_MAGIC = 0x53334b31;
/** Raised whenever an offset or a meaning changes. */
export const LAYOUT_VERSION = 6;

/** Bytes of one region. */
export interface Region {
  /** First byte. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

/** What `planLayout` was asked for and what came of it: plain data, sent to each thread at its start. */
export interface Layout {
  /** Threads with a host, the main thread included. */
  readonly hosts: number;
  /** Slots for agents, warm ones included. */
  readonly agentSlots: number;
  /** Slabs for large messages. */
  readonly slabs: number;
  /** Data bytes of one ring, ordinary and urgent lane; powers of two. */
  readonly ringBytes: readonly [ordinary: number, urgent: number];
  /** Length of one host's table of shapes. */
  readonly shapeTableBytes: number;
  /** Regions by name. */
  readonly header: Region;
  /** Hash heads of the store. */
  readonly buckets: Region;
  /** Host control words, ring control words, rings; at its end topics and named queues (bus_layout.ts). */
  readonly queues: Region;
  /** Of it, for topics and named queues. */
  readonly busBytes: number;
  /** Messages that named queues may hold in all, if so many fit: see `busParts`. */
  readonly messagesMax: number;
  /** One slot an agent. */
  readonly agents: Region;
  /** One block a host. */
  readonly metrics: Region;
  /** One table a host, of `shapeTableBytes` each. */
  readonly shapes: Region;
  /** Slab states, then slabs. */
  readonly slabPool: Region;
  /** Entries of the store. */
  readonly store: Region;
  /** What agents were at last, see black_box.ts: a record a slot. No bytes unless it was asked for. */
  readonly blackBox: Region;
  /** The whole arena. */
  readonly totalBytes: number;
}

/** Lanes of a ring pair. High and critical messages and the stop of a host take the urgent one. */
export const LANE_ORDINARY = 0;
/** Drained before the ordinary lane. */
export const LANE_URGENT = 1;

/** Header words (bytes from the start of the arena). Written by main before any thread starts. */
export const HEADER = {
  magic: 0,
  version: 4,
  /** Next slot to look at when an agent slot is claimed. */
  agentCursor: 8,
  /** Next slab to look at when one is claimed. */
  slabCursor: 12,
  /** Agents alive, warm ones not counted. */
  agentsLive: 16,
  /** Hosts that ever started: their indices are used in order and never again, so nobody need look at the rings of the others. */
  hostsStarted: 20,
  /** 1 when durable queues may be made: their messages are kept on disk. */
  keepsState: 24,
  /** State of the thread that collects what is kept, as a host's: it has no host. */
  collector: 28,
} as const;

/** Fields of one host's control block: a line for each writer. */
export const HOST = {
  /** Wake-up epoch: full 32-bit, never reset. Written by wakers. */
  bell: 0,
  /** 1 while the host sleeps or is about to. Written by the host, cleared by its waker. */
  sleeping: CACHE_LINE_BYTES,
  /** Turns of the drain loop: proof of life. Written by the host. */
  beat: 2 * CACHE_LINE_BYTES,
  /** 1 starting, 2 running, 3 stopped, 4 dead (written by the supervisor: the fence). */
  state: 3 * CACHE_LINE_BYTES,
  /** Id of the agent whose function runs now, 0 for none (f64). Written by the host, plainly: it is only read when the host hangs or has died. */
  running: 2 * CACHE_LINE_BYTES + 8,
  /** Behaviors that it imports now: that may take its thread for seconds. Written by the host, plainly. */
  importing: 2 * CACHE_LINE_BYTES + 16,
  /** How long that agent's functions may take; 0 as long as any. Written by the host, plainly. */
  patienceMs: 2 * CACHE_LINE_BYTES + 20,
  /** Agents placed here, warm ones included. Added to by any thread. */
  agents: 4 * CACHE_LINE_BYTES,
  /** Clock ping: sequence from the host, answer from main, main's time. */
  ping: 5 * CACHE_LINE_BYTES,
  pong: 6 * CACHE_LINE_BYTES,
  pongTime: 6 * CACHE_LINE_BYTES + 8,
} as const;

/** Fields of one agent's slot. */
export const AGENT_SLOT = {
  /** Generation, host, full, state: see agent_directory.ts. */
  tag: 0,
  /** 1 while the agent counts as alive. Written by whoever claims, adopts or frees the slot: one at a time, by the tag's state. */
  counted: 4,
  /** Bound of its inbox, for the error of a sender that found it full. Written by its host at the start. */
  inboxMessagesMax: 8,
  /** Slots + 1 of the agents whose replies its handler waits for; 0: unused. Written by its host. */
  awaits: 12,
  /** Host + 1 that ordered the agent: whose death leaves a spawning slot to nobody. Written by whoever claims the slot. */
  orderedBy: 60,
} as const;
/** Replies that one handler may wait for at a time with its cycles found; more fit no cache line. */
export const AWAITS_MAX = 12;

/** Fields of one host's table of shapes, in bytes from its start; see shape_table.ts. Written by that host's thread alone. */
export const SHAPE_TABLE = {
  /** Bytes of entries that may be read. Only ever grows: an entry means the same for as long as the arena lives. */
  used: 0,
  /** The entries, one behind the other. */
  entries: CACHE_LINE_BYTES,
} as const;

/** Fields of one agent's record in the black box, in bytes. */
export const BLACK_BOX = {
  /** Events ever; how many of them say that something threw; how many say anything but that or a message. */
  count: 0,
  failed: 4,
  others: 8,
  type: 16,
  typeBytes: 48,
  events: CACHE_LINE_BYTES,
} as const;
/** Events that are kept of an agent: a power of two, each a pair of 64-bit floats. */
export const BLACK_BOX_EVENTS = 4;
/** Length of one. */
export const BLACK_BOX_EVENT_BYTES = 16;
/** Length of a record: what is written for each message lies in two lines. */
export const BLACK_BOX_BYTES = 2 * CACHE_LINE_BYTES;

/** Plans the arena. Throws `ConfigError` that names the option and the bytes needed. */
export function planLayout(
  request: {
    hosts: number;
    agentSlots: number;
    sharedBufferBytes: number;
    storeBytes: number;
    slabsMax?: number;
    blackBox?: boolean;
  },
): Layout {
  const { hosts, agentSlots, sharedBufferBytes, storeBytes, slabsMax = MESSAGE_POOL_SIZE } = request;
  if (hosts < 1 || hosts > HOSTS_MAX) throw new ConfigError("threads", `${hosts - 1} worker threads; at most ${HOSTS_MAX - 1} fit.`);
  if (agentSlots > AGENT_SLOTS_MAX) {
    throw new ConfigError("maxConcurrentAgents", `${agentSlots} agent slots; at most ${AGENT_SLOTS_MAX} fit.`);
  }
  const total = roundDown(sharedBufferBytes, CACHE_LINE_BYTES);
  const header = { offset: 0, bytes: HEADER_BYTES };
  const buckets = after(header, STORE_BUCKETS * 4);
  const queues = after(buckets, roundDown(total / 2, CACHE_LINE_BYTES));
  const agents = after(queues, Math.max(roundDown(total / 4, CACHE_LINE_BYTES), agentSlots * AGENT_SLOT_BYTES));
  const metrics = after(agents, Math.max(roundDown(total / 16, CACHE_LINE_BYTES), hosts * METRICS_BLOCK_BYTES));
  const shapeTableBytes = Math.min(SHAPE_TABLE_BYTES_MAX, roundDown(total * SHAPES_SHARE / hosts, CACHE_LINE_BYTES));
  const shapes = after(metrics, hosts * shapeTableBytes);
  const slabOffset = shapes.offset + shapes.bytes;
  const slabs = Math.min(slabsMax, Math.floor((total - slabOffset) / (SLAB_BYTES + 4)) - 1);
  const shares = shareQueues(queues.bytes, hosts);
  if (slabs < SLABS_PER_MESSAGE_MAX || shares === null) {
    const needed = neededBytes(hosts, agentSlots, storeBytes);
    throw new ConfigError(
      "sharedBufferSize",
      `${sharedBufferBytes} bytes cannot hold ${hosts} hosts and ${agentSlots} agent slots; ` +
        (needed > 0
          ? `give at least ${needed} bytes, or lower threads or maxConcurrentAgents.`
          : "no arena can: lower threads or maxConcurrentAgents."),
      { neededBytes: needed },
    );
  }
  const blackBoxBytes = request.blackBox ? agentSlots * BLACK_BOX_BYTES : 0;
  if (total + storeBytes + blackBoxBytes > ARENA_BYTES_MAX) {
    throw new ConfigError(
      "sharedBufferSize",
      `${sharedBufferBytes} bytes and memoryStoreSize ${storeBytes} are more than the ${ARENA_BYTES_MAX} bytes that one arena holds; lower one of them.`,
      { arenaBytesMax: ARENA_BYTES_MAX },
    );
  }
  const slabPool = { offset: slabOffset, bytes: total - slabOffset };
  const store = { offset: total, bytes: roundDown(storeBytes, CACHE_LINE_BYTES) };
  const blackBox = after(store, blackBoxBytes);
  return {
    ...{ hosts, agentSlots, slabs, ...shares, messagesMax: slabsMax, shapeTableBytes },
    ...{ header, buckets, queues, agents, metrics, shapes, slabPool, store, blackBox },
    totalBytes: blackBox.offset + blackBox.bytes,
  };
}

/** Bytes of one host's block of counters and histograms. */
export const METRICS_BLOCK_BYTES = 32_768;

/** Byte offset of a field of a host's control block. */
export function hostField(layout: Layout, host: number, field: number): number {
  return layout.queues.offset + host * HOST_CONTROL_BYTES + field;
}

/** Where one lane of one ordered pair of hosts lies. `head` is the producer's line (its word, what it has committed, whether it wants room), `tail` the consumer's. */
export function ringAt(
  layout: Layout,
  from: number,
  to: number,
  lane: number,
): { head: number; tail: number; data: number; bytes: number } {
  const { hosts, ringBytes, queues } = layout;
  const pair = from * hosts + to;
  const control = queues.offset + hosts * HOST_CONTROL_BYTES + (pair * 2 + lane) * RING_CONTROL_BYTES;
  const data = queues.offset + hosts * HOST_CONTROL_BYTES + hosts * hosts * 2 * RING_CONTROL_BYTES +
    pair * pairBytes(ringBytes) + (lane === LANE_URGENT ? ringBytes[0] + FRAME_BYTES_MAX : 0);
  return { head: control, tail: control + CACHE_LINE_BYTES, data, bytes: ringBytes[lane] };
}

/** Byte offset of a field of an agent's slot. */
export function agentSlotAt(layout: Layout, slot: number, field: number): number {
  return layout.agents.offset + slot * AGENT_SLOT_BYTES + field;
}

/** Byte offset of a slab's state word: 0 free, else the claiming host + 1. */
export function slabStateAt(layout: Layout, slab: number): number {
  return layout.slabPool.offset + slab * 4;
}

/** Byte offset of a slab's data. */
export function slabAt(layout: Layout, slab: number): number {
  return roundUp(layout.slabPool.offset + layout.slabs * 4, CACHE_LINE_BYTES) + slab * SLAB_BYTES;
}

/** Byte offset of a host's metrics block. */
export function metricsAt(layout: Layout, host: number): number {
  return layout.metrics.offset + host * METRICS_BLOCK_BYTES;
}

/** Byte offset of a field of a host's table of shapes. */
export function shapeTableAt(layout: Layout, host: number, field: number): number {
  return layout.shapes.offset + host * layout.shapeTableBytes + field;
}

function after(region: Region, bytes: number): Region {
  return { offset: region.offset + region.bytes, bytes };
}

function pairBytes(ringBytes: readonly [number, number]): number {
  return ringBytes[0] + ringBytes[1] + 2 * FRAME_BYTES_MAX;
}

/** Ring sizes that fit the queue region, or null: three quarters of a pair's share for the ordinary lane, one for the urgent. */
function ringSizes(queueBytes: number, hosts: number): readonly [number, number] | null {
  const share = (queueBytes - hosts * HOST_CONTROL_BYTES) / (hosts * hosts) - 2 * RING_CONTROL_BYTES - 2 * FRAME_BYTES_MAX;
  const ordinary = Math.min(RING_BYTES_MAX, powerOfTwoDown(share * 0.75));
  const urgent = Math.min(RING_BYTES_MAX / 4, powerOfTwoDown(share * 0.25));
  return ordinary >= RING_BYTES_MIN && urgent >= RING_BYTES_MIN / 2 ? [ordinary, urgent] : null;
}

/** A quarter for topics and named queues, or less, so that many hosts find room for their rings; null when they do not even so. */
function shareQueues(queueBytes: number, hosts: number): Pick<Layout, "busBytes" | "ringBytes"> | null {
  for (const part of [4, 8, 16, 64]) {
    const busBytes = roundDown(queueBytes / part, CACHE_LINE_BYTES);
    const ringBytes = ringSizes(queueBytes - busBytes, hosts);
    if (ringBytes !== null && busBytes >= BUS_BYTES_MIN) return { busBytes, ringBytes };
  }
  return null;
}

/** Bytes that suffice, or 0 when no arena does. */
function neededBytes(hosts: number, agentSlots: number, storeBytes: number): number {
  const most = ARENA_BYTES_MAX - storeBytes;
  for (let bytes = 1 << 20; bytes < 2 * most; bytes *= 2) if (fits(Math.min(bytes, most), hosts, agentSlots)) return Math.min(bytes, most);
  return 0;
}

function fits(bytes: number, hosts: number, agentSlots: number): boolean {
  const agents = Math.max(bytes / 4, agentSlots * AGENT_SLOT_BYTES);
  const metrics = Math.max(bytes / 16, hosts * METRICS_BLOCK_BYTES);
  const rest = bytes - HEADER_BYTES - STORE_BUCKETS * 4 - bytes / 2 - agents - metrics - bytes * SHAPES_SHARE;
  return rest > (SLABS_PER_MESSAGE_MAX + 2) * (SLAB_BYTES + 4) && shareQueues(roundDown(bytes / 2, CACHE_LINE_BYTES), hosts) !== null;
}
