/**
 * All that one host receives: the rings from every host, drained urgent lane first, in turn and with a limit each, so that one flooding
 * neighbour does not starve the others. A frame stays where it is, marked with how far its handling has come, until it is done; one that must
 * outlast its turn is parked.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { load } from "../memory/atomics.ts";
import { Doorbell } from "../memory/doorbell.ts";
import { HEADER, LANE_ORDINARY, LANE_URGENT, type Layout, ringAt } from "../memory/layout.ts";
import { PARKED_STATE, ParkingLot } from "../memory/parking_lot.ts";
import { FRAME_MARK, type FrameHandler, markFrame, RingBuffer } from "../memory/ring_buffer.ts";
import { type ByteWindow, privateWindow, type SharedMemory } from "../memory/shared_memory.ts";
import { COUNT } from "../metrics/counters.ts";
import { BorrowedBytes } from "./borrowed_bytes.ts";
import type { Codec } from "./codec.ts";
import { emptyEnvelope, type Envelope, readEnvelope, readSlabList } from "./envelope.ts";
import { MESSAGE_BYTES_MAX } from "./outbound.ts";
import { SlabPool } from "./slab_pool.ts";

/** Takes one received frame. The envelope is reused for the next: take its fields, do not keep it. */
export type EnvelopeHandler = (envelope: Envelope, payload: () => unknown) => void;

/** A frame that outlasts its turn. */
export interface KeptFrame {
  /** Where it is parked; 0 when no room was left in shared memory and it lies in `window`: then it does not outlive its thread. */
  readonly record: number;
  /** Where its bytes are. */
  readonly window: ByteWindow;
  /** Its first byte in `window`. */
  readonly at: number;
  /** Its length. */
  readonly bytes: number;
  /** Host that wrote it. */
  readonly producer: number;
  /** Whether it is counted as waiting in private memory. */
  isAside?: boolean;
}

/** The receiving side of one host. */
export class Inbound implements FrameHandler {
  readonly #lanes: readonly (readonly RingBuffer[])[];
  readonly #slabs: SlabPool;
  readonly #parking: ParkingLot;
  readonly #bells: readonly Doorbell[];
  readonly #envelope = emptyEnvelope();
  readonly #keptEnvelope = emptyEnvelope();
  readonly #payload = (): unknown => this.#decode(this.memory, this.#envelope);
  #scratch: ByteWindow | null = null;
  #first = 0;
  #producer = 0;
  #at = 0;
  #bytes = 0;
  #kept = false;
  /** Bytes on loan from the frame at hand. */
  #lent: BorrowedBytes | null = null;
  /** Where those lie that came out of slabs: a new place for each message would be filled with zeros first, and collected soon after. */
  #lending: Uint8Array = new Uint8Array(0);

  /** The rings from all hosts to `host`; each frame goes to `handler`. A host that is not alive any more handles nothing further. */
  constructor(
    private readonly memory: SharedMemory,
    layout: Layout,
    host: number,
    private readonly codec: Codec,
    private readonly handler: EnvelopeHandler,
    private readonly isAlive: () => boolean,
    private readonly counts: Float64Array,
  ) {
    const peers = Array.from({ length: layout.hosts }, (_, peer) => peer);
    this.#lanes = [LANE_ORDINARY, LANE_URGENT].map((lane) => peers.map((peer) => new RingBuffer(memory, ringAt(layout, peer, host, lane))));
    this.#bells = peers.map((peer) => new Doorbell(memory, layout, peer));
    this.#slabs = new SlabPool(memory, layout, host);
    this.#parking = new ParkingLot(memory, layout, host);
  }

