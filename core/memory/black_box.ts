/**
 * What agents were at last: two cache lines an agent in shared memory, written with plain stores by the thread that it lives on, read by whoever opens
 * the file after a crash. There is none unless the arena is a file: nobody could read it.
 *
 * ```
 * line 1   events ever │ failed │ others (started, stopped) │ type, 48 B of UTF-8
 * line 2   four events of { message id, negative of a task, −1 … −3 of none; time }, the oldest gives way
 * ```
 * The fields of one event may be of two when its writer died between two stores.
 *
 * @module
 */
import { BLACK_BOX, BLACK_BOX_BYTES, BLACK_BOX_EVENT_BYTES, BLACK_BOX_EVENTS, type Layout } from "./layout.ts";
import type { ByteWindow } from "./shared_memory.ts";

/** What may happen to an agent. */
export type EventKind = "started" | "stopped" | "failed" | "message" | "task";

/** Events without a message, in the place of its id. */
const STARTED = -1;
const STOPPED = -2;
const FAILED = -3;
const NAMES: Readonly<Record<number, EventKind>> = { [STARTED]: "started", [STOPPED]: "stopped", [FAILED]: "failed" };

/** From a slot to its record's first word and first float. */
const WORD_SHIFT = Math.log2(BLACK_BOX_BYTES >>> 2);
const FLOAT_SHIFT = Math.log2(BLACK_BOX_BYTES >>> 3);
const FAILED_WORD = BLACK_BOX.failed >>> 2;
const OTHERS_WORD = BLACK_BOX.others >>> 2;
const EVENTS = BLACK_BOX.events >>> 3;
const EVENT_SHIFT = Math.log2(BLACK_BOX_EVENT_BYTES >>> 3);

/** One thing that happened to an agent. */
export interface AgentEvent {
  /** Arena time in ms; of a message: when it was sent. */
  readonly at: number;
  /** What it was. */
  readonly kind: EventKind;
  /** Of the message; 0 when it was none. */
  readonly messageId: number;
}

/** One agent's record. */
export interface AgentTrace {
  /** Its type, the first 48 bytes of it. */
  readonly type: string;
  /** Handlers entered. */
  readonly handled: number;
  /** Functions of it that threw. */
  readonly failed: number;
  /** The last of all that happened, oldest first. */
  readonly events: readonly AgentEvent[];
}

/** One thread's pen. It has views of its own that begin with the box, so that indices are small integers. */
export class BlackBox {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #bytes: Uint8Array;

  private constructor({ bytes }: ByteWindow, { blackBox }: Layout) {
    const { buffer } = bytes;
    this.#words = new Int32Array(buffer, blackBox.offset, blackBox.bytes >>> 2);
    this.#floats = new Float64Array(buffer, blackBox.offset, blackBox.bytes >>> 3);
    this.#bytes = new Uint8Array(buffer, blackBox.offset, blackBox.bytes);
  }

  /** Undefined when the arena has none. */
  static of(memory: ByteWindow, layout: Layout): BlackBox | undefined {
    return layout.blackBox.bytes === 0 ? undefined : new BlackBox(memory, layout);
  }

  /** An agent is made in a slot: what the last one there was at is forgotten. */
  started(slot: number, type: string, now: number): void {
    const at = slot * BLACK_BOX_BYTES;
    this.#bytes.fill(0, at, at + BLACK_BOX_BYTES);
    this.#bytes.set(new TextEncoder().encode(type).subarray(0, BLACK_BOX.typeBytes), at + BLACK_BOX.type);
    this.#words[(slot << WORD_SHIFT) + OTHERS_WORD] = 1;
    this.#note(slot, STARTED, now);
  }

  /** A handler is entered. The time is that of the sending: reading the clock would cost more than all of this. */
  handled(slot: number, messageId: number, sentAt: number, isTask: boolean): void {
    this.#note(slot, isTask ? -messageId : messageId, sentAt);
  }

  /** A function of an agent threw. */
  failed(slot: number, now: number): void {
    this.#words[(slot << WORD_SHIFT) + FAILED_WORD]++;
    this.#note(slot, FAILED, now);
  }

  /** An agent has ended. */
  stopped(slot: number, now: number): void {
    this.#words[(slot << WORD_SHIFT) + OTHERS_WORD]++;
    this.#note(slot, STOPPED, now);
  }

  #note(slot: number, id: number, time: number): void {
    const place = this.#words[slot << WORD_SHIFT]++ & (BLACK_BOX_EVENTS - 1);
    const event = (slot << FLOAT_SHIFT) + EVENTS + (place << EVENT_SHIFT);
    this.#floats[event] = id;
    this.#floats[event + 1] = time;
  }
}

/** What the box says of a slot's last agent. */
export function readTrace({ words, floats, bytes }: ByteWindow, { blackBox }: Layout, slot: number): AgentTrace {
  const at = blackBox.offset + slot * BLACK_BOX_BYTES;
  const text = bytes.slice(at + BLACK_BOX.type, at + BLACK_BOX.type + BLACK_BOX.typeBytes);
  const end = text.indexOf(0);
  const word = at >>> 2;
  const [count, failed, others] = [words[word] >>> 0, words[word + FAILED_WORD] >>> 0, words[word + OTHERS_WORD] >>> 0];
  const events: AgentEvent[] = [];
  for (let index = Math.max(0, count - BLACK_BOX_EVENTS); index < count; index++) {
    const event = (at >>> 3) + EVENTS + ((index & (BLACK_BOX_EVENTS - 1)) << EVENT_SHIFT);
    const [id, time] = [floats[event], floats[event + 1]];
    if (!Number.isSafeInteger(id) || id === 0 || !Number.isFinite(time)) continue;
    const named = NAMES[id];
    events.push({ at: time, kind: named ?? (id < 0 ? "task" : "message"), messageId: named === undefined ? Math.abs(id) : 0 });
  }
  return {
    type: new TextDecoder().decode(end < 0 ? text : text.subarray(0, end)),
    ...{ handled: Math.max(0, count - failed - others), failed, events },
  };
}
