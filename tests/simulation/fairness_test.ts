/** The short form of bench/fairness.ts: on a fake clock that moves with the work, so that the same seed gives the same index on every machine. */
import { assert } from "@std/assert";
import { type AgentId, defineAgent } from "../../core/agents/agent.ts";
import { Simulation } from "../../core/testing.ts";
import { EQUALS, INDEX_MIN, indices, jainIndex, WINDOW_MS } from "../../bench/fairness.ts";

/** What one message takes of its thread, and the slow one's. */
const MESSAGE_MS = 0.01;
const SLOW_MS = 2;
const WINDOWS = 6;

type Task = { do: "ball"; from: AgentId } | { do: "flood"; to: AgentId } | { do: "spin" | "wait" | "sink" };

async function run(neighbours: readonly ("flood" | "spin" | "wait")[], seed: number): Promise<number[]> {
  const handled = new Map<AgentId, Record<number, number>>();
  const work = defineAgent<Task>({
    async onMessage({ payload }, ctx) {
      const { clock } = kernel;
      clock.advance(payload.do === "spin" ? SLOW_MS : MESSAGE_MS);
      if (payload.do === "ball") {
        const counts = handled.get(ctx.id) ?? {};
        handled.set(ctx.id, counts);
        const window = Math.floor(clock.now() / WINDOW_MS);
        counts[window] = (counts[window] ?? 0) + 1;
        ctx.send(payload.from, { ...payload, from: ctx.id });
      } else if (payload.do === "flood") {
        for (let sent = 0; sent < 200; sent++) await ctx.send(payload.to, { do: "sink" });
        ctx.send(ctx.id, payload);
      } else if (payload.do !== "sink") {
        if (payload.do === "wait") await new Promise<void>((resolve) => clock.schedule(SLOW_MS, resolve));
        ctx.send(ctx.id, payload);
      }
    },
  });
  const kernel: Simulation = new Simulation({ hosts: 3, seed, behaviors: { work } });
  const main = kernel.host(0);
  const on = (host: number, count: number): Promise<AgentId[]> => kernel.until(main.spawnMany("work", count, { host }));
  const [left, right] = [await on(1, EQUALS / 2), await on(2, EQUALS / 2)];
  for (const kind of neighbours) main.send(0, (await on(1, 1))[0], kind === "flood" ? { do: kind, to: (await on(2, 1))[0] } : { do: kind });
  left.forEach((id, index) => main.send(0, id, { do: "ball", from: right[index] }));
  const until = kernel.clock.now() + WINDOWS * WINDOW_MS;
  while (kernel.clock.now() < until) await kernel.settle(20);
  return indices([...left, ...right].map((id) => handled.get(id) ?? {}));
}

for (const neighbours of [[], ["flood", "wait"], ["flood", "spin"]] as const) {
  Deno.test(`100 equal agents are equally served beside ${neighbours.length === 0 ? "nobody" : neighbours.join(" and ")}`, async () => {
    for (const seed of [1, 2]) {
      const found = await run(neighbours, seed);
      assert(found.length >= WINDOWS - 3, `seed ${seed}: ${found.length} windows`);
      assert(found.every((index) => index >= INDEX_MIN), `seed ${seed}: ${found.map((index) => index.toFixed(4))}`);
    }
  });
}

Deno.test("Jain's index: 1 for equals, 1/n for one who takes all, and the bench would notice", () => {
  assert(jainIndex([5, 5, 5, 5]) === 1 && jainIndex([8, 0, 0, 0]) === 1 / 4);
  assert(jainIndex(Array.from({ length: EQUALS }, (_, agent) => agent < 10 ? 3 : 5)) < INDEX_MIN);
});
