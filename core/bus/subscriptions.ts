/**
 * Who wants which topics: one table in shared memory, whose entries are records in cells. Each thread keeps a trie of its own and, when the table's version
 * has changed, looks for the entries that did.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { load, store } from "../memory/atomics.ts";
import { CELL, cellField, CELLS_MAX, SUBSCRIPTIONS_MAX } from "../memory/bus_layout.ts";
import type { MessageCells } from "../memory/message_cells.ts";
import { privateWindow, type SharedMemory } from "../memory/shared_memory.ts";
import type { BusTables } from "./bus_tables.ts";
import type { CellBytes } from "./cell_bytes.ts";
import type { Codec } from "./codec.ts";
import { compileFilter, type FilterTest, type MessageFilter } from "./message_filter.ts";
import type { MessagePool } from "./message_pool.ts";
import { checkedPattern, TopicMatcher } from "./topic_matcher.ts";

/** Which member of a group gets a message: each publishing thread in turn, a seeded draw, or the shortest queue. */
export type GroupPolicy = "round-robin" | "random" | "least-busy";

const POLICIES: readonly (GroupPolicy | null)[] = ["round-robin", "random", "least-busy", null];
/** Longest name of a group: it must fit in a record beside a pattern and a filter. */
const GROUP_LENGTH_MAX = 128;
/** Pattern, group and a large filter, encoded. */
const RECORD_BYTES_MAX = 16_384;
/** A table word: the first cell + 1, and above it a number that goes up each time the entry is used. */
const CELL_BITS = 18;
const USES = 0x3fff;

/** What is subscribed: a queue or an agent, and under which conditions. */
export interface SubscriptionRecord {
  /** Pattern of topics. */
  readonly pattern: string;
  /** Queue, or −1. */
  readonly queue: number;
  /** Its generation. */
  readonly generation: number;
  /** Agent, or 0. */
  readonly agent: number;
  /** Only messages that meet it. */
  readonly filter: MessageFilter | null;
  /** Of all matching subscriptions with this name one gets the message. */
  readonly group: string | null;
  /** How that one is chosen. */
  readonly policy: GroupPolicy | null;
}

/** A subscription as a thread uses it. */
export interface Subscription extends SubscriptionRecord {
  /** Number that `unsubscribe` takes. */
  readonly id: number;
  /** The compiled filter. */
  readonly test: FilterTest | null;
}

/** One thread's view of the subscriptions. */
export class Subscriptions {
  #version = 0;
  readonly #words: Int32Array;
  readonly #table: number;
  readonly #seen = new Int32Array(SUBSCRIPTIONS_MAX);
  readonly #known = new Map<number, Subscription>();
  readonly #matcher = new TopicMatcher<Subscription>();
  readonly #reading = privateWindow(RECORD_BYTES_MAX);
  #groups = 0;

  /** Records are written through `pool` and `codec`. */
  constructor(
    private readonly memory: SharedMemory,
    private readonly tables: BusTables,
    private readonly cells: MessageCells,
    private readonly pool: MessagePool,
    private readonly content: CellBytes,
    private readonly codec: Codec,
  ) {
    this.#words = memory.words;
    this.#table = tables.parts.subscriptions >> 2;
  }

  /** Subscriptions that a topic meets. The array is shared: do not change it. Throws `InvalidArgumentError` for what cannot be a topic. */
  match(topic: string): readonly Subscription[] {
    this.#sync();
    return this.#matcher.match(topic);
  }

  /** Whether any subscription stands in a group. */
  get grouped(): boolean {
    return this.#groups > 0;
  }

  /** Subscriptions there are. */
  get size(): number {
    this.#sync();
    return this.#known.size;
  }

