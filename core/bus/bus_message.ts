/**
 * Messages of the bus ↔ cells. The fields stand in the first cell (`CELL` in bus_layout.ts); behind them, over as many cells as it takes:
 *
 * ```
 * topic, by the codec │ [correlationId, causationId], by the codec, if any │ payload: by the codec, or the bytes as they are
 * ```
 *
 * @module
 */
import { KernelError, MessageTooLargeError } from "../base/errors.ts";
import { BUS_MESSAGE_BYTES_MAX } from "../base/limits.ts";
import { type BusParts, CELL, cellField } from "../memory/bus_layout.ts";
import { type ByteWindow, privateWindow, type SharedMemory } from "../memory/shared_memory.ts";
import type { CellBytes } from "./cell_bytes.ts";
import type { Codec } from "./codec.ts";
import { PRIORITIES } from "./message.ts";

/** One message as its consumer sees it. Fields that were not set are absent. */
export interface BusMessage<Payload = unknown> {
  /** The same in every queue that the message went to. */
  readonly id: number;
  /** As published. */
  readonly topic: string;
  /** What was passed: the same bytes for an ArrayBuffer or a Uint8Array, else copied as structured clone copies. */
  readonly payload: Payload;
  /** −1 bulk, 0 low, 1 normal, 2 high, 3 critical. */
  readonly priority: number;
  /** Arena time of the publish in ms (reads as Unix time). */
  readonly timestamp: number;
  /** The agent that published it, if it was one. */
  readonly from?: number;
  /** As published. */
  readonly correlationId?: string | number;
  /** As published. */
  readonly causationId?: string | number;
  /** Arena time in ms after which it is not handed out any more. */
  readonly expiresAt?: number;
  /** Times that it was replayed as a dead letter. */
  readonly retryCount: number;
}

/** The fields of a message that are numbers, and whether there are ids. */
export interface BusEnvelope {
  /** See `BusMessage`. */
  id: number;
  /** See `BusMessage`. */
  priority: number;
  /** See `BusMessage`. */
  timestamp: number;
  /** 0 for nobody. */
  from: number;
  /** 0 for never. */
  expiresAt: number;
}

/** Payload kinds. */
const KIND = { encoded: 0, buffer: 1, bytes: 2 } as const;
const SCRATCH_BYTES = 65_536;

/** Builds messages once and copies them into as many cells as they go to; reads them back. One a thread. */
export class BusMessages {
  #scratch: ByteWindow = privateWindow(SCRATCH_BYTES);
  #reading: ByteWindow | null = null;
  #bytes = 0;
  #topicBytes = 0;
  #idsBytes = 0;
  #kind: number = KIND.encoded;

  /** The bytes lie in `content`. */
  constructor(
    private readonly memory: SharedMemory,
    private readonly parts: BusParts,
    private readonly content: CellBytes,
    private readonly codec: Codec,
  ) {}

  /** Encodes a message; returns its length. Throws `PayloadNotCloneableError` or `MessageTooLargeError`. */
  encode(topic: string, payload: unknown, correlationId?: string | number, causationId?: string | number): number {
    const ids = correlationId !== undefined || causationId !== undefined ? [correlationId, causationId] : null;
    for (;;) {
      const end = this.#tryEncode(topic, payload, ids);
      if (end >= 0 && end <= BUS_MESSAGE_BYTES_MAX) return this.#bytes = end;
      const grown = this.#scratch.bytes.length * 2;
      if (end >= 0 || grown > 2 * BUS_MESSAGE_BYTES_MAX) throw new MessageTooLargeError(BUS_MESSAGE_BYTES_MAX);
      this.#scratch = privateWindow(grown);
    }
  }

  #tryEncode(topic: string, payload: unknown, ids: unknown): number {
    const scratch = this.#scratch;
    const limit = scratch.bytes.length;
    this.#topicBytes = this.codec.encode(topic, scratch, 0, limit);
    if (this.#topicBytes < 0) return -1;
    const afterIds = ids === null ? this.#topicBytes : this.codec.encode(ids, scratch, this.#topicBytes, limit);
    if (afterIds < 0) return -1;
    this.#idsBytes = afterIds - this.#topicBytes;
    const raw = payload instanceof ArrayBuffer ? new Uint8Array(payload) : payload instanceof Uint8Array ? payload : null;
    this.#kind = raw === null ? KIND.encoded : raw === payload ? KIND.bytes : KIND.buffer;
    if (raw === null) return this.codec.encode(payload, scratch, afterIds, limit);
    if (raw.length > BUS_MESSAGE_BYTES_MAX) throw new MessageTooLargeError(BUS_MESSAGE_BYTES_MAX);
    if (afterIds + raw.length > limit) return -1;
    scratch.bytes.set(raw, afterIds);
    return afterIds + raw.length;
  }

