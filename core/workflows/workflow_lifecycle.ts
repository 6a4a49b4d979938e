/**
 * The life of a workflow's execution, as a state machine.
 *
 * @module
 */
import type { StateMachineDefinition } from "../base/state_definition.ts";

/** States of an execution. */
export type WorkflowState = "CREATED" | "QUEUED" | "RUNNING" | "PAUSED" | "COMPLETED" | "FAILED" | "CANCELLED" | "ROLLED_BACK";

/** The states by name. */
export const WorkflowState: Readonly<Record<WorkflowState, WorkflowState>> = {
  /** Made, and not taken yet. */
  CREATED: "CREATED",
  /** Waits for a place among those that run. */
  QUEUED: "QUEUED",
  /** Steps run, or wait. */
  RUNNING: "RUNNING",
  /** No step is begun until it is resumed. */
  PAUSED: "PAUSED",
  /** All steps have ended well. */
  COMPLETED: "COMPLETED",
  /** A step has failed: what was done is being undone, or could not be (`notUndone`). */
  FAILED: "FAILED",
  /** Ended by whoever cancelled it. */
  CANCELLED: "CANCELLED",
  /** A step has failed, and everything before it was undone. */
  ROLLED_BACK: "ROLLED_BACK",
};

/** What may follow what; frozen, so that it is read once for all executions. */
export const WORKFLOW_LIFECYCLE: StateMachineDefinition<WorkflowState> = Object.freeze<StateMachineDefinition<WorkflowState>>({
  initial: "CREATED",
  transitions: [
    { from: "CREATED", to: "QUEUED" },
    { from: "QUEUED", to: "RUNNING" },
    { from: "RUNNING", to: "PAUSED" },
    { from: "PAUSED", to: "RUNNING" },
    { from: "RUNNING", to: "COMPLETED" },
    { from: ["RUNNING", "PAUSED"], to: "FAILED" },
    { from: "FAILED", to: "ROLLED_BACK" },
    { from: ["CREATED", "QUEUED", "RUNNING", "PAUSED"], to: "CANCELLED" },
    { from: ["COMPLETED"], to: "ROLLED_BACK" }, // a completed workflow within another that has failed
    { from: ["COMPLETED"], to: "FAILED" }, // the same, and not all of it could be undone
  ],
});
