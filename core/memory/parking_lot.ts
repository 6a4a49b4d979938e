/**
 * Frames that wait for a busy agent, and those whose handler is still at work, as bytes in shared memory: so they outlive their thread.
 *
 * Slabs of the common pool are cut into records of one size each. One thread, the host, takes and frees records, with its free lists in private memory;
 * a survivor of that thread needs none of them: it walks the slabs that name the dead host and reads the records' states.
 *
 * @module
 */
import { load, store } from "./atomics.ts";
import { HEADER, type Layout, slabAt, slabStateAt } from "./layout.ts";
import { PARKED, PARKED_PER_SLAB, parkedRecordBytes, PARKING_SLAB, SLAB_PARKING } from "./layout_parking.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { SlotPool } from "./slot_pool.ts";

/** States of a record. */
export const PARKED_STATE = { free: 0, waiting: 1, begun: 2 } as const;

/** What a survivor finds. */
export interface ParkedFrame {
  /** First byte of the frame. */
  readonly at: number;
  /** Its length. */
  readonly bytes: number;
  /** Host that wrote it. */
  readonly producer: number;
  /** Whether its handler had been entered. */
  readonly begun: boolean;
  /** Order of arrival. */
  readonly sequence: number;
}

const RECORD_BYTES = PARKED_PER_SLAB.map(parkedRecordBytes);
/** Frames up to here are copied word by word: a call of copyWithin costs more than that. */
const WORDWISE_BYTES_MAX = 512;

/** One host's parked frames. A record is named by its first byte in the arena. */
export class ParkingLot {
  readonly #pool: SlotPool;
  readonly #free: number[][] = RECORD_BYTES.map(() => []);
  /** Records in use by slab; of slabs that are ours. Bounded by the slabs of the arena. */
  readonly #used = new Map<number, number>();
  #sequence = 1;

  /** Nothing is parked yet. */
  constructor(private readonly memory: SharedMemory, private readonly layout: Layout, private readonly host: number) {
    this.#pool = slabPool(memory, layout);
  }

  /** Copies a frame of the arena into a record; 0 when no slab is free. */
  tryPark(at: number, bytes: number, producer: number, state: number): number {
    const record = this.#tryTake(bytes);
    if (record === 0) return 0;
    const { words, floats, bytes: all } = this.memory;
    const target = record + PARKED.frame;
    if (bytes <= WORDWISE_BYTES_MAX) {
      for (let word = at >> 3, to = target >> 3, end = (at + bytes + 7) >> 3; word < end; word++, to++) floats[to] = floats[word];
    } else all.copyWithin(target, at, at + bytes);
    return this.#fill(words, record, bytes, producer, state);
  }

  /** The same for a frame that comes as private bytes. */
  tryParkCopy(frame: Uint8Array, producer: number, state: number): number {
    const record = this.#tryTake(frame.length);
    if (record === 0) return 0;
    this.memory.bytes.set(frame, record + PARKED.frame);
    return this.#fill(this.memory.words, record, frame.length, producer, state);
  }

  /** Its handler is being entered. */
  begin(record: number): void {
    this.memory.words[(record + PARKED.state) >> 2] = PARKED_STATE.begun;
  }

  /** Gives a record back. */
  release(record: number): void {
    const { words } = this.memory;
    words[(record + PARKED.state) >> 2] = PARKED_STATE.free;
    const slab = this.#slabOf(record);
    const kind = RECORD_BYTES.indexOf(words[(slabAt(this.layout, slab) + PARKING_SLAB.recordBytes) >> 2]);
    this.#free[kind].push(record);
    const used = this.#used.get(slab)! - 1;
    this.#used.set(slab, used);
    // One idle slab of each size is kept: the next message would claim it again.
    if (used === 0 && this.#free[kind].length >= 2 * PARKED_PER_SLAB[kind]) this.#giveBack(slab, kind);
  }

  /** First byte of a record's frame. */
  frameAt(record: number): number {
    return record + PARKED.frame;
  }

  #fill(words: Int32Array, record: number, bytes: number, producer: number, state: number): number {
    words[(record + PARKED.bytes) >> 2] = bytes;
    words[(record + PARKED.producer) >> 2] = producer;
    this.memory.floats[(record + PARKED.sequence) >> 3] = this.#sequence++;
    words[(record + PARKED.state) >> 2] = state;
    return record;
  }

