/**
 * Who waits for which reply: asks, tasks and calls of one host, each with its deadline and the host that owes the answer.
 *
 * @module
 */
import type { Deadline, Deadlines } from "../base/deadlines.ts";
import { type HostDiedError, KernelError } from "../base/errors.ts";
import { PENDING_REPLIES_MAX } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import { HOSTS_MAX } from "../memory/layout.ts";

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly host: number;
  readonly agent: AgentId;
  deadline: Deadline;
  abort?: () => void;
}

/** What an open reply needs to know. */
export interface ReplyRequest {
  /** Host that owes the answer to a call. */
  readonly host: number;
  /** Agent that owes the answer to an ask or a task, wherever it may move; 0 for a call. */
  readonly agent: AgentId;
  /** Gives up after this. */
  readonly timeoutMs: number;
  /** The error when it does. */
  readonly timeoutError: () => Error;
  /** Gives up earlier. */
  readonly signal?: AbortSignal;
  /** Told when it does. */
  readonly aborted?: (reason: unknown) => void;
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
      const waiter: Waiter = { resolve, reject, host: request.host, agent: request.agent, deadline };
      if (request.signal) this.#watch(correlation, waiter, request.signal, request.aborted);
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

  /** Fails the calls that a dead host owes. */
  failCalls(host: number, error: HostDiedError): void {
    for (const [correlation, waiter] of [...this.#waiters]) if (waiter.agent === 0 && waiter.host === host) this.fail(correlation, error);
  }

  /**
   * Fails the asks whose request died with a host; `kept` has the correlations that will be answered yet. `hostOf` says where an agent is now, −1 when it
   * is gone: then the one it was asked on counts.
   */
  failAsks(host: number, hostOf: (agent: AgentId) => number, kept: ReadonlySet<number>, error: HostDiedError): void {
    for (const [correlation, waiter] of [...this.#waiters]) {
      if (waiter.agent === 0 || kept.has(correlation)) continue;
      const at = hostOf(waiter.agent);
      if ((at < 0 ? waiter.host : at) === host) this.fail(correlation, error);
    }
  }

  /** Fails everything: the kernel closes. */
  failAll(error: Error): void {
    for (const correlation of [...this.#waiters.keys()]) this.fail(correlation, error);
  }

  /** How many wait. */
  get size(): number {
    return this.#waiters.size;
  }

  #take(correlation: number): Waiter | undefined {
    const waiter = this.#waiters.get(correlation);
    if (waiter === undefined) return undefined;
    this.#waiters.delete(correlation);
    this.deadlines.remove(waiter.deadline);
    waiter.abort?.();
    return waiter;
  }

  #watch(correlation: number, waiter: Waiter, signal: AbortSignal, aborted?: (reason: unknown) => void): void {
    const onAbort = (): void => {
      if (this.fail(correlation, signal.reason)) aborted?.(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    waiter.abort = () => signal.removeEventListener("abort", onAbort);
  }
}
