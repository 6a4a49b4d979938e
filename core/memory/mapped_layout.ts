/**
 * The layout table's page for a mapped file: its header, and which parts of the arena stand behind it.
 *
 * ```
 * header 64 KiB: { magic │ format │ text bytes │ checksum │ text } twice, then the words that change │ the arena, byte for byte
 * ```
 * The rings' and the slabs' bytes are left out: what is under way in them is of no use to anybody after a crash, and the system would write it to the
 * disk again and again. There the file has holes. The header is written by ordinary writes, and its two copies are each enough.
 *
 * @module
 */
import { assert } from "../base/errors.ts";
import type { MappedRange } from "./mapped_file.ts";
import { MAPPED_UNIT_BYTES } from "./mapped_file.ts";
import { HOSTS_MAX, type Layout, LAYOUT_VERSION, ringAt, SLAB_BYTES, slabAt } from "./layout.ts";
import { roundDown, roundUp } from "./rounding.ts";
import { addWords, endSum } from "./store_checksum.ts";

/** Bytes of the file before the arena's first. */
export const MAPPED_HEADER_BYTES = MAPPED_UNIT_BYTES;
/** Raised when the header or what it says of the rest changes its meaning. */
export const MAPPED_FORMAT = 1;
/** "S3KM", then "APED": the file's first bytes. */
const MAGIC: readonly [number, number] = [0x4d4b3353, 0x44455041];
/** One copy of the header, in bytes from its begin. */
const COPY = { magic: 0, format: 8, textBytes: 12, sum: 16, text: 24 } as const;
/** Where the copies begin: on pages of their own, so that no one write damages both. */
const COPIES: readonly number[] = [0, 24_576];
const COPY_BYTES_MAX = 24_576;
/** The words that change, in bytes from the file's begin. */
const STATE = 49_152;

/** What a file may be found as. `live`: it is in use, or its process ended without a word. */
export const MAPPED_STATE = { filling: 1, live: 2, closed: 3 } as const;

/** What the header says. */
export interface MappedHeader {
  /** `LAYOUT_VERSION` of who wrote it. */
  readonly layoutVersion: number;
  /** How the arena is divided. */
  readonly layout: Layout;
  /** When it was made, Unix time in ms. */
  readonly createdAt: number;
  /** The process that made it. */
  readonly pid: number;
  /** The system's start in which it was made; empty when that cannot be told. */
  readonly boot: string;
}

/** What the bytes of a header turned out to be. */
export type HeaderReading =
  | { readonly kind: "read"; readonly header: MappedHeader; readonly copiesDamaged: number }
  | { readonly kind: "foreign" | "damaged" }
  | { readonly kind: "newer"; readonly format: number };

/** Bytes of the file of an arena. */
export function mappedFileBytes(layout: Layout): number {
  return MAPPED_HEADER_BYTES + roundUp(layout.totalBytes, MAPPED_UNIT_BYTES);
}

/** What is mapped: all but the bytes of rings and slabs. */
export function mappedRanges(layout: Layout): MappedRange[] {
  const rings = { from: ringAt(layout, 0, 0, 0).data, to: layout.queues.offset + layout.queues.bytes - layout.busBytes };
  const slabs = { from: slabAt(layout, 0), to: slabAt(layout, 0) + layout.slabs * SLAB_BYTES };
  const ranges: MappedRange[] = [];
  let begin = 0;
  for (const hole of [rings, slabs]) {
    const from = roundUp(hole.from, MAPPED_UNIT_BYTES);
    const to = roundDown(hole.to, MAPPED_UNIT_BYTES);
    if (to - from < MAPPED_UNIT_BYTES) continue;
    ranges.push(rangeOf(begin, from));
    begin = to;
  }
  ranges.push(rangeOf(begin, roundUp(layout.totalBytes, MAPPED_UNIT_BYTES)));
  return ranges;
}

function rangeOf(from: number, to: number): MappedRange {
  return { offset: from, bytes: to - from, fileOffset: MAPPED_HEADER_BYTES + from };
}

