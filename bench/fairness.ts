/**
 * Whether busy neighbours get more than their share: 100 equal agents, in pairs over two threads that send one message to and fro, beside an agent that
 * floods another one and an agent whose handler takes 2 ms, in one variant of the thread's time (sync), in the other waiting (await). Prints for each
 * variant Jain's index of the messages that each of the 100 handled within 100 ms, 1 when all handled equally many and 1/100 when one handled them all:
 * of the median and of the worst window. Exits 1 when a median is below 0.99.
 *
 * deno run bench/fairness.ts [seconds = 3]
 */
import { type AgentId, UltraFastAgentManager } from "../mod.ts";

/** Equal agents. */
export const EQUALS = 100;
/** Within so long. */
export const WINDOW_MS = 100;
/** Jain's index that must be reached. */
export const INDEX_MIN = 0.99;

/** R. Jain, D. Chiu, W. Hawe, A Quantitative Measure of Fairness (1984): (Σx)² / (n Σx²). */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? 1 : sum * sum / (shares.length * squares);
}

/** The index of each whole window, in order; `handled` is by agent and window. The first and the last window are not whole. */
export function indices(handled: readonly Readonly<Record<number, number>>[]): number[] {
  const windows = [...new Set(handled.flatMap((counts) => Object.keys(counts).map(Number)))].sort((a, b) => a - b);
  return windows.slice(1, -1).map((window) => jainIndex(handled.map((counts) => counts[window] ?? 0)));
}

const BEHAVIOR = `
const handled = new Map();
const spin = (ctx, ms) => { const until = ctx.clock.now() + ms; while (ctx.clock.now() < until); };
export default Object.defineProperty({
  onMessage({ payload, correlationId }, ctx) {
    if (correlationId !== undefined) return ctx.reply(handled.get(ctx.id) ?? {});
    switch (payload.do) {
      case "ball": {
        if (!handled.has(ctx.id)) handled.set(ctx.id, {});
        const counts = handled.get(ctx.id);
        const window = Math.floor(ctx.clock.now() / ${WINDOW_MS});
        counts[window] = (counts[window] ?? 0) + 1;
        if (ctx.clock.now() < payload.until) ctx.send(payload.from, { ...payload, from: ctx.id });
        return;
      }
      case "flood":
        return (async () => {
          for (let sent = 0; sent < 500; sent++) await ctx.send(payload.to, { do: "sink" });
          if (ctx.clock.now() < payload.until) ctx.send(ctx.id, payload);
        })();
      case "spin":
        spin(ctx, 2);
        if (ctx.clock.now() < payload.until) ctx.send(ctx.id, payload);
        return;
      case "wait":
        return new Promise((resolve) => setTimeout(resolve, 2)).then(() => {
          if (ctx.clock.now() < payload.until) ctx.send(ctx.id, payload);
        });
    }
  },
}, Symbol.for("@stage3/kernel.behavior"), { value: true });`;

const VARIANTS = {
  "no neighbours": [],
  "beside a flooder and a slow agent that waits": ["flood", "wait"],
  "beside a flooder and a slow agent that computes": ["flood", "spin"],
} as const;

async function measure(
  neighbours: readonly ("flood" | "wait" | "spin")[],
  seconds: number,
): Promise<{ indices: number[]; perSecond: number }> {
  const agent = `data:text/javascript,${encodeURIComponent(BEHAVIOR)}`;
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { agent } });
  await manager.initialize();
  const on = (host: number): Promise<AgentId[]> => manager.spawnAgentBatch("agent", EQUALS / 2, { host });
  const [left, right] = await Promise.all([on(1), on(2)]);
  const until = manager.clock.now() + seconds * 1_000;
  for (const kind of neighbours) {
    const [one, sink] = await Promise.all([1, 2].map((host) => manager.spawnAgent("agent", { host })));
    await manager.sendMessage(0, one, { do: kind, until, to: sink });
  }
  await Promise.all(left.map((id, index) => manager.sendMessage(0, id, { do: "ball", until, from: right[index] })));
  while (manager.clock.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
  const handled = await Promise.all([...left, ...right].map((id) => manager.ask<Record<number, number>>(id, null)));
  const total = handled.reduce((sum, counts) => sum + Object.values(counts).reduce((all, count) => all + count, 0), 0);
  return { indices: indices(handled), perSecond: total / seconds };
}

if (import.meta.main) {
  const [seconds = 3] = Deno.args.map(Number);
  let unfair = 0;
  for (const [name, neighbours] of Object.entries(VARIANTS)) {
    const { indices, perSecond } = await measure(neighbours, seconds);
    const sorted = indices.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    if (!(median >= INDEX_MIN)) unfair++;
    const rate = `${Math.round(perSecond).toLocaleString("en-US")} messages/s`;
    console.log(`${name}: index ${median.toFixed(4)}, worst of ${sorted.length} windows ${sorted[0].toFixed(4)}, ${rate}`);
  }
  if (unfair > 0) console.log(`NOT fair: below ${INDEX_MIN}`);
  Deno.exit(unfair > 0 ? 1 : 0);
}
