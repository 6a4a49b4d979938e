/**
 * Threads that work on a few keys of one store and record it, and what one thread alone would see: for memory_store_history.ts.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { Random } from "../../core/base/random.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import type { Layout } from "../../core/memory/layout.ts";
import { MemoryStore } from "../../core/memory/memory_store.ts";
import { attachMemory } from "../../core/memory/shared_memory.ts";
import { dieAfter } from "./dying.ts";
import { type HistoryOrder, Recorder } from "./history.ts";
import type { Specification } from "./linearizability.ts";

/** An operation on one key with its result. Every value is set once in a history. */
export type StoreOp =
  | { readonly kind: "get"; readonly key: number; readonly value: number | null }
  | { readonly kind: "has"; readonly key: number; readonly is: boolean }
  | { readonly kind: "entry"; readonly key: number; readonly value: number | null; readonly version: number }
  | { readonly kind: "set"; readonly key: number; readonly value: number }
  | { readonly kind: "swap"; readonly key: number; readonly expected: number; readonly value: number; readonly done: boolean }
  | { readonly kind: "delete"; readonly key: number; readonly was: boolean }
  /** A holder of the lock that died: whoever puts the store right gives the key a new version. */
  | { readonly kind: "repair"; readonly key: number };

/** One key. */
export interface KeyState {
  /** Null: absent. */
  readonly value: number | null;
  /** 0: absent; −1: nobody has seen it yet. */
  readonly version: number;
  /** The latest version that was seen: the next one is larger. */
  readonly floor: number;
}

const UNSEEN = -1;

/** The store, key by key. */
export const STORE_SPEC: Specification<StoreOp, KeyState> = {
  partOf: ({ key }) => key,
  initial: { value: null, version: 0, floor: 0 },
  next: nextState,
  textOf: ({ value, version, floor }) => `${value} v${version} >${floor}`,
};

function nextState(state: KeyState, op: StoreOp, returned: boolean): KeyState | null {
  const { value, version, floor } = state;
  const changed = (to: number | null): KeyState => ({ value: to, version: to === null ? 0 : UNSEEN, floor: Math.max(floor, version) });
  const mayBe = (seen: number): boolean => seen === 0 ? value === null : version === seen || (version === UNSEEN && seen > floor);
  switch (op.kind) {
    case "get":
      return !returned || op.value === value ? state : null;
    case "has":
      return !returned || op.is === (value !== null) ? state : null;
    case "entry":
      if (returned && (op.value !== value || !mayBe(op.version))) return null;
      return returned && op.version > 0 ? { value, version: op.version, floor: op.version } : state;
    case "set":
      return changed(op.value);
    case "delete":
      return !returned || op.was === (value !== null) ? changed(null) : null;
    case "swap":
      if (!returned || op.done) {
        return mayBe(op.expected) ? { value: op.value, version: UNSEEN, floor: Math.max(floor, op.expected) } : null;
      }
      // With a version that nobody has seen it cannot be told; the expected one may be another.
      return version !== UNSEEN && mayBe(op.expected) ? null : state;
    case "repair":
      return changed(value);
  }
}

/** Bugs that a check must find. */
export type StoreBug = "reads without looking at the version" | "swaps by get and set";

/** What a thread is told. */
export interface StoreHistoryOrder extends HistoryOrder {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  /** Its host. */
  readonly host: number;
  /** Operations. */
  readonly times: number;
  /** Keys, the same for all. */
  readonly keys: number;
  /** So many operations before it dies at an atomic step; left out: it lives. */
  readonly diesAfter?: number;
  /** Planted. */
  readonly bug?: StoreBug;
}

/** The part of a store that is recorded. */
type Recordable = Pick<MemoryStore, "get" | "has" | "getEntry" | "set" | "delete" | "compareAndSet" | "cell">;

/** Serves what it has read before, looking only now and then whether it is still so. */
function forgetful(store: MemoryStore): Recordable {
  const known = new Map<string, unknown>();
  let reads = 0;
  return {
    ...passedOn(store),
    get(namespace, key) {
      if (++reads % 4 === 0 || !known.has(key)) known.set(key, store.get(namespace, key));
      return known.get(key);
    },
  };
}

/** Compares, and sets when nobody holds it back any more. */
function hasty(store: MemoryStore): Recordable {
  return {
    ...passedOn(store),
    compareAndSet: (namespace, key, expected, value) =>
      (store.getEntry(namespace, key)?.version ?? 0) === expected && store.set(namespace, key, value),
  };
}

