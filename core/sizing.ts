/**
 * How large a kernel must be: from what is asked of it to the options that fit, and to the memory and the cores that it will take. What follows from the
 * layout of shared memory is exact; what was measured (`deno task sizing`) says so within the range that was measured, and beyond it says that it is
 * extrapolated. Nothing is allocated.
 *
 * @module
 */
import { parseConfig } from "./base/config.ts";
import { ConfigError, InvalidArgumentError } from "./base/errors.ts";
import { PENDING_REPLIES_MAX, PENDING_SENDS_OUTSIDE_MAX, TASKS_WAITING_MAX, WORKER_HEAP_MB_MAX } from "./base/limits.ts";
import type { KernelOptions } from "./base/options.ts";
import { AGENT_SLOTS_MAX, HOSTS_MAX, type Layout } from "./memory/layout.ts";
import { storeParts } from "./memory/store_layout.ts";
import { blockUnits, KEY_BYTES_MAX, VALUE_BYTES_MAX } from "./memory/store_scratch.ts";
import { layoutFor, SPARE_SLOTS_RATIO } from "./system.ts";

/** What is asked of a kernel. */
export interface SizingRequest {
  /** Agents alive at a time. */
  readonly agents: number;
  /** Worker threads. Default: as many as the messages and the agents' memory need, at least 1, and no more than `cores` − 1 if those are given. */
  readonly threads?: number;
  /** Cores of the machine that it is for. Default: not looked at. */
  readonly cores?: number;
  /** Messages each second, of all agents together. Default 0. */
  readonly messageRate?: number;
  /** Bytes of the heap that one agent keeps in its `state`. Default 0: what it takes without any. */
  readonly stateBytes?: number;
  /** Values in the store. Default: one for each agent when `valueBytes` is given, else none. */
  readonly values?: number;
  /** Bytes of one value, encoded. Default 256 when `values` is given. */
  readonly valueBytes?: number;
  /** Bytes of one key. Default 32. */
  readonly keyBytes?: number;
}

/** Where a figure comes from. */
export type FigureBasis = "exact" | "measured" | "extrapolated";

/** A figure, and how much it is worth. */
export interface SizingFigure {
  /** In the unit that the field's name says. */
  readonly value: number;
  /** `exact`: arithmetic of the layout; `measured`: within what was measured; `extrapolated`: a straight line beyond it. */
  readonly basis: FigureBasis;
}

/** What a kernel for a request takes. */
export interface SizingPlan {
  /** Options to give to the manager. */
  readonly options: Required<Pick<KernelOptions, "maxConcurrentAgents" | "threads" | "sharedBufferSize" | "memoryStoreSize">>;
  /** Regions of shared memory under these options, in bytes. */
  readonly regions: readonly { readonly name: string; readonly bytes: number }[];
  /** All shared memory. The system gives pages only when they are touched: an upper bound. */
  readonly sharedBytes: SizingFigure;
  /** Of all agents: heap, and their part of the shared memory. */
  readonly agentsBytes: SizingFigure;
  /** Of the process and its threads before there are agents. */
  readonly processBytes: SizingFigure;
  /** Resident, without what the messages and the store touch of the shared memory. */
  readonly residentBytes: SizingFigure;
  /** The same with all shared memory touched: give the container no less. */
  readonly residentBytesMax: SizingFigure;
  /** Cores that the messages keep busy, handlers that do nothing included. */
  readonly busyCores: SizingFigure;
  /** Whole cores to have: threads and main, so that messages keep them busy to 60 % at the most. */
  readonly cores: SizingFigure;
  /** Bounds that this kernel will meet, and what to do about them. */
  readonly notes: readonly string[];
  /** On what was measured. */
  readonly measuredOn: string;
}

/** What `deno task sizing` found; its table stands in the README. */
export const MEASURED = {
  on: "2 cores (x86-64 virtual machine), Deno 2.9.6, agents with a small state, small messages from the main thread",
  /** Resident without worker threads and agents, what each thread adds, and what the first messages do (code and buffers). */
  processBytes: 92e6,
  threadBytes: 21e6,
  workingBytes: 26e6,
  /** What one more agent adds. */
  agentBytes: 1_500,
  /** Processor time of all threads for one message. */
  messageCpuUs: 3.4,
  /** At most so many messages each second, so many threads and agents were measured. */
  messagesPerSecondMax: 500_000,
  threadsMax: 2,
  agentsMax: 100_000,
} as const;

