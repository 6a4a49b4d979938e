/**
 * The content of a message over its chain of cells.
 *
 * @module
 */
import { CELL, CELL_BYTES, cellField } from "../memory/bus_layout.ts";
import type { MessageCells } from "../memory/message_cells.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";

/** Copies content in and out, without asking whose the cells are. */
export class CellBytes {
  /** Content of `cells`. */
  constructor(private readonly memory: SharedMemory, private readonly cells: MessageCells) {}

  /** Copies into the cells of a message. */
  copyIn(head: number, source: Uint8Array, bytes: number): void {
    this.#walk(head, bytes, (at, from, to) => this.memory.bytes.set(source.subarray(from, to), at));
  }

  /** Copies out of the cells of a message; bytes that a broken chain lacks stay as they are. */
  copyOut(head: number, bytes: number, target: Uint8Array): void {
    this.#walk(head, bytes, (at, from, to) => target.set(this.memory.bytes.subarray(at, at + to - from), from));
  }

  /** Where in the arena the content lies when it is in one piece, else −1. */
  inOnePiece(head: number, bytes: number): number {
    return bytes <= CELL_BYTES - CELL.body ? cellField(this.cells.parts, head, CELL.body) : -1;
  }

  #walk(head: number, bytes: number, piece: (at: number, from: number, to: number) => void): void {
    let cell = head;
    let body: number = CELL.body;
    for (let from = 0; from < bytes && cell >= 0;) {
      const to = Math.min(bytes, from + CELL_BYTES - body);
      piece(cellField(this.cells.parts, cell, body), from, to);
      from = to;
      body = CELL.bodyOfPart;
      cell = this.cells.next(cell);
    }
  }
}
