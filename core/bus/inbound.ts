/**
 * All that one host receives: the rings from every host, drained urgent lane first, in turn and with a limit each, so that one flooding
 * neighbour does not starve the others.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { LANE_ORDINARY, LANE_URGENT, type Layout, ringAt } from "../memory/layout.ts";
import { type FrameHandler, RingBuffer } from "../memory/ring_buffer.ts";
import { type ByteWindow, privateWindow, type SharedMemory } from "../memory/shared_memory.ts";
import type { Codec } from "./codec.ts";
import { emptyEnvelope, type Envelope, readEnvelope, readSlabList } from "./envelope.ts";
import { MESSAGE_BYTES_MAX } from "./outbound.ts";
import { SlabPool } from "./slab_pool.ts";

/** Takes one received frame. The envelope is reused for the next: take its fields, do not keep it. */
export type EnvelopeHandler = (envelope: Envelope, payload: () => unknown) => void;

/** The receiving side of one host. */
export class Inbound implements FrameHandler {
  readonly #lanes: readonly (readonly RingBuffer[])[];
  readonly #slabs: SlabPool;
  readonly #envelope = emptyEnvelope();
  readonly #payload = (): unknown => this.#decode();
  #scratch: ByteWindow | null = null;
  #decoded = false;
  #first = 0;

  /** The rings from all hosts to `host`; each frame goes to `handler`. */
  constructor(
    private readonly memory: SharedMemory,
    layout: Layout,
    host: number,
    private readonly codec: Codec,
    private readonly handler: EnvelopeHandler,
  ) {
    const peers = Array.from({ length: layout.hosts }, (_, peer) => peer);
    this.#lanes = [LANE_ORDINARY, LANE_URGENT].map((lane) => peers.map((peer) => new RingBuffer(memory, ringAt(layout, peer, host, lane))));
    this.#slabs = new SlabPool(memory, layout, host);
  }

  /** Handles about `limit` frames at most, fairly from all hosts; returns how many. */
  drain(limit: number): number {
    const rings = this.#lanes[LANE_ORDINARY];
    const share = Math.max(16, Math.ceil(limit / rings.length));
    let frames = 0;
    for (const ring of this.#lanes[LANE_URGENT]) if (ring.readable()) frames += ring.drain(share, this);
    this.#first = (this.#first + 1) % rings.length;
    for (let step = 0; step < rings.length; step++) {
      const ring = rings[(this.#first + step) % rings.length];
      if (ring.readable()) frames += ring.drain(share, this);
    }
    return frames;
  }

  /** Whether anything waits. */
  readable(): boolean {
    for (const lane of this.#lanes) for (const ring of lane) if (ring.readable()) return true;
    return false;
  }

  /** Called by the rings. */
  frame(at: number, bytes: number): void {
    readEnvelope(this.memory, at, bytes, this.#envelope);
    this.#decoded = false;
    try {
      this.handler(this.#envelope, this.#payload);
    } finally {
      // A frame that nobody read may still hold slabs.
      if (this.#envelope.inSlabs && !this.#decoded) this.#slabs.release(readSlabList(this.memory, this.#envelope).slabs);
    }
  }

  #decode(): unknown {
    const envelope = this.#envelope;
    if (!envelope.inSlabs) return this.codec.decode(this.memory, envelope.bodyAt, envelope.bodyEnd);
    this.#decoded = true;
    const { bytes, slabs } = readSlabList(this.memory, envelope);
    if (bytes > MESSAGE_BYTES_MAX) {
      throw new KernelError("CORRUPT_MESSAGE", `payload of ${bytes} bytes; at most ${MESSAGE_BYTES_MAX} are sent.`);
    }
    if (this.#scratch === null || this.#scratch.bytes.length < bytes) this.#scratch = privateWindow(Math.max(bytes, 65_536 * 2));
    this.#slabs.copyOut(slabs, bytes, this.#scratch);
    this.#slabs.release(slabs);
    return this.codec.decode(this.#scratch, 0, bytes);
  }
}
