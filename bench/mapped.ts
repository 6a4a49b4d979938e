/**
 * What a mapped arena costs while nothing goes wrong, and how long its recovery takes: managers with and without it, in turns in one run. Times are the
 * processor's, of all threads and the system's work for them, so that what else the machine does changes them little.
 *
 * ```sh
 * deno run --allow-read --allow-write --allow-ffi bench/mapped.ts            # 15 pairs in a folder of the system's for temporary files
 * deno run --allow-read --allow-write --allow-ffi bench/mapped.ts 31 state/  # in a folder of yours: its file system matters
 * ```
 *
 * @module
 */
import { epochOffsetMs, SystemClock } from "../core/base/clock.ts";
import { planLayout } from "../core/memory/layout.ts";
import { MappedArena } from "../core/memory/mapped_arena.ts";
import { MemoryStore } from "../core/memory/memory_store.ts";
import { allocateMemory } from "../core/memory/shared_memory.ts";
import process from "node:process";
import { plainCodec } from "../core/bus/codec.ts";
import { UltraFastAgentManager } from "../mod.ts";

const PAIRS = Number(Deno.args[0] ?? 15);
const FOLDER = Deno.args[1] ?? Deno.makeTempDirSync();
const MESSAGES = 100_000;
const KEYS = 65_536;
const clock = new SystemClock(epochOffsetMs());

const COUNTER = `data:text/javascript,${
  encodeURIComponent(`export default Object.defineProperty({
    onStart(ctx) { ctx.state = { seen: 0 }; },
    onMessage(message, ctx) { if (message.correlationId === undefined) ctx.state.seen++; else ctx.reply(ctx.state.seen); },
  }, Symbol.for("@stage3/kernel.behavior"), { value: true });`)
}`;

/** One list for both sides: of two equal ones the later is slower by a tenth to go through, whichever side has it. */
const keys = Array.from({ length: KEYS }, (_, n) => `key ${n}`);

interface Side {
  readonly manager: UltraFastAgentManager;
  readonly agents: readonly number[];
}

async function openSide(path?: string): Promise<Side> {
  const manager = new UltraFastAgentManager({
    ...{ threads: 1, behaviors: { counter: COUNTER }, enablePerformanceMonitoring: false },
    ...(path === undefined ? {} : { persistence: { path, mode: "mapped" as const, intervalMs: 1_000 } }),
  });
  await manager.initialize();
  return { manager, agents: await manager.spawnAgentBatch("counter", 1_000) };
}

/** Processor time of this process so far, in ms. */
function used(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Nanoseconds a message, from the first send to the last handler, to a thousand agents in turn. */
async function flood({ manager, agents }: Side): Promise<number> {
  const begun = used();
  for (let n = 0; n < MESSAGES; n++) {
    const sent = manager.sendMessage(0, agents[n % agents.length], { id: n, kind: "tick", value: n * 0.5, ok: true });
    if (n % 64 === 63) await sent;
  }
  await Promise.all(agents.map((id) => manager.ask(id, null)));
  return (used() - begun) * 1e6 / MESSAGES;
}

/** Nanoseconds an operation over keys in a fixed disorder. */
function operate({ manager: { memoryStore: store } }: Side, what: "get" | "set"): number {
  const value = { paid: true, note: "a short text" };
  const begun = used();
  for (let n = 0; n < KEYS; n++) {
    const key = keys[(n * 40_503) % KEYS];
    if (what === "set") store.set("bench", key, value);
    else store.get("bench", key);
  }
  return (used() - begun) * 1e6 / KEYS;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function recoveryMs(): { ms: number; entries: number; mebibytes: number } {
  const path = `${FOLDER}/recovery`;
  const layout = planLayout({ hosts: 2, agentSlots: 16, sharedBufferBytes: 32 << 20, storeBytes: 240 << 20, blackBox: true });
  const open = (): { arena: MappedArena; store: MemoryStore; entries: number } => {
    const memory = allocateMemory(layout.totalBytes);
    const arena = MappedArena.open({ path, memory, layout, now: clock.now() });
    const entries = arena.restoreStore()?.entries ?? 0;
    arena.commit();
    return { arena, store: new MemoryStore(memory, layout, 0, plainCodec), entries };
  };
  const first = open();
  const text = "x".repeat(900);
  for (let n = 0; first.store.stats().bytesUsed < 128 << 20; n++) first.store.set("bench", `key ${n}`, text);
  const mebibytes = first.store.stats().bytesUsed / 2 ** 20;
  first.arena.close(false);
  const begun = used();
  const second = open();
  const ms = used() - begun;
  second.arena.close(true);
  Deno.removeSync(path);
  return { ms, entries: second.entries, mebibytes };
}

const sides = [await openSide(), await openSide(`${FOLDER}/state`)];
const ratios: Record<string, number[]> = {};
const plain: Record<string, number[]> = {};
for (let pair = 0; pair <= PAIRS; pair++) {
  // Who is first changes.
  const order = pair % 2 === 0 ? [0, 1] : [1, 0];
  for (const what of ["message", "set", "get"] as const) {
    const times = [0, 0];
    for (const side of order) times[side] = what === "message" ? await flood(sides[side]) : operate(sides[side], what);
    if (pair === 0) continue; // warming up
    (ratios[what] ??= []).push(times[1] / times[0]);
    (plain[what] ??= []).push(times[0]);
  }
}
for (const { manager } of sides) await manager.shutdown();
for (const [what, values] of Object.entries(ratios)) {
  const sorted = [...values].sort((a, b) => a - b);
  console.log(
    `${what.padEnd(8)} mapped takes ${median(values).toFixed(3)} × the time (${sorted[1]?.toFixed(2)}–${sorted.at(-2)?.toFixed(2)}), ` +
      `plain ${median(plain[what]).toFixed(0)} ns`,
  );
}
const { ms, entries, mebibytes } = recoveryMs();
console.log(`recovery ${mebibytes.toFixed(0)} MiB, ${entries} entries of 1 KiB in ${ms.toFixed(0)} ms of processor time`);
if (Deno.args[1] === undefined) Deno.removeSync(FOLDER, { recursive: true });
