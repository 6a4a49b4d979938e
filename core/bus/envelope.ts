/**
 * Message ↔ bytes. Every frame between hosts has one form, whether it carries a user's message or the kernel's own calls:
 *
 * ```
 *  0 │ length i32 (the ring's) │ head i32: kind (5 bits), priority + 1 (3), padding (3), retries (5), flags (16) │
 *  8 │ to f64 │ from f64 │ id f64 │ timestamp f64 │
 * 40 │ one f64 for each flag that is set, in the order of the flags (not for `slabs`) │
 *    │ payload by the codec … padding to 8             │   or, for a payload that does not fit:
 *    │ bytes i32 │ slabs i32 │ slab index i32 …        │
 * ```
 * A field that is not set costs no byte. Texts (topic, type, …) are rare: where there are any, the body is the pair of all of them and the payload. A
 * payload of plain bytes lies there as it is. Frames are aligned to 8 bytes, so that the fields are single stores into typed arrays.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import type { ByteWindow } from "../memory/shared_memory.ts";
import { rawBytes } from "./borrowed_bytes.ts";
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
/** The payload's own bytes, by no codec. */
const FLAG_RAW = 8;
/** The body is a pair: labels and payload. */
const FLAG_LABELS = 16;
const FIXED_BYTES = 40;
/** With every optional number. */
const FIXED_BYTES_MAX = FIXED_BYTES + 2 * 8;
const PRIORITY_SHIFT = 5;
const PADDING_SHIFT = 8;
const RETRIES_SHIFT = 11;
/** More are not told apart. */
const RETRIES_MAX = 31;
const FLAGS_SHIFT = 16;

/** Texts of a message. */
export type Labels = Pick<Message, "topic" | "type" | "causationId" | "conversationId" | "traceparent">;

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
  /** Texts, if any; when it is read, they come with the payload. */
  labels: Labels | null;
  /** Whether they do. */
  isLabelled: boolean;
  /** Whether the body is the payload's own bytes. Filled by `readEnvelope`, like the next. */
  isRaw: boolean;
  /** Byte where the body begins and where it ends, and whether the body lists slabs. */
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
    ...{ labels: null, isLabelled: false, isRaw: false, bodyAt: 0, bodyEnd: 0, inSlabs: false },
  };
}

/** Writes a frame with its payload; returns its length in bytes, or −1 when it does not fit before `limit`. */
export function writeFrame(target: ByteWindow, at: number, limit: number, envelope: Envelope, payload: unknown, codec: Codec): number {
  if (limit - at < FIXED_BYTES_MAX) return -1;
  const raw = rawBody(envelope, payload);
  const flags = flagsOf(envelope) | (raw === null ? 0 : FLAG_RAW);
  const body = writeFields(target, at, envelope, flags);
  const end = raw === null ? codec.encode(bodyOf(envelope, payload), target, body, limit) : writeRaw(target, body, limit, raw);
  if (end < 0) return -1;
  writeHead(target, at, envelope, flags, end - at);
  return end - at;
}

/** The bytes that are the body as they are; null when the codec writes it. Answers are copies: nobody says when their bytes are free again. */
export function rawBody({ kind, labels }: Envelope, payload: unknown): Uint8Array | null {
  return labels === null && (kind <= KIND.task || kind === KIND.acked) ? rawBytes(payload) : null;
}

/** What the codec writes. */
export function bodyOf({ labels }: Envelope, payload: unknown): unknown {
  return labels === null ? payload : [labels, payload];
}

function writeRaw(target: ByteWindow, at: number, limit: number, bytes: Uint8Array): number {
  if (bytes.length > limit - at) return -1;
  target.bytes.set(bytes, at);
  return at + bytes.length;
}

/** Writes a frame whose payload lies in slabs. */
export function writeSlabFrame(
  target: ByteWindow,
  at: number,
  envelope: Envelope,
  bytes: number,
  slabs: readonly number[],
  isRaw = false,
): number {
  const flags = flagsOf(envelope) | FLAG_SLABS | (isRaw ? FLAG_RAW : 0);
  let word = writeFields(target, at, envelope, flags) >> 2;
  target.words[word++] = bytes;
  target.words[word++] = slabs.length;
  for (const slab of slabs) target.words[word++] = slab;
  writeHead(target, at, envelope, flags, word * 4 - at);
  return word * 4 - at;
}

