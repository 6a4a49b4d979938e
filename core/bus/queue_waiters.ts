/**
 * Waiting for messages without polling. However many wait for a queue on one thread, there is one wait on its bell: one that was given up would stay
 * pending until the bell rings, and 860 bytes with it.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { checkedDelay } from "../base/deadlines.ts";
import { KernelError, NotInitializedError } from "../base/errors.ts";
import { QUEUE_WAITERS_MAX, TIMER_MS_MAX } from "../base/limits.ts";
import type { NamedQueue } from "./queue_registry.ts";

/** When to stop waiting. */
export interface WaitOptions {
  /** Rejects with its reason when it aborts. */
  readonly signal?: AbortSignal;
  /** Resolves to false after so long. Left out: waits on. */
  readonly timeoutMs?: number;
}

interface Waiter {
  settle(result: boolean | { readonly error: unknown }): void;
}

interface Waiting {
  readonly queue: NamedQueue;
  readonly waiters: Set<Waiter>;
  /** Whether `#listen` is at work: its wait may outlive the waiters for whom it began. */
  listening: boolean;
}

/** The waits of one thread. */
export class QueueWaiters {
  readonly #byQueue = new Map<number, Waiting>();
  #count = 0;
  #closed = false;

  /** `isLive` says whether a queue still takes messages. */
  constructor(private readonly clock: Clock, private readonly isLive: (queue: NamedQueue) => boolean) {}

  /** Resolves to true when a message waits, to false in the end. The timer holds the event loop open; a wait on shared memory does not. */
  wait(queue: NamedQueue, { signal, timeoutMs }: WaitOptions): Promise<boolean> {
    if (timeoutMs !== undefined) checkedDelay("timeoutMs", timeoutMs);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (queue.queue.readable()) return Promise.resolve(true);
    if (this.#count >= QUEUE_WAITERS_MAX) {
      const message = `${QUEUE_WAITERS_MAX} calls of this thread wait for queues already. Await some of them.`;
      return Promise.reject(new KernelError("QUEUE_WAITERS", message, { queueWaitersMax: QUEUE_WAITERS_MAX }));
    }
    return new Promise((resolve, reject) => {
      const entry = this.#entry(queue);
      this.#count++;
      const waiter: Waiter = {
        settle: (result) => {
          if (!entry.waiters.delete(waiter)) return;
          this.#count--;
          cancel();
          signal?.removeEventListener("abort", aborted);
          if (typeof result === "boolean") resolve(result);
          else reject(result.error);
        },
      };
      const aborted = (): void => waiter.settle({ error: signal!.reason });
      signal?.addEventListener("abort", aborted);
      const cancel = this.clock.schedule(timeoutMs ?? TIMER_MS_MAX, () => waiter.settle(false));
      entry.waiters.add(waiter);
      if (!entry.listening) void this.#listen(entry);
    });
  }

  /** Rejects all waits of this thread. */
  close(): void {
    this.#closed = true;
    for (const { waiters } of this.#byQueue.values()) {
      for (const waiter of [...waiters]) waiter.settle({ error: new NotInitializedError("waitFor", true) });
    }
  }

  #entry(queue: NamedQueue): Waiting {
    const known = this.#byQueue.get(queue.index);
    if (known?.queue === queue) return known;
    const entry: Waiting = { queue, waiters: new Set(), listening: false };
    this.#byQueue.set(queue.index, entry);
    return entry;
  }

  async #listen(entry: Waiting): Promise<void> {
    const { queue, waiters } = entry;
    entry.listening = true;
    while (waiters.size > 0 && !this.#closed) {
      const epoch = queue.bell.arm();
      if (!this.isLive(queue)) {
        const error = new KernelError("QUEUE_NOT_FOUND", `queue "${queue.name}" was deleted while waiting for it.`, {
          queueId: queue.name,
        });
        for (const waiter of [...waiters]) waiter.settle({ error });
      } else if (queue.queue.readable()) { for (const waiter of [...waiters]) waiter.settle(true); }
      else await queue.bell.whenRung(epoch);
    }
    entry.listening = false;
  }
}