  /** Writes the message that was encoded last into cells that were claimed for its length. */
  write(cell: number, envelope: BusEnvelope, queue: number, generation: number, host: number): void {
    const { view } = this.memory;
    const at = cellField(this.parts, cell, 0);
    view.setInt32(at + CELL.origin, (queue << 8) | (host + 1), true);
    view.setFloat64(at + CELL.id, envelope.id, true);
    view.setFloat64(at + CELL.timestamp, envelope.timestamp, true);
    view.setFloat64(at + CELL.expiresAt, envelope.expiresAt, true);
    view.setFloat64(at + CELL.from, envelope.from, true);
    view.setInt32(at + CELL.topicBytes, this.#topicBytes, true);
    view.setInt32(at + CELL.idsBytes, this.#idsBytes, true);
    view.setInt32(at + CELL.generation, generation, true);
    view.setInt8(at + CELL.priority, envelope.priority);
    view.setUint8(at + CELL.retryCount, 0);
    view.setUint8(at + CELL.kind, this.#kind);
    view.setUint8(at + CELL.reason, 0);
    this.content.copyIn(cell, this.#scratch.bytes, this.#bytes);
  }

  /** Reads a message. Throws `CORRUPT_MESSAGE`. */
  read(cell: number): BusMessage {
    const { view } = this.memory;
    const at = cellField(this.parts, cell, 0);
    const bytes = view.getInt32(at + CELL.bytes, true);
    const topicBytes = view.getInt32(at + CELL.topicBytes, true);
    const idsBytes = view.getInt32(at + CELL.idsBytes, true);
    const priority = view.getInt8(at + CELL.priority);
    if (priority < PRIORITIES.bulk || priority > PRIORITIES.critical) {
      throw new KernelError("CORRUPT_MESSAGE", `message with priority ${priority}.`);
    }
    if (bytes < 0 || bytes > BUS_MESSAGE_BYTES_MAX || topicBytes < 0 || idsBytes < 0 || topicBytes + idsBytes > bytes) {
      throw new KernelError("CORRUPT_MESSAGE", `message of ${bytes} bytes with a topic of ${topicBytes} and ids of ${idsBytes}.`);
    }
    const inPlace = this.content.inOnePiece(cell, bytes);
    const source = inPlace >= 0 ? this.memory : this.#gather(cell, bytes);
    const from = Math.max(0, inPlace);
    const payloadAt = from + topicBytes + idsBytes;
    const expiresAt = view.getFloat64(at + CELL.expiresAt, true);
    const sender = view.getFloat64(at + CELL.from, true);
    const message: { -readonly [Key in keyof BusMessage]: BusMessage[Key] } = {
      id: view.getFloat64(at + CELL.id, true),
      topic: this.codec.decode(source, from, from + topicBytes) as string,
      payload: this.#payload(source, payloadAt, from + bytes, view.getUint8(at + CELL.kind)),
      priority,
      timestamp: view.getFloat64(at + CELL.timestamp, true),
      retryCount: view.getUint8(at + CELL.retryCount),
    };
    if (sender !== 0) message.from = sender;
    if (expiresAt !== 0) message.expiresAt = expiresAt;
    if (idsBytes > 0) {
      const [correlationId, causationId] = this.codec.decode(source, from + topicBytes, payloadAt) as (string | number | undefined)[];
      if (correlationId !== undefined) message.correlationId = correlationId;
      if (causationId !== undefined) message.causationId = causationId;
    }
    return message;
  }

  #payload(source: ByteWindow, at: number, end: number, kind: number): unknown {
    if (kind === KIND.encoded) return this.codec.decode(source, at, end);
    const bytes = source.bytes.slice(at, end);
    return kind === KIND.buffer ? bytes.buffer : bytes;
  }

  #gather(cell: number, bytes: number): ByteWindow {
    if (this.#reading === null || this.#reading.bytes.length < bytes) this.#reading = privateWindow(Math.max(SCRATCH_BYTES, bytes));
    this.content.copyOut(cell, bytes, this.#reading.bytes);
    return this.#reading;
  }
}