function flagsOf(envelope: Envelope): number {
  return (envelope.correlation !== 0 ? FLAG_CORRELATION : 0) | (envelope.expiresAt !== 0 ? FLAG_EXPIRES : 0) |
    (envelope.labels !== null ? FLAG_LABELS : 0);
}

/** Returns the byte where the body begins. */
function writeFields(target: ByteWindow, at: number, envelope: Envelope, flags: number): number {
  const { floats } = target;
  let place = (at >> 3) + 1;
  floats[place] = envelope.to;
  floats[place + 1] = envelope.from;
  floats[place + 2] = envelope.id;
  floats[place + 3] = envelope.timestamp;
  place += 4;
  if (flags !== 0) {
    if (flags & FLAG_CORRELATION) floats[place++] = envelope.correlation;
    if (flags & FLAG_EXPIRES) floats[place++] = envelope.expiresAt;
  }
  return place * 8;
}

function writeHead(target: ByteWindow, at: number, envelope: Envelope, flags: number, bytes: number): void {
  target.words[(at >> 2) + 1] = envelope.kind | (envelope.priority + 1) << PRIORITY_SHIFT | (-bytes & 7) << PADDING_SHIFT |
    Math.min(envelope.retryCount, RETRIES_MAX) << RETRIES_SHIFT | flags << FLAGS_SHIFT;
}

/** Reads the fields of the frame at `at` into `envelope`. */
export function readEnvelope(source: ByteWindow, at: number, bytes: number, envelope: Envelope): void {
  const { floats } = source;
  const head = source.words[(at >> 2) + 1];
  const flags = head >>> FLAGS_SHIFT;
  let place = (at >> 3) + 1;
  envelope.kind = head & 0x1f;
  envelope.priority = (head >> PRIORITY_SHIFT & 7) - 1;
  envelope.retryCount = head >> RETRIES_SHIFT & RETRIES_MAX;
  envelope.to = floats[place];
  envelope.from = floats[place + 1];
  envelope.id = floats[place + 2];
  envelope.timestamp = floats[place + 3];
  place += 4;
  envelope.correlation = flags & FLAG_CORRELATION ? floats[place++] : 0;
  envelope.expiresAt = flags & FLAG_EXPIRES ? floats[place++] : 0;
  envelope.bodyAt = place * 8;
  envelope.bodyEnd = at + bytes - (head >> PADDING_SHIFT & 7);
  envelope.inSlabs = (flags & FLAG_SLABS) !== 0;
  envelope.isRaw = (flags & FLAG_RAW) !== 0;
  envelope.isLabelled = (flags & FLAG_LABELS) !== 0;
}

/** Counts one delivery more in the frame at `at`: it is to be handled again. */
export function countRetry(target: ByteWindow, at: number): void {
  const word = (at >> 2) + 1;
  if ((target.words[word] >> RETRIES_SHIFT & RETRIES_MAX) < RETRIES_MAX) target.words[word] += 1 << RETRIES_SHIFT;
}

/** Length and slab indices of a payload in slabs, as the frame lists them. */
export function readSlabList(source: ByteWindow, envelope: Envelope): { bytes: number; slabs: number[] } {
  const first = envelope.bodyAt >> 2;
  const bytes = source.words[first];
  const count = source.words[first + 1];
  if (count < 1 || envelope.bodyAt + 8 + 4 * count > envelope.bodyEnd) {
    throw new KernelError("CORRUPT_MESSAGE", `frame lists ${count} slabs but ends before them; the sending thread is not to be trusted.`);
  }
  return { bytes, slabs: Array.from(source.words.subarray(first + 2, first + 2 + count)) };
}

/** The message that a frame carries; `body` is what the codec read. */
export function messageOf(envelope: Envelope, body: unknown): Message {
  if (!envelope.isLabelled || body === undefined) return plainMessage(envelope, body);
  const [labels, payload] = body as [Labels, unknown];
  return { ...plainMessage(envelope, payload), ...labels };
}

function plainMessage(envelope: Envelope, payload: unknown): Message {
  const { id, from, to, priority, timestamp, retryCount, correlation, expiresAt } = envelope;
  if (correlation === 0 && expiresAt === 0) return { id, from, to, payload, priority, timestamp, retryCount };
  const message: { -readonly [Key in keyof Message]: Message[Key] } = { id, from, to, payload, priority, timestamp, retryCount };
  if (correlation !== 0) message.correlationId = correlation;
  if (expiresAt !== 0) message.expiresAt = expiresAt;
  return message;
}
