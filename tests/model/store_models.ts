/**
 * Models of one key of the store. The small ones run what a writer does under the lock (store_entries.ts) against one look of a reader, in every order;
 * the large ones run whole stores, with lock, repeated looks and repair, in drawn orders. A value is a number; the n-th change has version n.
 *
 * @module
 */
import { plainCodec } from "../../core/bus/codec.ts";
import { compareExchange, store } from "../../core/memory/atomics.ts";
import { HOST, hostField, type Layout, STORE_BUCKETS } from "../../core/memory/layout.ts";
import { MemoryStore, type StoreEntry } from "../../core/memory/memory_store.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";
import { StoreBlocks } from "../../core/memory/store_blocks.ts";
import { ABSENT, StoreEntries, UNSURE } from "../../core/memory/store_entries.ts";
import { CHANGE, StoreJournal } from "../../core/memory/store_journal.ts";
import { STORE, storeParts } from "../../core/memory/store_layout.ts";
import { StoreLock } from "../../core/memory/store_lock.ts";
import { StoreNamespaces } from "../../core/memory/store_namespaces.ts";
import { type BlockImage, StoreScratch } from "../../core/memory/store_scratch.ts";
import type { Model, Outcome } from "./model.ts";
import { moment, untilKilled } from "./turnstile_atomics.ts";

const HOSTS = 4;
/** Whose handle prepares the store, and looks at what is left. */
const OUTSIDER = 3;
const LAYOUT = smallLayout();
const STORE_ARENA_BYTES = 131_072;
const [SPACE, KEY] = ["s", "k"];
/** A reader's number for no value, and for a look that must be repeated. */
const [NOTHING, AGAIN] = [0, -1];

/** A store of some two hundred blocks, and nothing else. */
function smallLayout(): Layout {
  const [header, bucketBytes, hostBytes, storeBytes] = [64, STORE_BUCKETS * 4, 4_096, 24_576];
  const none = { offset: 0, bytes: 0 };
  const buckets = { offset: header, bytes: bucketBytes };
  const queues = { offset: header + bucketBytes, bytes: hostBytes };
  const region = { offset: queues.offset + hostBytes, bytes: storeBytes };
  return {
    ...{ hosts: HOSTS, agentSlots: 0, slabs: 0, ringBytes: [0, 0], shapeTableBytes: 0, busBytes: 0, messagesMax: 0 },
    ...{ header: { offset: 0, bytes: header }, buckets, queues, store: region },
    ...{ agents: none, metrics: none, shapes: none, slabPool: none, blackBox: none, totalBytes: region.offset + storeBytes },
  };
}

/** What a thread holds of the store where the models look closest. */
interface Handle {
  readonly entries: StoreEntries;
}

/** Between finding a block and copying it a reader may be held up; nothing atomic happens there. */
class InterruptedBlocks extends StoreBlocks {
  override copyValue(unit: number, scratch: StoreScratch, image: BlockImage): boolean {
    moment();
    return super.copyValue(unit, scratch, image);
  }
}

function handle(memory: SharedMemory, host: number, Entries: typeof StoreEntries = StoreEntries): Handle {
  const blocks = new InterruptedBlocks(memory, LAYOUT, new StoreLock(memory, LAYOUT, host));
  const namespaces = new StoreNamespaces(memory, LAYOUT, blocks);
  return { entries: new Entries(memory, LAYOUT, blocks, namespaces, new StoreJournal(memory, LAYOUT)) };
}

const { control } = storeParts(LAYOUT);
const LOCK = (control + STORE.lock) >> 2;

/** One buffer for keys and one for values, made once: they are large. */
const [PROBE, DRAFT] = [new StoreScratch(), new StoreScratch()];

function keyIn(scratch: StoreScratch): BlockImage {
  const image = scratch.writeKey(0, KEY);
  scratch.claim(image, 0);
  return image;
}

/** Gives the key a value, or none; the lock is the caller's, and the key's entry is the first. */
function change({ entries }: Handle, value: number, isThere = true): void {
  if (value === NOTHING) return void entries.remove(0, CHANGE.delete);
  const image = DRAFT.writeKey(0, KEY);
  DRAFT.writeValue(image, value, plainCodec);
  DRAFT.claim(image, 0);
  entries.put(DRAFT, image, isThere ? 0 : ABSENT);
}

