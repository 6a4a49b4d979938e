/**
 * The store's page of the table of shared bytes (see layout.ts): one control block, counters, the journal of changes, dense tables, then blocks of
 * 64-byte units. All-zero bytes are an empty store.
 *
 * ```
 * control │ a line a host: counters │ journal │ versions │ records │ orders │ changed │ marks, one bitmap a host │ heads, if many │ units
 * ```
 *
 * @module
 */
import { CACHE_LINE_BYTES, type Layout, STORE_BUCKETS } from "./layout.ts";

/** The unit in which the store hands out room. */
export const STORE_UNIT_BYTES = CACHE_LINE_BYTES;
/** Free runs of 2^0 … 2^15 units have a list each; the longest, 2 MiB, holds the longest key with the largest value. */
export const STORE_ORDER_MAX = 15;
/** Freed blocks of 1 … 8 units wait in a list of their size for the next set of that size. */
export const STORE_KEPT_UNITS_MAX = 8;
/** Namespaces of one store: their number takes 8 bits of a block's first word. */
export const STORE_NAMESPACES_MAX = 256;

/** Fields of the store's control block, in bytes from its start. */
export const STORE = {
  /** 0 free, else the holder's host + 1. Written by compare-and-exchange only. */
  lock: 0,
  /** 1 when somebody sleeps on the lock. */
  waiting: 4,
  /** Times the lock was taken: how waiters see that its holders make progress. Written by the holder, like all that follows. */
  turns: CACHE_LINE_BYTES,
  /** 1 while the tables are whole; 0 at first and within a change: whoever takes the lock and finds 0 rebuilds them. */
  whole: CACHE_LINE_BYTES + 4,
  /** First unit + 1 of the block that is being filled, and its length in units: it may still be written to by a thread given up for dead. */
  filling: CACHE_LINE_BYTES + 8,
  fillingUnits: CACHE_LINE_BYTES + 12,
  /** First free entry + 1 below `entriesEnd`, linked through `next`. */
  freeEntry: CACHE_LINE_BYTES + 16,
  /** Entries that were ever used. */
  entriesEnd: CACHE_LINE_BYTES + 20,
  /** Entries that hold a value, and the units of their blocks. */
  entries: CACHE_LINE_BYTES + 24,
  unitsUsed: CACHE_LINE_BYTES + 28,
  /** Entry + 1 that is being changed, −1 for all of them: who rebuilds gives those a new version. */
  changing: CACHE_LINE_BYTES + 32,
  /** 1 from the moment when the store holds too much until it holds little enough; where the hand of the clock stands; where room was made last. */
  evicting: CACHE_LINE_BYTES + 36,
  clockHand: CACHE_LINE_BYTES + 40,
  roomHand: CACHE_LINE_BYTES + 44,
  /** Changes so far (64-bit float, so that it never wraps): the version of each value is its number in this order. */
  sequence: CACHE_LINE_BYTES + 48,
  /** Goes up with each entry taken out of a chain; odd while the chains are rebuilt. Full 32 bits, never reset. */
  chains: 2 * CACHE_LINE_BYTES,
  /** Namespaces in use; read by all. */
  namespaceCount: 2 * CACHE_LINE_BYTES + 4,
  /** Watches there are, on all threads: nothing is written to the journal while there are none. Added to by any thread. */
  watches: 2 * CACHE_LINE_BYTES + 8,
  /** Words ever written to the journal: a 64-bit float, and its low 32 bits, which publish it and on which watches sleep. */
  journalEnd: 3 * CACHE_LINE_BYTES,
  journalBell: 3 * CACHE_LINE_BYTES + 8,
  /** First unit + 1 of the first free run of each order. */
  freeRuns: 4 * CACHE_LINE_BYTES,
  /** First unit + 1 of the first kept block of 1 … 8 units, and how many there are. */
  keptBlocks: 5 * CACHE_LINE_BYTES,
  keptCounts: 5 * CACHE_LINE_BYTES + 4 * STORE_KEPT_UNITS_MAX,
  /** First unit + 1 of each namespace's name; how many entries it has; their units. */
  namespaces: 6 * CACHE_LINE_BYTES,
  namespaceEntries: 6 * CACHE_LINE_BYTES + 4 * STORE_NAMESPACES_MAX,
  namespaceUnits: 6 * CACHE_LINE_BYTES + 8 * STORE_NAMESPACES_MAX,
} as const;
const CONTROL_BYTES = STORE.namespaceUnits + 4 * STORE_NAMESPACES_MAX;

/** What a host counts, in the order of its line: two words each, low and high. */
export const STORE_COUNTS = ["hits", "misses", "sets", "setsFailed", "deletes", "evictions"] as const;
/** Bytes of a count. */
export const STORE_COUNT_BYTES = 8;

/** Fields of an entry's record. */
export const STORE_RECORD = {
  /** Next entry + 1 of the same bucket. */
  next: 0,
  /** First unit + 1 of the block with key and value; 0: the entry is free. THE word that publishes, replaces and deletes a value. */
  block: 4,
  /** Hash of namespace and key. */
  hash: 8,
  /** The namespace's number (8 bits), and above them what does not fit into the 32 bits of the entry's version. */
  origin: 12,
} as const;
/** Bytes of an entry's record: four in a cache line. */
export const STORE_RECORD_BYTES = 16;
/** Bits of `origin` that hold the namespace. */
export const STORE_ORIGIN_BITS = 8;

