/**
 * What monitoring costs: processor time of the whole process a message, with `enablePerformanceMonitoring` and without, in pairs that take turns so
 * that a machine that grows slower meanwhile is no finding. Prints each pair, and the bound that the true cost stays below with 95 % confidence.
 *
 * deno run bench/monitoring.ts [pairs = 15] [seconds of load a run = 3]
 */
import process from "node:process";
import { UltraFastAgentManager } from "../mod.ts";

const [pairs = 15, seconds = 3] = Deno.args.map(Number);
/** Of it, this much may be monitoring. */
const COST_PERCENT_MAX = 3;
/** Student's t for a one-sided bound of 95 %, by degrees of freedom; more pairs make it smaller by less than a tenth. */
const T_95 = [6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753];
const BURST = 500;
const WARM_UP_MS = 500;

const sink = `data:text/javascript,${
  encodeURIComponent(
    `export default Object.defineProperty({ onMessage(message, ctx) { if (message.correlationId !== undefined) ctx.reply(0); } },
     Symbol.for("@stage3/kernel.behavior"), { value: true });`,
  )
}`;

/** Processor time of all threads so far, in ns. */
function processorNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

/** Sends for so long, each burst awaited by one answer; returns how many messages were handled. */
async function flood(manager: UltraFastAgentManager, agent: number, ms: number): Promise<number> {
  const until = performance.now() + ms;
  let messages = 0;
  while (performance.now() < until) {
    for (let line = 0; line < BURST; line++) await manager.sendMessage(0, agent, { file: "a.ts", line, ok: true });
    await manager.ask(agent, null);
    messages += BURST + 2;
  }
  return messages;
}

/** Processor time a message, in ns, of a fresh manager. */
async function nsPerMessage(enablePerformanceMonitoring: boolean): Promise<number> {
  await using manager = new UltraFastAgentManager({ threads: 1, behaviors: { sink }, enablePerformanceMonitoring });
  await manager.initialize();
  const agent = await manager.spawnAgent("sink");
  await flood(manager, agent, WARM_UP_MS);
  const before = processorNs();
  const messages = await flood(manager, agent, 1_000 * seconds);
  return (processorNs() - before) / messages;
}

await nsPerMessage(true); // compiles what both share
const costs: number[] = [];
for (let pair = 1; pair <= pairs; pair++) {
  const measured = { on: 0, off: 0 };
  for (const on of pair % 2 === 0 ? [true, false] : [false, true]) measured[on ? "on" : "off"] = await nsPerMessage(on);
  const cost = 100 * (measured.on / measured.off - 1);
  costs.push(cost);
  console.log(`pair ${pair}: ${measured.off.toFixed(0)} ns without, ${measured.on.toFixed(0)} ns with: ${cost.toFixed(2)} %`);
}
const mean = costs.reduce((sum, cost) => sum + cost, 0) / pairs;
const deviation = Math.sqrt(costs.reduce((sum, cost) => sum + (cost - mean) ** 2, 0) / (pairs - 1));
const upper = mean + (T_95[pairs - 2] ?? T_95.at(-1)!) * deviation / Math.sqrt(pairs);
const median = costs.toSorted((a, b) => a - b)[pairs >> 1];
console.log(`monitoring costs ${mean.toFixed(2)} % of the processor time a message (median ${median.toFixed(2)} %, ${pairs} pairs);`);
console.log(
  `with 95 % confidence less than ${upper.toFixed(2)} %: ${upper <= COST_PERCENT_MAX ? "within" : "NOT within"} ${COST_PERCENT_MAX} %.`,
);
