/**
 * The agents of the load test, as they run on the worker threads; the role is in the agent's state:
 *
 * - `member`: sends to all others in turn, checks and counts what it gets.
 * - `driver`: one a thread; has the thread's members send. Closed loop: as many messages of each member are on their way at a time as the scenario
 *   allows, and the next goes out when one has been handled. Open loop: at scheduled instants, however slowly they are handled.
 *
 * Bundled into one text and imported as a `data:` URL, so that the test runs without any permission.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { type AgentContext, type AgentId, type BorrowedBytes, defineAgent, type Message } from "../../core/agents/agent.ts";
import { nap } from "../../core/memory/doorbell.ts";
import { COUNT, type MeshPage, openPages } from "./mesh_ledger.ts";

/** State of a member. */
export interface MemberState {
  /** See the module. */
  readonly role: "member";
  /** Its number among the members. */
  readonly number: number;
}

/** State of an agent at its spawn. */
export type MeshState = MemberState | { readonly role: "driver" };

/** What the main thread tells a driver. */
export type MeshOrder =
  | { do: "meet"; ids: AgentId[]; hosts: number[]; payloadBytes: number; concurrency: number }
  | { do: "round"; messages: number }
  | { do: "open"; startAt: number; gapMs: number; messages: number }
  | { do: "stop" };

/**
 * One message, exactly as many bytes as the scenario says:
 *
 * ```
 * 0 ……… 7   8 …… 11   12 … 15          16 ……………………………… n−5   n−4 … n−1
 * due at │ sender │ number (of the pair) │ byte i is i + sender │ number again
 * ```
 */
const AT = { due: 0, from: 8, number: 12, fill: 16, trailer: 4 } as const;
/** Every byte of one message in so many is looked at; of the others the ends. */
const FULL_LOOK_EVERY = 16;

/** A member of this thread. */
interface Member {
  readonly ctx: AgentContext;
  readonly number: number;
  /** Messages sent and to send. */
  sent: number;
  goal: number;
  /** Whom it wrote to last, and how many each has got. */
  next: number;
  readonly sentTo: Uint32Array;
  /** Its letter: written anew for each send, since the kernel has taken the last one over unless it waits for room. */
  letter: DataView<ArrayBuffer>;
  /** A send waits for room. */
  waits: boolean;
}

/** Of one member in a row, so that all of a thread's members are on their way at the same time. */
const BURST_MAX = 4;
/** Messages that are due before the thread drains again. */
const OPEN_BURST_MAX = 64;
const NAP_MS = 0.02;
/**
 * A nap takes about 0.07 ms, so a driver that has time sleeps only until so long before the next message is due. One that has little naps all the same:
 * a thread that never sleeps is set aside for milliseconds where others want its core.
 */
const AWAKE_MS = 0.15;
const GAP_MS_MIN = 0.5;
/** Where the ledger is stands behind the module's own text. */
const LEDGER_KEY = import.meta.url.slice(import.meta.url.lastIndexOf("#") + 1);

let pages: MeshPage[] = [];
let page: MeshPage;
let others: MeshPage[] = [];
let ids: AgentId[] = [];
let hosts: number[] = [];
let payloadBytes = 0;
let concurrency = 1;
let stopped = false;
const members: Member[] = [];
/** By receiver: the last number from each sender. */
const seen = new Map<AgentId, Uint32Array>();

export default defineAgent<unknown, unknown, MeshState>({
  onStart(ctx) {
    if (pages.length === 0) {
      pages = openPages(LEDGER_KEY);
      page = pages[ctx.host];
    }
    if (ctx.state.role !== "member") return;
    const { number } = ctx.state;
    const perMember = (): Uint32Array => new Uint32Array(page.deliveredFrom.length);
    members.push({ ctx, number, sent: 0, goal: 0, next: number, sentTo: perMember(), letter: letterOf(number, AT.fill), waits: false });
    seen.set(ctx.id, perMember());
  },
  onMessage(message, ctx) {
    if (ctx.state.role === "member") return receive((message.payload as BorrowedBytes).bytes(), ctx);
    obey((message as Message<MeshOrder>).payload, ctx);
    ctx.reply(true);
  },
  onStop(ctx) {
    const place = members.findIndex((member) => member.ctx.id === ctx.id);
    if (place >= 0) members.splice(place, 1);
    seen.delete(ctx.id);
  },
});

function receive(bytes: Uint8Array, ctx: AgentContext): void {
  const now = ctx.clock.now();
  const letter = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const from = letter.getUint32(AT.from);
  const number = letter.getUint32(AT.number);
  const { counts, deliveredFrom, latency } = page;
  const last = seen.get(ctx.id)!;
  if (number <= last[from]) counts[COUNT.disordered]++;
  else last[from] = number;
  if (bytes.length !== payloadBytes || letter.getUint32(bytes.length - AT.trailer) !== number || !isFilled(bytes, from, number)) {
    counts[COUNT.damaged]++;
  }
  latency.record(Math.max(0, now - letter.getFloat64(AT.due)) * 1_000);
  counts[COUNT.delivered]++;
  counts[COUNT.lastDeliveredAt] = now;
  deliveredFrom[from]++; // last: the sender goes on when it sees this
}

