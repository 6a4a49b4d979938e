/**
 * One execution at work: begins steps when what they wait for has ended, takes note of how they end, and winds up when one has failed or somebody cancels.
 *
 * @module
 */
import type { Deadline } from "../base/deadlines.ts";
import { StateMachine } from "../base/state_machine.ts";
import type { Budget } from "./budget.ts";
import { itemEnded, passGates } from "./gates.ts";
import type { JournalEntry, JournalKind } from "./journal.ts";
import { LineBook } from "./line_book.ts";
import { outcomeOf, type WorkflowOutcome } from "./outcome.ts";
import { pause } from "./pausing.ts";
import { replay } from "./replay.ts";
import { complete, halt, leave, unwritten, watchDeadline, windUp } from "./stopping.ts";
import type { RunHost, RunSetup, Stop, Undoing } from "./run_parts.ts";
import { tryStep } from "./tries.ts";
import { Unit } from "./unit.ts";
import { Waits } from "./waits.ts";
import type { WorkflowView } from "./workflow.ts";
import { WORKFLOW_LIFECYCLE, type WorkflowState } from "./workflow_lifecycle.ts";
import { WorkflowExecution } from "./workflow_execution.ts";
import type { Plan } from "./workflow_plan.ts";

/** Steps that have begun may stay so many in the list: emptying it gives up its room. */
const READY_KEPT = 16;

/** One execution. */
export class Run {
  /** By which the engine finds it: the number that it has given, or the id where there is one already. */
  readonly key: number | string;
  #id: string | null = null;
  /** The next in its place of the shelf. */
  beside: Run | null = null;
  /** As it is seen outside. */
  readonly execution: WorkflowExecution = new WorkflowExecution(this);
  readonly input: unknown;
  readonly budget: Budget;
  readonly parent: Run | null;
  readonly deadlineAt: number;
  readonly units: Unit[];
  readonly machine: StateMachine<WorkflowState>;
  readonly lines: LineBook;
  readonly timeoutMs: number;
  /** Steps to begin, from `#next` on. */
  readonly #ready: Unit[] = [];
  #next = 0;
  #pumping = false;
  /** Units of steps that have not ended. */
  #open: number;
  /** Tries that run; what must not be overtaken by the end. */
  active = 0;
  /** Lines in the journal. */
  #journaled = 0;
  /** Whether a function that has just seen a step end would wait for the next that begins; that one, and what is to be awaited. */
  offers = false;
  offered: Unit | null = null;
  returned: PromiseLike<unknown> | null = null;
  #waits: Waits | null = null;
  #results: Record<string, unknown> | null = null;
  #whenEnded: ((run: Run) => void)[] | null = null;
  /** Of whoever waits for the result. */
  #outcome: PromiseWithResolvers<WorkflowOutcome> | null = null;
  undoing: Undoing | null = null;
  /** Of the whole. */
  deadline: Deadline | null = null;
  /**
   * Time of the clock when it was last read. It begins as no number, so that the field holds a reference: what takes its value shares one number, while a field
   * of numbers would hand out a new one each time.
   */
  now: number = undefined as unknown as number;
  startedAt = 0;
  endedAt = 0;
  stop: Stop | null = null;
  over = false;
  /** Whether that it is over is durable. */
  #told = false;
  /** Whether it has had its turn. */
  begun = false;
  /** What the workflow says that its output is, once that has been asked. */
  #output: { readonly value: unknown } | null = null;

  /** Begins nothing yet. */
  constructor(readonly host: RunHost, readonly plan: Plan, { key, input, budget, parent, deadlineAt, timeoutMs }: RunSetup) {
    this.key = key;
    this.input = input;
    this.budget = budget;
    this.parent = parent;
    this.deadlineAt = deadlineAt;
    this.timeoutMs = timeoutMs;
    this.now = host.clock.now();
    this.machine = new StateMachine(WORKFLOW_LIFECYCLE, { clock: host.clock });
    const { steps } = plan;
    this.lines = new LineBook(2 + 2 * steps.length);
    const units: Unit[] = this.units = new Array(steps.length);
    for (let index = 0; index < steps.length; index++) units[index] = new Unit(steps[index]);
    this.#open = steps.length;
  }

