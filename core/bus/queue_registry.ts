/**
 * Named queues: at most 255 names, in shared memory, found by every thread. A queue that was closed leaves its rings to the next one that fits in them.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { BUS_DEAD_LETTERS_MAX, QUEUE_CAPACITY, QUEUE_CAPACITY_MAX } from "../base/limits.ts";
import { load, store } from "../memory/atomics.ts";
import {
  type BusParts,
  QUEUE,
  QUEUE_LEVELS,
  QUEUE_NAME_LENGTH_MAX,
  QUEUE_RING_MIN,
  queueCursors,
  queueField,
  QUEUES_MAX,
} from "../memory/bus_layout.ts";
import { Bell } from "../memory/doorbell.ts";
import type { MessageCells } from "../memory/message_cells.ts";
import { MessageQueue } from "../memory/message_queue.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { BusTables } from "./bus_tables.ts";

const LIVE = 1;
const CLOSED = 2;
/** Number and name of the queue of dead letters. Names that begin with $ are the kernel's. */
const DEAD_LETTERS = 0;
const DEAD_LETTERS_NAME = "$dead-letters";

/** One queue as a thread sees it. */
export interface NamedQueue {
  /** Its number. */
  readonly index: number;
  /** Its name. */
  readonly name: string;
  /** Goes up when it is closed. */
  readonly generation: number;
  /** Messages of one level. */
  readonly capacity: number;
  /** Whether its messages are kept on disk. */
  readonly durable: boolean;
  /** Its rings. */
  readonly queue: MessageQueue;
  /** Rung for those who wait for messages. */
  readonly bell: Bell;
}

/** One thread's view of the queues. */
export class QueueRegistry {
  #version = -1;
  readonly #byName = new Map<string, NamedQueue>();
  readonly #byIndex: (NamedQueue | undefined)[] = new Array(QUEUES_MAX).fill(undefined);
  readonly #parts: BusParts;
  /** Where messages go that nobody can have. */
  readonly deadLetters: NamedQueue;