function isFilled(bytes: Uint8Array, from: number, number: number): boolean {
  const last = bytes.length - AT.trailer - 1;
  if (bytes[AT.fill] !== (AT.fill + from & 255) || bytes[last] !== (last + from & 255)) return false;
  if (number % FULL_LOOK_EVERY !== 0) return true;
  for (let at = AT.fill; at <= last; at++) if (bytes[at] !== (at + from & 255)) return false;
  return true;
}

function letterOf(from: number, length: number): DataView<ArrayBuffer> {
  const bytes = Uint8Array.from({ length }, (_, at) => at + from);
  const letter = new DataView(bytes.buffer);
  letter.setUint32(AT.from, from);
  return letter;
}

function obey(order: MeshOrder, ctx: AgentContext): void {
  switch (order.do) {
    case "meet":
      ({ ids, hosts, concurrency, payloadBytes } = order);
      others = [...new Set(hosts)].map((host) => pages[host]);
      for (const member of members) {
        member.sent = member.goal = 0; // the ledger begins anew as well
        member.letter = letterOf(member.number, payloadBytes);
      }
      stopped = false;
      break;
    case "round":
      for (const member of members) member.goal += order.messages;
      sendRound(ctx);
      break;
    case "open":
      sendOnTime(ctx, order);
      break;
    case "stop":
      stopped = true;
      break;
  }
}

/** Closed loop, turn after turn of the event loop, until every member of this thread has sent its share. */
function sendRound(driver: AgentContext): void {
  page.counts[COUNT.firstSentAt] = driver.clock.now();
  let deliveredBefore = page.counts[COUNT.delivered];
  const step = (): void => {
    let open = false;
    let sent = 0;
    const now = driver.clock.now();
    for (const member of members) {
      if (member.sent >= member.goal) continue;
      open = true;
      if (member.waits) continue;
      let room = Math.min(BURST_MAX, member.goal - member.sent, concurrency - (member.sent - handledOf(member.number)));
      for (; room > 0 && !member.waits; room--, sent++) sendOne(member, now);
    }
    if (stopped || driver.signal.aborted || !open) return;
    if (sent === 0 && page.counts[COUNT.delivered] === deliveredBefore) nap(NAP_MS);
    deliveredBefore = page.counts[COUNT.delivered];
    setImmediate(step);
  };
  step();
}

/** Open loop: each message is timed from the instant at which it was due. */
function sendOnTime(driver: AgentContext, { startAt, gapMs, messages }: MeshOrder & { do: "open" }): void {
  let number = 0;
  let deliveredBefore = -1;
  const awakeMs = gapMs >= GAP_MS_MIN ? AWAKE_MS : 0;
  const step = (): void => {
    const { counts, lag } = page;
    if (counts[COUNT.delivered] === deliveredBefore && startAt + number * gapMs > driver.clock.now() + awakeMs) nap(NAP_MS);
    deliveredBefore = counts[COUNT.delivered];
    for (let burst = 0; burst < OPEN_BURST_MAX && number < messages; burst++) {
      const due = startAt + number * gapMs;
      const now = driver.clock.now();
      if (due > now) break;
      counts[COUNT.firstSentAt] ||= now;
      counts[COUNT.scheduled]++;
      lag.record((now - due) * 1_000);
      sendOne(members[number++ % members.length], due);
    }
    if (!stopped && !driver.signal.aborted && number < messages) setImmediate(step);
  };
  step();
}

/** To the next of all others. */
function sendOne(member: Member, at: number): void {
  member.next = (member.next + 1) % ids.length;
  if (member.next === member.number) member.next = (member.next + 1) % ids.length;
  const to = member.next;
  const number = ++member.sentTo[to];
  member.sent++;
  const { letter } = member;
  letter.setFloat64(AT.due, at);
  letter.setUint32(AT.number, number);
  letter.setUint32(letter.byteLength - AT.trailer, number);
  try {
    const wait = member.ctx.send(ids[to], new Uint8Array(letter.buffer));
    if (wait === undefined) return sentTo(to);
    page.counts[COUNT.blocked]++;
    member.waits = true;
    wait.then(() => sentTo(to), refuse).finally(() => member.waits = false);
  } catch (error) {
    refuse(error);
  }
}

function sentTo(to: number): void {
  page.counts[COUNT.sent]++;
  if (pages[hosts[to]] !== page) page.counts[COUNT.sentElsewhere]++;
}

function refuse(error: unknown): void {
  page.counts[COUNT.refused]++;
  members[0]?.ctx.log("a message of the load test was refused", { error: String(error) });
}

/** Of all that a member has sent. */
function handledOf(number: number): number {
  let handled = 0;
  for (const { deliveredFrom } of others) handled += deliveredFrom[number];
  return handled;
}
