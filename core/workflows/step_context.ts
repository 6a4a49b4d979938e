/**
 * One try of a step: what its action is told, and what ends it.
 *
 * @module
 */
import type { Timeout } from "../base/timeouts.ts";
import type { ActionContext } from "./action.ts";
import type { Budget } from "./budget.ts";
import type { Effects } from "./effects.ts";
import type { Run } from "./run.ts";
import { late } from "./tries.ts";
import type { Unit } from "./unit.ts";

/** One try. */
export class StepContext implements ActionContext, Timeout {
  readonly #run: Run;
  readonly #unit: Unit;
  #controller: AbortController | null = null;
  #reason: unknown = undefined;
  #aborted = false;
  /** Set once its end has been taken note of; what comes later is ignored. */
  settled = false;
  before: Timeout | null = null;
  after: Timeout | null = null;
  undoing: ActionContext["undoing"] = undefined;

  /** `attempt` from 1; it is ended `at` that time of the clock. */
  constructor(run: Run, unit: Unit, readonly attempt: number, public at: number) {
    this.#run = run;
    this.#unit = unit;
  }

  get executionId(): string {
    return this.#run.id;
  }

  get workflowId(): string {
    return this.#run.plan.definition.id;
  }

  get stepId(): string {
    return this.#unit.id;
  }

  get key(): string {
    return `${this.#run.id}/${this.#unit.id}`;
  }

  get input(): unknown {
    return this.#run.input;
  }

  get results(): Readonly<Record<string, unknown>> {
    return this.#run.results;
  }

  get item(): unknown {
    return this.#unit.item;
  }

  get itemIndex(): number {
    return this.#unit.itemIndex;
  }

  get budget(): Budget {
    return this.#run.budget;
  }

  get deadlineMs(): number {
    return this.at;
  }

  get effects(): Effects {
    return this.#run.host.effects;
  }

  /** Made when it is first asked for: most actions end before anybody would. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Its time is over. */
  expire(): void {
    late(this.#run, this.#unit, this);
  }

  /** Tells the action to stop. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
