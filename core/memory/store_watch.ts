/**
 * A watch: the changes of a namespace as they come, from whichever thread. What the consumer has not asked for yet stays in the journal, in shared memory;
 * here wait at most a few thousand keys, each with its latest change only. A consumer that falls so far behind that the journal overtakes it is told
 * (`gap`), then given the present value of each key that was set meanwhile.
 *
 * A change is delivered with the value that it set: if the store already shows a later one, its change is fetched from the journal first.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { isKernelError } from "../base/errors.ts";
import { CHANGE, type JournalChange, type StoreJournal } from "./store_journal.ts";
import type { ScanPage } from "./store_walk.ts";

/** Keys with a change that the consumer has not taken; with more, the watch counts as overtaken. About a megabyte. */
const KEYS_WAITING_MAX = 4_096;
/** Changes in a row after which the event loop gets a turn: timers, messages and the end of a thread would otherwise wait for a pause of the writers. */
const CHANGES_PER_TURN = 128;
/** Times that journal and store may disagree, because a writer is at work, before the lock is taken. */
const LOOKS_MAX = 4;

/** What a watch reports. `skipped`: earlier changes of the key that are not reported because this one came after them. */
export type StoreChange =
  | { readonly kind: "set"; readonly key: string; readonly value: unknown; readonly version: number; readonly skipped: number }
  /** Deleted, or evicted to make room. */
  | { readonly kind: "delete" | "evict"; readonly key: string; readonly version: number; readonly skipped: number }
  /** All keys were removed. `skipped`: changes before it that are not reported. */
  | { readonly kind: "clear"; readonly version: number; readonly skipped: number }
  /**
   * The watch was overtaken, or a writing thread died. Keys set meanwhile follow as `set`; keys deleted meanwhile are not named: who keeps a copy compares
   * it with a scan. `skipped`: changes of the whole store that were not looked at.
   */
  | { readonly kind: "gap"; readonly version: number; readonly skipped: number };

/** Which keys. */
export interface WatchFilter {
  /** This one. */
  readonly key?: string;
  /** Those that begin so. */
  readonly prefix?: string;
}

