/**
 * The agents of the load, as they run on the worker threads. One module, three roles, chosen by the agent's state:
 *
 * - `peer`: receives, times and counts; these are the agents that the scenario is about. Made again elsewhere when its thread dies.
 * - `generator`: one a thread; sends in the name of the thread's peers at scheduled instants (open loop: a late message is timed from when it was due),
 *   and now and then asks the team for work whose answer is known.
 * - `marker`: one a thread; answers at once, so that an answer proves that all sent before it has been drained.
 *
 * Generator and marker belong to their thread: one that finds itself on another has outlived it, and only says so. What they count stands in the
 * ledger, which no death takes along. Bundled into one text and imported as a `data:` URL, so that the load runs without any permission.
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
import { COUNT, type LedgerPage, openPage } from "./load_ledger.ts";
import { comparable, type Crew, TEAM_WORK } from "./team_work.ts";

/** State that the runner gives an agent at its spawn. */
export interface LoadState {
  /** See the module. */
  role: "peer" | "generator" | "marker";
  /** Thread of a generator or marker. */
  host?: number;
}

/** What the runner tells a generator, which replies false when it could not do it because a thread has died. */
export type LoadCommand =
  | { do: "prepare"; seed: number; corpus: string }
  | { do: "introduce"; elsewhere: AgentId[]; markers: AgentId[]; crews: Crew[] }
  | { do: "meet"; elsewhere: AgentId[] }
  | { do: "retire"; ids: AgentId[] }
  | { do: "run"; startAt: number; durationMs: number; messagesPerSecond: number; first: number }
  | { do: "stop" };

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
/** Sends in a row that may share one reading of the clock: it costs as much as a tenth of a send. What each is late by is told some 10 µs too short at most. */
const STAMP_USES = 4;
/** The clocks of two threads agree within a fraction of this. */
const EARLY_MS = 0.1;
const NAP_MS = 0.02;
/** Later than this a generator takes no nap: what the machine cannot carry is not to be made worse by it. */
const NAP_LAG_MS_MAX = 0.05;
const STORE_EVERY = 16;
/** One in so many texts goes along with work for the team, but no more often than this: it is there to be right, not to be a load. */
const TEAM_EVERY = 64;
const TEAM_GAP_MS = 10;
/** Longer than a thread that hangs is waited for. */
const TEAM_TIMEOUT_MS = 20_000;
const STORE_KEYS = 1_024;

/** Everything of this thread; the module is loaded once a thread. */
const peers: AgentContext[] = [];
const peerPlaces = new Map<AgentId, number>();
const strangers: AgentId[] = [];
const strangerPlaces = new Map<AgentId, number>();
/** Where the runner keeps its ledger stands behind the module's own text. */
const LEDGER_KEY = import.meta.url.slice(import.meta.url.lastIndexOf("#") + 1);
let page: LedgerPage;
let counts: Float64Array;
let random = new Random(1);
let stopped = false;
let texts: string[] = [];
let markers: AgentId[] = [];
let crews: Crew[] = [];
let textsSent = 0;
let teamAskedAt = 0;
let teamTurn = 0;
/** Several, in turn: a send that waits for room keeps its own until it is committed. */
const binaries = Array.from({ length: 64 }, () => new Uint8Array(BINARY_BYTES));
let nextBinary = 0;
/** Sends that wait for room: bounded by what an agent may have waiting. */
const waits = new Set<Promise<void>>();