/** The whole header block as it is written to a new file. */
export function encodeHeader(header: MappedHeader, state: number): Uint8Array {
  const bytes = new Uint8Array(MAPPED_HEADER_BYTES);
  const text = new TextEncoder().encode(JSON.stringify(header));
  assert(COPY.text + text.length <= COPY_BYTES_MAX, "the header's text fits its copy");
  for (const at of COPIES) {
    const view = new DataView(bytes.buffer, at);
    MAGIC.forEach((word, index) => view.setUint32(COPY.magic + 4 * index, word, true));
    view.setUint32(COPY.format, MAPPED_FORMAT, true);
    view.setUint32(COPY.textBytes, text.length, true);
    bytes.set(text, at + COPY.text);
    view.setInt32(COPY.sum, sumOf(bytes, at, text.length), true);
  }
  bytes.set(encodeState(state), STATE);
  return bytes;
}

/** Reads a header from the file's first `MAPPED_HEADER_BYTES` (or as many as there are). */
export function decodeHeader(bytes: Uint8Array): HeaderReading {
  let copiesDamaged = 0;
  let format = 0;
  let known = false;
  for (const at of COPIES) {
    const header = decodeCopy(bytes, at);
    if (typeof header === "object") return { kind: "read", header, copiesDamaged };
    if (typeof header === "number") format = Math.max(format, header);
    known ||= header !== "foreign";
    copiesDamaged++;
  }
  if (format > MAPPED_FORMAT) return { kind: "newer", format };
  return { kind: known ? "damaged" : "foreign" };
}

/** A number: it is of that format, and cannot be read here. */
function decodeCopy(bytes: Uint8Array, at: number): MappedHeader | number | "foreign" | "damaged" {
  if (bytes.length < at + COPY.format) return "foreign";
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  if (MAGIC.some((word, index) => view.getUint32(COPY.magic + 4 * index, true) !== word)) return "foreign";
  if (bytes.length < at + COPY_BYTES_MAX) return "damaged";
  const format = view.getUint32(COPY.format, true);
  // Before the checksum, which another format may take otherwise. A flipped bit here leaves the other copy.
  if (format > MAPPED_FORMAT) return format;
  const textBytes = view.getUint32(COPY.textBytes, true);
  if (textBytes > COPY_BYTES_MAX - COPY.text) return "damaged";
  if (view.getInt32(COPY.sum, true) !== sumOf(bytes, at, textBytes)) return "damaged";
  try {
    const header: MappedHeader = JSON.parse(new TextDecoder().decode(bytes.subarray(at + COPY.text, at + COPY.text + textBytes)));
    // Of another layout only the version is believed.
    return header.layoutVersion !== LAYOUT_VERSION || isSane(header.layout) ? header : "damaged";
  } catch {
    return "damaged"; // no JSON, though its checksum is right: somebody made it by hand
  }
}

/** Whether reading the arena by this plan stays within it. */
function isSane(layout: Layout): boolean {
  const { header, buckets, queues, agents, metrics, shapes, slabPool, store, blackBox, totalBytes } = layout;
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= totalBytes;
  const counts = [layout.hosts, layout.agentSlots, layout.slabs, ...layout.ringBytes, layout.shapeTableBytes, layout.busBytes];
  const regions = [header, buckets, queues, agents, metrics, shapes, slabPool, store, blackBox];
  return totalBytes > 0 && totalBytes < 2 ** 31 && layout.hosts >= 1 && layout.hosts <= HOSTS_MAX && counts.every(isCount) &&
    Number.isInteger(layout.messagesMax) && layout.busBytes <= queues.bytes &&
    regions.every(({ offset, bytes }) => isCount(offset) && isCount(bytes) && offset + bytes <= totalBytes);
}

/** Over format, length and text: everything that is read. */
function sumOf(bytes: Uint8Array, at: number, textBytes: number): number {
  const words = new Int32Array(roundUp(textBytes, 4) >>> 2);
  new Uint8Array(words.buffer).set(bytes.subarray(at + COPY.text, at + COPY.text + textBytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  return endSum(addWords(view.getInt32(COPY.format, true), words, 0, words.length), textBytes);
}

/** Whether this build can read the arena behind a header. */
export function isSameLayoutVersion({ layoutVersion }: MappedHeader): boolean {
  return layoutVersion === LAYOUT_VERSION;
}

/** Where the state stands in the file. */
export const MAPPED_STATE_AT = STATE;

/** The state as it is written. */
export function encodeState(state: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, state, true);
  return bytes;
}

/** The state as it stands in a header block. */
export function decodeState(bytes: Uint8Array): number {
  return bytes.length < STATE + 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(STATE, true);
}
