/**
 * What monitoring costs: processor time of the whole process a message, with `enablePerformanceMonitoring` and without. Two managers take turns of
 * 50 ms, so that a machine that grows slower meanwhile is no finding; so many turns of each make one pair. Prints each pair, and the bound that
 * the true cost stays below with 95 % confidence.
 *
 * deno run bench/monitoring.ts [pairs = 15] [turns of each manager a pair = 40]
 */
import process from "node:process";
import { UltraFastAgentManager } from "../mod.ts";

const [pairs = 15, turns = 40] = Deno.args.map(Number);
/** Of it, this much may be monitoring. */
const COST_PERCENT_MAX = 3;
/** Student's t for a one-sided bound of 95 %, by degrees of freedom; more pairs make it smaller by less than a tenth. */
const T_95 = [6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753];
const BURST = 500;
const TURN_MS = 50;
const WARM_UP_MS = 1_000;
/** Half of the default: looks come at any time, half of them in the other manager's turns, so this one's turns hold as many as by default. */
const INTERVAL_MS = 500;

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

/** A manager and what its turns have come to. */
class Side {
  #ns = 0;
  #messages = 0;

  private constructor(readonly manager: UltraFastAgentManager, private readonly agent: number) {}

  static async open(enablePerformanceMonitoring: boolean): Promise<Side> {
    const options = { enablePerformanceMonitoring, performanceValidationInterval: INTERVAL_MS };
    const manager = new UltraFastAgentManager({ threads: 1, behaviors: { sink }, ...options });
    await manager.initialize();
    const side = new Side(manager, await manager.spawnAgent("sink"));
    await flood(manager, side.agent, WARM_UP_MS);
    return side;
  }

  async turn(): Promise<void> {
    const before = processorNs();
    this.#messages += await flood(this.manager, this.agent, TURN_MS);
    this.#ns += processorNs() - before;
  }

  /** Processor time a message of the turns since the last call. */
  take(): number {
    const nsPerMessage = this.#ns / this.#messages;
    this.#ns = this.#messages = 0;
    return nsPerMessage;
  }
}

const costs: number[] = [];
const off = await Side.open(false);
const on = await Side.open(true);
await using _off = off.manager;
await using _on = on.manager;
for (let pair = 1; pair <= pairs; pair++) {
  for (let turn = 0; turn < turns; turn++) for (const side of (pair + turn) % 2 === 0 ? [on, off] : [off, on]) await side.turn();
  const [without, having] = [off.take(), on.take()];
  const cost = 100 * (having / without - 1);
  costs.push(cost);
  console.log(`pair ${pair}: ${without.toFixed(0)} ns without, ${having.toFixed(0)} ns with: ${cost.toFixed(2)} %`);
}
const mean = costs.reduce((sum, cost) => sum + cost, 0) / pairs;
const deviation = Math.sqrt(costs.reduce((sum, cost) => sum + (cost - mean) ** 2, 0) / (pairs - 1));
const upper = mean + (T_95[pairs - 2] ?? T_95.at(-1)!) * deviation / Math.sqrt(pairs);
const median = costs.toSorted((a, b) => a - b)[pairs >> 1];
console.log(`monitoring costs ${mean.toFixed(2)} % of the processor time a message (median ${median.toFixed(2)} %, ${pairs} pairs);`);
console.log(
  `with 95 % confidence less than ${upper.toFixed(2)} %: ${upper <= COST_PERCENT_MAX ? "within" : "NOT within"} ${COST_PERCENT_MAX} %.`,
);
