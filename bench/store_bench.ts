/** The store beside a JavaScript Map in the same run, on one thread. `deno bench bench/store_bench.ts` */
import { plainCodec } from "../core/bus/codec.ts";
import { planLayout } from "../core/memory/layout.ts";
import { MemoryStore } from "../core/memory/memory_store.ts";
import { allocateMemory } from "../core/memory/shared_memory.ts";

const KEYS = 65_536;
const layout = planLayout({ hosts: 2, agentSlots: 16, sharedBufferBytes: 32 << 20, storeBytes: 64 << 20 });
const memory = allocateMemory(layout.totalBytes);
const store = new MemoryStore(memory, layout, 0, plainCodec);
const storeOf = (storeBytes: number): MemoryStore => {
  const plan = planLayout({ hosts: 2, agentSlots: 16, sharedBufferBytes: 32 << 20, storeBytes });
  return new MemoryStore(allocateMemory(plan.totalBytes), plan, 0, plainCodec);
};
const other = new MemoryStore(memory, layout, 1, plainCodec);
const value = { id: 7, name: "agent", score: 0.5, ready: true };
const map = new Map<string, typeof value>();
const keys = Array.from({ length: KEYS }, (_, i) => `key:${i}`);
const order = Uint32Array.from({ length: KEYS }, (_, i) => Math.imul(i, 40_503) & (KEYS - 1));
for (const key of keys) {
  store.set("bench", key, value);
  map.set(key, { ...value });
}
for (const key of keys) store.get("bench", key);
let at = 0;
/** Every read value is used: the compiler drops a Map lookup whose result is not. */
let sum = 0;
const use = (read: unknown): void => void (sum = (sum + (read as typeof value).id) | 0);
const next = (): string => keys[order[at = (at + 1) & (KEYS - 1)]];

Deno.bench("get hot: store", { group: "get hot" }, () => use(store.get("bench", "key:7")));
Deno.bench("get hot: Map", { group: "get hot", baseline: true }, () => use(map.get("key:7")));

Deno.bench("get of 65k keys at random: store", { group: "get 65k" }, () => use(store.get("bench", next())));
Deno.bench("get of 65k keys at random: Map", { group: "get 65k", baseline: true }, () => use(map.get(next())));

const cell = store.cell("bench", "key:7");
const names = keys.slice(0, 16);
Deno.bench("get by cell: store", { group: "get hot" }, () => use(cell.get()));
Deno.bench("getEntry hot: store", { group: "get hot" }, () => void store.getEntry("bench", "key:7"));
Deno.bench("getBatch of 16 hot keys: store", { group: "get hot" }, () => void store.getBatch("bench", names));

Deno.bench("set of one key: store, 4 fields", { group: "set" }, () => void store.set("bench", "key:7", value));
Deno.bench("set of one key: store, a number", { group: "set" }, () => void store.set("bench", "key:8", 1));
Deno.bench("set of one key: Map, structuredClone", { group: "set", baseline: true }, () => void map.set("key:7", structuredClone(value)));
Deno.bench("set of 65k keys at random: store", { group: "set" }, () => void store.set("bench", next(), value));

Deno.bench("compareAndSet of one key, with its getEntry: store", { group: "set" }, () => {
  store.compareAndSet("bench", "key:8", store.getEntry("bench", "key:8")?.version ?? 0, 1);
});
const small = storeOf(4 << 20);
let fresh = 0;
for (; small.stats().evictions === 0; fresh++) small.set("bench", `key:${fresh}`, value);
Deno.bench("set of a fresh key in a store that evicts: store", { group: "set" }, () => void small.set("bench", `key:${fresh++}`, value));
const watched = storeOf(4 << 20);
watched.watch("bench");
Deno.bench("set of one key that is watched: store, a number", { group: "set" }, () => void watched.set("bench", "key:8", 1));

Deno.bench("get after another handle's set, both: store", { group: "set and get" }, () => {
  other.set("bench", "key:9", value);
  store.get("bench", "key:9");
});
Deno.bench("set and delete: store", { group: "set and get" }, () => {
  store.set("bench", "passing", 1);
  store.delete("bench", "passing");
});
Deno.bench("get of an absent key: store", { group: "set and get" }, () => void store.get("bench", "absent"));
