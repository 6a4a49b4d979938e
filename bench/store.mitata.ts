/** The store beside a JavaScript Map, each figure with its spread. `deno run --allow-sys bench/store.mitata.ts` */
import { bench, do_not_optimize as keep, run, summary } from "mitata";
import { plainCodec } from "../core/bus/codec.ts";
import { planLayout } from "../core/memory/layout.ts";
import { MemoryStore } from "../core/memory/memory_store.ts";
import { allocateMemory } from "../core/memory/shared_memory.ts";

/** One less than a thread remembers, for the absent key of the last group. */
const KEYS = 65_535;
const layout = planLayout({ hosts: 2, agentSlots: 16, sharedBufferBytes: 32 << 20, storeBytes: 64 << 20 });
const store = new MemoryStore(allocateMemory(layout.totalBytes), layout, 0, plainCodec);
const value = { id: 7, name: "agent", score: 0.5, ready: true };
const keys = Array.from({ length: KEYS }, (_, i) => `key:${i}`);
const order = Uint32Array.from({ length: KEYS }, (_, i) => Number(BigInt(i) * 40_503n % BigInt(KEYS)));
const map = new Map(keys.map((key) => [key, { ...value }]));
for (const key of keys) store.set("bench", key, value);
for (const key of keys) store.get("bench", key);
const cell = store.cell("bench", "key:7");
let at = 0;
const next = (): string => keys[order[at = at + 1 === KEYS ? 0 : at + 1]];

summary(() => {
  bench("Map get, hot", () => keep(map.get("key:7")));
  bench("store cell get", () => keep(cell.get()));
  bench("store get, hot", () => keep(store.get("bench", "key:7")));
});
summary(() => {
  bench("Map get, 65k keys", () => keep(map.get(next())));
  bench("store get, 65k keys", () => keep(store.get("bench", next())));
});
summary(() => {
  bench("Map set of a structuredClone", () => keep(map.set("key:7", structuredClone(value))));
  bench("store set, a number", () => keep(store.set("bench", "key:8", 1)));
  bench("store set, 4 fields", () => keep(store.set("bench", "key:7", value)));
});
await run();