  /** The first thread makes the queue of dead letters. */
  constructor(private readonly memory: SharedMemory, private readonly tables: BusTables, private readonly cells: MessageCells) {
    this.#parts = tables.parts;
    if (this.#field(DEAD_LETTERS, QUEUE.state) !== LIVE) {
      const capacity = Math.max(1, Math.min(BUS_DEAD_LETTERS_MAX, this.#parts.cellCount >> 3));
      tables.change(() => this.#field(DEAD_LETTERS, QUEUE.state) === LIVE || this.#make(DEAD_LETTERS, DEAD_LETTERS_NAME, capacity, 1));
    }
    this.deadLetters = this.at(DEAD_LETTERS);
  }

  /** A live queue. Throws `QUEUE_NOT_FOUND`. */
  find(name: unknown): NamedQueue {
    const found = this.get(name);
    if (found !== undefined) return found;
    checkedName(name);
    throw new KernelError(
      "QUEUE_NOT_FOUND",
      `there is no queue "${name}": it was never created, or has been deleted. Call createQueue first.`,
      {
        queueId: name,
      },
    );
  }

  /** A live queue, if there is one of that name. */
  get(name: unknown): NamedQueue | undefined {
    this.#sync();
    return this.#byName.get(name as string);
  }

  /** The live queue of that number and generation. */
  live(index: number, generation: number): NamedQueue | undefined {
    this.#sync();
    const found = this.#byIndex[index];
    return found?.generation === generation ? found : undefined;
  }

  /** Every live queue. */
  all(): NamedQueue[] {
    this.#sync();
    return [...this.#byName.values()];
  }

  /** Makes a queue, or finds it. Throws `QUEUE_EXISTS` when it has another capacity or is kept otherwise, `QUEUE_LIMIT` or `QUEUE_SPACE` when there is no room. */
  create(name: string, capacity?: number, durable?: boolean): NamedQueue {
    checkedName(name);
    const wanted = checkedCapacity(capacity ?? QUEUE_CAPACITY);
    this.tables.change(() => {
      const known = this.get(name);
      if (known === undefined) this.#add(name, wanted, durable ?? false);
      else if (capacity !== undefined && known.capacity !== wanted) {
        throw new KernelError("QUEUE_EXISTS", `queue "${name}" exists with capacity ${known.capacity}; use it, or delete it first.`, {
          queueId: name,
          capacity: known.capacity,
        });
      } else if (durable !== undefined && known.durable !== durable) {
        throw new KernelError(
          "QUEUE_EXISTS",
          `queue "${name}" exists and is ${known.durable ? "" : "not "}durable; use it, or delete it first.`,
          {
            queueId: name,
            durable: known.durable,
          },
        );
      }
    });
    return this.find(name);
  }

  /** Closes a queue: it is not found any more. What lies in it is the caller's to fetch. */
  close(name: string): NamedQueue {
    const queue = this.find(name);
    this.tables.change(() => {
      if (this.live(queue.index, queue.generation) === undefined) return;
      this.#set(queue.index, QUEUE.generation, queue.generation + 1);
      this.#set(queue.index, QUEUE.state, CLOSED);
      this.tables.write("queuesVersion", this.tables.read("queuesVersion") + 1);
    });
    return queue;
  }

  /** The name of a queue as it was in some generation; empty when its place has been given to another name since. */
  nameOf(index: number, generation: number): string {
    if (index >= QUEUES_MAX || ((generation - this.#field(index, QUEUE.namedSince)) | 0) < 0) return "";
    return this.#name(index);
  }

  /** A handle on a queue as its block says now, whatever its state. */
  at(index: number): NamedQueue {
    const parts = this.#parts;
    const levels = Math.min(QUEUE_LEVELS, this.#field(index, QUEUE.levels));
    const cursors = Array.from({ length: levels }, (_unused, level) => {
      const { head, tail } = queueCursors(parts, index, level);
      return { head: head >> 2, tail: tail >> 2 };
    });
    const [ring, ringLog2, capacity] = [QUEUE.ring, QUEUE.ringLog2, QUEUE.capacity].map((field) => this.#field(index, field));
    const place = { index, cursors, ring: (parts.rings >> 2) + ring, ringLog2, capacity };
    const bell = { bell: queueField(parts, index, QUEUE.bell), sleeping: queueField(parts, index, QUEUE.sleeping) };
    return {
      ...{ index, capacity, name: this.#name(index), generation: this.#field(index, QUEUE.generation) },
      durable: this.#field(index, QUEUE.durable) === 1,
      queue: new MessageQueue(this.memory, this.cells, place),
      bell: new Bell(this.memory, bell),
    };
  }

  #sync(): void {
    const version = this.tables.read("queuesVersion");
    if (version === this.#version) return;
    this.#version = version;
    this.#byName.clear();
    for (let index = DEAD_LETTERS + 1; index < QUEUES_MAX; index++) {
      const known = this.#byIndex[index];
      const live = this.#field(index, QUEUE.state) === LIVE;
      const same = known !== undefined && known.generation === this.#field(index, QUEUE.generation);
      const now = !live ? undefined : same ? known : this.at(index);
      this.#byIndex[index] = now;
      if (now !== undefined) this.#byName.set(now.name, now);
    }
  }

  /**
   * The place of a closed queue of that name, so that its dead letters find it again; else one never used; when those or their rings have run out, the
   * closed one with the smallest rings that suffice.
   */
  #add(name: string, capacity: number, durable: boolean): void {
    const log2 = ringLog2For(capacity);
    let [same, unused, closed] = [-1, -1, -1];
    for (let index = QUEUES_MAX - 1; index > DEAD_LETTERS; index--) {
      const state = this.#field(index, QUEUE.state);
      const rings = this.#field(index, QUEUE.ringLog2);
      if (state === 0) unused = index;
      if (state !== CLOSED || rings < log2) continue;
      if (this.#name(index) === name) same = index;
      if (closed < 0 || rings < this.#field(closed, QUEUE.ringLog2)) closed = index;
    }
    if (same < 0 && closed < 0 && unused < 0) {
      throw new KernelError("QUEUE_LIMIT", `there are ${QUEUES_MAX - 1} queues already. Delete some, or use topics within one.`, {
        queuesMax: QUEUES_MAX - 1,
      });
    }
    const roomy = unused >= 0 && this.tables.read("ringWordsUsed") + (QUEUE_LEVELS << log2) <= this.#parts.ringWords;
    this.#make(same >= 0 ? same : roomy || closed < 0 ? unused : closed, name, capacity, QUEUE_LEVELS, durable);
  }

  #make(index: number, name: string, capacity: number, levels: number, durable = false): void {
    if (this.#field(index, QUEUE.state) === 0) this.#giveRings(index, ringLog2For(capacity), levels, name);
    this.#set(index, QUEUE.capacity, capacity);
    this.#set(index, QUEUE.levels, levels);
    this.#set(index, QUEUE.durable, durable ? 1 : 0);
    if (this.#name(index) !== name) this.#set(index, QUEUE.namedSince, this.#field(index, QUEUE.generation));
    this.#set(index, QUEUE.nameLength, name.length);
    const at = queueField(this.#parts, index, QUEUE.name);
    for (let unit = 0; unit < name.length; unit++) this.memory.view.setUint16(at + 2 * unit, name.charCodeAt(unit), true);
    this.#set(index, QUEUE.state, LIVE);
    this.tables.write("queuesVersion", this.tables.read("queuesVersion") + 1);
  }

  #giveRings(index: number, log2: number, levels: number, name: string): void {
    const used = this.tables.read("ringWordsUsed");
    const words = levels << log2;
    if (used + words > this.#parts.ringWords) {
      throw new KernelError(
        "QUEUE_SPACE",
        `no room for the rings of queue "${name}" (${words} words; ${
          this.#parts.ringWords - used
        } of ${this.#parts.ringWords} are left). ` +
          "Give queues smaller capacities, or raise sharedBufferSize.",
        { queueId: name, ringWords: words, ringWordsLeft: this.#parts.ringWords - used },
      );
    }
    this.tables.write("ringWordsUsed", used + words);
    this.#set(index, QUEUE.ring, used);
    this.#set(index, QUEUE.ringLog2, log2);
  }

  #name(index: number): string {
    const at = queueField(this.#parts, index, QUEUE.name);
    const length = Math.min(QUEUE_NAME_LENGTH_MAX, this.#field(index, QUEUE.nameLength));
    return String.fromCharCode(...Array.from({ length }, (_unused, unit) => this.memory.view.getUint16(at + 2 * unit, true)));
  }

  #field(index: number, field: number): number {
    return load(this.memory.words, queueField(this.#parts, index, field) >> 2);
  }

  #set(index: number, field: number, value: number): void {
    store(this.memory.words, queueField(this.#parts, index, field) >> 2, value);
  }
}

function ringLog2For(capacity: number): number {
  return Math.ceil(Math.log2(Math.max(QUEUE_RING_MIN, capacity)));
}

function checkedName(name: unknown): void {
  if (typeof name === "string" && name.length > 0 && name.length <= QUEUE_NAME_LENGTH_MAX && !name.startsWith("$")) return;
  throw new InvalidArgumentError("queueId", name, `give a string of 1 to ${QUEUE_NAME_LENGTH_MAX} characters that does not begin with $.`);
}

function checkedCapacity(capacity: number): number {
  if (Number.isInteger(capacity) && capacity >= 1 && capacity <= QUEUE_CAPACITY_MAX) return capacity;
  throw new InvalidArgumentError("capacity", capacity, `give an integer from 1 to ${QUEUE_CAPACITY_MAX}.`);
}
