/**
 * One scenario on a real manager, from its first agent to its last: builds its population, offers its load at scheduled instants, lets what is on its
 * way arrive, counts, and leaves nothing behind. A thread that dies meanwhile is an incident, not the end: the kernel makes its agents again, the
 * director its share of the load, and the counts must agree all the same.
 *
 * @module
 */
import { isKernelError } from "../base/errors.ts";
import type { Kernel } from "../kernel.ts";
import type { Counts } from "../metrics/counters.ts";
import { Histogram } from "../metrics/histogram.ts";
import { processorMs, residentBytes } from "../metrics/system_usage.ts";
import type { IncidentBook } from "./incidents.ts";
import { CHURN_STEP_MAX, type DirectorOptions, HELPERS_PER_THREAD, LoadDirector, spareAgents } from "./load_director.ts";
import type { LoadLedger, LoadReport } from "./load_ledger.ts";
import { type Evidence, measurements, type Moment } from "./measurements.ts";
import { Observer } from "./observer.ts";
import { pause } from "./pause.ts";
import type { Measured } from "./result.ts";
import type { Progress } from "./scenario_runner.ts";
import type { ScenarioPlan } from "./scenarios.ts";

/** Hears how far a scenario is. */
export type Tell = (progress: Omit<Progress, "scenario" | "index" | "total" | "durationMs">) => void;

/**
 * The main loop's step: replacing agents, tasks and looks are due at most so late. In shorter ones the director wakes hundreds of times a second, each
 * time on a core that the threads with the agents need.
 */
const STEP_MS = 50;
/** Between two looks at whether anything still changes. */
const QUIET_LOOK_MS = 20;
const LOOK_EVERY_MS = 250;
const TASKS_PER_SECOND = 100;
/** Fewer than the executor runs at a time: one that waited there would find its agent replaced meanwhile. */
const TASKS_OPEN_MAX = 16;
/** Longer than a thread that hangs is waited for. */
const TASK_TIMEOUT_MS = 20_000;
/** Generators begin so long after they are told, all at the same instant. */
const LEAD_MS = 50;
/** What is on its way at the end has so long to arrive. */
const DRAIN_MS_MAX = 10_000;
const TASK_OBJECTIVE = "count the words of this objective";

/** See the module. */
export class ScenarioRun {
  readonly #manager: Kernel;
  readonly #plan: ScenarioPlan;
  readonly #book: IncidentBook;
  readonly #ledger: LoadLedger;
  readonly #director: LoadDirector;
  readonly #observer: Observer;
  readonly #taskTime = Histogram.private();
  readonly #incidentsBefore: number;
  /** Threads that died before it. */
  readonly #past: ReadonlySet<number>;
  #tasksDone = 0;
  #tasksFailed = 0;
  #startAt = 0;
  #endedAt = 0;
  #churnScheduled = 0;
  #cpuMs = 0;
  #before: Moment;
  #after: Moment | null = null;
  #reports: LoadReport[] | null = null;
  #cleared: { agentsLeft: number; slotsInUse: number; ringBytesInUse: number; slabsInUse: number; rssBytesEnd: number } | null = null;

  /** Begins nothing yet. */
  constructor(options: DirectorOptions, private readonly report: Tell) {
    const { manager, book, plan, ledger } = options;
    this.#manager = manager;
    this.#plan = plan;
    this.#book = book;
    this.#ledger = ledger;
    this.#director = new LoadDirector(options);
    this.#observer = new Observer(manager, HELPERS_PER_THREAD * book.hosts.length + spareAgents(plan));
    this.#incidentsBefore = book.count;
    this.#past = new Set(book.incidents(0, 0).map(({ host }) => host));
    this.#before = this.#snapshot();
  }

  /** Builds the population. */
  async prepare(signal: AbortSignal): Promise<void> {
    this.#tell("spawning");
    await this.#director.prepare(signal);
    this.#before = await this.#quiet(DRAIN_MS_MAX);
  }