/** One look without the lock: value and version. */
function look({ entries }: Handle): [value: number, version: number] {
  const image = keyIn(PROBE);
  const entry = entries.find(PROBE, image);
  if (entry === ABSENT) return [NOTHING, 0];
  if (entry === UNSURE || !entries.copyValue(entry, PROBE, image)) return [AGAIN, 0];
  const value = PROBE.isIntact(image) ? plainCodec.decode(PROBE.window, image.valueAt, image.end) as number : 99;
  return [value, entries.wholeVersion];
}

const BAD: Outcome = {
  is: /.*/,
  verdict: "FORBIDDEN",
  why: "torn (99), a value with another's version, or older than what was seen before",
};

/** The arena before a run: the key has the value 1, or had it; made once, for making a store takes a millisecond. */
function image(isThere: boolean): Int32Array {
  const memory = allocateMemory(STORE_ARENA_BYTES);
  const outside = new MemoryStore(memory, LAYOUT, OUTSIDER, plainCodec);
  outside.set(SPACE, KEY, 1);
  if (!isThere) outside.delete(SPACE, KEY);
  return memory.words;
}
const [WITH_KEY, WITHOUT_KEY] = [image(true), image(false)];

/** Host 0 has the lock and gives the key these values in turn; thread 1 does what `reader` says. */
function underTheLock(
  name: string,
  values: readonly number[],
  reader: (memory: SharedMemory) => () => number[],
  table: readonly Outcome[],
  isThere = true,
): Model {
  return {
    name: `store: ${name}`,
    threads: ["writer", "reader"],
    orders: "every",
    arenaBytes: STORE_ARENA_BYTES,
    reset(words) {
      words.set((isThere ? WITH_KEY : WITHOUT_KEY).subarray(0, words.length - 1));
      words[LOCK] = 1;
    },
    prepare(me, memory) {
      if (me === 1) return reader(memory);
      const mine = handle(memory, 0);
      return () => {
        for (const value of values) change(mine, value, isThere);
        return [];
      };
    },
    outcome: ([, seen]) => {
      const pairs = Array.from({ length: seen.length / 2 }, (_unused, at) => seen.slice(2 * at, 2 * at + 2));
      return pairs.map(([value, version]) => value === AGAIN ? "again" : value === NOTHING ? "none" : `${value} v${version}`).join(
        ", then ",
      );
    },
    table: [...table, BAD],
  };
}

/** A handle that looked before the run, as a cached get does: the old value while the version stands. */
function remembering(memory: SharedMemory): () => [number, number] {
  const mine = handle(memory, 2);
  const [value, version] = look(mine);
  return () => {
    moment();
    return mine.entries.isStill(0, version | 0) ? [value, version] : [AGAIN, 0];
  };
}

const again: Outcome = { is: /again/, verdict: "ACCEPTABLE", why: "it came into a change, and looks again" };

const twoSets = underTheLock("two sets, one look", [2, 3], (memory) => {
  const mine = handle(memory, 1);
  return () => look(mine);
}, [
  { is: /1 v1|2 v2|3 v3/, verdict: "ACCEPTABLE", why: "one whole value with its own version" },
  again,
]);

const newThenOld = (Entries = StoreEntries) => (memory: SharedMemory): () => number[] => {
  const mine = handle(memory, 1, Entries);
  const remembered = remembering(memory);
  return () => [...look(mine), ...remembered()];
};

const SET_SEEN: readonly Outcome[] = [
  { is: /1 v1, then 1 v1/, verdict: "ACCEPTABLE", why: "both before the set" },
  { is: /1 v1, then again/, verdict: "ACCEPTABLE", why: "the set came between them" },
  { is: /2 v2, then again/, verdict: "ACCEPTABLE", why: "both after it: what is remembered is no longer served" },
  { is: /again, then (1 v1|again)/, verdict: "ACCEPTABLE", why: "the look came into the set" },
  { is: /2 v., then 1 v1/, verdict: "FORBIDDEN", why: "the new value was shown, and then the old one from a cache" },
];

const setSeen = underTheLock("one set, a look and then a cached get", [2], newThenOld(), SET_SEEN);

const DELETE_SEEN: readonly Outcome[] = [
  { is: /1 v1, then 1 v1/, verdict: "ACCEPTABLE", why: "both before it" },
  { is: /1 v1, then again/, verdict: "ACCEPTABLE", why: "it came between them" },
  { is: /none, then again/, verdict: "ACCEPTABLE", why: "both after it" },
  { is: /again, then (1 v1|again)/, verdict: "ACCEPTABLE", why: "the look came into it" },
  { is: /none, then 1 v1/, verdict: "FORBIDDEN", why: "the key was gone, and then the value came back from a cache" },
];