  /** Handles about `limit` frames at most, in equal shares from all hosts that sent some; returns how many. */
  drain(limit: number): number {
    const peers = this.#started();
    let waiting = 0;
    for (let peer = 0; peer < peers; peer++) if (this.#lanes[LANE_ORDINARY][peer].readable()) waiting++;
    const share = Math.max(16, Math.ceil(limit / Math.max(1, waiting)));
    let frames = 0;
    for (let peer = 0; peer < peers; peer++) frames += this.#drainLane(LANE_URGENT, peer, share);
    this.#first = (this.#first + 1) % peers;
    for (let step = 0; step < peers; step++) frames += this.#drainLane(LANE_ORDINARY, (this.#first + step) % peers, share);
    return frames;
  }

  /** Whether anything waits. */
  readable(): boolean {
    for (let peer = this.#started() - 1; peer >= 0; peer--) if (this.readableFrom(peer)) return true;
    return false;
  }

  /** Whether anything from one host waits. */
  readableFrom(peer: number): boolean {
    return this.#lanes[LANE_ORDINARY][peer].readable() || this.#lanes[LANE_URGENT][peer].readable();
  }

  /** Asked by the rings. */
  get closed(): boolean {
    return !this.isAlive();
  }

  /** Called by the rings. */
  frame(at: number, bytes: number): void {
    const envelope = this.#envelope;
    readEnvelope(this.memory, at, bytes, envelope);
    this.#at = at;
    this.#bytes = bytes;
    this.#kept = false;
    this.#lent = null;
    try {
      this.handler(envelope, this.#payload);
    } finally {
      // Marked first: a survivor must not free slabs that were freed here and claimed again.
      markFrame(this.memory.words, at, FRAME_MARK.done);
      if (envelope.inSlabs && !this.#kept) this.#freeSlabs(this.memory, envelope);
    }
  }

  /** Within the handler: a user's function is about to get this frame. */
  begin(): void {
    markFrame(this.memory.words, this.#at, FRAME_MARK.begun);
  }

  /** Within the handler: the frame will be needed after it. */
  keep(begun: boolean): KeptFrame {
    this.#kept = true;
    const record = this.#parking.tryPark(this.#at, this.#bytes, this.#producer, begun ? PARKED_STATE.begun : PARKED_STATE.waiting);
    const { memory } = this;
    const kept = record !== 0
      ? { record, window: memory, at: this.#parking.frameAt(record), bytes: this.#bytes, producer: this.#producer }
      : this.#keepAside(memory.bytes.subarray(this.#at, this.#at + this.#bytes), this.#producer, !begun);
    // What the handler was lent goes on being where it can see it.
    if (this.#lent !== null && this.#envelope.inSlabs) this.#lending = new Uint8Array(0);
    else this.#lent?.moveTo(kept.window.bytes, kept.at - this.#at);
    return kept;
  }

  /** Keeps a frame that came from a dead host by way of the supervisor. */
  adopt(frame: Uint8Array, producer: number): KeptFrame {
    const record = this.#parking.tryParkCopy(frame, producer, PARKED_STATE.waiting);
    if (record === 0) return this.#keepAside(frame, producer, true);
    return { record, window: this.memory, at: this.#parking.frameAt(record), bytes: frame.length, producer };
  }

  /** No slab is free: the bytes wait in private memory, and do not outlive this thread. */
  #keepAside(frame: Uint8Array, producer: number, isAside: boolean): KeptFrame {
    if (isAside) this.counts[COUNT.parkedAside]++;
    const window = privateWindow((frame.length + 7) & ~7);
    window.bytes.set(frame);
    return { record: 0, window, at: 0, bytes: frame.length, producer, isAside };
  }

  /** It waits no longer. */
  #leaveAside(kept: KeptFrame): void {
    if (kept.isAside) this.counts[COUNT.parkedAside]--;
    kept.isAside = false;
  }

  /** Reads a kept frame again. The envelope is reused for the next. */
  open(kept: KeptFrame, envelope: Envelope): () => unknown {
    readEnvelope(kept.window, kept.at, kept.bytes, envelope);
    return () => this.#decode(kept.window, envelope);
  }

  /** Its handler is about to be entered. */
  beginKept(kept: KeptFrame): void {
    if (kept.record !== 0) this.#parking.begin(kept.record);
    else this.#leaveAside(kept);
  }

  /** A kept frame is done. */
  release(kept: KeptFrame): void {
    const envelope = this.#keptEnvelope;
    readEnvelope(kept.window, kept.at, kept.bytes, envelope);
    const slabs = envelope.inSlabs ? readSlabList(kept.window, envelope).slabs : null;
    if (kept.record !== 0) this.#parking.release(kept.record);
    else this.#leaveAside(kept);
    if (slabs !== null) this.#slabs.release(slabs);
  }

  #drainLane(lane: number, peer: number, limit: number): number {
    const ring = this.#lanes[lane][peer];
    if (!ring.readable()) return 0;
    this.#producer = peer;
    const frames = ring.drain(limit, this);
    if (ring.roomIsDue()) this.#bells[peer].ring();
    return frames;
  }

  #started(): number {
    return load(this.memory.words, HEADER.hostsStarted >> 2);
  }

  #freeSlabs(window: ByteWindow, envelope: Envelope): void {
    this.#slabs.release(readSlabList(window, envelope).slabs);
  }

  #decode(window: ByteWindow, envelope: Envelope): unknown {
    if (envelope.isRaw) return this.#lend(window, envelope);
    if (!envelope.inSlabs) return this.codec.decode(window, envelope.bodyAt, envelope.bodyEnd);
    const { bytes, slabs } = slabList(window, envelope);
    if (this.#scratch === null || this.#scratch.bytes.length < bytes) this.#scratch = privateWindow(Math.max(bytes, 65_536 * 2));
    this.#slabs.copyOut(slabs, bytes, this.#scratch.bytes);
    return this.codec.decode(this.#scratch, 0, bytes);
  }

  /** Bytes in slabs lie in pieces: they are put together in private memory. */
  #lend(window: ByteWindow, envelope: Envelope): BorrowedBytes {
    const isAtHand = envelope === this.#envelope;
    let lent: BorrowedBytes;
    if (envelope.inSlabs) {
      const { bytes, slabs } = slabList(window, envelope);
      const whole = isAtHand ? this.#roomFor(bytes) : new Uint8Array(bytes);
      this.#slabs.copyOut(slabs, bytes, whole);
      lent = new BorrowedBytes(whole, 0, bytes);
    } else lent = new BorrowedBytes(window.bytes, envelope.bodyAt, envelope.bodyEnd - envelope.bodyAt);
    if (isAtHand) this.#lent = lent;
    return lent;
  }

  /** Free again when the frame at hand is done; whoever keeps the frame keeps the room. */
  #roomFor(bytes: number): Uint8Array {
    if (this.#lending.length < bytes) this.#lending = new Uint8Array(Math.max(bytes, 65_536));
    return this.#lending;
  }
}

function slabList(window: ByteWindow, envelope: Envelope): { bytes: number; slabs: number[] } {
  const list = readSlabList(window, envelope);
  if (list.bytes < 0 || list.bytes > MESSAGE_BYTES_MAX) {
    throw new KernelError("CORRUPT_MESSAGE", `payload of ${list.bytes} bytes; at most ${MESSAGE_BYTES_MAX} are sent.`);
  }
  return list;
}