  /** The load: generators on the workers, replacing agents and giving tasks from here. */
  async load(signal: AbortSignal): Promise<void> {
    const cpuBefore = processorMs();
    this.#startAt = this.#manager.clock.now() + LEAD_MS;
    await this.#director.run(this.#startAt);
    const open = new Set<Promise<void>>();
    const repair = { running: false, failed: null as { reason: unknown } | null };
    let tasks = 0;
    let lookedAt = 0;
    for (let elapsed = 0; elapsed < this.#plan.durationMs && !signal.aborted; elapsed = this.#manager.clock.now() - this.#startAt) {
      if (this.#manager.clock.now() - lookedAt >= LOOK_EVERY_MS) {
        lookedAt = this.#manager.clock.now();
        this.#tell("load", elapsed, this.#observer.look(true));
      }
      if (repair.failed !== null) throw repair.failed.reason;
      if (this.#director.damaged && !repair.running) {
        repair.running = true;
        this.#director.repair().catch((reason) => repair.failed = { reason }).finally(() => repair.running = false);
      }
      const due = repair.running ? 0 : Math.min(CHURN_STEP_MAX, spareAgents(this.#plan), this.#churnDue());
      if (due > 0) await this.#director.churn(due);
      for (; tasks < Math.max(0, elapsed) * TASKS_PER_SECOND / 1_000 && open.size < TASKS_OPEN_MAX; tasks++) {
        const task = this.#giveTask(tasks).finally(() => open.delete(task));
        open.add(task);
      }
      // Behind with replacing: on at once, but not without a turn for the loop.
      await pause(due > 0 && this.#churnDue() > 0 ? 0 : STEP_MS, signal);
    }
    while (repair.running) await pause(QUIET_LOOK_MS);
    if (signal.aborted) await this.#director.stop();
    await Promise.all(open);
    this.#endedAt = this.#manager.clock.now();
    this.#cpuMs = processorMs() - cpuBefore;
  }

  /** Waits until nothing is on its way any more, and no death is left to be dealt with. */
  async drain(): Promise<void> {
    this.#tell("draining", this.#endedAt - this.#startAt);
    this.#after = await this.#quiet(DRAIN_MS_MAX);
    while (this.#director.damaged) {
      await this.#director.repair();
      this.#after = await this.#quiet(DRAIN_MS_MAX);
    }
    this.#count();
  }

  #count(): void {
    this.#endedAt ||= this.#manager.clock.now();
    this.#after ??= this.#snapshot();
    this.#reports = this.#ledger.read((host) => this.#past.has(host));
  }

  /** Ends what is left of it. */
  async clean(): Promise<void> {
    if (this.#reports === null) this.#count(); // it was cut short
    this.#tell("cleaning", Math.max(0, this.#endedAt - this.#startAt));
    const failed = await this.#director.clear();
    this.#manager.memoryStore.clear();
    await this.#quiet(DRAIN_MS_MAX / 10);
    const { agentsLive, slotsInUse, ringBytesInUse, slabsInUse } = this.#manager.inspectMemory();
    this.#observer.look(false);
    const agentsLeft = Math.max(agentsLive, failed);
    this.#cleared = { agentsLeft, slotsInUse, ringBytesInUse, slabsInUse, rssBytesEnd: residentBytes() };
  }

  /** The figures. */
  measured(machine: Pick<Evidence, "threads" | "oversubscribed" | "cores" | "budgetBytes">): Measured {
    const { spawnTime, spawned, spawnsRepeated, restarted, churned } = this.#director;
    return measurements({
      ...{ ...machine, plan: this.#plan, cpuMs: this.#cpuMs, spawnTime, taskTime: this.#taskTime },
      ...{ spawned, spawnsRepeated, restarted, churned, churnScheduled: this.#churnScheduled },
      ...{ tasksDone: this.#tasksDone, tasksFailed: this.#tasksFailed, observation: this.#observer.observation },
      ...{ before: this.#before, after: this.#after, reports: this.#reports, cleared: this.#cleared },
      incidents: this.#book.incidents(this.#incidentsBefore, this.#startAt),
      loadMs: this.#startAt === 0 ? 0 : Math.max(0, this.#endedAt - this.#startAt),
    });
  }

  /** Agents that should have been replaced by now and have not been. */
  #churnDue(): number {
    const elapsed = Math.min(this.#manager.clock.now() - this.#startAt, this.#plan.durationMs);
    this.#churnScheduled = Math.floor(Math.max(0, elapsed) * this.#plan.churnPerSecond / 1_000);
    return this.#churnScheduled - this.#director.churned;
  }

  async #giveTask(number: number): Promise<void> {
    const startedAt = this.#manager.clock.now();
    const task = { id: `task-${number}`, objective: TASK_OBJECTIVE, constraints: { timeout: TASK_TIMEOUT_MS } };
    // An agent that was replaced between the choice and the send had no part in it.
    const agent = this.#director.anyPeer();
    if (agent === undefined) return;
    const answered = this.#director.askOwn();
    try {
      const { status, output, error } = await this.#manager.executeTask(agent, task);
      this.#taskTime.record((this.#manager.clock.now() - startedAt) * 1_000);
      const isRight = status === "completed" && output === TASK_OBJECTIVE.split(" ").length;
      if (isRight) this.#tasksDone++;
      else if (!isDeath(error)) this.#tasksFailed++;
      if (status === "completed" || (status === "failed" && !isDeath(error))) answered();
    } catch (error) {
      this.#director.unaskOwn();
      if (!isKernelError(error) || error.code !== "AGENT_NOT_FOUND") this.#tasksFailed++;
    }
  }

  /** The counts once all that was sent has been accounted for and nothing changes any more, or when patience ends. */
  async #quiet(patienceMs: number): Promise<Moment> {
    const until = this.#manager.clock.now() + patienceMs;
    const lostBefore = inFlight(this.#before.counts);
    let last = this.#snapshot();
    for (;;) {
      await pause(QUIET_LOOK_MS);
      const now = this.#snapshot();
      const still = now.counts.sent === last.counts.sent && now.counts.delivered === last.counts.delivered && now.counts.pending === 0 &&
        !this.#book.open;
      last = now;
      if (still && (inFlight(now.counts) <= lostBefore || this.#manager.clock.now() > until - patienceMs / 2)) return now;
      if (this.#manager.clock.now() > until) return now;
    }
  }

  #snapshot(): Moment {
    return { counts: this.#manager.getPerformanceMetrics().counts, own: this.#director.own };
  }

  #tell(phase: string, elapsedMs = 0, agents = this.#observer.look(false)): void {
    const messagesPerSecond = elapsedMs > 0 ? this.#ledger.sum("received") / elapsedMs * 1_000 : 0;
    this.report({ phase, elapsedMs: Math.max(0, elapsedMs), agents, messagesPerSecond });
  }
}

function isDeath(error: unknown): boolean {
  return isKernelError(error) && error.code === "HOST_DIED";
}

function inFlight(counts: Counts): number {
  return counts.sent - counts.delivered - counts.deadLettered - counts.expired;
}