const deleteSeen = underTheLock("a delete, a look and then a cached get", [NOTHING], newThenOld(), DELETE_SEEN);

const added = underTheLock("a new key, one look", [2], (memory) => {
  const mine = handle(memory, 1);
  return () => look(mine);
}, [
  { is: /none/, verdict: "ACCEPTABLE", why: "before it" },
  { is: /2 v3/, verdict: "ACCEPTABLE", why: "after it: the third change, for the second took the key away" },
  again,
], false);

/** Believes what it copied. */
class TrustingEntries extends StoreEntries {
  override isUnchanged(): boolean {
    return true;
  }
}

const trusting: Model = {
  ...underTheLock("a look that does not ask for the version again", [2, 3], (memory) => {
    const mine = handle(memory, 1, TrustingEntries);
    return () => look(mine);
  }, [{ is: /1 v1|2 v2|3 v3/, verdict: "ACCEPTABLE", why: "one whole value with its own version" }, again]),
  mutant: true,
};

/** Does not see that a writer stands between block and version. */
class HastyEntries extends StoreEntries {
  override isBeingSet(): boolean {
    return false;
  }

  override isBeingDeleted(): boolean {
    return false;
  }
}

const hastySet: Model = {
  ...underTheLock("a look into the middle of a set", [2], newThenOld(HastyEntries), SET_SEEN),
  mutant: true,
};
const hastyDelete: Model = {
  ...underTheLock("a look into the middle of a delete", [NOTHING], newThenOld(HastyEntries), DELETE_SEEN),
  mutant: true,
};

/** The store's words as whoever comes after all threads sees them. */
function leftBehind(words: Int32Array): string {
  const { buffer } = words;
  const memory = {
    words,
    bytes: new Uint8Array(buffer),
    floats: new Float64Array(buffer),
    view: new DataView(buffer),
  } as unknown as SharedMemory;
  const { entries } = handle(memory, OUTSIDER);
  const image = keyIn(PROBE);
  const found = entries.find(PROBE, image);
  const [value] = found >= 0 ? look({ entries }) : [NOTHING];
  const walked = entries.audit();
  const counted = entries.counts();
  const whole = walked.entries === counted.entries && walked.units === counted.units && words[LOCK] === 0;
  return `${value === NOTHING ? "nothing" : value} is left${whole ? "" : ", NOT WHOLE"}`;
}

function pairOf(entry: StoreEntry | undefined): [number, number] {
  return entry === undefined ? [NOTHING, 0] : [entry.value as number, entry.version];
}

/** Two writers and a reader, each with a whole store. */
const writers: Model = {
  name: "store: a set, a compareAndSet and a reader",
  threads: ["setter", "swapper", "reader"],
  orders: 250,
  arenaBytes: STORE_ARENA_BYTES,
  reset: (words) => words.set(WITH_KEY.subarray(0, words.length - 1)),
  prepare(me, memory) {
    const mine = new MemoryStore(memory, LAYOUT, me, plainCodec);
    if (me === 0) return () => [Number(mine.set(SPACE, KEY, 2))];
    if (me === 1) return () => [Number(mine.compareAndSet(SPACE, KEY, 1, 3))];
    return () => {
      const seen = pairOf(mine.getEntry(SPACE, KEY));
      // The second get is served from the cache, if it may be: without an atomic step.
      for (let count = 0; count < 12; count++) moment();
      return [...seen, ...pairOf(mine.getEntry(SPACE, KEY))];
    };
  },
  outcome: ([set, swapped, seen], words) =>
    `set ${set}, swapped ${swapped}, seen ${seen[0]} v${seen[1]}, ${seen[2]} v${seen[3]}; ${leftBehind(words)}`,
  table: [
    {
      is: /set 1, swapped 1, seen (1 v1, (1 v1|3 v2|2 v3)|3 v2, (3 v2|2 v3)|2 v3, 2 v3); 2 is left/,
      verdict: "ACCEPTABLE",
      why: "swapped, then set",
    },
    {
      is: /set 1, swapped 0, seen (1 v1, (1 v1|2 v2)|2 v2, 2 v2); 2 is left/,
      verdict: "ACCEPTABLE",
      why: "set first: the version was another",
    },
    BAD,
  ],
};