  #tryTake(bytes: number): number {
    let kind = 0;
    while (RECORD_BYTES[kind] < bytes + PARKED.frame) kind++;
    const record = this.#free[kind].pop() ?? this.#cut(kind);
    if (record === 0) return 0;
    const slab = this.#slabOf(record);
    this.#used.set(slab, this.#used.get(slab)! + 1);
    return record;
  }

  /** Claims a slab and cuts it into records; returns one of them. */
  #cut(kind: number): number {
    const slab = this.#pool.tryClaim(() => this.host + 1);
    if (slab < 0) return 0;
    const { words } = this.memory;
    const base = slabAt(this.layout, slab);
    const first = base + PARKING_SLAB.records;
    const size = RECORD_BYTES[kind];
    words[(base + PARKING_SLAB.recordBytes) >> 2] = size;
    for (let index = PARKED_PER_SLAB[kind] - 1; index >= 0; index--) {
      words[(first + index * size + PARKED.state) >> 2] = PARKED_STATE.free;
      if (index > 0) this.#free[kind].push(first + index * size);
    }
    store(words, slabStateAt(this.layout, slab) >> 2, (this.host + 1) | SLAB_PARKING);
    this.#used.set(slab, 0);
    return first;
  }

  #giveBack(slab: number, kind: number): void {
    const base = slabAt(this.layout, slab);
    const end = base + PARKING_SLAB.records + PARKED_PER_SLAB[kind] * RECORD_BYTES[kind];
    this.#free[kind] = this.#free[kind].filter((record) => record < base || record >= end);
    this.#used.delete(slab);
    this.#pool.release(slab, (this.host + 1) | SLAB_PARKING, 0);
  }

  #slabOf(record: number): number {
    const first = slabAt(this.layout, 0);
    return Math.floor((record - first) / (slabAt(this.layout, 1) - first));
  }
}

/** Whether a slab of records, which begins at `base`, has one in use. */
export function parksAny(words: Int32Array, base: number): boolean {
  const size = words[(base + PARKING_SLAB.recordBytes) >> 2];
  const count = PARKED_PER_SLAB[RECORD_BYTES.indexOf(size)] ?? 0;
  for (let index = 0; index < count; index++) {
    if (words[(base + PARKING_SLAB.records + index * size + PARKED.state) >> 2] !== PARKED_STATE.free) return true;
  }
  return false;
}

/** A survivor: what a dead host had parked, in order of arrival. */
export function parkedBy(memory: SharedMemory, layout: Layout, host: number): ParkedFrame[] {
  const { words, floats } = memory;
  const frames: ParkedFrame[] = [];
  for (const base of parkingSlabs(memory, layout, host)) {
    const size = words[(slabAt(layout, base) + PARKING_SLAB.recordBytes) >> 2];
    const kind = RECORD_BYTES.indexOf(size);
    for (let index = 0; kind >= 0 && index < PARKED_PER_SLAB[kind]; index++) {
      const record = slabAt(layout, base) + PARKING_SLAB.records + index * size;
      const state = words[(record + PARKED.state) >> 2];
      if (state === PARKED_STATE.free) continue;
      frames.push({
        at: record + PARKED.frame,
        bytes: words[(record + PARKED.bytes) >> 2],
        producer: words[(record + PARKED.producer) >> 2],
        begun: state === PARKED_STATE.begun,
        sequence: floats[(record + PARKED.sequence) >> 3],
      });
    }
  }
  return frames.sort((a, b) => a.sequence - b.sequence);
}

/** A survivor: frees the slabs in which a dead host had parked, once their frames are elsewhere. */
export function clearParked(memory: SharedMemory, layout: Layout, host: number): void {
  const pool = slabPool(memory, layout);
  for (const slab of parkingSlabs(memory, layout, host)) pool.release(slab, (host + 1) | SLAB_PARKING, 0);
}

function parkingSlabs({ words }: SharedMemory, layout: Layout, host: number): number[] {
  const slabs: number[] = [];
  for (let slab = 0; slab < layout.slabs; slab++) {
    if (load(words, slabStateAt(layout, slab) >> 2) === ((host + 1) | SLAB_PARKING)) slabs.push(slab);
  }
  return slabs;
}

function slabPool(memory: SharedMemory, layout: Layout): SlotPool {
  return new SlotPool({
    ...{ words: memory.words, first: slabStateAt(layout, 0) >> 2, stride: 1, count: layout.slabs },
    cursor: HEADER.slabCursor >> 2,
  });
}
