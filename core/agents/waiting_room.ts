/**
 * Sends that found no room: they wait in order of their receiver and are tried again each turn. Bounded for each sender; a wait ends in
 * `InboxFullError`. While a receiver has waiting sends, later ones to it queue behind them, so that order holds.
 *
 * A full lane refuses the sends to all the receivers behind it, thousands perhaps, and a thread that tried each of them in every turn would have less
 * time to drain its own lanes, which is what the other side waits for. So one refusal is enough for a lane and a round.
 *
 * @module
 */
import type { Deadline, Deadlines } from "../base/deadlines.ts";
import { SendsPendingError } from "../base/errors.ts";
import { PENDING_SENDS_OUTSIDE_MAX, PENDING_SENDS_PER_AGENT_MAX } from "../base/limits.ts";
import type { Envelope } from "../bus/envelope.ts";

/** Nobody's id: the kernel itself. */
const KERNEL_SENDER = -1;

/** A frame that is to be sent again, as it is. */
export interface ReturnedFrame {
  /** Its bytes. */
  readonly frame: Uint8Array;
  /** Its lane. */
  readonly urgent: boolean;
  /** Called when it will never be sent. */
  readonly lost: (error: unknown) => void;
}

/** An attempt's answer: it was sent. */
export const SENT = -2;
/** An attempt's answer: there is no room for this one, whatever there is for others. */
export const NO_ROOM = -1;

/** One waiting send. */
export interface WaitingSend {
  /** Copy of its envelope. */
  readonly envelope: Envelope | null;
  /** As it was passed; a `ReturnedFrame` when there is no envelope. */
  readonly payload: unknown;
  /** Called when it is committed or will never be. */
  readonly done: (error?: unknown) => void;
  /** Where it queues: the receiver, or −1 − host for the kernel's own frames. */
  readonly queue: number;
}

/** Sends to one receiver, at least one. */
interface WaitingQueue {
  sends: WaitingSend[];
  /** The lane that refused the first of them last, `NO_ROOM` when it is not known. It may have moved since. */
  lane: number;
}

/** The waiting sends of one host. */
export class WaitingRoom {
  readonly #queues = new Map<number, WaitingQueue>();
  readonly #bySender = new Map<number, number>();
  #size = 0;

  /** `attempt` answers `SENT`, `NO_ROOM`, or the number of the lane that is full; it throws when a send never will be sent. */
  constructor(private readonly deadlines: Deadlines, private readonly attempt: (send: WaitingSend) => number) {}

  /** Whether sends to that queue wait already. */
  has(queue: number): boolean {
    return this.#size > 0 && this.#queues.has(queue);
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Lets a send wait; the promise settles when it is committed. Throws `SendsPendingError` when its sender has too many waiting. */
  enter(
    envelope: Envelope,
    payload: unknown,
    wait: { queue: number; timeoutMs: number; timeoutError: () => Error; signal?: AbortSignal },
  ): Promise<void> {
    wait.signal?.throwIfAborted();
    // The kernel's own frames have no bound of their own: each makes or answers a call that is bounded.
    const own = wait.queue < 0;
    const sender = own ? KERNEL_SENDER : envelope.from;
    const bound = own ? Infinity : sender === 0 ? PENDING_SENDS_OUTSIDE_MAX : PENDING_SENDS_PER_AGENT_MAX;
    const pending = this.#bySender.get(sender) ?? 0;
    if (pending >= bound) throw new SendsPendingError(sender, bound);
    this.#bySender.set(sender, pending + 1);
    this.#size++;
    return new Promise((resolve, reject) => {
      const leave = (error?: unknown): void => {
        this.deadlines.remove(deadline);
        wait.signal?.removeEventListener("abort", onAbort);
        this.#forget(sender);
        if (error === undefined) resolve();
        else reject(error);
      };
      const send: WaitingSend = { envelope: { ...envelope }, payload, done: leave, queue: wait.queue };
      const giveUp = (error: unknown): void => {
        this.#remove(send);
        leave(error);
      };
      const deadline: Deadline = this.deadlines.add(wait.timeoutMs, () => giveUp(wait.timeoutError()));
      const onAbort = (): void => giveUp(wait.signal!.reason);
      wait.signal?.addEventListener("abort", onAbort, { once: true });
      const queue = this.#queues.get(wait.queue);
      if (queue === undefined) this.#queues.set(wait.queue, { sends: [send], lane: NO_ROOM });
      else queue.sends.push(send);
    });
  }

  /** Frames that came back from a dead host: they were sent before all that waits already. They wait as long as it takes; a ring's bytes bound them. */
  readmit(queue: number, frames: readonly ReturnedFrame[]): void {
    const sends = frames.map((payload): WaitingSend => ({
      ...{ envelope: null, payload, queue },
      done: (error) => {
        this.#size--;
        if (error !== undefined) payload.lost(error);
      },
    }));
    this.#size += sends.length;
    this.#queues.set(queue, { sends: [...sends, ...this.#queues.get(queue)?.sends ?? []], lane: NO_ROOM });
  }

  /** Tries the first of each queue whose lane has not refused another one just now, and those behind it while there is room. Returns how many went. */
  retry(): number {
    let sent = 0;
    const full = new Set<number>();
    for (const [key, queue] of this.#queues) {
      if (full.has(queue.lane)) continue;
      const { sends } = queue;
      queue.lane = NO_ROOM;
      let taken = 0;
      for (; taken < sends.length; taken++) {
        try {
          const lane = this.attempt(sends[taken]);
          if (lane !== SENT) {
            queue.lane = lane;
            if (lane !== NO_ROOM) full.add(lane);
            break;
          }
          sends[taken].done();
        } catch (error) {
          sends[taken].done(error);
        }
      }
      sent += taken;
      if (taken === sends.length) this.#queues.delete(key);
      else sends.splice(0, taken);
    }
    return sent;
  }

  /** Forgets a queue: there is nobody any more at its end. Its sends are handed back, not settled. */
  abandon(queue: number): readonly WaitingSend[] {
    const sends = this.#queues.get(queue)?.sends ?? [];
    this.#queues.delete(queue);
    return sends;
  }

  /** Fails everything: the kernel closes. */
  failAll(error: Error): void {
    const all = [...this.#queues.values()].flatMap((queue) => queue.sends);
    this.#queues.clear();
    for (const send of all) send.done(error);
  }

  #remove(send: WaitingSend): void {
    const queue = this.#queues.get(send.queue);
    const at = queue?.sends.indexOf(send) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.sends.splice(at, 1);
    if (at === 0) queue.lane = NO_ROOM; // the next one may take another
    if (queue.sends.length === 0) this.#queues.delete(send.queue);
  }

  #forget(sender: number): void {
    this.#size--;
    const left = (this.#bySender.get(sender) ?? 1) - 1;
    if (left === 0) this.#bySender.delete(sender);
    else this.#bySender.set(sender, left);
  }
}
