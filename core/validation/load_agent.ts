/**
 * The agents of the load, as they run on the worker threads. One module, three roles, chosen by the agent's state:
 *
 * - `peer`: receives, times and counts; these are the agents that the scenario is about.
 * - `generator`: one a thread; sends in the name of the thread's peers at scheduled instants (open loop: a late message is timed from when it was due).
 * - `marker`: one a thread; answers at once, so that an answer proves that all sent before it has been drained.
 *
 * Bundled into one text and imported as a `data:` URL, so that the load runs without any permission.
 *
 * @module
 */
import process from "node:process";
import { setImmediate } from "node:timers";
import { BorrowedBytes } from "../bus/borrowed_bytes.ts";
import { type AgentContext, type AgentId, defineAgent, type Message, type TaskDefinition } from "../agents/agent.ts";
import { isKernelError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { nap } from "../memory/doorbell.ts";
import { Histogram } from "../metrics/histogram.ts";

/** State that the runner gives an agent at its spawn. */
export interface LoadState {
  /** See the module. */
  role: "peer" | "generator" | "marker";
}

/** What the runner tells a generator. All of them are asked, so that the runner knows when they are done. */
export type LoadCommand =
  | { do: "prepare"; seed: number; corpus: string; markers: AgentId[] }
  | { do: "meet"; elsewhere: AgentId[] }
  | { do: "retire"; ids: AgentId[] }
  | { do: "run"; startAt: number; durationMs: number; messagesPerSecond: number }
  | { do: "stop" }
  | { do: "report" };

/** Durations of one thread. */
export interface ReportedTimes {
  /** Upper bound of a bucket in µs, count. */
  pairs: [number, number][];
  /** The longest. */
  maxUs: number | null;
}

/** What one thread counted. */
export interface LoadReport {
  /** Messages whose instant came. */
  scheduled: number;
  /** Messages that the kernel took. */
  sent: number;
  /** Of those, to an agent on another thread. */
  sentElsewhere: number;
  /** Messages that entered a handler here. */
  received: number;
  /** Of those, not as they were sent. */
  damaged: number;
  /** Messages that had to wait for room. */
  blocked: number;
  /** Sends that failed, by error code. */
  failed: Record<string, number>;
  /** onStart calls of peers here. */
  started: number;
  /** onStop calls of peers here. */
  stopped: number;
  /** onTask calls here. */
  tasks: number;
  /** Messages whose handler began before they were due: a clock has jumped. */
  early: number;
  /** From the scheduled instant to the handler's first line. */
  latency: ReportedTimes;
  /** From the scheduled instant to the send. */
  lag: ReportedTimes;
  /** One store read or write. */
  storeTime: ReportedTimes;
  /** Store operations. */
  storeOperations: number;
  /** Processor time of the thread that went into generating and into polling for the next instant. */
  generatorCpuMs: number;
}

/** 60 % to another thread: the scenario promises at least half. */
const ELSEWHERE_SHARE = 0.6;
const TEXT_BYTES_MIN = 64;
const TEXT_BYTES_MAX = 4_096;
/** Different payloads of a thread: 2 MiB, more than the caches near the core hold. */
const TEXTS = 2_048;
const BINARY_BYTES = 65_536;
const BINARY_SHARE = 0.01;
/** Sends in a row before the thread drains again: late messages must not keep others from being handled. */
const BURST_MAX = 64;
/** The clocks of two threads agree within a fraction of this. */
const EARLY_MS = 0.1;
const NAP_MS = 0.02;
const STORE_EVERY = 16;
const STORE_KEYS = 1_024;

/** Everything of this thread; the module is loaded once a thread. */
const peers: AgentContext[] = [];
const peerPlaces = new Map<AgentId, number>();
const strangers: AgentId[] = [];
const strangerPlaces = new Map<AgentId, number>();
const latency = Histogram.private();
const lag = Histogram.private();
const storeTime = Histogram.private();
let counts = zeroCounts();
let random = new Random(1);
let stopped = false;
let texts: string[] = [];
let markers: AgentId[] = [];
/** Several, in turn: a send that waits for room keeps its own until it is committed. */
const binaries = Array.from({ length: 64 }, () => new Uint8Array(BINARY_BYTES));
let nextBinary = 0;

export default defineAgent<unknown, unknown, LoadState>({
  onStart(ctx) {
    if (ctx.state.role !== "peer") return;
    counts.started++;
    peerPlaces.set(ctx.id, peers.length);
    peers.push(ctx);
  },
  onMessage(message, ctx) {
    const now = ctx.clock.now();
    if (ctx.state.role === "peer") return receive(message, ctx, now);
    if (ctx.state.role === "marker") return ctx.reply(true);
    return command(message.payload as LoadCommand, ctx);
  },
  onTask(task: TaskDefinition) {
    counts.tasks++;
    return task.objective.split(/\s+/).filter((word) => word !== "").length;
  },
  onStop(ctx) {
    if (ctx.state.role !== "peer") return;
    counts.stopped++;
    forget(peers, peerPlaces, ctx.id);
  },
});

function receive(message: Message, ctx: AgentContext, now: number): void {
  const { payload } = message;
  let dueAt: number;
  let intact: boolean;
  if (payload instanceof BorrowedBytes) {
    const bytes = payload.bytes();
    dueAt = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
    intact = bytes.length === BINARY_BYTES && bytes[BINARY_BYTES - 1] === 7;
  } else {
    const { due, length, text } = payload as { due: number; length: number; text: string };
    dueAt = due;
    intact = text.length === length;
  }
  counts.received++;
  if (!intact) counts.damaged++;
  if (now - dueAt < -EARLY_MS) counts.early++;
  latency.record(Math.max(0, now - dueAt) * 1_000);
  if (counts.received % STORE_EVERY === 0) useStore(ctx);
}

/** One write and one read of keys that all threads share. */
function useStore(ctx: AgentContext): void {
  const key = `key-${ctx.id % STORE_KEYS}`;
  const startedAt = ctx.clock.now();
  ctx.store.set("load", key, { by: ctx.id, count: counts.received });
  const writtenAt = ctx.clock.now();
  ctx.store.get("load", key);
  storeTime.record((writtenAt - startedAt) * 1_000);
  storeTime.record((ctx.clock.now() - writtenAt) * 1_000);
  counts.storeOperations += 2;
}

async function command(order: LoadCommand, ctx: AgentContext): Promise<void> {
  switch (order.do) {
    case "prepare":
      random = new Random(order.seed);
      markers = order.markers;
      texts = cutTexts(order.corpus);
      for (const binary of binaries) fillBinary(binary, order.corpus);
      counts = zeroCounts();
      strangers.length = 0;
      strangerPlaces.clear();
      stopped = false;
      for (const histogram of [latency, lag, storeTime]) histogram.reset();
      break;
    case "meet":
      for (const id of order.elsewhere) {
        strangerPlaces.set(id, strangers.length);
        strangers.push(id);
      }
      break;
    case "retire": {
      for (const id of order.ids) {
        forget(peers, peerPlaces, id);
        forget(strangers, strangerPlaces, id);
      }
      // What was sent to them before has been drained when every thread's marker, this one's too, has answered.
      await Promise.all(markers.map((marker) => ctx.ask(marker, null)));
      break;
    }
    case "run":
      generate(ctx, order.startAt, order.durationMs, order.messagesPerSecond);
      break;
    case "stop":
      stopped = true;
      break;
    case "report":
      return ctx.reply(report());
  }
  ctx.reply(true);
}

/** Sends what is due, turn after turn of the event loop: timers come milliseconds late, this comes microseconds late. */
function generate(ctx: AgentContext, startAt: number, durationMs: number, messagesPerSecond: number): void {
  const gapMs = 1_000 / messagesPerSecond;
  const total = Math.floor(durationMs / gapMs);
  let next = 0;
  const beganAt = ctx.clock.now();
  const cpuBefore = threadCpuMs();
  let generatingMs = 0;
  let nappedMs = 0;
  let leftAt = beganAt;
  let receivedBefore = counts.received;
  const step = (): void => {
    let now = ctx.clock.now();
    if (counts.received === receivedBefore && startAt + next * gapMs > now) {
      nap(NAP_MS);
      const wokeAt = ctx.clock.now();
      nappedMs += wokeAt - now;
      leftAt += wokeAt - now; // asleep is not at work
      now = wokeAt;
    }
    // A turn in which no handler ran was only polling: the generator's, not the handlers'.
    if (counts.received === receivedBefore) generatingMs += now - leftAt;
    for (let burst = 0; burst < BURST_MAX && next < total; burst++) {
      const due = startAt + next * gapMs;
      const at = ctx.clock.now();
      if (due > at) break;
      next++;
      counts.scheduled++;
      lag.record((at - due) * 1_000);
      sendOne(due);
    }
    leftAt = ctx.clock.now();
    generatingMs += leftAt - now;
    receivedBefore = counts.received;
    if (!stopped && !ctx.signal.aborted && next < total && leftAt < startAt + durationMs) return void setImmediate(step);
    if (!stopped) counts.scheduled = total; // what is still due at the end was not carried
    // The thread may have been kept waiting for a core meanwhile: its share of the time it did run.
    counts.generatorCpuMs = (threadCpuMs() - cpuBefore) * generatingMs / Math.max(leftAt - beganAt - nappedMs, 1);
  };
  step();
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function sendOne(due: number): void {
  if (peers.length === 0) return fail("NO_PEER");
  const sender = peers[random.below(peers.length)];
  const goesElsewhere = strangers.length > 0 && random.next() < ELSEWHERE_SHARE;
  const to = goesElsewhere ? strangers[random.below(strangers.length)] : peers[random.below(peers.length)].id;
  try {
    const wait = sender.send(to, random.next() < BINARY_SHARE ? bytesDue(due) : textDue(due));
    if (wait !== undefined) {
      counts.blocked++;
      wait.then(() => taken(goesElsewhere), (error) => fail(codeOf(error)));
      return;
    }
    taken(goesElsewhere);
  } catch (error) {
    fail(codeOf(error));
  }
}

function taken(goesElsewhere: boolean): void {
  counts.sent++;
  if (goesElsewhere) counts.sentElsewhere++;
}

function bytesDue(due: number): Uint8Array {
  const binary = binaries[nextBinary++ % binaries.length];
  new DataView(binary.buffer).setFloat64(0, due);
  return binary;
}

function fillBinary(binary: Uint8Array, text: string): void {
  binary.set(new TextEncoder().encode(text.repeat(Math.ceil(BINARY_BYTES / text.length))).subarray(0, BINARY_BYTES));
  binary[BINARY_BYTES - 1] = 7;
}

function textDue(due: number): { due: number; length: number; text: string } {
  const text = texts[random.below(texts.length)];
  return { due, length: text.length, text };
}

/** Cut beforehand, so that the instant of a send pays for the send alone; decoded anew, so that each is a string of its own and not a view of the whole. */
function cutTexts(corpus: string): string[] {
  return Array.from({ length: TEXTS }, () => {
    const length = Math.round(random.logUniform(TEXT_BYTES_MIN, TEXT_BYTES_MAX));
    const from = random.below(corpus.length - length);
    return new TextDecoder().decode(new TextEncoder().encode(corpus.slice(from, from + length)));
  });
}

/** Takes an agent out of a list: the last one takes its place, so that it costs the same for any length. */
function forget<T extends AgentContext | AgentId>(list: T[], places: Map<AgentId, number>, id: AgentId): void {
  const place = places.get(id);
  if (place === undefined) return;
  places.delete(id);
  const last = list.pop()!;
  const lastId = typeof last === "number" ? last : last.id;
  if (lastId === id) return;
  list[place] = last;
  places.set(lastId, place);
}

function fail(code: string): void {
  counts.failed[code] = (counts.failed[code] ?? 0) + 1;
}

function codeOf(error: unknown): string {
  return isKernelError(error) ? error.code : error instanceof Error ? error.name : "unknown";
}

function report(): LoadReport {
  const times = (histogram: Histogram): ReportedTimes => ({ pairs: histogram.toPairs(), maxUs: histogram.maxUs });
  return { ...counts, latency: times(latency), lag: times(lag), storeTime: times(storeTime) };
}

function zeroCounts(): Omit<LoadReport, "latency" | "lag" | "storeTime"> {
  return {
    ...{ scheduled: 0, sent: 0, sentElsewhere: 0, received: 0, damaged: 0, blocked: 0, failed: {} },
    ...{ started: 0, stopped: 0, tasks: 0, early: 0, storeOperations: 0, generatorCpuMs: 0 },
  };
}
