/**
 * Who waits for which reply: asks, tasks and calls of one host, each with its deadline and the host that owes the answer.
 *
 * @module
 */
import type { Deadline, Deadlines } from "../base/deadlines.ts";
import { type HostDiedError, KernelError } from "../base/errors.ts";
import { PENDING_REPLIES_MAX } from "../base/limits.ts";
import { HOSTS_MAX } from "../memory/layout.ts";

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly host: number;
  readonly counted: boolean;
  deadline: Deadline;
  abort?: () => void;
}

/** What an open reply needs to know. */
export interface ReplyRequest {
  /** Host that owes the answer. */
  readonly host: number;
  /** Whether the answer counts as a message. */
  readonly counted: boolean;
  /** Gives up after this. */
  readonly timeoutMs: number;
  /** The error when it does. */
  readonly timeoutError: () => Error;
  /** Gives up earlier. */
  readonly signal?: AbortSignal;
}

/** The open replies of one host. */
export class Replies {
  readonly #waiters = new Map<number, Waiter>();
  #next = 1;

  /** `host` is packed into each correlation, so that the answer finds its way. */
  constructor(private readonly host: number, private readonly deadlines: Deadlines) {}

  /** Host that waits for the answer of a correlation. */
  static hostOf(correlation: number): number {
    return correlation % HOSTS_MAX;
  }

  /** Opens a reply: send the correlation along, the promise settles with the answer. */
  open(request: ReplyRequest): { correlation: number; reply: Promise<unknown> } {
    request.signal?.throwIfAborted();
    if (this.#waiters.size >= PENDING_REPLIES_MAX) {
      throw new KernelError(
        "PENDING_REPLIES",
        `${PENDING_REPLIES_MAX} asks of this thread already wait for their reply. Await some of them before asking more.`,
        { pendingRepliesMax: PENDING_REPLIES_MAX },
      );
    }
    const correlation = this.#next++ * HOSTS_MAX + this.host;
    const reply = new Promise<unknown>((resolve, reject) => {
      const deadline = this.deadlines.add(request.timeoutMs, () => this.fail(correlation, request.timeoutError()));
      const waiter: Waiter = { resolve, reject, host: request.host, counted: request.counted, deadline };
      if (request.signal) this.#watch(correlation, waiter, request.signal);
      this.#waiters.set(correlation, waiter);
    });
    return { correlation, reply };
  }

  /** The answer has come; false when nobody waits for it any more. */
  settle(correlation: number, value: unknown): boolean {
    const waiter = this.#take(correlation);
    waiter?.resolve(value);
    return waiter !== undefined;
  }

  /** There will be no answer; false when nobody waits for it any more. */
  fail(correlation: number, reason: unknown): boolean {
    const waiter = this.#take(correlation);
    waiter?.reject(reason);
    return waiter !== undefined;
  }

  /** Fails all that a dead host owes. */
  failHost(host: number, error: HostDiedError): void {
    for (const [correlation, waiter] of [...this.#waiters]) if (waiter.host === host) this.fail(correlation, error);
  }

  /** Fails everything: the kernel closes. */
  failAll(error: Error): void {
    for (const correlation of [...this.#waiters.keys()]) this.fail(correlation, error);
  }

  /** How many wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Whether an answer is still awaited, and counts as a message. */
  isCounted(correlation: number): boolean {
    return this.#waiters.get(correlation)?.counted ?? false;
  }

  #take(correlation: number): Waiter | undefined {
    const waiter = this.#waiters.get(correlation);
    if (waiter === undefined) return undefined;
    this.#waiters.delete(correlation);
    this.deadlines.remove(waiter.deadline);
    waiter.abort?.();
    return waiter;
  }

  #watch(correlation: number, waiter: Waiter, signal: AbortSignal): void {
    const onAbort = (): void => void this.fail(correlation, signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    waiter.abort = () => signal.removeEventListener("abort", onAbort);
  }
}