  /** Adds one and returns its number. Throws `InvalidArgumentError`, `SUBSCRIPTION_LIMIT` or `POOL_EXHAUSTED`. */
  add(record: SubscriptionRecord): number {
    checkRecord(record);
    const { pattern, queue, generation, agent, filter, group, policy } = record;
    const writing = privateWindow(RECORD_BYTES_MAX);
    const bytes = this.codec.encode([pattern, queue, generation, agent, filter, group, policy], writing, 0, RECORD_BYTES_MAX);
    if (bytes < 0) {
      throw new InvalidArgumentError("filter", filter, `pattern, filter and group together take at most ${RECORD_BYTES_MAX} bytes.`);
    }
    return this.tables.change(() => {
      const entry = this.#freeEntry();
      const room = this.pool.acquire(bytes);
      if (room === null) {
        throw new KernelError(
          "POOL_EXHAUSTED",
          "no cell is free for the subscription. Consume waiting messages, or raise messagePoolSize.",
          {
            cells: this.cells.count,
          },
        );
      }
      this.content.copyIn(room.cell, writing.bytes, bytes);
      const word = this.#wordOf(entry);
      const use = ((load(this.#words, word) >>> CELL_BITS) + 1) & USES;
      // The table names the cell before the cell is the table's: whoever repairs after a death in between can tell.
      store(this.#words, word, (use << CELL_BITS) | (room.cell + 1));
      this.cells.giveToTable(room.cell);
      this.#changed(Math.max(entry + 1, this.tables.read("subscriptionsEnd")));
      return idOf(entry, use);
    });
  }

  /** Removes one; false when it is gone already. */
  remove(id: number): boolean {
    return this.removeWhere((one) => one.id === id) > 0;
  }

  /** Removes some; returns how many. */
  removeWhere(which: (subscription: Subscription) => boolean): number {
    return this.tables.change(() => {
      this.#sync();
      const leaving = [...this.#known].filter(([, one]) => which(one));
      for (const [entry] of leaving) {
        const word = this.#wordOf(entry);
        const value = load(this.#words, word);
        const cell = (value & (2 * CELLS_MAX - 1)) - 1;
        this.cells.takeFromTable(cell);
        store(this.#words, word, value & (USES << CELL_BITS));
        this.cells.free(cell);
      }
      if (leaving.length > 0) this.#changed(this.tables.read("subscriptionsEnd"));
      return leaving.length;
    });
  }

  /** First cells of all records, for a repair. */
  cellsInTable(): Set<number> {
    const found = new Set<number>();
    for (let entry = 0, end = this.tables.read("subscriptionsEnd"); entry < end; entry++) {
      found.add((load(this.#words, this.#wordOf(entry)) & (2 * CELLS_MAX - 1)) - 1);
    }
    return found;
  }

  #changed(end: number): void {
    this.tables.write("subscriptionsEnd", end);
    this.tables.write("subscriptionsVersion", this.tables.read("subscriptionsVersion") + 1);
  }

  #freeEntry(): number {
    const end = this.tables.read("subscriptionsEnd");
    // Entries in use are as many as are known: only when there are fewer than were ever used is it worth looking for a gap.
    this.#sync();
    if (this.#known.size < end) {
      for (let entry = 0; entry < end; entry++) if ((load(this.#words, this.#wordOf(entry)) & (2 * CELLS_MAX - 1)) === 0) return entry;
    }
    if (end < SUBSCRIPTIONS_MAX) return end;
    throw new KernelError("SUBSCRIPTION_LIMIT", `there are ${SUBSCRIPTIONS_MAX} subscriptions. Use wildcards, or unsubscribe some.`, {
      subscriptionsMax: SUBSCRIPTIONS_MAX,
    });
  }

  #sync(): void {
    const version = this.tables.read("subscriptionsVersion");
    if (version === this.#version) return;
    this.#version = version;
    for (let entry = 0, end = this.tables.read("subscriptionsEnd"); entry < end; entry++) {
      // Plain reads, after the atomic one of the version: what has not changed by then will raise the version again.
      const word = this.#words[this.#wordOf(entry)];
      if (word !== this.#seen[entry]) this.#learn(entry, word);
    }
  }

  #learn(entry: number, word: number): void {
    this.#seen[entry] = word;
    const known = this.#known.get(entry);
    if (known !== undefined) {
      this.#known.delete(entry);
      this.#matcher.remove(known.pattern, known);
      if (known.group !== null) this.#groups--;
    }
    const cell = (word & (2 * CELLS_MAX - 1)) - 1;
    if (cell < 0) return;
    const bytes = Math.min(RECORD_BYTES_MAX, Math.max(0, this.memory.view.getInt32(cellField(this.tables.parts, cell, CELL.bytes), true)));
    this.content.copyOut(cell, bytes, this.#reading.bytes);
    // Removed while it was copied: the bytes may be anybody's. The version has changed, so the next look finds the truth.
    if (load(this.#words, this.#wordOf(entry)) !== word) return;
    const [pattern, queue, generation, agent, filter, group, policy] = this.codec.decode(this.#reading, 0, bytes) as [
      ...[pattern: string, queue: number, generation: number, agent: number],
      ...[filter: MessageFilter | null, group: string | null, policy: GroupPolicy | null],
    ];
    const test = filter === null ? null : compileFilter(filter);
    const subscription = { id: idOf(entry, word >>> CELL_BITS), pattern, queue, generation, agent, filter, group, policy, test };
    this.#known.set(entry, subscription);
    this.#matcher.add(pattern, subscription);
    if (group !== null) this.#groups++;
  }

  #wordOf(entry: number): number {
    return this.#table + entry;
  }
}

function idOf(entry: number, use: number): number {
  return use * SUBSCRIPTIONS_MAX + entry + 1;
}

function checkRecord({ pattern, filter, group, policy }: SubscriptionRecord): void {
  checkedPattern(pattern);
  if (filter !== null) compileFilter(filter);
  if (group !== null && (typeof group !== "string" || group.length === 0 || group.length > GROUP_LENGTH_MAX)) {
    throw new InvalidArgumentError("group", group, `give a string of 1 to ${GROUP_LENGTH_MAX} characters.`);
  }
  if (!POLICIES.includes(policy)) throw new InvalidArgumentError("groupPolicy", policy, "use round-robin, random or least-busy.");
}