/** Thread 0 dies in `part`; its own thread then plays host 2, which takes its lock over, while thread 1 reads on. */
function dying(name: string, part: (mine: MemoryStore) => void, table: readonly Outcome[]): Model {
  return {
    name: `store: ${name}`,
    threads: ["dying", "reader"],
    orders: 25,
    arenaBytes: STORE_ARENA_BYTES,
    // A set takes 13 steps and a delete 15, when nobody interferes; after more it is alive and another takes over nothing.
    killThreadZeroAfter: Array.from({ length: 16 }, (_unused, step) => step + 1),
    reset: (words) => words.set(WITH_KEY.subarray(0, words.length - 1)),
    prepare(me, memory) {
      const mine = new MemoryStore(memory, LAYOUT, me, plainCodec);
      if (me === 1) return readerOf(mine, memory);
      const survivor = new MemoryStore(memory, LAYOUT, 2, plainCodec);
      survivor.get(SPACE, KEY);
      return () => {
        const seen: number[] = [];
        untilKilled(() => part(mine), () => {
          store(memory.words, hostField(LAYOUT, 0, HOST.state) >> 2, 4);
          // What StoreLock does once the dead holder's time is over; time does not pass in a model.
          compareExchange(memory.words, LOCK, 1, 0);
          seen.push(...pairOf(survivor.getEntry(SPACE, KEY)));
          seen.push(Number(survivor.set(SPACE, KEY, 4)), ...pairOf(survivor.getEntry(SPACE, KEY)));
        });
        return seen;
      };
    },
    outcome([survivor, reader], words) {
      const [value, version, done, after] = survivor;
      const seen = [0, 2, 4].map((at) => reader[at]);
      // 1 was there first, 4 comes last.
      const ranks = seen.map((one) => one === 1 ? 0 : one === 4 ? 2 : 1);
      const back = ranks.some((rank, at) => rank < (ranks[at - 1] ?? 0)) ? ", BACKWARDS" : "";
      return `survivor found ${value === NOTHING ? "none" : `${value} v${version}`}, set ${done}, then ${after}; ` +
        `read ${seen.map((one) => one === NOTHING ? "none" : one).join(" ")}${back}; ${leftBehind(words)}`;
    },
    table: [...table, BAD],
  };
}

/** A read anew, one that is remembered, and one anew again: by two handles, so that the caches are not the same. */
function readerOf(first: MemoryStore, memory: SharedMemory): () => number[] {
  const second = new MemoryStore(memory, LAYOUT, OUTSIDER, plainCodec);
  second.get(SPACE, KEY);
  return () => {
    const seen = [...pairOf(first.getEntry(SPACE, KEY))];
    moment();
    seen.push(...pairOf(second.getEntry(SPACE, KEY)));
    return [...seen, ...pairOf(first.getEntry(SPACE, KEY))];
  };
}

const setterDies = dying("a thread dies in a set", (mine) => void mine.set(SPACE, KEY, 2), [
  {
    is: /survivor found 1 v[12], set 1, then 4; read (1 1 1|1 1 4|1 4 4|4 4 4); 4 is left/,
    verdict: "ACCEPTABLE",
    why: "it died before its value was there; the repair may have counted as a change",
  },
  {
    is: /survivor found 1 v1, set 1, then 4; read (1|2|4) (1|2|4) (1|2|4); 4 is left/,
    verdict: "ACCEPTABLE",
    why: "its value was there without a version: it came with the repair, after the survivor had found the old one",
  },
  {
    is: /survivor found 2 v[23], set 1, then 4; read (1|2|4) (1|2|4) (1|2|4); 4 is left/,
    verdict: "ACCEPTABLE",
    why: "its value was there",
  },
]);

const deleterDies = dying("a thread dies in a delete", (mine) => void mine.delete(SPACE, KEY), [
  {
    is: /survivor found (1 v[12]|none), set 1, then 4; read (1|none|4) (1|none|4) (1|none|4); 4 is left/,
    verdict: "ACCEPTABLE",
    why: "deleted or not",
  },
]);

/** In the order in which they are explored. */
export const STORE_MODELS: readonly Model[] = [
  ...[twoSets, setSeen, deleteSeen, added, trusting, hastySet, hastyDelete],
  ...[writers, setterDies, deleterDies],
];