export default defineAgent<unknown, unknown, LoadState>({
  onStart(ctx) {
    page ??= openPage(LEDGER_KEY, ctx.host);
    counts ??= page.counts;
    if (ctx.state.role !== "peer") return;
    counts[COUNT.started]++;
    forget(strangers, strangerPlaces, ctx.id); // when it came from a thread that died
    peerPlaces.set(ctx.id, peers.length);
    peers.push(ctx);
  },
  onMessage(message, ctx) {
    const now = ctx.clock.now();
    if (ctx.state.role === "peer") return receive(message, ctx, now);
    if (ctx.host !== ctx.state.host) return ctx.reply(false);
    if (ctx.state.role === "marker") return ctx.reply(true);
    return command(message.payload as LoadCommand, ctx);
  },
  onTask(task: TaskDefinition) {
    counts[COUNT.tasks]++;
    return task.objective.split(/\s+/).filter((word) => word !== "").length;
  },
  onStop(ctx) {
    if (ctx.state.role !== "peer") return;
    counts[COUNT.stopped]++;
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
  counts[COUNT.received]++;
  if (!intact) counts[COUNT.damaged]++;
  if (now - dueAt < -EARLY_MS) counts[COUNT.early]++;
  page.latency.record(Math.max(0, now - dueAt) * 1_000);
  if (counts[COUNT.received] % STORE_EVERY === 0) useStore(ctx);
}

/** One write and one read of keys that all threads share. */
function useStore(ctx: AgentContext): void {
  const key = `key-${ctx.id % STORE_KEYS}`;
  const startedAt = ctx.clock.now();
  ctx.store.set("load", key, { by: ctx.id, count: counts[COUNT.received] });
  const writtenAt = ctx.clock.now();
  ctx.store.get("load", key);
  page.storeTime.record((writtenAt - startedAt) * 1_000);
  page.storeTime.record((ctx.clock.now() - writtenAt) * 1_000);
  counts[COUNT.storeOperations] += 2;
}

async function command(order: LoadCommand, ctx: AgentContext): Promise<void> {
  switch (order.do) {
    case "prepare":
      random = new Random(order.seed);
      texts = cutTexts(order.corpus);
      for (const binary of binaries) fillBinary(binary, order.corpus);
      stopped = false;
      break;
    case "introduce":
      markers = order.markers;
      crews = order.crews;
      strangers.length = 0;
      strangerPlaces.clear();
      meet(order.elsewhere);
      break;
    case "meet":
      meet(order.elsewhere);
      break;
    case "retire":
      for (const id of order.ids) {
        forget(peers, peerPlaces, id);
        forget(strangers, strangerPlaces, id);
      }
      // A send that waits for room is behind what is sent now to somebody else: all that wait go first.
      await Promise.all(waits);
      // What was sent to them before has been drained when every thread's marker, this one's too, has answered.
      return ctx.reply((await Promise.all(markers.map((marker) => isDrained(marker, ctx)))).every((drained) => drained));
    case "run":
      generate(ctx, order);
      break;
    case "stop":
      stopped = true;
      break;
  }
  ctx.reply(true);
}

function meet(ids: readonly AgentId[]): void {
  for (const id of ids) {
    strangerPlaces.set(id, strangers.length);
    strangers.push(id);
  }
}

async function isDrained(marker: AgentId, ctx: AgentContext): Promise<boolean> {
  counts[COUNT.ownAsked] += 2;
  try {
    const drained = await ctx.ask<boolean>(marker, null);
    counts[COUNT.ownAnswered] += 2;
    return drained;
  } catch (error) {
    if (isKernelError(error)) return false;
    throw error;
  }
}

/** Sends what is due, turn after turn of the event loop: timers come milliseconds late, this comes microseconds late. */
function generate(ctx: AgentContext, { startAt, durationMs, messagesPerSecond, first }: LoadCommand & { do: "run" }): void {
  const gapMs = 1_000 / messagesPerSecond;
  const total = Math.floor(durationMs / gapMs);
  let next = first;
  const beganAt = ctx.clock.now();
  const cpuBefore = threadCpuMs();
  let generatingMs = 0;
  let nappedMs = 0;
  let leftAt = beganAt;
  let receivedBefore = counts[COUNT.received];
  const step = (): void => {
    let now = ctx.clock.now();
    if (startAt + next * gapMs > now - NAP_LAG_MS_MAX) {
      nap(NAP_MS);
      const wokeAt = ctx.clock.now();
      nappedMs += wokeAt - now;
      leftAt += wokeAt - now; // asleep is not at work
      now = wokeAt;
    }
    // A turn in which no handler ran was only polling: the generator's, not the handlers'.
    if (counts[COUNT.received] === receivedBefore) generatingMs += now - leftAt;
    let at = now;
    for (let burst = 0; burst < BURST_MAX && next < total; burst++) {
      const due = startAt + next * gapMs;
      if (burst % STAMP_USES === STAMP_USES - 1 || due > at) at = ctx.clock.now();
      if (due > at) break;
      next++;
      counts[COUNT.scheduled]++;
      page.lag.record((at - due) * 1_000);
      sendOne(due, ctx);
    }
    leftAt = ctx.clock.now();
    generatingMs += leftAt - now;
    receivedBefore = counts[COUNT.received];
    if (!stopped && !ctx.signal.aborted && next < total && leftAt < startAt + durationMs) return void setImmediate(step);
    if (!stopped) counts[COUNT.scheduled] = total - first; // what is still due at the end was not carried
    // The thread may have been kept waiting for a core meanwhile: its share of the time it did run.
    counts[COUNT.generatorCpuMs] = (threadCpuMs() - cpuBefore) * generatingMs / Math.max(leftAt - beganAt - nappedMs, 1);
  };
  step();
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function sendOne(due: number, generator: AgentContext): void {
  if (peers.length === 0) return fail("NO_PEER");
  const sender = peers[random.below(peers.length)];
  const goesElsewhere = strangers.length > 0 && random.next() < ELSEWHERE_SHARE;
  const to = goesElsewhere ? strangers[random.below(strangers.length)] : peers[random.below(peers.length)].id;
  try {
    const binary = random.next() < BINARY_SHARE;
    if (!binary && ++textsSent % TEAM_EVERY === 0) askTeam(generator);
    const wait = sender.send(to, binary ? bytesDue(due) : textDue(due));
    if (wait !== undefined) {
      counts[COUNT.blocked]++;
      const settled = wait.then(() => taken(goesElsewhere), (error) => fail(codeOf(error))).then(() => void waits.delete(settled));
      waits.add(settled);
      return;
    }
    taken(goesElsewhere);
  } catch (error) {
    fail(codeOf(error));
  }
}

function taken(goesElsewhere: boolean): void {
  counts[COUNT.sent]++;
  if (goesElsewhere) counts[COUNT.sentElsewhere]++;
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
  // This thread was given up while it hung: what is due is another's to send now.
  if (code === "HOST_FENCED") {
    stopped = true;
    counts[COUNT.scheduled]--;
  } else counts[COUNT.failed]++;
}

function codeOf(error: unknown): string {
  return isKernelError(error) ? error.code : error instanceof Error ? error.name : "unknown";
}

/** Asks an agent of the team, of any thread, for work whose answer is known. */
function askTeam(ctx: AgentContext): void {
  const now = ctx.clock.now();
  if (crews.length === 0 || now - teamAskedAt < TEAM_GAP_MS) return;
  teamAskedAt = now;
  const { type, input, messages, golden } = TEAM_WORK[teamTurn++ % TEAM_WORK.length];
  const crew = crews[random.below(crews.length)];
  const asking = ctx.ask(crew[type], input(crew), { timeoutMs: TEAM_TIMEOUT_MS }); // throws on a thread that was given up
  counts[COUNT.teamAsked]++;
  counts[COUNT.ownAsked] += messages;
  asking.then((answer) => {
    counts[COUNT.ownAnswered] += messages;
    counts[isGolden(type, answer, golden) ? COUNT.teamCorrect : COUNT.teamWrong]++;
  }, (error) => {
    const code = codeOf(error);
    if (REFUSED.has(code)) { // for want of room: not sent, like a message of the load
      counts[COUNT.teamAsked]--;
      counts[COUNT.ownAsked] -= messages;
    } else counts[code === "HOST_DIED" ? COUNT.teamCut : COUNT.teamWrong]++;
  });
}

const REFUSED: ReadonlySet<string> = new Set(["INBOX_FULL", "SENDS_PENDING", "PENDING_REPLIES", "HOST_FENCED"]);

function isGolden(type: keyof Crew, answer: unknown, golden: string): boolean {
  try {
    return comparable(type, answer) === golden;
  } catch { // not even of the right shape
    return false;
  }
}
