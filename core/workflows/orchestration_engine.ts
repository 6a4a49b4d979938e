/**
 * Runs workflows: so many at a time, the others wait their turn.
 *
 * @module
 */
import { type Clock, epochOffsetMs, stampsOf, SystemClock } from "../base/clock.ts";
import { checkedDelay, Deadlines } from "../base/deadlines.ts";
import { describe, InvalidArgumentError, KernelError, NotInitializedError } from "../base/errors.ts";
import { EXECUTIONS_KEPT_MAX, EXECUTIONS_RUNNING_MAX, EXECUTIONS_WAITING_MAX, WORKFLOWS_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { Timeouts } from "../base/timeouts.ts";
import { type ActionFunction, type ActionOptions, ActionTable, checkedAction } from "./action.ts";
import type { WorkflowAgents } from "./agents.ts";
import { Budget, NO_BUDGET } from "./budget.ts";
import { type Effects, MemoryEffects } from "./effects.ts";
import { workflowCancelled } from "./errors.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import { goOn, proceed } from "./replay.ts";
import { type RehearsalOptions, type RehearsalRow, rehearse } from "./rehearsal.ts";
import { rebuild, type ResumeReport, startNote } from "./resume.ts";
import { Run } from "./run.ts";
import type { RunHost } from "./run_parts.ts";
import { Shelf } from "./shelf.ts";
import type { Unit } from "./unit.ts";
import { abandon } from "./stopping.ts";
import type { EffectKind, WorkflowDefinition } from "./workflow.ts";
import type { WorkflowExecution } from "./workflow_execution.ts";
import { type Plan, planWorkflow } from "./workflow_plan.ts";

/** What an engine is made of; all optional. */
export interface EngineOptions {
  /** Time and timers. */
  readonly clock?: Clock;
  /** Has steps done by agents. */
  readonly agents?: WorkflowAgents;
  /** Where executions are written down. Left out: nowhere, and what runs ends with the process. */
  readonly journal?: Journal;
  /** The outside, for actions that reach it through `ctx.effects`. Default: facts in memory. */
  readonly effects?: Effects;
  /** Seed of the spread of retries. */
  readonly seed?: number;
  /** Executions that run at a time. Default 10,000. */
  readonly runningMax?: number;
  /** Executions that may wait besides. Default 100,000. */
  readonly waitingMax?: number;
  /** Ended executions whose history is kept in memory. Default 256. */
  readonly keptMax?: number;
}

/** How an execution is started. */
export interface StartOptions {
  /** Handed to the steps. */
  readonly input?: unknown;
  /** ms until it must have ended; the workflow's own `timeout` holds too. */
  readonly timeoutMs?: number;
  /** What it may use up, by name: see `ctx.budget`. Sub-workflows draw on the same. */
  readonly budget?: Readonly<Record<string, number>>;
  /** Cancels it. */
  readonly signal?: AbortSignal;
}

/** Counts of an engine. */
export interface EngineStatistics {
  /** Run, or wait for somebody. */
  readonly running: number;
  /** Wait for their turn. */
  readonly waiting: number;
  /** Ended COMPLETED. */
  readonly completed: number;
  /** Ended ROLLED_BACK. */
  readonly rolledBack: number;
  /** Ended FAILED. */
  readonly failed: number;
  /** Ended CANCELLED. */
  readonly cancelled: number;
}

/** What is kept of why a signal was aborted. */
const CANCEL_REASON_CHARS_MAX = 1_024;
const COUNTED = { COMPLETED: "completed", ROLLED_BACK: "rolledBack", FAILED: "failed", CANCELLED: "cancelled" } as const;

/**
 * Runs workflows.
 *
 * @example
 * ```ts
 * import { OrchestrationEngine } from "@stage3/kernel";
 * const engine = new OrchestrationEngine();
 * engine.action("reserve", () => ({ seat: 12 }), { effect: "compensable", compensate: (result) => result?.seat });
 * engine.action("charge", () => {
 *   throw new Error("card refused");
 * });
 * const execution = await engine.start({
 *   id: "booking",
 *   steps: [{ id: "a", action: "reserve" }, { id: "b", action: "charge", dependencies: ["a"], retries: 0 }],
 * });
 * const { state, compensated } = await execution.result();
 * console.log(state, compensated); // ROLLED_BACK [ "a" ]
 * ```
 */
export class OrchestrationEngine {
  readonly #actions = new ActionTable();
  readonly #definitions = new Map<string, WorkflowDefinition>();
  /** Older versions too, for what a journal resumes. */
  readonly #versions = new Map<string, WorkflowDefinition>();
  readonly #plans = new WeakMap<WorkflowDefinition, Plan>();
  readonly #agents: WorkflowAgents | undefined;
  readonly #host: RunHost;
  readonly #limits: { readonly runningMax: number; readonly waitingMax: number; readonly keptMax: number };
  readonly #shelf: Shelf;
  /** Those that have begun, and not ended. */
  #running = 0;
  readonly #queue = new Set<Run>();
  /** Those that the journal does not say yet to have been started. */
  #starting = 0;
  /** Whether a place is being given to those that wait. */
  #admitting = false;
  /** Ids of what was resumed: not twice. */
  readonly #resumed = new Set<string>();
  readonly #counts = { completed: 0, rolledBack: 0, failed: 0, cancelled: 0 };
  readonly #prefix: string;
  #number = 0;

  /** Needs no more than that: `new OrchestrationEngine()`. */
  constructor(options: EngineOptions = {}) {
    const { clock = new SystemClock(epochOffsetMs()), agents, journal = null, effects = new MemoryEffects() } = options;
    this.#agents = agents;
    this.#limits = {
      runningMax: checkedCount("runningMax", options.runningMax ?? EXECUTIONS_RUNNING_MAX, 1),
      waitingMax: checkedCount("waitingMax", options.waitingMax ?? EXECUTIONS_WAITING_MAX, 0),
      keptMax: checkedCount("keptMax", options.keptMax ?? EXECUTIONS_KEPT_MAX, 0),
    };
    this.#shelf = new Shelf(this.#limits.keptMax);
    const now = clock.now();
    this.#prefix = journal === null ? Math.floor(now).toString(36) : journal.session.toString(36);
    const deadlines = new Deadlines(clock);
    this.#host = {
      ...{ clock: stampsOf(clock), journal, effects, closed: false, deadlines, timeouts: new Timeouts(deadlines, clock) },
      random: new Random(options.seed ?? Math.floor(now)),
      idOf: ({ idStem }, number) => `${idStem}-${this.#prefix}-${number.toString(36)}`,
      startChild: (definition, id, unit, parent) => this.#startChild(definition, id, unit, parent),
      ended: (run) => this.#ended(run),
    };
  }

  /** Registers an action for steps. Throws `InvalidArgumentError`, or `ACTION_EXISTS`. */
  action<Input, Output>(name: string, run: ActionFunction<Input, Output>, options: ActionOptions<Awaited<Output>> = {}): this {
    this.#actions.add(checkedAction(name, run as ActionFunction, options as ActionOptions));
    return this;
  }

  /** Makes a workflow known by its id, for `start` and for steps of others. A newer version takes its place; what runs keeps its own. */
  define(definition: WorkflowDefinition): this {
    this.#plan(definition);
    const known = this.#definitions.get(definition.id);
    if (known !== undefined && known !== definition && (known.version ?? 1) >= (definition.version ?? 1)) {
      throw new InvalidArgumentError(
        "workflow.version",
        definition.version,
        `version ${known.version ?? 1} is known already; give a changed one a higher version.`,
      );
    }
    if (known !== definition && this.#versions.size >= WORKFLOWS_MAX) {
      throw new InvalidArgumentError("workflow.id", definition.id, `an engine knows at most ${WORKFLOWS_MAX} workflows.`);
    }
    this.#definitions.set(definition.id, definition);
    this.#versions.set(`${definition.id}@${definition.version ?? 1}`, definition);
    return this;
  }

  /** Throws `InvalidArgumentError` when a workflow could not run, with the path to what is wrong. */
  check(definition: WorkflowDefinition): void {
    this.#plan(definition);
  }

  /** How an action is treated; undefined when there is none of that name. */
  effectOf(action: string): EffectKind | undefined {
    return this.#actions.get(action)?.effect;
  }

  /**
   * Starts a workflow: a definition, or the id of a known one. Rejects with `InvalidArgumentError` that names the field when it cannot run,
   * `ENGINE_FULL` when too many wait.
   */
  start(workflow: WorkflowDefinition | string, options: StartOptions = {}): Promise<WorkflowExecution> {
    try {
      return this.#start(workflow, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Goes on with what the journal says has not ended: completed steps are not run again; one that was under way is run again when its effect allows, and
   * waits for a decision otherwise (`execution.waiting()`). Register the same actions first. What cannot be resumed stays in the journal.
   */
  // deno-lint-ignore require-await -- what is thrown here is to arrive as a rejection
  async resume(): Promise<ResumeReport> {
    const { journal } = this.#host;
    if (journal === null) throw new InvalidArgumentError("journal", journal, "make the engine with a journal.");
    const { runs, refused } = rebuild(
      this.#host,
      journal,
      (definition) => this.#plan(definition),
      (id, version) => this.#version(id, version),
      this.#resumed,
    );
    const living = runs.filter((run) => !run.over);
    for (const run of living) {
      this.#shelf.add(run);
      if (run.state === "QUEUED") this.#queue.add(run);
      else run.begun = ++this.#running > 0;
    }
    for (const run of living) if (run.begun) goOn(run);
    for (const run of living) if (run.begun) proceed(run);
    this.#admitWaiting();
    return { resumed: living.filter(({ parent }) => parent === null).map(({ execution }) => execution), refused };
  }

  /**
   * What comes of each failure that the workflow may meet: a row for each step, failing before and after it has done its work. Actions that are `rehearsable` run
   * against recorded effects, so a compensation that does not restore what was there is found; the others are taken by their word. Nothing outside is touched.
   */
  async rehearse(workflow: WorkflowDefinition | string, options: RehearsalOptions = {}): Promise<RehearsalRow[]> {
    const { definition } = this.#plan(typeof workflow === "string" ? this.#known(workflow) : workflow);
    return await rehearse(definition, {
      actions: this.#actions.all,
      engine: ({ effects, agents }) => new OrchestrationEngine({ effects, agents }),
      workflow: (id) => this.#definitions.get(id),
    }, options);
  }

  /** Those that have not ended, sub-workflows too. */
  executions(): WorkflowExecution[] {
    return this.#shelf.living().map(({ execution }) => execution);
  }

  /** An execution that runs, waits, or has ended not long ago. */
  execution(id: string): WorkflowExecution | undefined {
    return this.#shelf.get(id)?.execution;
  }

  /** What happened in an execution, oldest first: from the journal where there is one, else what is still in memory. */
  history(executionId: string): JournalEntry[] {
    const { journal } = this.#host;
    if (journal !== null) return journal.read(executionId);
    return this.execution(executionId)?.history() ?? [];
  }

  /** Counts, now. */
  get statistics(): EngineStatistics {
    return { running: this.#running, waiting: this.#queue.size, ...this.#counts };
  }

  /** Ends everything at once, without compensation: what stands in a journal goes on when an engine resumes it. */
  close(): void {
    if (this.#host.closed) return;
    this.#host.closed = true;
    this.#queue.clear(); // first: who ends makes room for those
    const error = workflowCancelled("the engine was closed");
    for (const run of this.#shelf.living()) abandon(run, error);
    this.#host.deadlines.close();
    this.#host.journal?.close();
  }

  #start(workflow: WorkflowDefinition | string, { input, timeoutMs, budget, signal }: StartOptions): Promise<WorkflowExecution> {
    if (this.#host.closed) throw new NotInitializedError("orchestration.start", true);
    const plan = this.#plan(typeof workflow === "string" ? this.#known(workflow) : workflow);
    if (timeoutMs !== undefined) checkedDelay("timeoutMs", timeoutMs);
    const bound = Math.min(timeoutMs ?? Infinity, plan.timeoutMs ?? Infinity);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new InvalidArgumentError("signal", signal, "give that of an AbortController.");
    }
    const { runningMax, waitingMax } = this.#limits;
    if (this.#queue.size + this.#starting >= waitingMax + Math.max(0, runningMax - this.#running)) {
      const message = `${waitingMax} executions already wait for their turn. Await some results before starting more.`;
      throw new KernelError("ENGINE_FULL", message, this.#limits);
    }
    const run = new Run(this.#host, plan, {
      key: this.#number++,
      input,
      budget: budget === undefined ? NO_BUDGET : new Budget(budget),
      parent: null,
      timeoutMs: bound,
      deadlineAt: bound === Infinity ? Infinity : this.#host.clock.now() + bound,
    });
    return this.#take(run, signal);
  }

  /** Begins, or waits for its turn; in a journal only once it is known to have been started. */
  #take(run: Run, signal: AbortSignal | undefined): Promise<WorkflowExecution> {
    this.#admit(run);
    const { execution } = run;
    const begin = (): WorkflowExecution => {
      if (signal !== undefined) this.#watch(run, execution, signal);
      if (this.#running < this.#limits.runningMax && this.#queue.size === 0) this.#begin(run);
      else if (!run.over) this.#queue.add(run);
      return execution;
    };
    const { journal } = this.#host;
    if (journal === null) return Promise.resolve(begin());
    this.#starting++;
    return new Promise((resolve, reject) => {
      journal.whenDurable((error) => {
        this.#starting--;
        run.tick();
        if (error === undefined) return resolve(begin());
        abandon(run, error);
        reject(error);
      });
    });
  }

  #admit(run: Run): void {
    run.note("started", undefined, this.#host.journal === null ? undefined : startNote(run, this.#host.journal));
    run.become("QUEUED");
    this.#shelf.add(run);
  }

  #watch(run: Run, execution: WorkflowExecution, signal: AbortSignal): void {
    const cancel = (): void => {
      const reason: unknown = signal.reason;
      const told = reason instanceof Error ? reason.message : typeof reason === "string" ? reason : describe(reason);
      if (!run.over && run.stop === null) execution.cancel(told.slice(0, CANCEL_REASON_CHARS_MAX));
    };
    run.whenEnded(() => signal.removeEventListener("abort", cancel));
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  }

  #begin(run: Run): void {
    if (run.over) return;
    run.begun = true;
    this.#running++;
    run.begin();
  }

  #startChild(definition: WorkflowDefinition, id: string, { input, attempt }: Unit, parent: Run): Run {
    const plan = this.#plan(definition);
    const now = parent.now;
    const own = now + (plan.timeoutMs ?? Infinity);
    const deadlineAt = Math.min(own, attempt!.deadlineMs); // which is never after that of the parent
    const run = new Run(this.#host, plan, { key: id, input, budget: parent.budget, parent, deadlineAt, timeoutMs: deadlineAt - now });
    this.#admit(run);
    this.#begin(run);
    return run;
  }

  #ended(run: Run): void {
    if (run.begun) this.#running--;
    else this.#queue.delete(run);
    this.#shelf.end(run);
    this.#counts[COUNTED[run.state as keyof typeof COUNTED]]++;
    if (this.#queue.size > 0 && !this.#admitting) this.#admitWaiting();
    // A timer that is left standing would hold a program that has nothing more to do.
    if (this.#shelf.livingCount === 0) this.#host.deadlines.close();
  }

  /** One after the other: one that ends at once makes room for the next, but not from within. */
  #admitWaiting(): void {
    this.#admitting = true;
    for (const next of this.#queue) {
      if (this.#running >= this.#limits.runningMax) break;
      this.#queue.delete(next);
      next.tick();
      this.#begin(next);
    }
    this.#admitting = false;
  }

  #version(id: string, version: number): WorkflowDefinition | undefined {
    return this.#versions.get(`${id}@${version}`);
  }

  #known(id: string): WorkflowDefinition {
    const definition = this.#definitions.get(id);
    if (definition === undefined) {
      throw new InvalidArgumentError("workflow", id, "define it first (engine.define), or give the definition itself.");
    }
    return definition;
  }

  #plan(definition: WorkflowDefinition): Plan {
    let plan = typeof definition === "object" && definition !== null ? this.#plans.get(definition) : undefined;
    if (plan === undefined) {
      plan = planWorkflow(definition, { actions: this.#actions, agents: this.#agents, workflow: (id) => this.#definitions.get(id) });
      this.#plans.set(definition, plan);
    }
    return plan;
  }
}

function checkedCount(field: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new InvalidArgumentError(field, value, `use a whole number of at least ${least}.`);
}
