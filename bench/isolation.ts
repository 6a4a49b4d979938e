/**
 * What each grade of isolation costs: a spawn, an ask, messages in a row, and resident memory, interleaved within one run so that the ratios hold on a
 * busy machine, too.
 *
 * ```sh
 * deno run --no-prompt --allow-run --allow-sys bench/isolation.ts
 * ```
 *
 * @module
 */
import { type AgentId, type Isolation, UltraFastAgentManager } from "../mod.ts";
import { behaviorUrl } from "../tests/support/behaviors.ts";

const GRADES: readonly Isolation[] = ["shared", "worker", "process"];
const ROUNDS = 15;
const ASKS = 500;
const MESSAGES = 5_000;
const ECHO = behaviorUrl(`onMessage(message, ctx) { if (message.correlationId !== undefined) ctx.reply(message.payload); }`);

/** The middle one. */
function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { echo: ECHO } });
await manager.initialize();
const times: Record<string, Record<string, number[]>> = {};

async function timed(grade: Isolation, what: string, each: number, work: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await work();
  ((times[grade] ??= {})[what] ??= []).push((performance.now() - startedAt) / each);
}

for (let round = 0; round < ROUNDS; round++) {
  for (const isolation of GRADES) {
    let agent: AgentId = 0;
    await timed(isolation, "spawn, ms", 1, async () => agent = await manager.spawnAgent("echo", { isolation }));
    await timed(isolation, "ask and reply, µs", ASKS / 1_000, async () => {
      for (let at = 0; at < ASKS; at++) await manager.ask(agent, at);
    });
    await timed(isolation, "one of many messages, µs", MESSAGES / 1_000, async () => {
      for (let at = 0; at < MESSAGES; at++) await manager.sendMessage(0, agent, at);
      await manager.ask(agent, "done");
    });
    await timed(isolation, "end, ms", 1, () => manager.terminateAgent(agent));
  }
}
console.table(Object.fromEntries(GRADES.map((grade) => [
  grade,
  Object.fromEntries(Object.entries(times[grade]).map(([what, values]) => [what, Number(median(values).toPrecision(2))])),
])));