  /** Put together when somebody asks for it. */
  get id(): string {
    return this.#id ??= typeof this.key === "string" ? this.key : this.host.idOf(this.plan, this.key);
  }

  get state(): WorkflowState {
    return this.machine.state;
  }

  /** Steps that wait for somebody. */
  get waits(): Waits {
    return this.#waits ??= new Waits(this);
  }

  /** Results of the completed steps, kept up to date once somebody has asked for them. */
  get results(): Record<string, unknown> {
    if (this.#results === null) {
      const results: Record<string, unknown> = this.#results = this.#open === 0 && this.units.every(isCompleted)
        ? { ...this.plan.blank }
        : {};
      for (const unit of this.units) if (isCompleted(unit)) results[unit.step.id] = unit.result;
    }
    return this.#results;
  }

  /** What conditions and inputs of a step may read. */
  view(unit?: Unit): WorkflowView {
    return { input: this.input, steps: this.results, item: unit?.item };
  }

  /** What the workflow says that its output is; else the results of all steps. */
  output(): unknown {
    const { output } = this.plan;
    return output === null ? this.results : (this.#output ??= { value: output(this.view()) }).value;
  }

  /** Resolves when nothing more will happen, and that is durable. */
  outcome(): Promise<WorkflowOutcome> {
    if (this.#told) return Promise.resolve(outcomeOf(this));
    this.#outcome ??= Promise.withResolvers();
    return this.#outcome.promise;
  }

  /** Calls back when nothing more will happen, and that is durable. */
  whenEnded(callback: (run: Run) => void): void {
    if (this.#told) callback(this);
    else (this.#whenEnded ??= []).push(callback);
  }

  /** Goes on to another state of its life. */
  become(state: WorkflowState, reason?: string): void {
    void this.machine.transition(state, { at: this.now, reason });
  }

  /** Writes a line: first in the journal, which throws when it cannot keep the data. */
  note(kind: JournalKind, stepId?: string, data?: unknown): void {
    const { journal } = this.host;
    if (journal !== null) {
      journal.append({ executionId: this.id, sequence: this.#journaled, at: this.now, kind, stepId, data });
      this.#journaled++;
    }
    this.lines.add(this.now, kind, stepId, data);
  }

  /** Looks at the clock: at each entry from outside, not at each step. */
  tick(): void {
    this.now = this.host.clock.now();
  }

  /** Takes over what a journal says. */
  restore(entries: readonly JournalEntry[]): void {
    for (const { at, kind, stepId, data } of entries) this.lines.add(at, kind, stepId, data);
    this.#journaled = entries.length;
    replay(this, entries);
    this.#told = this.over;
    this.#open = this.units.filter((unit) => !unit.ended).length;
  }

  /** Begins the first steps. */
  begin(): void {
    this.startedAt = this.now;
    this.become("RUNNING");
    if (this.parent?.state === "PAUSED") pause(this);
    watchDeadline(this);
    for (const index of this.plan.roots) this.#ready.push(this.units[index]);
    this.pump();
  }

  /** Has a step begin, or go on, in its turn. */
  push(unit: Unit): void {
    this.#ready.push(unit);
  }

  /** Begins what may begin. Steps that end at once make others ready: the loop takes them, so that long chains need no deep stack. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const ready = this.#ready;
    const { concurrency } = this.plan;
    while (this.#next < ready.length && this.stop === null && this.active < concurrency && this.state === "RUNNING") {
      const unit = ready[this.#next++];
      if (unit.passed || (unit.step.plain && unit.led)) tryStep(this, unit);
      else passGates(this, unit);
    }
    if (this.#next === ready.length && this.#next > READY_KEPT) this.#next = ready.length = 0;
    this.#pumping = false;
    if (this.active > 0 || this.over) return;
    if (this.stop !== null) windUp(this);
    else if (this.#open === 0 && this.state === "RUNNING") complete(this);
  }

  /** A step ended well. What depends on it begins when that is durable. */
  conclude(unit: Unit, value: unknown): void {
    try {
      this.note("step-completed", unit.id, value);
    } catch (error) { // the journal cannot keep it; the step has happened all the same
      unit.outcome = "unknown";
      return this.giveUp(unit, error);
    }
    unit.result = value;
    unit.endedAt = this.now;
    unit.state = "COMPLETED";
    unit.outcome = "completed";
    if (unit.step.tracked && unit.items === null) this.track(unit);
    if (this.#results !== null && unit.parent === null) this.#results[unit.step.id] = value;
    const { journal } = this.host;
    // Where nothing depends on it but the end of the whole, which is told when all is durable, it need not wait by itself.
    if (journal === null || (unit.parent === null && unit.step.dependents.length === 0)) return this.advance(unit);
    this.active++; // the execution must not be wound up in between
    journal.whenDurable((error) => {
      this.active--;
      this.tick();
      if (error === undefined) return this.advance(unit);
      halt(this, unwritten(error));
      this.pump(); // another step may have halted it
    });
    this.pump();
  }

  /** Keeps an ended step in mind, for a rollback. */
  track(unit: Unit): void {
    this.undoing ??= { done: [], compensated: [], notUndone: [] };
    this.undoing.done.push(unit);
  }

  /** What waited for a step that has ended may begin. */
  advance(unit: Unit): void {
    if (unit.parent !== null) {
      itemEnded(this, unit.parent);
    } else {
      this.#open--;
      const leads = unit.state === "COMPLETED";
      const { dependents } = unit.step;
      for (let at = 0; at < dependents.length; at++) {
        const next = this.units[dependents[at]];
        if (leads) next.led = true;
        if (--next.missing === 0) this.#ready.push(next);
      }
    }
    this.pump();
  }

  /** A step has failed for good, and with it the execution. */
  giveUp(unit: Unit, error: unknown): void {
    unit.error = error;
    if (unit.attempts > 0 && unit.outcome === "completed") unit.outcome = "failed";
    leave(this, unit, "FAILED");
    if (unit.parent !== null) {
      unit.parent.error = error;
      leave(this, unit.parent, "FAILED");
    }
    halt(this, { kind: "failed", error, reason: `step ${unit.id} failed`, compensate: true });
  }

  /** Nobody waits for anything any more. */
  closeWaits(): void {
    this.#waits?.close();
  }

  /** It is over. Whoever waits is told when that is durable. */
  end(state: WorkflowState): void {
    if (this.over) return;
    this.over = true;
    this.endedAt = this.now;
    if (this.deadline !== null) this.host.deadlines.remove(this.deadline);
    this.become(state, this.stop?.reason);
    this.note("ended", undefined, state);
    const { journal } = this.host;
    if (journal === null) this.tell();
    else journal.whenDurable((error) => this.tell(error));
  }

  /** Tells whoever waits; nobody that it completed when that could not be written. */
  tell(error?: unknown): void {
    if (error !== undefined && this.state === "COMPLETED") this.become("FAILED", (this.stop = unwritten(error)).reason);
    this.#told = true;
    this.host.ended(this);
    if (this.#whenEnded !== null) { for (const listener of this.#whenEnded) listener(this); }
    this.#whenEnded = null;
    this.#outcome?.resolve(outcomeOf(this));
    this.#outcome = null; // what an ended execution keeps is carried along by the collector
  }
}

function isCompleted({ state }: Unit): boolean {
  return state === "COMPLETED";
}
