/**
 * Reusable room for messages in shared memory. Whoever acquires a message's room owns it until it is given back or handed to a queue; each life of the
 * room has a number, so that giving back twice, or something that a queue has by now, is an error and not two owners.
 *
 * A message that goes to several queues gets room several times: with one shared body the last reader would have to free it, and a reader that dies would
 * be counted for ever.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { BUS_MESSAGE_BYTES_MAX } from "../base/limits.ts";
import { CELL, cellField } from "../memory/bus_layout.ts";
import type { MessageCells } from "../memory/message_cells.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { CellBytes } from "./cell_bytes.ts";

/** Room for one message, in one life of it. */
export interface PooledMessage {
  /** The first cell. */
  readonly cell: number;
  /** Number of this life. */
  readonly serial: number;
  /** Bytes asked for. */
  readonly bytes: number;
}

/** Figures of a pool. */
export interface PoolStats {
  /** Cells of 256 bytes there are. */
  readonly cells: number;
  /** Cells in use, by all threads. */
  readonly cellsInUse: number;
  /** Rooms that this thread has acquired, and how often there was none. */
  readonly acquired: number;
  /** See `acquired`. */
  readonly refused: number;
}

/**
 * The cells of the bus as one thread uses them.
 *
 * @example
 * ```ts
 * import { UltraFastCommunicationBus } from "@stage3/kernel";
 * const { pool } = UltraFastCommunicationBus.standalone();
 * const room = pool.acquire(5)!;
 * pool.write(room, new TextEncoder().encode("hello"));
 * pool.read(room); // the five bytes
 * pool.release(room); // a second time: KernelError DOUBLE_RELEASE
 * ```
 */
export class MessagePool {
  #acquired = 0;
  #refused = 0;

  /** Rooms are claimed in the name of the host of `cells`. */
  constructor(
    private readonly memory: SharedMemory,
    private readonly cells: MessageCells,
    private readonly content: CellBytes,
  ) {}

  /** Room for so many bytes, or null when the pool has not enough left. */
  acquire(bytes: number): PooledMessage | null {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > BUS_MESSAGE_BYTES_MAX) {
      throw new InvalidArgumentError("bytes", bytes, `give an integer from 0 to ${BUS_MESSAGE_BYTES_MAX}.`);
    }
    const cell = this.cells.tryClaim(bytes);
    if (cell < 0) {
      this.#refused++;
      return null;
    }
    this.#acquired++;
    this.memory.view.setInt32(cellField(this.cells.parts, cell, CELL.bytes), bytes, true);
    return { cell, serial: this.cells.serial(cell), bytes };
  }

  /** Gives room back. Throws `DOUBLE_RELEASE` when it was given back, or handed to a queue, before. */
  release(room: PooledMessage): void {
    this.#own(room);
    this.cells.free(room.cell);
  }

  /** Copies bytes into a room, from its beginning. */
  write(room: PooledMessage, bytes: Uint8Array): void {
    this.#own(room);
    if (bytes.length > room.bytes) throw new InvalidArgumentError("bytes", bytes, `the room holds ${room.bytes} bytes.`);
    this.content.copyIn(room.cell, bytes, bytes.length);
  }

  /** A copy of a room's bytes. */
  read(room: PooledMessage): Uint8Array<ArrayBuffer> {
    this.#own(room);
    const bytes = new Uint8Array(room.bytes);
    this.content.copyOut(room.cell, room.bytes, bytes);
    return bytes;
  }

  /** Figures. */
  stats(): PoolStats {
    return { cells: this.cells.count, cellsInUse: this.cells.inUse, acquired: this.#acquired, refused: this.#refused };
  }

  #own({ cell, serial }: PooledMessage): void {
    if (Number.isInteger(cell) && cell >= 0 && cell < this.cells.count && this.cells.isHeld(cell, serial)) return;
    throw new KernelError(
      "DOUBLE_RELEASE",
      `room ${cell} is no longer yours: it was given back, or a queue has it. Drop the handle when you release it.`,
      { cell, serial },
    );
  }
}
