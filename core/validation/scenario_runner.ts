/**
 * Runs scenarios on a real manager, one after the other, and judges what was measured. Each scenario builds its population, offers its load at
 * scheduled instants, lets what is on its way arrive, counts, and leaves nothing behind.
 *
 * @module
 */
import { MEMORY_BUDGET_BYTES_MAX } from "../base/limits.ts";
import { Kernel } from "../kernel.ts";
import type { KernelParts } from "../system.ts";
import { IncidentBook } from "./incidents.ts";
import { HELPERS_PER_THREAD, LOAD_TYPE, loadBehaviorUrl, spareAgents } from "./load_director.ts";
import { LoadLedger } from "./load_ledger.ts";
import { notRun } from "./measurements.ts";
import { recommend } from "./recommendations.ts";
import type { Measured, ValidationResult } from "./result.ts";
import { ScenarioRun, type Tell } from "./scenario_run.ts";
import { planScenario, resolveScenario, type ScenarioPlan, SCENARIOS, warmUpPlan } from "./scenarios.ts";
import { judge } from "./targets.ts";

/** Options of the validator. */
export interface ValidatorOptions {
  /** Worker threads; at least 2, so that messages cross threads. Default: 2, or as many as cores − 1. */
  threads?: number;
  /** Agents of every scenario, instead of its own number. */
  agents?: number;
  /** Duration of every scenario in ms, instead of its own. */
  durationMs?: number;
  /** A twentieth of each scenario's own duration. */
  quick?: boolean;
  /** Memory that counts as 100 %. Default 2 GiB. */
  budgetBytes?: number;
  /** Seed of the load. Default 1. */
  seed?: number;
  /** Parts from `./testing`. */
  parts?: KernelParts;
}

/** How far a run is. */
export interface Progress {
  /** Kebab name. */
  scenario: string;
  /** From 0. */
  index: number;
  /** Scenarios in this run. */
  total: number;
  /** Of the load. */
  elapsedMs: number;
  /** Of the load. */
  durationMs: number;
  /** `warming up`, `spawning`, `load`, `draining`, `cleaning`. */
  phase: string;
  /** Alive now. */
  agents: number;
  /** Handled since the load began, a second. */
  messagesPerSecond: number;
}

/** What a run may be told. */
export interface RunOptions {
  /** Names, display names or unambiguous prefixes. Default: all seven. */
  scenarios?: string[];
  /** Ends the run; it then resolves with what it has. */
  signal?: AbortSignal;
  /** Hears of the progress several times a second. */
  onProgress?: (progress: Progress) => void;
}

/** Proves the kernel's targets under load; exported as `Stage3IntegrationValidator`. */
export class ScenarioRunner {
  /** Worker threads that it uses. */
  readonly threads: number;
  /** More threads, main included, than cores. */
  readonly oversubscribed: boolean;
  readonly #options: ValidatorOptions;
  readonly #cores: number = navigator.hardwareConcurrency;