/** Options of a watch. */
export interface WatchOptions {
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** What a watch needs of its store. */
export interface WatchSource {
  readonly journal: StoreJournal;
  /** The namespace's number, −1 while it has none. */
  namespaceId(): number;
  /** The value of a key and its version. */
  read(key: string): { readonly value: unknown; readonly version: number } | undefined;
  /** A page of the namespace. */
  page(after: number, prefix: string): ScanPage;
  /** Whether the lock can be had now, without waiting for a living holder. */
  mayLock(): boolean;
  /** Runs a function under the lock; it is given the version of the latest change. */
  locked<T>(fn: (version: number) => T): T;
  /** The watch has ended. */
  onEnd(watch: StoreWatch): void;
}

/** The latest change of a key that is not reported yet. */
interface Waiting {
  kind: number;
  version: number;
  readonly firstVersion: number;
  changes: number;
}

/** Present values to report after a gap: those with versions above `since` up to `upTo`, from entry `after` on. */
interface Present {
  readonly since: number;
  readonly upTo: number;
  after: number | undefined;
  keys: string[];
}

/** Changes as an async iterable. Ends with its signal, with `return()` (a `break` out of `for await`), or with the store. */
export class StoreWatch implements AsyncIterableIterator<StoreChange, undefined> {
  readonly #waiting = new Map<string, Waiting>();
  #position = 0;
  #version = 0;
  #id = -1;
  #cleared: { version: number; skipped: number } | null = null;
  #isOvertaken = false;
  #present: Present | null = null;
  /** The lock is needed and somebody has it: a turn of the event loop later it is asked for again, so that a holder that died can be found dead. */
  #isBusy = false;
  #sinceTurn = 0;
  #isEnded = false;
  #wake: (() => void) | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  /** Made by `MemoryStore.watch`: sees every change from here on. */
  constructor(private readonly source: WatchSource, private readonly filter: WatchFilter, private readonly signal?: AbortSignal) {
    source.locked((version) => {
      this.#position = source.journal.enter();
      this.#version = version;
    });
    signal?.addEventListener("abort", this.#end, { once: true });
    if (signal?.aborted) this.#end();
  }

  /** The next change; waits for it. */
  next(): Promise<IteratorResult<StoreChange, undefined>> {
    const result = this.#turn.then(() => this.#next());
    // Whoever called has the error; the turn after it is none the worse.
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Ends the watch. */
  return(): Promise<IteratorResult<StoreChange, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #end = (): void => {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.source.journal.leave();
    this.signal?.removeEventListener("abort", this.#end);
    this.#waiting.clear();
    this.#present = null;
    this.source.onEnd(this);
    this.#wake?.();
  };

  async #next(): Promise<IteratorResult<StoreChange, undefined>> {
    while (!this.#isEnded) {
      if (++this.#sinceTurn % CHANGES_PER_TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      this.#read();
      const change = this.#take();
      if (change !== undefined) return { done: false, value: change };
      if (this.#isBusy) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        continue;
      }
      const { journal } = this.source;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        journal.wait(this.#position, resolve);
      });
      if (this.#wake !== null) journal.cancel(this.#wake);
      this.#wake = null;
    }
    return { done: true, value: undefined };
  }

  #take(): StoreChange | undefined {
    for (this.#isBusy = false; !this.#isBusy;) {
      if (this.#isOvertaken) {
        this.#isBusy = !this.source.mayLock();
        if (!this.#isBusy) return this.#beginAgain();
        break;
      }
      if (this.#cleared !== null) {
        const { version, skipped } = this.#cleared;
        this.#cleared = null;
        return { kind: "clear", version, skipped };
      }
      const first = this.#waiting.keys().next();
      if (first.done) return this.#nextPresent();
      const change = this.#settle(first.value);
      if (change !== undefined) return change;
    }
    return undefined;
  }

  /** Takes the new changes out of the journal. */
  #read(): void {
    if (this.#isOvertaken) return;
    const position = this.source.journal.read(this.#position, this.#note);
    if (position < 0) this.#isOvertaken = true;
    else this.#position = position;
  }

  readonly #note = (change: JournalChange): boolean => {
    if (change.kind === CHANGE.lost) {
      this.#isOvertaken = true;
      return false;
    }
    const { key, kind, version } = change;
    this.#version = version;
    if (kind === CHANGE.clear) this.#noteClear(version);
    else if (this.#concerns(change)) {
      const waiting = this.#waiting.get(key);
      if (waiting === undefined) this.#waiting.set(key, { kind, version, firstVersion: version, changes: 1 });
      else {
        waiting.kind = kind;
        waiting.version = version;
        waiting.changes++;
      }
      if (this.#waiting.size > KEYS_WAITING_MAX) this.#isOvertaken = true;
    }
    return !this.#isOvertaken;
  };

  #noteClear(version: number): void {
    let skipped = this.#cleared === null ? 0 : this.#cleared.skipped + 1;
    for (const waiting of this.#waiting.values()) skipped += waiting.changes;
    this.#waiting.clear();
    this.#cleared = { version, skipped };
  }

  #concerns({ namespaceId, key }: JournalChange): boolean {
    if (this.#id < 0) this.#id = this.source.namespaceId();
    if (namespaceId !== this.#id) return false;
    return this.#matches(key);
  }

  #matches(key: string): boolean {
    return this.filter.key === undefined ? key.startsWith(this.filter.prefix ?? "") : key === this.filter.key;
  }

  /** The latest change of a key with its value, as soon as journal and store agree on it; undefined when it is gone from the list meanwhile. */
  #settle(key: string): StoreChange | undefined {
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const change = this.#tryKey(key);
      if (change !== undefined) return change;
      this.#read();
      if (this.#isOvertaken || !this.#waiting.has(key)) return undefined;
    }
    this.#isBusy = !this.source.mayLock();
    if (this.#isBusy) return undefined;
    return this.source.locked(() => {
      this.#read();
      if (this.#isOvertaken || !this.#waiting.has(key)) return undefined;
      const change = this.#tryKey(key);
      // Nobody writes now: that they disagree means that a change was lost.
      if (change === undefined) this.#isOvertaken = true;
      return change;
    });
  }

  #tryKey(key: string): StoreChange | undefined {
    const { kind, version, changes } = this.#waiting.get(key)!;
    let now: { readonly value: unknown; readonly version: number } | undefined;
    try {
      now = this.source.read(key);
    } catch (error) {
      // A damaged value is reported once and not for ever.
      this.#waiting.delete(key);
      throw error;
    }
    if (now?.version !== (kind === CHANGE.set ? version : undefined)) return undefined;
    this.#waiting.delete(key);
    const skipped = changes - 1;
    if (now !== undefined) return { kind: "set", key, value: now.value, version, skipped };
    return { kind: kind === CHANGE.evict ? "evict" : "delete", key, version, skipped };
  }

  /** Goes on from the present: what was set since the last change that was reported or is not waiting any more comes as present values. */
  #beginAgain(): StoreChange {
    let since = Math.min(this.#version, this.#present?.since ?? Infinity);
    for (const waiting of this.#waiting.values()) since = Math.min(since, waiting.firstVersion - 1);
    const before = this.#version;
    this.source.locked((version) => {
      this.#position = this.source.journal.position();
      this.#version = version;
    });
    this.#waiting.clear();
    this.#cleared = null;
    this.#isOvertaken = false;
    this.#present = { since, upTo: this.#version, after: 0, keys: [] };
    return { kind: "gap", version: this.#version, skipped: this.#version - before };
  }

  #nextPresent(): StoreChange | undefined {
    while (this.#present !== null) {
      const present = this.#present;
      const key = present.keys.pop();
      if (key === undefined) {
        if (present.after === undefined) this.#present = null;
        else this.#nextPage(present, present.after);
        continue;
      }
      // Read now, not with the page: what was set since then is reported from the journal.
      const now = this.source.read(key);
      if (now !== undefined && now.version > present.since && now.version <= present.upTo) {
        return { kind: "set", key, value: now.value, version: now.version, skipped: 0 };
      }
    }
    return undefined;
  }

  #nextPage(present: Present, after: number): void {
    try {
      const page = this.source.page(after, this.filter.key ?? this.filter.prefix ?? "");
      present.after = page.next;
      for (const { key, version } of page.entries) {
        if (version > present.since && version <= present.upTo && this.#matches(key)) present.keys.push(key);
      }
    } catch (error) {
      // A damaged value is reported once; the next call goes on behind it.
      if (isKernelError(error) && typeof error.data.next === "number") present.after = error.data.next;
      throw error;
    }
  }
}
