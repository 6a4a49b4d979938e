/**
 * Events within one thread: typed, with wildcards and priorities. Between threads: topics (message_bus.ts).
 *
 * @module
 */
import { type Clock, epochOffsetMs, SystemClock } from "../base/clock.ts";
import { checkedDelay } from "../base/deadlines.ts";
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { EVENT_LISTENERS_MAX } from "../base/limits.ts";
import { TopicMatcher } from "./topic_matcher.ts";

/** A name with wildcards: `*` for one level, `#` at the end for the rest. */
export type EventPattern = "*" | "#" | `${string}.*` | `*.${string}` | `${string}.*.${string}` | `${string}.#`;

/** Called with what was emitted and under which name. What it returns is awaited by `emitAsync`. */
export type EventListener<Payload, Name extends string = string> = (payload: Payload, event: Name) => unknown;

/** How a listener listens. */
export interface ListenerOptions {
  /** Higher is called first; equals in the order in which they were added. Default 0. */
  readonly priority?: number;
  /** Stops listening when it aborts. */
  readonly signal?: AbortSignal;
}

/** What an event bus is made of. */
export interface EventBusOptions {
  /** Takes what listeners throw, or their promises reject with. Left out: `emit` throws `ListenerFailedError` when all have been called. */
  readonly onError?: (error: unknown, event: string) => void;
  /** Listeners at a time. Default 10,000. */
  readonly listenersMax?: number;
  /** Of `waitFor`. */
  readonly clock?: Clock;
}

interface Entry {
  readonly pattern: string;
  readonly listener: EventListener<never, never>;
  readonly once: boolean;
  readonly priority: number;
  readonly order: number;
  active: boolean;
  readonly detach: () => void;
}

/**
 * A typed event emitter.
 *
 * @example
 * ```ts
 * import { EnhancedEventBus } from "@stage3/kernel";
 * const events = new EnhancedEventBus<{ "order.paid": { amount: number }; "order.lost": string }>();
 * let paid = 0;
 * const off = events.on("order.paid", ({ amount }) => paid += amount, { priority: 10 });
 * events.on("order.*", (_payload, event) => event); // also hears order.lost
 * events.emit("order.paid", { amount: 12 }); // 2: two listeners were called
 * off();
 * ```
 */
export class EventBus<Events extends object = Record<string, unknown>> {
  readonly #matcher = new TopicMatcher<Entry>();
  readonly #byListener = new Map<unknown, Set<Entry>>();
  readonly #onError: EventBusOptions["onError"];
  readonly #listenersMax: number;
  readonly #clock: Clock;
  #added = 0;

  /** An empty bus. */
  constructor({ onError, listenersMax = EVENT_LISTENERS_MAX, clock = new SystemClock(epochOffsetMs()) }: EventBusOptions = {}) {
    this.#onError = onError;
    this.#listenersMax = listenersMax;
    this.#clock = clock;
  }

  /** Listens; returns a function that stops it. Throws `LISTENER_LIMIT`. */
  on<Name extends keyof Events & string>(event: Name, listener: EventListener<Events[Name], Name>, options?: ListenerOptions): () => void;
  /** Listens to all events that a pattern meets. */
  on(pattern: EventPattern, listener: EventListener<Events[keyof Events], keyof Events & string>, options?: ListenerOptions): () => void;
  /** See above. */
  on(event: string, listener: EventListener<never, never>, options: ListenerOptions = {}): () => void {
    return this.#add(event, listener, options, false);
  }

  /** Listens for one event. */
  once<Name extends keyof Events & string>(event: Name, listener: EventListener<Events[Name], Name>, options?: ListenerOptions): () => void;
  /** Listens for the first event that a pattern meets. */
  once(pattern: EventPattern, listener: EventListener<Events[keyof Events], keyof Events & string>, options?: ListenerOptions): () => void;
  /** See above. */
  once(event: string, listener: EventListener<never, never>, options: ListenerOptions = {}): () => void {
    return this.#add(event, listener, options, true);
  }

