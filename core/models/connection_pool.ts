/**
 * Connections that are kept open and lent, one borrower at a time: so many at least and at most, tested when they are lent, closed when nobody wanted
 * them for a while.
 *
 * @module
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { KernelError } from "../base/errors.ts";

/** What can be lent. */
export interface Poolable {
  /** Whether it can be lent again. */
  isUsable(): boolean;
  /** Ends it. */
  close(): void;
}

/** Bounds of a pool. */
export interface PoolPlan {
  /** Kept open at least, once the pool has been used. */
  readonly min: number;
  /** Open at most. */
  readonly max: number;
  /** Waiting for one ends after so long. */
  readonly acquireTimeoutMs: number;
  /** One that nobody wanted for so long is closed. */
  readonly idleTimeoutMs: number;
  /** How often that is looked at. */
  readonly evictionIntervalMs: number;
}

/** Counts of a pool. */
export interface PoolStatistics {
  /** Open. */
  readonly size: number;
  /** Of them, lent. */
  readonly lent: number;
  /** Of them, idle. */
  readonly idle: number;
  /** Borrowers that wait. */
  readonly waiting: number;
  /** Opened since the start. */
  readonly opened: number;
  /** Closed since the start: idle, unusable or broken. */
  readonly closed: number;
  /** Lent since the start. */
  readonly acquired: number;
  /** Waits that ended without one. */
  readonly timedOut: number;
}

interface Waiter {
  readonly give: () => void;
  readonly fail: (error: unknown) => void;
}

/** A pool of connections to one provider. */
export class ConnectionPool<Connection extends Poolable> {
  readonly #idle: { readonly connection: Connection; readonly since: number }[] = [];
  /** Bounded by the calls of the provider's bulkhead. */
  readonly #waiting = new Set<Waiter>();
  readonly #deadlines: Deadlines;
  #size = 0;
  #counts = { opened: 0, closed: 0, acquired: 0, timedOut: 0 };
  #stopLooking: Cancel | null = null;
  #closed = false;

  /** Opens nothing yet. */
  constructor(private readonly open: () => Promise<Connection>, private readonly plan: PoolPlan, private readonly clock: Clock) {
    this.#deadlines = new Deadlines(clock);
  }

  /** Lends a connection; give it back by `release`. Rejects with `PoolTimeoutError`, the signal's reason, or why none could be opened. */
  async acquire(signal?: AbortSignal): Promise<Connection> {
    signal?.throwIfAborted();
    for (;;) {
      if (this.#closed) throw new KernelError("POOL_CLOSED", "the pool of connections has been closed with its manager.");
      const idle = this.#takeIdle();
      if (idle !== undefined) return this.#lend(idle);
      if (this.#size < this.plan.max) return this.#lend(await this.#openOne());
      await this.#turn(signal);
    }
  }

  /** Takes a connection back; one that is broken is closed. */
  release(connection: Connection, isBroken = false): void {
    if (isBroken || this.#closed || !connection.isUsable()) this.#end(connection);
    else this.#idle.push({ connection, since: this.clock.now() });
    this.#wakeOne();
    this.#look();
  }

  /** Counts, now. */
  get statistics(): PoolStatistics {
    const idle = this.#idle.length;
    return { size: this.#size, lent: this.#size - idle, idle, waiting: this.#waiting.size, ...this.#counts };
  }

  /** Closes what is idle, fails whoever waits; what is lent is closed when it comes back. */
  close(): void {
    this.#closed = true;
    this.#stopLooking?.();
    this.#stopLooking = null;
    for (const { connection } of this.#idle.splice(0)) this.#end(connection);
    for (const { give } of [...this.#waiting]) give(); // each finds the pool closed
    this.#deadlines.close();
  }

  #lend(connection: Connection): Connection {
    this.#counts.acquired++;
    return connection;
  }

  /** The one used last: the others may become old enough to be closed. */
  #takeIdle(): Connection | undefined {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.connection.isUsable()) return last.connection;
      this.#end(last.connection);
    }
    return undefined;
  }

  async #openOne(): Promise<Connection> {
    this.#size++; // reserved before any await
    try {
      const connection = await this.open();
      this.#counts.opened++;
      return connection;
    } catch (error) {
      this.#size--;
      this.#wakeOne();
      throw error;
    }
  }

  #end(connection: Connection): void {
    this.#size--;
    this.#counts.closed++;
    connection.close();
  }

  #wakeOne(): void {
    for (const { give } of this.#waiting) return give();
  }

  #turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        this.#deadlines.remove(deadline);
        signal?.removeEventListener("abort", stop);
      };
      const stop = (): void => waiter.fail(signal!.reason);
      const waiter: Waiter = {
        give: () => (leave(), resolve()),
        fail: (error) => (leave(), reject(error)),
      };
      const { acquireTimeoutMs, max } = this.plan;
      const deadline = this.#deadlines.add(acquireTimeoutMs, () => {
        this.#counts.timedOut++;
        waiter.fail(
          new KernelError("POOL_TIMEOUT", `all ${max} connections were lent for ${acquireTimeoutMs} ms. Raise executor.pool.max.`, { max }),
        );
      });
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** In the background: a pool must not keep a program alive. */
  #look(): void {
    if (this.#stopLooking !== null || this.#closed || this.#idle.length === 0) return;
    this.#stopLooking = this.clock.schedule(this.plan.evictionIntervalMs, () => {
      this.#stopLooking = null;
      const now = this.clock.now();
      while (this.#size > this.plan.min && this.#idle.length > 0 && now - this.#idle[0].since >= this.plan.idleTimeoutMs) {
        this.#end(this.#idle.shift()!.connection);
      }
      if (this.#size > this.plan.min) this.#look();
    }, true);
  }
}
