/**
 * What waits for its turn: higher priorities first, first come first served within one. Linked, so that what gives up leaves at once from the middle.
 *
 * @module
 */
import { PRIORITIES } from "../bus/message.ts";

/** Something that can wait. The two links are the queue's. */
export interface Queued {
  /** Level of its priority. */
  readonly level: number;
  /** The one before it; itself when it waits nowhere. */
  previous?: Queued;
  /** The one after it. */
  next?: Queued;
}

/** A queue with a lane for each priority. */
export class TaskQueue<Item extends Queued> {
  /** Heads of rings, highest priority first: each waits for itself when its lane is empty. */
  readonly #lanes: Queued[] = Object.values(PRIORITIES).sort((a, b) => b - a).map(ring);
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** At the end of its lane. */
  add(item: Item): void {
    const lane = this.#lanes[PRIORITIES.critical - item.level];
    item.previous = lane.previous;
    item.next = lane;
    lane.previous!.next = item;
    lane.previous = item;
    this.#size++;
  }

  /** Out of the middle; harmless when it does not wait. */
  remove(item: Item): void {
    if (item.next === undefined) return;
    item.previous!.next = item.next;
    item.next.previous = item.previous;
    item.previous = item.next = undefined;
    this.#size--;
  }

  /** All that wait, in the order of their turns. */
  *all(): Generator<Item> {
    for (const head of this.#lanes) for (let at = head.next!; at !== head; at = at.next!) yield at as Item;
  }

  /** The next one, which waits no longer. */
  take(): Item | undefined {
    const lane = this.#lanes.find((head) => head.next !== head);
    if (lane === undefined) return undefined;
    const item = lane.next as Item;
    this.remove(item);
    return item;
  }
}

function ring(level: number): Queued {
  const head: Queued = { level };
  head.previous = head.next = head;
  return head;
}
