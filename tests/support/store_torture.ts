/**
 * What a thread does that sets, gets and deletes random checksummed values of a few keys, for tests (run by store_torture_worker.ts). It ends in one of three ways: when its operations are
 * done, when it is terminated (`yields`: it gives the runtime a chance to), or at an atomic step in the middle of a change (`diesAfter` operations).
 */
import { Random } from "../../core/base/random.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import type { Layout } from "../../core/memory/layout.ts";
import { MemoryStore } from "../../core/memory/memory_store.ts";
import type { StoreCell } from "../../core/memory/store_cell.ts";
import { attachMemory } from "../../core/memory/shared_memory.ts";
import { dieAfter } from "./dying.ts";

/** What the thread is told. */
export interface TortureOrder {
  memory: WebAssembly.Memory;
  layout: Layout;
  host: number;
  seed: number;
  operations: number;
  /** Set and deleted at random. */
  keys: readonly string[];
  /** Set before any thread starts and never deleted: a read that misses one is a failure. */
  pinned: readonly string[];
  /** Counted up by compareAndSet, in a namespace of its own. */
  counter?: string;
  /** Host of another thread: each in turn sets its own key and polls for the other's. */
  pollsWith?: number;
  yields?: boolean;
  diesAfter?: number;
}

/** What it found. */
export interface TortureReport {
  operations: number;
  reads: number;
  torn: string[];
  stale: string[];
  missed: string[];
  refused: number;
  /** Of the counter. */
  increments: number;
  error?: string;
}

/** What it stores: `sum` is computed from the rest. */
export interface Checked {
  key: string;
  host: number;
  sequence: number;
  pad: string;
  sum: number;
}

/** The sum over a value's fields. */
export function sumOf({ key, host, sequence, pad }: Omit<Checked, "sum">): number {
  let sum = Math.imul(host + 1, 31) ^ sequence;
  for (const text of [key, pad]) {
    for (let i = 0; i < text.length; i++) sum = Math.imul(sum, 31) + text.charCodeAt(i) | 0;
  }
  return sum;
}

/** Reads before a thread that polls gives up: half a minute, some hundred times what a busy machine takes. */
const POLLS_MAX = 1_000_000_000;

/** One thread's run. */
export class Torture {
  readonly report: TortureReport = { operations: 0, reads: 0, torn: [], stale: [], missed: [], refused: 0, increments: 0 };
  readonly #random: Random;
  readonly #store: MemoryStore;
  readonly #cells = new Map<string, StoreCell>();
  readonly #latest = new Map<string, number>();

  constructor(private readonly order: TortureOrder, private readonly onRunning: () => void) {
    this.#random = new Random(order.seed);
    this.#store = new MemoryStore(attachMemory(order.memory), order.layout, order.host, plainCodec);
  }

  step(): void {
    const key = this.#pick();
    const dice = this.#random.next();
    if (this.order.counter !== undefined && dice < 0.04) this.#increment(this.order.counter);
    else if (dice < 0.5) this.#check(key);
    else if (dice < 0.85) this.#set([key]);
    else if (dice < 0.9) this.#set([key, this.#pick()]);
    else if (!this.order.pinned.includes(key)) this.#store.delete("torture", key);
    this.report.operations++;
  }

  /** Counts up once, however often another thread comes first. */
  #increment(counter: string): void {
    for (;;) {
      const entry = this.#store.getEntry("counters", counter);
      if (this.#store.compareAndSet("counters", counter, entry?.version ?? 0, (entry?.value as number ?? 0) + 1)) break;
    }
    this.report.increments++;
  }

  #pick(): string {
    const { keys, pinned } = this.order;
    const index = this.#random.below(keys.length + pinned.length);
    return index < keys.length ? keys[index] : pinned[index - keys.length];
  }

  #cell(key: string): StoreCell {
    let cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, cell = this.#store.cell("torture", key));
    return cell;
  }

  #check(key: string): void {
    const value = (this.#random.below(8) === 0 ? this.#cell(key).get() : this.#store.get("torture", key)) as Checked | undefined;
    this.report.reads++;
    if (value === undefined && this.order.pinned.includes(key)) this.report.missed.push(key);
    if (value === undefined) return;
    if (value.key !== key || value.sum !== sumOf(value)) this.report.torn.push(Deno.inspect(value));
    // Values of one writer appear in the order in which it wrote them.
    const writer = `${key} ${value.host}`;
    if (value.sequence < (this.#latest.get(writer) ?? 0)) {
      this.report.stale.push(`${writer}: ${value.sequence} after ${this.#latest.get(writer)}`);
    }
    this.#latest.set(writer, value.sequence);
  }

  #set(keys: string[]): void {
    const entries = keys.map((key) => {
      const pad = String.fromCharCode(97 + this.#random.below(26)).repeat(this.#random.below(this.#random.below(20) === 0 ? 4_000 : 200));
      const value = { key, host: this.order.host, sequence: this.report.operations, pad };
      return { key, value: { ...value, sum: sumOf(value) } };
    });
    const done = entries.length === 1 ? [this.#store.set("torture", keys[0], entries[0].value)] : this.#store.setBatch("torture", entries);
    this.report.refused += done.filter((one) => !one).length;
  }

  /** A round of a game for two: says its number, waits for the other to say it too. */
  #poll(other: number): void {
    const round = ++this.report.operations;
    this.#store.set("polling", `host ${this.order.host}`, round);
    let reads = 0;
    while ((this.#store.get("polling", `host ${other}`) as number | undefined ?? 0) < round) {
      if (++reads > POLLS_MAX) throw new Error(`round ${round}: the other's value was never seen`);
    }
    this.report.reads += reads;
  }

  async run(): Promise<void> {
    const { pollsWith } = this.order;
    while (pollsWith !== undefined && this.report.operations < this.order.operations) this.#poll(pollsWith);
    while (this.report.operations < this.order.operations) {
      if (this.report.operations === this.order.diesAfter) return this.#die();
      this.step();
      if (this.order.yields && this.report.operations % 64 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.report.operations === 64) this.onRunning();
    }
  }

  /** Changes only, until one is hit in the middle. */
  #die(): void {
    dieAfter(this.#random.below(40), () => {
      if (this.#random.below(4) === 0) this.#store.delete("torture", this.order.keys[0]);
      else this.#set([this.order.keys[0]]);
    });
  }
}
