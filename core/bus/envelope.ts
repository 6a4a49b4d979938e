/**
 * Message ↔ bytes. Every frame between hosts has one form, whether it carries a user's message or the kernel's own calls:
 *
 * ```
 *  0 │ length (the ring's) │ kind u8 │ priority i8 │ retries u8 │ flags u8 │
 *  8 │ to f64 │ from f64 │ id f64 │ timestamp f64 │
 * 40 │ correlation f64, if any │ expiresAt f64, if any │
 *    │ payload by the codec … padding to 8             │   or, for a payload that does not fit:
 *    │ bytes i32 │ slabs i32 │ slab index i32 …        │
 * ```
 * Flags: 1 correlation, 2 expiresAt, 4 in slabs; the three highest bits say how many bytes of the last word are padding.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import type { ByteWindow } from "../memory/shared_memory.ts";
import type { Codec } from "./codec.ts";
import type { Message } from "./message.ts";

/** What a frame is for. */
export const KIND = {
  /** A message; nobody waits. */
  message: 1,
  /** A message whose sender waits for REPLY or FAILURE. */
  ask: 2,
  /** The same for a task. */
  task: 3,
  /** The answer to an ask or a task. */
  reply: 4,
  /** The error that answers an ask or a task. */
  failure: 5,
  /** A call of one host to another (spawn, terminate, …): the kernel's own, not counted as a message. */
  call: 6,
  /** Its answer. */
  result: 7,
  /** Its error. */
  refusal: 8,
  /** Told to a host, no answer. */
  note: 9,
  /** A message whose sender waits until its handler has settled; answered by RESULT or REFUSAL, which are not counted. */
  acked: 10,
} as const;

const FLAG_CORRELATION = 1;
const FLAG_EXPIRES = 2;
const FLAG_SLABS = 4;
const RETRIES = 6;
const FIXED_BYTES = 40;
const FIXED_BYTES_MAX = FIXED_BYTES + 16;

/** The fields of a frame, without its payload. One mutable instance a sender: frames are far too many for an object each. */
export interface Envelope {
  /** One of `KIND`. */
  kind: number;
  /** −1…3. */
  priority: number;
  /** Deliveries before this one. */
  retryCount: number;
  /** Receiver, or 0. */
  to: number;
  /** Sender, or 0. */
  from: number;
  /** Message id. */
  id: number;
  /** Arena time of the send. */
  timestamp: number;
  /** Number that the answer carries back; 0 for none. */
  correlation: number;
  /** Arena time, or 0 for never. */
  expiresAt: number;
  /** Byte where the body begins and where it ends, and whether the body lists slabs. Filled by `readEnvelope`. */
  bodyAt: number;
  /** See `bodyAt`. */
  bodyEnd: number;
  /** See `bodyAt`. */
  inSlabs: boolean;
}

/** An envelope to fill. */
export function emptyEnvelope(): Envelope {
  return {
    ...{ kind: 0, priority: 1, retryCount: 0, to: 0, from: 0, id: 0, timestamp: 0, correlation: 0, expiresAt: 0 },
    ...{ bodyAt: 0, bodyEnd: 0, inSlabs: false },
  };
}

/** Writes a frame with its payload; returns its length in bytes, or −1 when it does not fit before `limit`. */
export function writeFrame(target: ByteWindow, at: number, limit: number, envelope: Envelope, payload: unknown, codec: Codec): number {
  if (limit - at < FIXED_BYTES_MAX) return -1;
  const body = writeFixed(target, at, envelope, 0);
  const end = codec.encode(payload, target, body, limit);
  if (end < 0) return -1;
  return close(target, at, end);
}

/** Writes a frame whose payload lies in slabs. */
export function writeSlabFrame(target: ByteWindow, at: number, envelope: Envelope, bytes: number, slabs: readonly number[]): number {
  let place = writeFixed(target, at, envelope, FLAG_SLABS);
  target.view.setInt32(place, bytes, true);
  target.view.setInt32(place + 4, slabs.length, true);
  place += 8;
  for (const slab of slabs) {
    target.view.setInt32(place, slab, true);
    place += 4;
  }
  return close(target, at, place);
}