  /** Starts nothing. */
  constructor(options: ValidatorOptions = {}) {
    this.#options = options;
    this.threads = options.threads ?? Math.max(2, Math.min(8, this.#cores - 1));
    this.oversubscribed = this.threads + 1 > this.#cores;
  }

  /** Runs the scenarios; resolves with a result for each that was begun, and for those that a thread which could not be replaced kept from beginning. */
  async runValidation(run: RunOptions = {}): Promise<Map<string, ValidationResult>> {
    const rows = run.scenarios === undefined ? SCENARIOS : run.scenarios.map((name) => resolveScenario(name));
    const plans = rows.map((row) => planScenario(row, this.#options));
    const results = new Map<string, ValidationResult>();
    const ledger = new LoadLedger();
    try {
      await using manager = this.#manager(plans, ledger);
      const book = new IncidentBook(manager, this.threads);
      await manager.initialize();
      if (run.signal?.aborted) return results;
      // A fault that a test has planted is to be met by the scenario.
      const fault = this.#options.parts === undefined ? await this.#warmUp(manager, ledger, book, plans, run) : null;
      for (const [index, plan] of plans.entries()) {
        if (run.signal?.aborted && index > 0) break;
        if (book.failure !== undefined) {
          const trouble = `not run: a thread that died could not be replaced: ${messageOf(book.failure.reason)}`;
          results.set(plan.name, this.#judged(notRun(plan, this.threads, this.oversubscribed), plan, [trouble]));
          continue;
        }
        const tell: Tell = (progress) =>
          run.onProgress?.({ scenario: plan.name, index, total: plans.length, durationMs: plan.durationMs, ...progress });
        const trouble = index === 0 && fault !== null ? [fault] : [];
        results.set(plan.name, await this.#runOne(manager, ledger, book, plan, run.signal ?? new AbortController().signal, tell, trouble));
      }
    } finally {
      ledger.close();
    }
    return results;
  }

  #manager(plans: readonly ScenarioPlan[], ledger: LoadLedger): Kernel {
    const peersMax = Math.max(...plans.map((plan) => plan.agents + spareAgents(plan)));
    const behaviors = { [LOAD_TYPE]: loadBehaviorUrl(ledger) };
    return new Kernel({
      ...{ threads: this.threads, behaviors, maxConcurrentAgents: peersMax + HELPERS_PER_THREAD * this.threads },
      // A thread that hangs under a load that the machine cannot carry is late, not dead.
      hangTimeoutMs: 5_000,
    }, this.#options.parts);
  }

  /** Resolves with what went wrong in it other than its times; null when nothing did. */
  async #warmUp(
    manager: Kernel,
    ledger: LoadLedger,
    book: IncidentBook,
    plans: readonly ScenarioPlan[],
    run: RunOptions,
  ): Promise<string | null> {
    const plan = warmUpPlan(plans);
    const [{ name: scenario, durationMs: wholeMs }] = plans;
    const nothingYet = { elapsedMs: 0, agents: 0, messagesPerSecond: 0 };
    run.onProgress?.({ scenario, index: 0, total: plans.length, phase: "warming up", durationMs: wholeMs, ...nothingYet });
    const { signal = new AbortController().signal } = run;
    const { incidents, metrics: { messages, team } } = await this.#runOne(manager, ledger, book, plan, signal, () => {});
    if (signal.aborted || incidents.length + messages.lost + messages.damaged + team.wrong === 0) return null;
    const counts =
      `${messages.lost} messages lost, ${messages.damaged} damaged, ${team.wrong} wrong answers, ${incidents.length} threads dead`;
    return `the warm-up before it went wrong: ${counts}`;
  }

  async #runOne(
    manager: Kernel,
    ledger: LoadLedger,
    book: IncidentBook,
    plan: ScenarioPlan,
    signal: AbortSignal,
    tell: Tell,
    trouble: string[] = [],
  ): Promise<ValidationResult> {
    const { seed = 1, budgetBytes = MEMORY_BUDGET_BYTES_MAX } = this.#options;
    const scenario = new ScenarioRun({ manager, ledger, book, plan, seed }, tell);
    try {
      await scenario.prepare(signal);
      await scenario.load(signal);
      await scenario.drain();
    } catch (error) {
      if (!signal.aborted) trouble.push(`the run broke: ${messageOf(error)}`);
    }
    if (signal.aborted) trouble.push(`aborted: ${reasonOf(signal)}`);
    await scenario.clean().catch((error) => trouble.push(`not cleaned up: ${messageOf(error)}`));
    const { threads, oversubscribed } = this;
    return this.#judged(scenario.measured({ threads, oversubscribed, cores: this.#cores, budgetBytes }), plan, trouble);
  }

  #judged(measured: Measured, plan: ScenarioPlan, trouble: readonly string[]): ValidationResult {
    const { targets, violations } = judge(measured, plan);
    const all = [...trouble, ...violations];
    // A run that was cut short missed its targets for that reason: no option mends it.
    const recommendations = trouble.length > 0 ? [] : recommend(measured, plan, targets, this.#cores);
    return { scenario: plan.name, success: all.length === 0, ...measured, targets, violations: all, recommendations };
  }
}

function reasonOf(signal: AbortSignal): string {
  return messageOf(signal.reason);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
