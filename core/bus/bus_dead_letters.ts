/**
 * Messages that no consumer got, with the reason: a queue like any other, in shared memory, so that every thread sees them and none is lost with its
 * finder. Bounded: the oldest give way, the count does not; and they give way to live messages when the pool is exhausted.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { isKernelError } from "../base/errors.ts";
import { CELL, cellField } from "../memory/bus_layout.ts";
import { type MessageCells, readyAt } from "../memory/message_cells.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { BusCounters } from "./bus_counters.ts";
import type { BusMessage, BusMessages } from "./bus_message.ts";
import type { NamedQueue, QueueRegistry } from "./queue_registry.ts";

/** Why a message is a dead letter. `host-died`: its consumer's thread died with it, and may have handled it. */
export type BusDeadLetterReason = "queue-full" | "expired" | "queue-deleted" | "host-died" | "corrupt";

/** By number: the numbers stand in the cells. */
const REASONS: readonly BusDeadLetterReason[] = ["queue-full", "expired", "queue-deleted", "host-died", "corrupt"];

/** One message that no consumer got. */
export interface BusDeadLetter {
  /** As its consumer would have got it. */
  readonly message: BusMessage;
  /** The queue that it was meant for; empty when that was deleted and its place given to a queue of another name: then it cannot be replayed. */
  readonly queueId: string;
  /** Why. */
  readonly reason: BusDeadLetterReason;
  /** Arena time in ms. */
  readonly at: number;
}

/** Level of the one ring that the queue of dead letters has. */
const LEVEL = 0;

/** One thread's view of the dead letters. */
export class BusDeadLetters {
  readonly #queue: NamedQueue;

  /** They lie in `registry.deadLetters`. */
  constructor(
    private readonly memory: SharedMemory,
    private readonly cells: MessageCells,
    private readonly registry: QueueRegistry,
    private readonly messages: BusMessages,
    private readonly counters: BusCounters,
    private readonly clock: Clock,
  ) {
    this.#queue = registry.deadLetters;
  }

  /** Keeps a message that this thread has. Returns null, for callers that have nothing to hand out then. */
  keep(cell: number, reason: BusDeadLetterReason): null {
    this.counters.add("deadLettered");
    this.#put(cell, reason, this.clock.now());
    return null;
  }

  /** Gives up the oldest; false when there is none. */
  dropOldest(): boolean {
    const cell = this.#queue.queue.tryPopLevel(LEVEL);
    if (cell < 0) return false;
    this.cells.free(cell);
    this.counters.add("deadLettersDropped");
    return true;
  }

  /** Those kept, oldest first. */
  list(): BusDeadLetter[] {
    const letters: BusDeadLetter[] = [];
    for (const { cell, position } of this.#queue.queue.list(LEVEL)) {
      const letter = this.#read(cell);
      // Read while another thread may have taken it: only what is still there afterwards was whole.
      if (letter !== null && this.cells.isReady(cell, readyAt(this.#queue.index, LEVEL, position))) letters.push(letter);
    }
    return letters;
  }

  /** Puts messages back into their queues, where those live and have room; the others stay. Returns the queues that got some, once for each. */
  replay(which: (letter: BusDeadLetter) => boolean): NamedQueue[] {
    const replayed: NamedQueue[] = [];
    for (const { cell, position } of this.#queue.queue.list(LEVEL)) {
      const letter = this.#read(cell);
      if (letter === null || !which(letter) || !this.#queue.queue.tryTake(LEVEL, position, cell)) continue;
      const target = this.#revive(cell, letter);
      if (target !== null) replayed.push(target);
    }
    return replayed;
  }

  /** How many there are. */
  get size(): number {
    return this.#queue.queue.list(LEVEL).length;
  }

  /** Sends a taken letter on its way again; null when it could not go, and is a dead letter as before. */
  #revive(cell: number, letter: BusDeadLetter): NamedQueue | null {
    const { view } = this.memory;
    const at = cellField(this.cells.parts, cell, 0);
    const target = this.registry.get(letter.queueId);
    if (target !== undefined) {
      const deadline = view.getFloat64(at + CELL.expiresAt, true);
      view.setUint8(at + CELL.retryCount, Math.min(255, letter.message.retryCount + 1));
      view.setInt32(at + CELL.generation, target.generation, true);
      // Its time has passed, or will have: who replays a message wants it handled.
      view.setFloat64(at + CELL.expiresAt, 0, true);
      if (target.queue.tryPush(cell, letter.message.priority + 1)) return target;
      view.setUint8(at + CELL.retryCount, letter.message.retryCount);
      view.setFloat64(at + CELL.expiresAt, deadline, true);
    }
    this.#put(cell, letter.reason, letter.at);
    return null;
  }

  #put(cell: number, reason: BusDeadLetterReason, since: number): void {
    const at = cellField(this.cells.parts, cell, 0);
    this.memory.view.setUint8(at + CELL.reason, REASONS.indexOf(reason));
    this.memory.view.setFloat64(at + CELL.deadAt, since, true);
    while (!this.#queue.queue.tryPush(cell, LEVEL)) this.dropOldest();
  }

  #read(cell: number): BusDeadLetter | null {
    const { view } = this.memory;
    const at = cellField(this.cells.parts, cell, 0);
    const queueId = this.registry.nameOf(view.getInt32(at + CELL.origin, true) >>> 8, view.getInt32(at + CELL.generation, true));
    const [reason, time] = [REASONS[view.getUint8(at + CELL.reason)] ?? "corrupt", view.getFloat64(at + CELL.deadAt, true)];
    try {
      return { message: this.messages.read(cell), queueId, reason, at: time };
    } catch (error) {
      // Taken and written over in the middle, or never readable.
      if (isKernelError(error)) return null;
      throw error;
    }
  }
}