  /** Stops a listener under a name or pattern; returns how often it was there. */
  off(event: (keyof Events & string) | EventPattern, listener: (...given: never[]) => unknown): number {
    const entries = [...this.#byListener.get(listener) ?? []].filter(({ pattern }) => pattern === event);
    for (const entry of entries) this.#remove(entry);
    return entries.length;
  }

  /** Calls every listener, higher priorities first; one that throws stops no other. Returns how many were called. Promises are not awaited. */
  emit<Name extends keyof Events & string>(event: Name, payload: Events[Name]): number {
    const failures: unknown[] = [];
    const results = this.#call(event, payload, failures);
    const { length } = results;
    // Without onError a rejection stays unhandled, so that the runtime reports it.
    if (this.#onError !== undefined) {
      for (const result of results) if (result instanceof Promise) result.catch((error) => this.#onError!(error, event));
    }
    this.#report(event, failures);
    return length;
  }

  /** The same, and awaits what the listeners return: all begin at once, in order. Resolves to how many were called. */
  async emitAsync<Name extends keyof Events & string>(event: Name, payload: Events[Name]): Promise<number> {
    const failures: unknown[] = [];
    const results = this.#call(event, payload, failures);
    for (const outcome of await Promise.allSettled(results)) if (outcome.status === "rejected") failures.push(outcome.reason);
    this.#report(event, failures);
    return results.length;
  }

  /** Resolves to the next payload. Rejects with `EVENT_TIMEOUT`, or the signal's reason. The timer holds the event loop open. */
  waitFor<Name extends keyof Events & string>(
    event: Name,
    { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number } = {},
  ): Promise<Events[Name]> {
    if (timeoutMs !== undefined) checkedDelay("timeoutMs", timeoutMs);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        off();
        cancel?.();
        signal?.removeEventListener("abort", aborted);
      };
      const aborted = (): void => (finish(), reject(signal!.reason));
      const off = this.once(event, (payload) => (finish(), resolve(payload)));
      const late =
        (): void => (finish(), reject(new KernelError("EVENT_TIMEOUT", `no ${event} within ${timeoutMs} ms.`, { event, timeoutMs })));
      const cancel = timeoutMs === undefined ? null : this.#clock.schedule(timeoutMs, late);
      signal?.addEventListener("abort", aborted);
    });
  }

  /** Listeners there are; with a name, those that it would call. */
  listenerCount(event?: string): number {
    return event === undefined ? this.#matcher.size : this.#matcher.find(event).length;
  }

  /** Stops all listeners. */
  clear(): void {
    for (const entries of [...this.#byListener.values()]) for (const entry of [...entries]) this.#remove(entry);
  }

  #add(pattern: string, listener: EventListener<never, never>, { priority = 0, signal }: ListenerOptions, once: boolean): () => void {
    if (typeof listener !== "function") throw new InvalidArgumentError("listener", listener, "give a function.");
    if (!Number.isFinite(priority)) throw new InvalidArgumentError("priority", priority, "give a number.");
    if (signal?.aborted) return () => {};
    if (this.#matcher.size >= this.#listenersMax) {
      const message =
        `the event bus has ${this.#listenersMax} listeners already. Stop some (the function that on returns), or raise listenersMax.`;
      throw new KernelError("LISTENER_LIMIT", message, { listenersMax: this.#listenersMax });
    }
    const remove = (): void => this.#remove(entry);
    const detach = (): void => signal?.removeEventListener("abort", remove);
    const entry: Entry = { pattern, listener, once, priority, order: this.#added++, active: true, detach };
    this.#matcher.add(pattern, entry);
    const entries = this.#byListener.get(listener);
    if (entries === undefined) this.#byListener.set(listener, new Set([entry]));
    else entries.add(entry);
    signal?.addEventListener("abort", remove);
    return remove;
  }

  #remove(entry: Entry): void {
    if (!entry.active) return;
    entry.active = false;
    entry.detach();
    this.#matcher.remove(entry.pattern, entry);
    const entries = this.#byListener.get(entry.listener)!;
    entries.delete(entry);
    if (entries.size === 0) this.#byListener.delete(entry.listener);
  }

  #call(event: string, payload: unknown, failures: unknown[]): unknown[] {
    const matching = this.#matcher.match(event);
    const ordered = matching.length > 1 ? [...matching].sort((a, b) => b.priority - a.priority || a.order - b.order) : matching;
    const results: unknown[] = [];
    for (const entry of ordered) {
      // Stopped by one that was called before it.
      if (!entry.active) continue;
      if (entry.once) this.#remove(entry);
      try {
        results.push(entry.listener(payload as never, event as never));
      } catch (error) {
        failures.push(error);
        results.push(undefined);
      }
    }
    return results;
  }

  #report(event: string, failures: readonly unknown[]): void {
    if (failures.length === 0) return;
    if (this.#onError === undefined) {
      const cause = failures[0];
      const what = cause instanceof Error ? cause.message : String(cause);
      const message =
        `${failures.length} of the listeners to ${event} failed, the first with: ${what}. Give the event bus an onError to handle them.`;
      throw new KernelError("LISTENER_FAILED", message, { event, failures: failures.length }, { cause });
    }
    for (const failure of failures) this.#onError(failure, event);
  }
}