const MIB = 2 ** 20;
const SHARED_BYTES_MIN = 32 * MIB;
const SHARED_BYTES_MAX = 2 ** 31;
/** A lane holds the traffic of so long, or it fills whenever its reader is held up. */
const RING_HOLDS_S = 0.01;
/** Bytes of a small message in a ring. */
const MESSAGE_BYTES = 64;
/** Above it a machine's tail latencies grow quickly. */
export const BUSY_SHARE_MAX = 0.6;
/** Of a thread's heap for agents: the collector needs room to work in. */
const HEAP_SHARE_MAX = 0.5;
/** From here on the store evicts. */
const STORE_FULL_SHARE = 0.8;

/** Plans a kernel. Throws `InvalidArgumentError` that names the field, and `ConfigError` when no kernel can hold what is asked for. */
export function planSizing(request: SizingRequest): SizingPlan {
  const asked = checked(request);
  const busyCores = asked.messageRate * MEASURED.messageCpuUs / 1e6;
  const threads = asked.threads ?? threadsFor(asked, busyCores);
  const { layout, sharedBufferSize, memoryStoreSize } = smallestLayout(asked, threads);
  const within = asked.agents <= MEASURED.agentsMax && threads <= MEASURED.threadsMax;
  const basis: FigureBasis = within ? "measured" : "extrapolated";
  const processBytes = MEASURED.processBytes + threads * MEASURED.threadBytes + MEASURED.workingBytes;
  const agentsBytes = asked.agents * (MEASURED.agentBytes + asked.stateBytes);
  const rate: FigureBasis = within && asked.messageRate <= MEASURED.messagesPerSecondMax ? "measured" : "extrapolated";
  return {
    options: { maxConcurrentAgents: asked.agents, threads, sharedBufferSize, memoryStoreSize },
    regions: regionsOf(layout),
    sharedBytes: { value: layout.totalBytes, basis: "exact" },
    agentsBytes: { value: agentsBytes, basis },
    processBytes: { value: processBytes, basis: threads <= MEASURED.threadsMax ? "measured" : "extrapolated" },
    residentBytes: { value: processBytes + agentsBytes, basis },
    residentBytesMax: { value: processBytes + agentsBytes + layout.totalBytes, basis },
    busyCores: { value: busyCores, basis: rate },
    cores: { value: Math.max(threads === 0 ? 1 : threads + 1, Math.ceil(busyCores / BUSY_SHARE_MAX)), basis: rate },
    notes: notesOn(asked, threads, busyCores),
    measuredOn: MEASURED.on,
  };
}

type Asked = Required<Omit<SizingRequest, "threads" | "cores">> & Pick<SizingRequest, "threads" | "cores">;

/** More agents have no slots. */
export const AGENTS_MAX: number = Math.floor((AGENT_SLOTS_MAX - 64) / SPARE_SLOTS_RATIO);

const FIELDS: Readonly<Record<keyof SizingRequest, readonly [min: number, max: number]>> = {
  agents: [1, AGENTS_MAX],
  threads: [0, HOSTS_MAX - 1],
  cores: [1, 4_096],
  messageRate: [0, 1e9],
  stateBytes: [0, 2 ** 31],
  values: [0, 2 ** 25],
  valueBytes: [1, VALUE_BYTES_MAX],
  keyBytes: [1, KEY_BYTES_MAX],
};

function checked(request: SizingRequest): Asked {
  if (typeof request !== "object" || request === null) {
    throw new InvalidArgumentError("request", request, "give an object such as { agents: 10_000 }.");
  }
  for (const [name, value] of Object.entries(request)) {
    if (!Object.hasOwn(FIELDS, name)) throw new InvalidArgumentError(name, value, `known fields: ${Object.keys(FIELDS).join(", ")}.`);
    const [min, max] = FIELDS[name as keyof SizingRequest];
    const isGiven = value !== undefined || name === "agents";
    const isRight = Number.isInteger(value) || (name === "messageRate" && Number.isFinite(value));
    if (isGiven && !(isRight && value >= min && value <= max)) {
      throw new InvalidArgumentError(name, value, `give a whole number from ${min} to ${max}.`);
    }
  }
  if (request.agents === undefined) throw new InvalidArgumentError("agents", undefined, "say how many agents there are to be.");
  const { agents, messageRate = 0, stateBytes = 0, keyBytes = 32 } = request;
  const values = request.values ?? (request.valueBytes === undefined ? 0 : agents);
  return { ...request, agents, messageRate, stateBytes, keyBytes, values, valueBytes: request.valueBytes ?? 256 };
}

