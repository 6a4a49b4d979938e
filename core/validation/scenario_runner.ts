/**
 * Runs scenarios on a real manager, one after the other, and judges what was measured. Each scenario builds its population, offers its load at
 * scheduled instants, lets what is on its way arrive, counts, and leaves nothing behind.
 *
 * @module
 */
import { SystemClock } from "../base/clock.ts";
import { KernelError } from "../base/errors.ts";
import { MEMORY_BUDGET_BYTES_MAX } from "../base/limits.ts";
import { Kernel } from "../kernel.ts";
import type { KernelParts } from "../system.ts";
import type { Counts } from "../metrics/counters.ts";
import { Histogram } from "../metrics/histogram.ts";
import { processorMs, residentBytes } from "../metrics/system_usage.ts";
import type { LoadReport } from "./load_agent.ts";
import { CHURN_STEP_MAX, HELPERS_PER_THREAD, LOAD_BEHAVIOR_URL, LOAD_TYPE, LoadDirector, spareAgents } from "./load_director.ts";
import { measurements, notRun } from "./measurements.ts";
import { Observer } from "./observer.ts";
import { recommend } from "./recommendations.ts";
import type { Measured, ValidationResult } from "./result.ts";
import { planScenario, resolveScenario, type ScenarioPlan, SCENARIOS } from "./scenarios.ts";
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
  /** `starting`, `spawning`, `load`, `draining`, `cleaning`. */
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