/** Fields of a block in use: never changed until the block is freed. The value begins at the next multiple of 8 behind the key. */
export const STORE_BLOCK = {
  /** Bytes of the key (17 bits), and above them the namespace's number. */
  identity: 0,
  valueBytes: 4,
  /** Over all of the block but this word and the next: see store_checksum.ts. */
  checksum: 8,
  /** Entry + 1, for who finds the block by its place; 0: the name of a namespace. */
  owner: 12,
  key: 16,
} as const;
/** Bits of `identity` that hold the length of the key. */
export const STORE_KEY_BITS = 17;

/** Fields of a free run. */
export const STORE_RUN = {
  /** First unit + 1 of the neighbours in the list of free runs of this order. */
  next: 0,
  previous: 4,
} as const;

/** What the byte of a unit in `orders` says. */
export const STORE_ORDER = {
  /** Not the first unit of anything. */
  inside: 0,
  /** Up to here: order + 1 of the free run that begins here. */
  freeMax: STORE_ORDER_MAX + 1,
  /** Above it up to `usedMin`: a kept block of so many units begins here. */
  kept: 0x20,
  /** A block in use begins here. */
  used: 0x80,
  /** The block that a thread was filling when it vanished begins here. */
  lost: 0x81,
} as const;

/** Fields of a change in the journal. A key follows, in words. */
export const STORE_CHANGE = {
  /** Kind (3 bits), namespace (8 bits), bytes of the key. */
  head: 0,
  /** The version: low and high 32 bits. */
  version: 4,
  key: 12,
} as const;

/** Where the parts of the store lie (bytes from the start of the arena), and how many there are of each. */
export interface StoreParts {
  /** The control block, see `STORE`. */
  readonly control: number;
  /** One line a host, see `STORE_COUNTS`. */
  readonly counts: number;
  /** The journal of changes, and its words: a power of two. */
  readonly journal: number;
  readonly journalWords: number;
  /** One 32-bit version an entry, densely, so that a reader's check touches one word and 16 hot entries share a line. */
  readonly versions: number;
  /** One record an entry, see `STORE_RECORD`. */
  readonly records: number;
  /** One byte a unit, see `STORE_ORDER`. */
  readonly orders: number;
  /** One byte an entry: 1 when it has changed since it was last kept on disk. Written under the lock only, like `orders`. */
  readonly changed: number;
  /** One bit an entry and host: used since the hand of the clock passed. `marksBytes` from one host's bitmap to the next. */
  readonly marks: number;
  readonly marksBytes: number;
  /** One word a bucket: first entry + 1 of its chain. */
  readonly heads: number;
  readonly buckets: number;
  /** The units. */
  readonly units: number;
  /** How many units there are. There are as many entries: one for each of the smallest blocks, so that only bytes can run out. */
  readonly count: number;
}

/** The journal takes so much of the store. */
const JOURNAL_SHARE = 1 / 128;
const JOURNAL_BYTES_MIN = 1_024;
/** More would only keep changes of which a watch that is so late is told in fewer words. */
const JOURNAL_BYTES_MAX = 1 << 20;
/** Units a bucket when the store has buckets of its own: chains of eight of the smallest entries at the most. */
const UNITS_PER_BUCKET = 4;

/**
 * Lays out the store's region. The tables take 22 bytes a unit and an eighth for each host (a quarter of the region); those of unused entries are never
 * touched. A store with more than eight entries a bucket to expect has more buckets than the arena's table, of its own.
 */
export function storeParts(layout: Layout): StoreParts {
  const control = layout.store.offset;
  const counts = control + CONTROL_BYTES;
  const journal = counts + layout.hosts * CACHE_LINE_BYTES;
  const journalBytes = Math.min(JOURNAL_BYTES_MAX, Math.max(JOURNAL_BYTES_MIN, powerOfTwoDown(layout.store.bytes * JOURNAL_SHARE)));
  const versions = journal + journalBytes;
  const room = control + layout.store.bytes - versions - (6 + layout.hosts) * CACHE_LINE_BYTES;
  const unitBytes = STORE_UNIT_BYTES + 4 + STORE_RECORD_BYTES + 2 + layout.hosts / 8;
  const isLarge = room / unitBytes > 2 * UNITS_PER_BUCKET * STORE_BUCKETS;
  const count = Math.max(0, Math.floor(room / (unitBytes + (isLarge ? 4 / UNITS_PER_BUCKET : 0))));
  const buckets = isLarge ? powerOfTwoDown(count / UNITS_PER_BUCKET) : STORE_BUCKETS;
  const records = lineUp(versions + count * 4);
  const orders = lineUp(records + count * STORE_RECORD_BYTES);
  const changed = lineUp(orders + count);
  const marks = lineUp(changed + count);
  const marksBytes = lineUp(count / 8);
  const behindMarks = marks + layout.hosts * marksBytes;
  const heads = isLarge ? behindMarks : layout.buckets.offset;
  const units = lineUp(isLarge ? heads + buckets * 4 : behindMarks);
  return {
    ...{ control, counts, journal, journalWords: journalBytes >>> 2, versions, records, orders, changed, marks, marksBytes, heads },
    ...{ buckets, units, count },
  };
}

function powerOfTwoDown(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

function lineUp(offset: number): number {
  return Math.ceil(offset / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
}
