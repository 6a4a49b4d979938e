/**
 * What a hundred times as many agents cost: one-way delivery at the same 10,000 messages/s among 100 agents and among 10,000, as the scenarios measure
 * it, in runs that take turns; and among 10,000 at 100,000 messages/s. Each run is of threads that have just run the same load. Prints every run;
 * exits 1 when the ratio of the first two medians is above 3, or the third is above 0.5 ms.
 *
 * deno run bench/scale.ts [rounds = 5] [seconds of each run = 10]   # with -A on Linux a run that the machine's host disturbed is measured again
 */
import { UltraFastAgentManager } from "../mod.ts";
import { IncidentBook } from "../core/validation/incidents.ts";
import { HELPERS_PER_THREAD, LOAD_TYPE, loadBehaviorUrl, spareAgents } from "../core/validation/load_director.ts";
import { LoadLedger } from "../core/validation/load_ledger.ts";
import { ScenarioRun } from "../core/validation/scenario_run.ts";
import { planScenario, type ScenarioPlan, SCENARIOS } from "../core/validation/scenarios.ts";
import { Undisturbed } from "./undisturbed.ts";

const [rounds = 5, seconds = 10] = Deno.args.map(Number);
const RATIO_MAX = 3;
const MUCH_P95_MS_MAX = 0.5;
const THREADS = 2;
/** A run ends with what its load does not do: taking everything down is to be compiled, too. */
const WARM_UP_RUN_MS = 4_000;
/** The same for all, so that only what is compared differs. */
const CHURN_PER_SECOND = 100;
/** The engine compiles on threads of its own, which two cores do not have: for a third of a minute, and for a whole one where they have little time left. */
const RUNS = {
  few: { agents: 100, messagesPerSecond: 10_000, warmUpMs: 20_000 },
  many: { agents: 10_000, messagesPerSecond: 10_000, warmUpMs: 20_000 },
  much: { agents: 10_000, messagesPerSecond: 100_000, warmUpMs: 60_000 },
} as const;
type Name = keyof typeof RUNS;

const undisturbed = new Undisturbed();

/** A kernel of its own for each load, so that the runs can take turns and find it as they left it. */
class Loaded implements AsyncDisposable {
  readonly #ledger = new LoadLedger();
  readonly #manager: UltraFastAgentManager;
  readonly #book: IncidentBook;

  constructor(private readonly name: Name) {
    const agents = RUNS[name].agents + spareAgents(this.#plan(1)) + HELPERS_PER_THREAD * THREADS;
    this.#manager = new UltraFastAgentManager({
      threads: THREADS,
      behaviors: { [LOAD_TYPE]: loadBehaviorUrl(this.#ledger) },
      maxConcurrentAgents: agents,
    });
    this.#book = new IncidentBook(this.#manager, THREADS);
  }

  async warm(): Promise<void> {
    await this.#manager.initialize();
    for (let ran = 0; ran < RUNS[this.name].warmUpMs; ran += WARM_UP_RUN_MS) await this.#run(WARM_UP_RUN_MS);
  }

  /** p95 of one run. While the others had their turns, the engine may have thrown away code that it did not see used. */
  async p95Ms(durationMs: number): Promise<number> {
    await this.#run(WARM_UP_RUN_MS);
    return await this.#run(durationMs);
  }

  async #run(durationMs: number): Promise<number> {
    const parts = { manager: this.#manager, ledger: this.#ledger, book: this.#book };
    const run = new ScenarioRun({ ...parts, plan: this.#plan(durationMs), seed: 1 }, () => {});
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
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#manager.shutdown();
    this.#ledger.close();
  }

  #plan(durationMs: number): ScenarioPlan {
    const { agents, messagesPerSecond } = RUNS[this.name];
    return { ...planScenario(SCENARIOS[0], { agents, durationMs }), agents, messagesPerSecond, churnPerSecond: CHURN_PER_SECOND };
  }
}

const found: Record<Name, number[]> = { few: [], many: [], much: [] };
const names: readonly Name[] = ["few", "many", "much"];
const ms = (value: number): string => `${value.toFixed(3)} ms`;
const described = (name: Name): string => `${RUNS[name].agents} agents at ${RUNS[name].messagesPerSecond}/s`;
await using stack = new AsyncDisposableStack();
const kernels = {} as Record<Name, Loaded>;
for (const name of names) {
  kernels[name] = stack.use(new Loaded(name));
  await kernels[name].warm();
}
for (let round = 1; round <= rounds; round++) {
  for (const name of round % 2 === 0 ? names.toReversed() : names) {
    found[name].push(await undisturbed.figure(() => kernels[name].p95Ms(seconds * 1_000)));
  }
  console.log(`round ${round}: ${names.map((name) => `${described(name)} p95 ${ms(found[name].at(-1)!)}`).join(", ")}`);
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
const [few, many, much] = names.map((name) => median(found[name]));
const ratio = many / few;
console.log(`medians ${ms(few)} and ${ms(many)}: ratio ${ratio.toFixed(2)}, at most ${RATIO_MAX} is held to`);
console.log(`median at ten times the rate ${ms(much)}, at most ${MUCH_P95_MS_MAX} ms is held to`);
console.log(`${undisturbed}`);
Deno.exitCode = ratio <= RATIO_MAX && much <= MUCH_P95_MS_MAX ? 0 : 1;
