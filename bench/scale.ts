/**
 * What a hundred times as many agents cost: one-way delivery at the same 10,000 messages/s among 100 agents and among 10,000, as the scenarios measure
 * it, in runs that take turns. Prints every run and the ratio of the medians; exits 1 when it is above 3.
 *
 * deno run bench/scale.ts [rounds = 5] [seconds of each run = 4]
 */
import { UltraFastAgentManager } from "../mod.ts";
import { IncidentBook } from "../core/validation/incidents.ts";
import { HELPERS_PER_THREAD, LOAD_TYPE, loadBehaviorUrl, spareAgents } from "../core/validation/load_director.ts";
import { LoadLedger } from "../core/validation/load_ledger.ts";
import { ScenarioRun } from "../core/validation/scenario_run.ts";
import { planScenario, type ScenarioPlan, SCENARIOS } from "../core/validation/scenarios.ts";

const [rounds = 5, seconds = 4] = Deno.args.map(Number);
const FEW = 100;
const MANY = 10_000;
const RATIO_MAX = 3;
const THREADS = 2;
/** The same for both, so that only the number of agents differs. */
const MESSAGES_PER_SECOND = 10_000;
const CHURN_PER_SECOND = 100;

/** p95 of one run in ms. */
async function p95Ms(agents: number): Promise<number> {
  const own = planScenario(SCENARIOS[0], { agents, durationMs: seconds * 1_000 });
  const plan: ScenarioPlan = { ...own, messagesPerSecond: MESSAGES_PER_SECOND, churnPerSecond: CHURN_PER_SECOND };
  const ledger = new LoadLedger();
  try {
    const maxConcurrentAgents = agents + spareAgents(plan) + HELPERS_PER_THREAD * THREADS;
    const behaviors = { [LOAD_TYPE]: loadBehaviorUrl(ledger) };
    await using manager = new UltraFastAgentManager({ threads: THREADS, behaviors, maxConcurrentAgents });
    await manager.initialize();
    const run = new ScenarioRun({ manager, ledger, book: new IncidentBook(manager, THREADS), plan, seed: 1 }, () => {});
    const { signal } = new AbortController();
    await run.prepare(signal);
    await run.load(signal);
    await run.drain();
    await run.clean();
    const cores = navigator.hardwareConcurrency;
    const { metrics } = run.measured({ threads: THREADS, oversubscribed: THREADS + 1 > cores, cores, budgetBytes: 2 ** 31 });
    const { delivered, sent } = metrics.messages;
    if (delivered !== sent) throw new Error(`${delivered} of ${sent} messages were delivered`);
    return metrics.communicationLatency.p95 ?? NaN;
  } finally {
    ledger.close();
  }
}

const few: number[] = [];
const many: number[] = [];
for (let round = 1; round <= rounds; round++) {
  for (const agents of round % 2 === 0 ? [MANY, FEW] : [FEW, MANY]) (agents === FEW ? few : many).push(await p95Ms(agents));
  console.log(`round ${round}: ${FEW} agents p95 ${few.at(-1)!.toFixed(3)} ms, ${MANY} agents p95 ${many.at(-1)!.toFixed(3)} ms`);
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
const ratio = median(many) / median(few);
console.log(
  `medians ${median(few).toFixed(3)} and ${median(many).toFixed(3)} ms: ratio ${ratio.toFixed(2)}, at most ${RATIO_MAX} is held to`,
);
Deno.exit(ratio <= RATIO_MAX ? 0 : 1);