function threadsFor({ agents, stateBytes, cores }: Asked, busyCores: number): number {
  const heapBytes = agents * (MEASURED.agentBytes + stateBytes);
  const wanted = Math.max(1, Math.ceil(busyCores / BUSY_SHARE_MAX) - 1, Math.ceil(heapBytes / (WORKER_HEAP_MB_MAX * MIB * HEAP_SHARE_MAX)));
  return Math.min(wanted, HOSTS_MAX - 1, Math.max(1, (cores ?? HOSTS_MAX) - 1));
}

/** The smallest power of two of shared memory that holds the agents within its quarter and the rings at the size that the traffic needs. */
function smallestLayout(asked: Asked, threads: number): { layout: Layout; sharedBufferSize: number; memoryStoreSize: number } {
  const pairs = Math.max(1, threads * (threads + 1));
  const ringBytes = Math.min(MIB, asked.messageRate / pairs * MESSAGE_BYTES * RING_HOLDS_S);
  const memoryStoreSize = storeBytesFor(asked);
  let refusal: unknown;
  for (let shared = SHARED_BYTES_MIN; shared < SHARED_BYTES_MAX; shared *= 2) {
    const config = parseConfig({ threads, maxConcurrentAgents: asked.agents, sharedBufferSize: shared, memoryStoreSize }, threads + 1);
    try {
      const layout = layoutFor(config);
      if (layout.agents.bytes <= shared / 4 && layout.ringBytes[0] >= ringBytes) {
        return { layout, sharedBufferSize: shared, memoryStoreSize };
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      refusal = error;
    }
  }
  throw refusal ?? new ConfigError(
    "sharedBufferSize",
    `no arena holds ${asked.agents} agents on ${threads} threads at ${asked.messageRate} messages/s; use fewer threads, or several managers.`,
  );
}

/** So that all values fit below the share at which the store begins to evict. */
function storeBytesFor({ values, keyBytes, valueBytes }: Asked): number {
  const units = Math.ceil(values * blockUnits(keyBytes, valueBytes) / STORE_FULL_SHARE);
  for (let bytes = MIB; bytes < SHARED_BYTES_MAX; bytes = Math.ceil(bytes * 1.25 / MIB) * MIB) {
    const layout = layoutFor(
      parseConfig({ threads: 1, maxConcurrentAgents: 1, memoryStoreSize: bytes, sharedBufferSize: SHARED_BYTES_MIN }, 2),
    );
    if (storeParts(layout).count >= units) return bytes;
  }
  throw new ConfigError("memoryStoreSize", `no store holds ${values} values of ${valueBytes} bytes; keep fewer of them, or smaller ones.`);
}

function regionsOf(layout: Layout): SizingPlan["regions"] {
  const { header, buckets, queues, agents, metrics, shapes, slabPool, store } = layout;
  return Object.entries({ header, buckets, queues, agents, metrics, shapes, slabPool, store }).map(([name, { bytes }]) => ({
    name,
    bytes,
  }));
}

function notesOn({ agents, cores, stateBytes }: Asked, threads: number, busyCores: number): string[] {
  const notes: string[] = [];
  const bound = (max: number, what: string): void => {
    if (agents > max) notes.push(`${max} ${what}: do it in parts when all ${agents} agents are meant.`);
  };
  bound(PENDING_REPLIES_MAX, "asks of one thread may wait for their replies at a time");
  bound(PENDING_SENDS_OUTSIDE_MAX, "sends of the manager may wait for room at a time");
  bound(TASKS_WAITING_MAX, "tasks may wait for the executor");
  const heapBytes = agents * (MEASURED.agentBytes + stateBytes) / Math.max(1, threads);
  if (heapBytes > WORKER_HEAP_MB_MAX * MIB * HEAP_SHARE_MAX) {
    notes.push(
      `each thread would keep ${
        Math.round(heapBytes / MIB)
      } MiB of agents, and a thread's heap ends at ${WORKER_HEAP_MB_MAX} MiB: use more threads.`,
    );
  }
  if (cores !== undefined && threads + 1 > cores) notes.push(`${threads} worker threads and main share ${cores} cores: latencies grow.`);
  if (cores !== undefined && busyCores > cores * BUSY_SHARE_MAX) {
    notes.push(
      `the messages keep ${busyCores.toFixed(1)} of ${cores} cores busy: more than ${100 * BUSY_SHARE_MAX} % leaves no room for bursts.`,
    );
  }
  return notes;
}
