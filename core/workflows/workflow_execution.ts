/**
 * One execution, as whoever started it sees it.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import type { StateChange } from "../base/state_machine.ts";
import { executionEnded, workflowCancelled } from "./errors.ts";
import type { JournalEntry } from "./journal.ts";
import { outcomeOf, type StepOutcome, type WorkflowOutcome } from "./outcome.ts";
import { pause, resume } from "./pausing.ts";
import type { Run } from "./run.ts";
import { halt } from "./stopping.ts";
import type { PendingWait } from "./waits.ts";
import type { WorkflowDefinition } from "./workflow.ts";
import { flowchart } from "./workflow_diagram.ts";
import type { WorkflowState } from "./workflow_lifecycle.ts";

/** Who decides on a step. */
export interface Decision {
  /** The party. */
  readonly by: string;
  /** Why, for the history. */
  readonly reason?: string;
  /** Of a step in doubt: it has happened, so it is not run again. */
  readonly ran?: boolean;
  /** Its result, where it has. */
  readonly result?: unknown;
}

/** One execution of a workflow. */
export class WorkflowExecution {
  readonly #run: Run;

  /** Made by an engine. */
  constructor(run: Run) {
    this.#run = run;
  }

  /** Unique among all executions of the engine, and of its journal. */
  get id(): string {
    return this.#run.id;
  }

  /** The definition that it began with. */
  get workflow(): WorkflowDefinition {
    return this.#run.plan.definition;
  }

  /** Where it stands. */
  get state(): WorkflowState {
    return this.#run.state;
  }

  /** Resolves when nothing more will happen, whatever became of it. */
  result(): Promise<WorkflowOutcome> {
    return this.#run.outcome();
  }

  /** The same as it stands now. */
  progress(): WorkflowOutcome {
    return outcomeOf(this.#run);
  }

  /** One step as it stands now. Throws `InvalidArgumentError` for an unknown one. */
  step(id: string): StepOutcome {
    const { steps } = outcomeOf(this.#run);
    if (!Object.hasOwn(steps, id)) throw new InvalidArgumentError("step", id, "there is no step of this id.");
    return steps[id];
  }

  /** Steps that wait for approval or a signal. */
  waiting(): PendingWait[] {
    return this.#run.over ? [] : this.#run.waits.list();
  }

  /** No step begins until `resume`; those that run go on. Throws `EXECUTION_ENDED`. */
  pause(): void {
    pause(this.#living("pause"));
  }

  /** Goes on. Throws `EXECUTION_ENDED`. */
  resume(): void {
    resume(this.#living("resume"));
  }

  /** Tells running steps to stop and undoes what was done, unless `compensate` is false; it ends CANCELLED. Throws `EXECUTION_ENDED`. */
  cancel(reason = "no reason given", { compensate = true }: { compensate?: boolean } = {}): void {
    const run = this.#living("cancel");
    checkReason(reason);
    run.tick();
    halt(run, { kind: "cancelled", error: workflowCancelled(reason), reason, compensate });
  }

  /** Hands data to the step that waits for this signal, or will. Throws `EXECUTION_ENDED`, or `InvalidArgumentError` when no step ever waits for it. */
  signal(name: string, data?: unknown): void {
    const run = this.#living("signal");
    run.tick();
    run.waits.signal(name, data);
    run.pump();
  }

  /** A party agrees that a step may run; one in doubt (see `waiting`) runs again, or counts as completed with `ran: true`. Throws `APPROVAL_REFUSED` for the wrong party, `NOT_WAITING`, `EXECUTION_ENDED`. */
  approve(step: string, { by, ran, result }: Decision): void {
    const run = this.#living("approve");
    run.tick();
    run.waits.approve(step, by, ran === true ? { result } : undefined);
  }

  /** A party refuses: the step has failed. Throws like `approve`. */
  reject(step: string, { by, reason = "no reason given" }: Decision): void {
    const run = this.#living("reject");
    checkReason(reason);
    run.tick();
    run.waits.reject(step, by, reason);
  }

  /** Resolves when all that happened so far, what it was told included, is in the journal for good. Rejects with `JOURNAL_BROKEN`. */
  flush(): Promise<void> {
    const { journal } = this.#run.host;
    if (journal === null) return Promise.resolve();
    return new Promise((resolve, reject) => journal.whenDurable((error) => error === undefined ? resolve() : reject(error)));
  }

  /** What happened, oldest first. */
  history(): JournalEntry[] {
    return this.#run.lines.entries(this.id);
  }

  /** Changes of its state. */
  states(): StateChange<WorkflowState>[] {
    return this.#run.machine.getHistory();
  }

  /** The steps as a Mermaid flowchart, each with its state. */
  toMermaid(): string {
    return flowchart(this.#run);
  }

  #living(what: string): Run {
    if (this.#run.over || this.#run.stop !== null) throw executionEnded(what, this.id, this.#run.over ? this.state : "winding up");
    return this.#run;
  }
}

function checkReason(reason: unknown): void {
  if (typeof reason !== "string") throw new InvalidArgumentError("reason", reason, "say why, in words.");
}