function writeFixed(target: ByteWindow, at: number, envelope: Envelope, flags: number): number {
  const { view } = target;
  let place = at + FIXED_BYTES;
  if (envelope.correlation !== 0) {
    flags |= FLAG_CORRELATION;
    view.setFloat64(place, envelope.correlation, true);
    place += 8;
  }
  if (envelope.expiresAt !== 0) {
    flags |= FLAG_EXPIRES;
    view.setFloat64(place, envelope.expiresAt, true);
    place += 8;
  }
  view.setUint8(at + 4, envelope.kind);
  view.setInt8(at + 5, envelope.priority);
  view.setUint8(at + RETRIES, envelope.retryCount);
  view.setUint8(at + 7, flags);
  view.setFloat64(at + 8, envelope.to, true);
  view.setFloat64(at + 16, envelope.from, true);
  view.setFloat64(at + 24, envelope.id, true);
  view.setFloat64(at + 32, envelope.timestamp, true);
  return place;
}

function close(target: ByteWindow, at: number, end: number): number {
  const padding = (8 - ((end - at) & 7)) & 7;
  target.bytes[at + 7] |= padding << 5;
  return end - at;
}

/** Reads the fields of the frame at `at` into `envelope`. */
export function readEnvelope(source: ByteWindow, at: number, bytes: number, envelope: Envelope): void {
  const { view } = source;
  const flags = view.getUint8(at + 7);
  let place = at + FIXED_BYTES;
  envelope.kind = view.getUint8(at + 4);
  envelope.priority = view.getInt8(at + 5);
  envelope.retryCount = view.getUint8(at + RETRIES);
  envelope.to = view.getFloat64(at + 8, true);
  envelope.from = view.getFloat64(at + 16, true);
  envelope.id = view.getFloat64(at + 24, true);
  envelope.timestamp = view.getFloat64(at + 32, true);
  envelope.correlation = 0;
  envelope.expiresAt = 0;
  if (flags & FLAG_CORRELATION) {
    envelope.correlation = view.getFloat64(place, true);
    place += 8;
  }
  if (flags & FLAG_EXPIRES) {
    envelope.expiresAt = view.getFloat64(place, true);
    place += 8;
  }
  envelope.bodyAt = place;
  envelope.bodyEnd = at + bytes - (flags >> 5);
  envelope.inSlabs = (flags & FLAG_SLABS) !== 0;
}

/** Counts one delivery more in the frame at `at`: it is to be handled again. */
export function countRetry(target: ByteWindow, at: number): void {
  target.bytes[at + RETRIES]++;
}

/** Length and slab indices of a payload in slabs, as the frame lists them. */
export function readSlabList(source: ByteWindow, envelope: Envelope): { bytes: number; slabs: number[] } {
  const { view } = source;
  const bytes = view.getInt32(envelope.bodyAt, true);
  const count = view.getInt32(envelope.bodyAt + 4, true);
  if (count < 1 || envelope.bodyAt + 8 + 4 * count > envelope.bodyEnd) {
    throw new KernelError("CORRUPT_MESSAGE", `frame lists ${count} slabs but ends before them; the sending thread is not to be trusted.`);
  }
  return { bytes, slabs: Array.from({ length: count }, (_, index) => view.getInt32(envelope.bodyAt + 8 + 4 * index, true)) };
}

/** The message that a frame carries. */
export function messageOf(envelope: Envelope, payload: unknown): Message {
  const { id, from, to, priority, timestamp, retryCount, correlation, expiresAt } = envelope;
  if (correlation === 0 && expiresAt === 0) return { id, from, to, payload, priority, timestamp, retryCount };
  const message: { -readonly [Key in keyof Message]: Message[Key] } = { id, from, to, payload, priority, timestamp, retryCount };
  if (correlation !== 0) message.correlationId = correlation;
  if (expiresAt !== 0) message.expiresAt = expiresAt;
  return message;
}