/** The main loop's step: replacing agents, tasks and looks are due at most so late. */
const STEP_MS = 10;
const LOOK_EVERY_MS = 250;
const TASKS_PER_SECOND = 100;
const TASKS_OPEN_MAX = 64;
/** Generators begin so long after they are told, all at the same instant. */
const LEAD_MS = 50;
/** What is on its way at the end has so long to arrive. */
const DRAIN_MS_MAX = 10_000;
const TIMER = new SystemClock(0);
const TASK_OBJECTIVE = "count the words of this objective";

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

  /** Runs the scenarios; resolves with a result for each that was begun, and for those that a dead thread kept from beginning. */
  async runValidation(run: RunOptions = {}): Promise<Map<string, ValidationResult>> {
    const rows = run.scenarios === undefined ? SCENARIOS : run.scenarios.map((name) => resolveScenario(name));
    const plans = rows.map((row) => planScenario(row, this.#options));
    const results = new Map<string, ValidationResult>();
    const broken = new AbortController();
    await using manager = this.#manager(plans);
    manager.on("host:died", (error) => broken.abort(error));
    await manager.initialize();
    const signal = run.signal === undefined ? broken.signal : AbortSignal.any([run.signal, broken.signal]);
    for (const [index, plan] of plans.entries()) {
      if (run.signal?.aborted) break;
      if (broken.signal.aborted) {
        results.set(
          plan.name,
          this.#judged(notRun(plan, this.threads, this.oversubscribed), plan, [`not run: ${reasonOf(broken.signal)}`]),
        );
        continue;
      }
      const report = (progress: Omit<Progress, "scenario" | "index" | "total" | "durationMs">): void =>
        run.onProgress?.({ scenario: plan.name, index, total: plans.length, durationMs: plan.durationMs, ...progress });
      results.set(plan.name, await this.#runOne(manager, plan, signal, report));
    }
    return results;
  }

  #manager(plans: readonly ScenarioPlan[]): Kernel {
    const peersMax = Math.max(...plans.map((plan) => plan.agents + spareAgents(plan)));
    const behaviors = { [LOAD_TYPE]: LOAD_BEHAVIOR_URL };
    return new Kernel({
      ...{ threads: this.threads, behaviors, maxConcurrentAgents: peersMax + HELPERS_PER_THREAD * this.threads },
      // A thread that hangs under a load that the machine cannot carry is late, not dead.
      hangTimeoutMs: 5_000,
    }, this.#options.parts);
  }

  async #runOne(
    manager: Kernel,
    plan: ScenarioPlan,
    signal: AbortSignal,
    report: (progress: Omit<Progress, "scenario" | "index" | "total" | "durationMs">) => void,
  ): Promise<ValidationResult> {
    const scenario = new ScenarioRun(manager, plan, this.threads, this.#options.seed ?? 1, report);
    const trouble: string[] = [];
    try {
      await scenario.prepare(signal);
      await scenario.load(signal);
      await scenario.drain();
    } catch (error) {
      if (!signal.aborted) trouble.push(`the run broke: ${messageOf(error)}`);
    }
    if (signal.aborted) trouble.push(`aborted: ${reasonOf(signal)}`);
    await scenario.count().catch((error) => trouble.push(`not counted: ${messageOf(error)}`));
    await scenario.clean().catch((error) => trouble.push(`not cleaned up: ${messageOf(error)}`));
    const measured = scenario.measured(this.oversubscribed, this.#cores, this.#options.budgetBytes ?? MEMORY_BUDGET_BYTES_MAX);
    return this.#judged(measured, plan, trouble);
  }

  #judged(measured: Measured, plan: ScenarioPlan, trouble: readonly string[]): ValidationResult {
    const { targets, violations } = judge(measured, plan);
    const all = [...trouble, ...violations];
    // A run that was cut short missed its targets for that reason: no option mends it.
    const recommendations = trouble.length > 0 ? [] : recommend(measured, plan, targets, this.#cores);
    return { scenario: plan.name, success: all.length === 0, ...measured, targets, violations: all, recommendations };
  }
}

/** One scenario from its first agent to its last. */
class ScenarioRun {
  readonly #director: LoadDirector;
  readonly #observer: Observer;
  readonly #taskTime = Histogram.private();
  #tasksDone = 0;
  #tasksFailed = 0;
  #startAt = 0;
  #endedAt = 0;
  #churnScheduled = 0;
  #cpuMs = 0;
  #before: { counts: Counts; requests: number };
  #after: { counts: Counts; requests: number } | null = null;
  #reports: LoadReport[] | null = null;
  #cleared: { agentsLeft: number; slotsInUse: number; ringBytesInUse: number; slabsInUse: number; rssBytesEnd: number } | null = null;

  constructor(
    private readonly manager: Kernel,
    private readonly plan: ScenarioPlan,
    private readonly threads: number,
    seed: number,
    private readonly report: (progress: Omit<Progress, "scenario" | "index" | "total" | "durationMs">) => void,
  ) {
    this.#director = new LoadDirector(manager, threads, plan, seed);
    this.#observer = new Observer(manager, HELPERS_PER_THREAD * threads + spareAgents(plan));
    this.#before = this.#snapshot();
  }

  async prepare(signal: AbortSignal): Promise<void> {
    this.#tell("spawning");
    await this.#director.prepare(signal);
    this.#before = await this.#quiet(DRAIN_MS_MAX);
  }

  /** The load: generators on the workers, replacing agents and giving tasks from here. */
  async load(signal: AbortSignal): Promise<void> {
    const cpuBefore = processorMs();
    this.#startAt = this.manager.clock.now() + LEAD_MS;
    await this.#director.run(this.#startAt);
    const open = new Set<Promise<void>>();
    let tasks = 0;
    let lookedAt = 0;
    for (let elapsed = 0; elapsed < this.plan.durationMs && !signal.aborted; elapsed = this.manager.clock.now() - this.#startAt) {
      if (this.manager.clock.now() - lookedAt >= LOOK_EVERY_MS) {
        lookedAt = this.manager.clock.now();
        this.#tell("load", elapsed, this.#observer.look(true));
      }
      const due = Math.min(CHURN_STEP_MAX, spareAgents(this.plan), this.#churnDue());
      if (due > 0) await this.#director.churn(due);
      for (; tasks < Math.max(0, elapsed) * TASKS_PER_SECOND / 1_000 && open.size < TASKS_OPEN_MAX; tasks++) {
        const task = this.#giveTask(tasks).finally(() => open.delete(task));
        open.add(task);
      }
      // Behind with replacing: on at once, but not without a turn for the loop.
      await pause(due > 0 && this.#churnDue() > 0 ? 0 : STEP_MS, signal);
    }
    if (signal.aborted) await this.#director.stop();
    await Promise.all(open);
    this.#endedAt = this.manager.clock.now();
    this.#cpuMs = processorMs() - cpuBefore;
  }

  /** Waits until nothing is on its way any more. */
  async drain(): Promise<void> {
    this.#tell("draining", this.#endedAt - this.#startAt);
    this.#after = await this.#quiet(DRAIN_MS_MAX);
  }

  async count(): Promise<void> {
    this.#endedAt ||= this.manager.clock.now();
    this.#after ??= this.#snapshot();
    this.#reports = await this.#director.report();
  }

  async clean(): Promise<void> {
    this.#tell("cleaning", Math.max(0, this.#endedAt - this.#startAt));
    const failed = await this.#director.clear();
    this.manager.memoryStore.clear();
    await this.#quiet(DRAIN_MS_MAX / 10);
    const { agentsLive, slotsInUse, ringBytesInUse, slabsInUse } = this.manager.inspectMemory();
    this.#observer.look(false);
    const agentsLeft = Math.max(agentsLive, failed);
    this.#cleared = { agentsLeft, slotsInUse, ringBytesInUse, slabsInUse, rssBytesEnd: residentBytes() };
  }

  measured(oversubscribed: boolean, cores: number, budgetBytes: number): Measured {
    const { plan, threads } = this;
    const director = this.#director;
    return measurements({
      ...{ plan, threads, oversubscribed, cores, budgetBytes, cpuMs: this.#cpuMs, spawnTime: director.spawnTime, taskTime: this.#taskTime },
      ...{ spawned: director.spawned, churned: director.churned, churnScheduled: this.#churnScheduled },
      ...{ tasksDone: this.#tasksDone, tasksFailed: this.#tasksFailed, observation: this.#observer.observation },
      ...{ before: this.#before, after: this.#after, reports: this.#reports, cleared: this.#cleared },
      loadMs: this.#startAt === 0 ? 0 : Math.max(0, this.#endedAt - this.#startAt),
    });
  }

  /** Agents that should have been replaced by now and have not been. */
  #churnDue(): number {
    const elapsed = Math.min(this.manager.clock.now() - this.#startAt, this.plan.durationMs);
    this.#churnScheduled = Math.floor(Math.max(0, elapsed) * this.plan.churnPerSecond / 1_000);
    return this.#churnScheduled - this.#director.churned;
  }

  async #giveTask(number: number): Promise<void> {
    const startedAt = this.manager.clock.now();
    this.#director.requests++;
    const task = { id: `task-${number}`, objective: TASK_OBJECTIVE, constraints: { timeout: 5_000 } };
    try {
      const { status, output } = await this.manager.executeTask(this.#director.anyPeer(), task);
      this.#taskTime.record((this.manager.clock.now() - startedAt) * 1_000);
      if (status === "completed" && output === TASK_OBJECTIVE.split(" ").length) this.#tasksDone++;
      else this.#tasksFailed++;
    } catch (error) {
      // An agent that was replaced between the choice and the send had no part in it: the request was not sent.
      if (error instanceof KernelError && error.code === "AGENT_NOT_FOUND") this.#director.requests--;
      else this.#tasksFailed++;
    }
  }

  /** The counts once all that was sent has been accounted for and nothing changes any more, or when patience ends. */
  async #quiet(patienceMs: number): Promise<{ counts: Counts; requests: number }> {
    const until = this.manager.clock.now() + patienceMs;
    const lostBefore = inFlight(this.#before.counts);
    let last = this.#snapshot();
    for (;;) {
      await pause(2 * STEP_MS);
      const now = this.#snapshot();
      const still = now.counts.sent === last.counts.sent && now.counts.delivered === last.counts.delivered && now.counts.pending === 0;
      last = now;
      if (still && (inFlight(now.counts) <= lostBefore || this.manager.clock.now() > until - patienceMs / 2)) return now;
      if (this.manager.clock.now() > until) return now;
    }
  }

  #snapshot(): { counts: Counts; requests: number } {
    return { counts: this.manager.getPerformanceMetrics().counts, requests: this.#director.requests };
  }

  #tell(phase: string, elapsedMs = 0, agents = this.#observer.look(false)): void {
    const now = this.#snapshot();
    const own = 2 * (now.requests - this.#before.requests);
    const handled = now.counts.delivered - this.#before.counts.delivered - own;
    const messagesPerSecond = elapsedMs > 0 ? Math.max(0, handled) / elapsedMs * 1_000 : 0;
    this.report({ phase, elapsedMs: Math.max(0, elapsedMs), agents, messagesPerSecond });
  }
}

function inFlight(counts: Counts): number {
  return counts.sent - counts.delivered - counts.deadLettered - counts.expired;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = TIMER.schedule(ms, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}

function reasonOf(signal: AbortSignal): string {
  return messageOf(signal.reason);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
