/**
 * One step of one execution while it lasts; an item of a map is one of its own, held by the map's.
 *
 * @module
 */
import type { Deadline } from "../base/deadlines.ts";
import type { StepContext } from "./step_context.ts";
import type { PlanStep } from "./workflow_plan.ts";
import type { Run } from "./run.ts";

/** Where a step stands. */
export type StepState =
  | "PENDING"
  | "WAITING"
  | "RUNNING"
  | "COMPLETED"
  | "SKIPPED"
  | "FAILED"
  | "CANCELLED"
  | "COMPENSATED";

/** A step of an execution. */
export class Unit {
  state: StepState = "PENDING";
  /** Dependencies that have not ended. */
  missing: number;
  /** Whether something that ended well leads to it. */
  led: boolean;
  /** Whether conditions and approval are behind it. */
  passed = false;
  attempts = 0;
  startedAt: number | undefined = undefined;
  endedAt: number | undefined = undefined;
  result: unknown = undefined;
  error: unknown = undefined;
  /** Of the last try: computed once, since compensation wants the same. */
  input: unknown = undefined;
  /** The try that runs. */
  attempt: StepContext | null = null;
  /** Until the next try, or of a delay. */
  timer: Deadline | null = null;
  approvedBy: string[] | null = null;
  /** Items of a map. */
  items: Unit[] | null = null;
  /** Items that have not ended. */
  open = 0;
  /** The sub-workflow. */
  child: Run | null = null;
  /** Whether the next try takes over the sub-workflow that there is. */
  adopts = false;
  /** Whether it may have happened, and somebody must say. */
  inDoubt = false;
  /** How an ended try is known to have gone; what a compensation is told. */
  outcome: "completed" | "failed" | "unknown" | "not-run" = "completed";
  undo: "none" | "started" | "done" | "failed" = "none";
  undoError: unknown = undefined;

  /** `parent` is the map's, for an item. */
  constructor(
    readonly step: PlanStep,
    readonly parent: Unit | null = null,
    readonly itemIndex: number = -1,
    readonly item: unknown = undefined,
  ) {
    this.missing = parent === null ? step.dependencies.length : 0;
    this.led = this.missing === 0;
  }

  /** As it is called outside. */
  get id(): string {
    return this.parent === null ? this.step.id : `${this.step.id}[${this.itemIndex}]`;
  }

  /** Whether nothing more will happen to it but compensation. */
  get ended(): boolean {
    return this.state !== "PENDING" && this.state !== "WAITING" && this.state !== "RUNNING";
  }
}