function passedOn(store: MemoryStore): Recordable {
  return {
    get: (namespace, key) => store.get(namespace, key),
    has: (namespace, key) => store.has(namespace, key),
    getEntry: (namespace, key) => store.getEntry(namespace, key),
    set: (namespace, key, value) => store.set(namespace, key, value),
    delete: (namespace, key) => store.delete(namespace, key),
    compareAndSet: (namespace, key, expected, value) => store.compareAndSet(namespace, key, expected, value),
    cell: (namespace, key) => store.cell(namespace, key),
  };
}

const SPACE = "history";
/** Values of one thread. */
const VALUES = 1 << 20;

/** One thread's run. */
class StoreHistory {
  readonly recorder: Recorder<StoreOp>;
  readonly #random: Random;
  readonly #store: Recordable;
  readonly #versions: number[];
  #value: number;

  constructor(private readonly order: StoreHistoryOrder) {
    this.recorder = new Recorder(order);
    this.#random = new Random(order.seed * 64 + order.me);
    const store = new MemoryStore(attachMemory(order.memory), order.layout, order.host, plainCodec);
    this.#store = order.bug === undefined ? store : order.bug === "swaps by get and set" ? hasty(store) : forgetful(store);
    this.#versions = new Array(order.keys).fill(0);
    this.#value = order.me * VALUES;
  }

  run(): void {
    const { times, diesAfter = Infinity } = this.order;
    this.recorder.begin();
    for (let count = 0; count < Math.min(times, diesAfter); count++) this.#step();
    if (diesAfter !== Infinity) dieAfter(this.#random.below(200), () => this.#step());
  }

  #step(): void {
    const key = this.#random.below(this.order.keys);
    const dice = this.#random.next();
    if (dice < 0.4) this.#read(key, dice < 0.1);
    else if (dice < 0.55) this.#readEntry(key);
    else if (dice < 0.8) this.#set(key);
    else if (dice < 0.92) this.#swap(key);
    else this.#remove(key);
  }

  #read(key: number, short: boolean): void {
    const store = this.#store;
    if (short && this.#random.below(3) === 0) {
      const pending: StoreOp = { kind: "has", key, is: false };
      this.recorder.record(pending, () => store.has(SPACE, `key ${key}`), (is) => ({ kind: "has", key, is }));
      return;
    }
    const read = (): unknown => short ? store.cell(SPACE, `key ${key}`).get() : store.get(SPACE, `key ${key}`);
    this.recorder.record({ kind: "get", key, value: null }, read, (value) => ({ kind: "get", key, value: numberIn(value) }));
  }

  #readEntry(key: number): void {
    const pending: StoreOp = { kind: "entry", key, value: null, version: 0 };
    this.recorder.record(pending, () => this.#store.getEntry(SPACE, `key ${key}`), (entry) => {
      this.#versions[key] = entry?.version ?? 0;
      return { kind: "entry", key, value: numberIn(entry?.value), version: entry?.version ?? 0 };
    });
  }

  #set(key: number): void {
    const value = ++this.#value;
    this.recorder.record({ kind: "set", key, value }, () => this.#store.set(SPACE, `key ${key}`, { value }), (done) => {
      if (!done) throw new Error("the store is full: nothing of this history can be said");
      return { kind: "set", key, value };
    });
  }

  #swap(key: number): void {
    const value = ++this.#value;
    const expected = this.#versions[key];
    const act = (): boolean => this.#store.compareAndSet(SPACE, `key ${key}`, expected, { value });
    this.recorder.record({ kind: "swap", key, expected, value, done: true }, act, (done) => ({ kind: "swap", key, expected, value, done }));
  }

  #remove(key: number): void {
    this.recorder.record(
      { kind: "delete", key, was: true },
      () => this.#store.delete(SPACE, `key ${key}`),
      (was) => ({ kind: "delete", key, was }),
    );
  }
}

/** Values are objects: they are cached and frozen like any other. */
function numberIn(value: unknown): number | null {
  return value === undefined ? null : (value as { value: number }).value;
}

/** Runs in a thread of its own; see store_history_worker.ts. */
export function recordStore(): void {
  const history = new StoreHistory(workerData as StoreHistoryOrder);
  history.run();
  parentPort?.postMessage({ operations: history.recorder.operations });
}
