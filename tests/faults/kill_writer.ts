/**
 * The process that is killed: recovers, checks what it was told must be there, then writes until it dies. Each line that it prints is a promise.
 *
 * `kill_writer.ts PATH MODE SEED WRITTEN CONSUMED`: numbers up to which writes and consumptions were acknowledged in earlier lives.
 */
import { Random } from "../../core/base/random.ts";
import { UltraFastAgentManager } from "../../mod.ts";
import { behaviorUrl } from "../support/behaviors.ts";

const KEYS = 100;
const VALUE_CHARS_MAX = 20_000;
/** Writes from its own thread, and flushes from there. */
const SCRIBE = behaviorUrl(
  `async onMessage({ payload }, ctx) {
     for (let n = 0; n < 50; n++) ctx.store.set("noise", "n" + (payload * 50 + n) % 333, "z".repeat(n * 10));
     await ctx.store.flush();
     ctx.store.set("scribe", "flushed", payload);
     ctx.reply(payload);
   }`,
);

const [path, mode, seed, written, consumed] = Deno.args;
const random = new Random(Number(seed));
console.log("begin");
const manager = new UltraFastAgentManager({
  ...{ threads: 1, memoryStoreSize: 16 << 20, sharedBufferSize: 32 << 20, enablePerformanceMonitoring: false, maxConcurrentAgents: 100 },
  ...{ persistence: { path, mode: mode as "portable" | "mapped", intervalMs: 20 }, behaviors: { scribe: SCRIBE } },
});
await manager.initialize();
const { memoryStore: store, communicationBus: bus } = manager;
bus.createQueue("work", { capacity: 10_000, durable: true });
bus.subscribe("work", "work");

/** Exits with what is missing. */
function demand(holds: boolean, what: string): void {
  if (holds) return;
  console.log(`lost ${what}`);
  Deno.exit(3);
}

const { recovery } = manager.getSystemStatus();
demand(recovery !== null && recovery.lost.places === 0 && recovery.lost.refused === 0, `recovery says ${JSON.stringify(recovery?.lost)}`);
demand(store.verify().damaged === 0, "a checksum is wrong");
let last = 0;
for (let key = 0; key < KEYS; key++) {
  const value = store.get("numbers", `k${key}`) as { n: number; pad: string } | undefined;
  const promised = Number(written) - ((Number(written) - key) % KEYS + KEYS) % KEYS;
  demand(promised < 1 || (value !== undefined && value.n >= promised), `write ${promised}: k${key} is ${value?.n}`);
  demand(value === undefined || value.n % KEYS === key, `k${key} holds ${value?.n}`);
  last = Math.max(last, value?.n ?? 0);
}
// The queue as it is: every number once, none that was consumed and flushed, all that were published and flushed.
const found = bus.consume("work", 100_000).map(({ payload }) => payload as number);
// Mapped, a message that was taken out and put in again may be there twice: its taking out was not flushed, its putting in needs no flush.
const waiting = mode === "mapped" ? [...new Set(found)] : found;
const gap = waiting.findIndex((n, at) => at > 0 && n !== waiting[at - 1] + 1);
demand(
  gap < 0,
  `the queue holds ${waiting[0]} to ${waiting.at(-1)}, and in between ${waiting.slice(Math.max(0, gap - 2), gap + 3)}`,
);
demand(waiting.length === 0 || waiting[0] > Number(consumed), `message ${waiting[0]} was consumed`);
demand(
  (waiting.at(-1) ?? Infinity) >= Number(written) && (waiting.length > 0 || Number(consumed) <= Number(written)),
  `message ${written}`,
);
for (const n of waiting) bus.publish("work", n);
// Mapped, a life may end between setting a number and publishing it; numbers go on behind it, so it would be missing in the queue for good.
for (let n = (waiting.at(-1) ?? Number(consumed)) + 1; n <= last; n++) bus.publish("work", n);
const counts = recovery!.recovered;
console.log(`ready ${counts.entries} ${counts.messages} ${counts.agents} ${recovery!.cut === null ? 0 : 1}`);

const scribe = counts.agents > 0 ? recovery!.agents[0].agentId : await manager.spawnAgent("scribe");
let next = Math.max(last, waiting.at(-1) ?? 0); // no message is published before its number is set
let taken = 0;
for (let round = 0;; round++) {
  for (let count = 1 + random.below(20); count > 0; count--) {
    next++;
    store.set("numbers", `k${next % KEYS}`, { n: next, pad: "x".repeat(random.below(VALUE_CHARS_MAX)) });
    bus.publish("work", next);
  }
  while (bus.stats("work").depth > 50) taken = bus.consume("work", 10).at(-1)!.payload as number;
  if (round % 3 === 0) await manager.ask(scribe, round);
  await store.flush();
  console.log(`ack ${next} ${taken} ${manager.getSystemStatus().persistence!.bytes}`);
}
