/**
 * All that one host sends: a ring to every host (itself included, so that a message to a neighbour takes the same path, keeps the same order and
 * is the same private copy), and the bells to wake them.
 *
 * @module
 */
import { MessageTooLargeError } from "../base/errors.ts";
import { Doorbell } from "../memory/doorbell.ts";
import {
  FRAME_BYTES_MAX,
  LANE_ORDINARY,
  LANE_URGENT,
  type Layout,
  MESSAGE_FRAME_BYTES_MAX,
  ringAt,
  SLAB_BYTES,
  SLABS_PER_MESSAGE_MAX,
} from "../memory/layout.ts";
import { RingBuffer } from "../memory/ring_buffer.ts";
import { type ByteWindow, privateWindow, type SharedMemory } from "../memory/shared_memory.ts";
import type { Codec } from "./codec.ts";
import { bodyOf, type Envelope, rawBody, writeFrame, writeSlabFrame } from "./envelope.ts";
import { PRIORITIES } from "./message.ts";
import { SlabPool } from "./slab_pool.ts";

/** Priorities from here on take the urgent lane. */
export const LANE_URGENT_FROM: number = PRIORITIES.high;

/** Largest encoded payload. */
export const MESSAGE_BYTES_MAX = SLABS_PER_MESSAGE_MAX * SLAB_BYTES;

/** Takes one frame back: its place, length and `FRAME_MARK`. */
export type ReclaimedFrame = (at: number, bytes: number, mark: number) => void;

/** The sending side of one host. */
export class Outbound {
  readonly #lanes: readonly (readonly RingBuffer[])[];
  readonly #bells: readonly Doorbell[];
  readonly #dirty: boolean[];
  readonly #slabs: SlabPool;
  #anyDirty = false;
  #scratch: ByteWindow = privateWindow(4 * FRAME_BYTES_MAX);
  #slabFrames = 0;
  #encoding = false;

  /** The rings from `host` to all. */
  constructor(private readonly memory: SharedMemory, layout: Layout, host: number, private readonly codec: Codec) {
    const peers = Array.from({ length: layout.hosts }, (_, peer) => peer);
    this.#lanes = [LANE_ORDINARY, LANE_URGENT].map((lane) => peers.map((peer) => new RingBuffer(memory, ringAt(layout, host, peer, lane))));
    this.#bells = peers.map((peer) => new Doorbell(memory, layout, peer));
    this.#dirty = peers.map(() => false);
    this.#slabs = new SlabPool(memory, layout, host);
  }

  /**
   * Encodes a message straight into a ring; false when there is no room now. Throws `PayloadNotCloneableError` or `MessageTooLargeError`, and then
   * nothing has been written. It is seen by the receiver after `flush`.
   */
  trySend(host: number, envelope: Envelope, payload: unknown): boolean {
    const ring = this.#lanes[envelope.priority >= LANE_URGENT_FROM ? LANE_URGENT : LANE_ORDINARY][host];
    let at = ring.tryClaim();
    if (at < 0) at = ring.claimWanting();
    if (at < 0) return false;
    this.#encoding = true;
    try {
      let bytes = writeFrame(this.memory, at, at + MESSAGE_FRAME_BYTES_MAX, envelope, payload, this.codec);
      if (bytes < 0) bytes = this.#writeInSlabs(at, envelope, payload);
      if (bytes < 0) return false;
      // A long burst is not to lie there unseen until it ends.
      if (ring.commit(bytes)) this.#bells[host].ring();
    } finally {
      this.#encoding = false;
    }
    this.#dirty[host] = this.#anyDirty = true;
    return true;
  }

  /** Sends a frame once more as it is; false when there is no room now. Whoever wrote it is this same host: a frame is read with its producer's words. */
  tryForward(host: number, urgent: boolean, frame: Uint8Array): boolean {
    const ring = this.#lanes[urgent ? LANE_URGENT : LANE_ORDINARY][host];
    const at = ring.tryClaim();
    if (at < 0) return false;
    this.memory.bytes.set(frame, at);
    ring.commit(frame.length);
    this.#dirty[host] = this.#anyDirty = true;
    return true;
  }

  /** Whether a lane has no room for a frame: why a send was refused. */
  isFull(host: number, urgent: boolean): boolean {
    return this.#lanes[urgent ? LANE_URGENT : LANE_ORDINARY][host].tryClaim() < 0;
  }

  /** Takes back what a dead host has not handled, ordinary lane first; in order within each. */
  reclaim(host: number, take: ReclaimedFrame): void {
    for (const lane of [LANE_ORDINARY, LANE_URGENT]) this.#lanes[lane][host].reclaim(take);
    this.#dirty[host] = false;
  }

  /** Whether a payload is being copied: its getters may run code, which must not send in the middle of a frame. */
  get encoding(): boolean {
    return this.#encoding;
  }

  #writeInSlabs(at: number, envelope: Envelope, payload: unknown): number {
    const raw = rawBody(envelope, payload);
    if (raw !== null && raw.length > MESSAGE_BYTES_MAX) throw new MessageTooLargeError(MESSAGE_BYTES_MAX);
    const end = raw === null ? this.#encodeAside(bodyOf(envelope, payload)) : raw.length;
    const slabs = this.#slabs.tryStore(raw ?? this.#scratch.bytes, end);
    if (slabs === null) return -1;
    this.#slabFrames++;
    return writeSlabFrame(this.memory, at, envelope, end, slabs, raw !== null);
  }

  #encodeAside(body: unknown): number {
    let end = this.codec.encode(body, this.#scratch, 0, this.#scratch.bytes.length);
    while (end < 0) {
      const grown = this.#scratch.bytes.length * 2;
      if (grown > MESSAGE_BYTES_MAX) throw new MessageTooLargeError(MESSAGE_BYTES_MAX);
      this.#scratch = privateWindow(grown);
      end = this.codec.encode(body, this.#scratch, 0, grown);
    }
    return end;
  }

  /** Shows the receivers what was sent and wakes those that sleep. */
  flush(): void {
    if (!this.#anyDirty) return;
    this.#anyDirty = false;
    for (let host = 0; host < this.#dirty.length; host++) {
      if (!this.#dirty[host]) continue;
      this.#dirty[host] = false;
      const urgent = this.#lanes[LANE_URGENT][host].publish();
      if (this.#lanes[LANE_ORDINARY][host].publish() || urgent) this.#bells[host].ring();
    }
  }

  /** Whether something was sent that `flush` has not shown yet. */
  get dirty(): boolean {
    return this.#anyDirty;
  }

  /** Messages that took slabs since the start. */
  get slabFrames(): number {
    return this.#slabFrames;
  }

  /** Wakes a host without having sent anything. */
  wake(host: number): void {
    this.#bells[host].ringAlways();
  }
}
