/**
 * Workflows as data: steps, what each needs to have happened before, and what is to be done when it fails.
 *
 * @module
 */
import type { BackoffRule } from "../base/backoff.ts";
import type { WorkflowCondition } from "./conditions.ts";

/**
 * What a step does to the outside, from which follows how it is treated:
 *
 * | kind | retried | after a crash in the middle of it | when a later step fails |
 * | --- | --- | --- | --- |
 * | `pure` | yes | run again | nothing to undo |
 * | `idempotent` (default) | yes, with the same `ctx.key` | run again, with the same key | nothing to undo |
 * | `compensable` | yes, with the same `ctx.key` | asks | its compensation runs |
 * | `irreversible` | never | asks | listed in `notUndone` |
 *
 * An irreversible step waits for approval before it runs, unless it says `approval: false`.
 */
export type EffectKind = "pure" | "idempotent" | "compensable" | "irreversible";

/** What conditions, inputs and lists of a step may read. */
export interface WorkflowView {
  /** Input of the execution. */
  readonly input: unknown;
  /** Results of the completed steps, by id. */
  readonly steps: Readonly<Record<string, unknown>>;
  /** The item, within a map. */
  readonly item?: unknown;
}

/** Who must agree before a step runs. */
export interface ApprovalRule {
  /** Parties that may; anybody when left out. */
  readonly by?: readonly string[];
  /** So many different parties must. Default 1. */
  readonly count?: number;
}

/** One step. Which kind it is follows from what it has: `action`, `workflow`, `delayMs`, `signal`, or `approval` alone. */
export interface WorkflowStep<Id extends string = string> {
  /** Unique in the workflow. */
  readonly id: Id;
  /** For people. */
  readonly name?: string;
  /** An action of the engine; with `agentRole`, `capability` or `agentId` the objective of a task for such an agent. */
  readonly action?: string;
  /** Runs on an agent of this type. */
  readonly agentRole?: string;
  /** Runs on an agent that has this capability. */
  readonly capability?: string;
  /** Runs on this agent. */
  readonly agentId?: number;
  /** Undoes the step: an action of the engine, or of the same agents. Called with the step's input; `ctx.undoing` holds its result. */
  readonly rollbackAction?: string;
  /** Runs another workflow, as a whole: by id, or the definition itself. */
  readonly workflow?: string | WorkflowDefinition;
  /** Waits so long. */
  readonly delayMs?: number;
  /** Waits for a signal of this name; its data is the result. */
  readonly signal?: string;
  /** Waits for approval first; alone it is the whole step. `false` on an irreversible step waives it. */
  readonly approval?: boolean | ApprovalRule;
  /** Steps that must have ended before: completed, or skipped. A step all of whose dependencies were skipped is skipped too. */
  readonly dependencies?: readonly string[];
  /** Skipped when this does not hold. */
  readonly when?: WorkflowCondition;
  /** Input; `{ $ref: "steps.a.seat" }` anywhere in it stands for a value. Default: that of the execution. */
  readonly input?: unknown;
  /** Runs once for each item of a list: a path (`"input.files"`), or a function. The result is the list of results. */
  readonly map?: string | ((view: WorkflowView) => readonly unknown[]);
  /** Items of a map that run at a time. */
  readonly concurrency?: number;
  /** Default: that of the action; of a step on an agent `compensable` with a rollbackAction, else `idempotent`. */
  readonly effect?: EffectKind;
  /** ms for each try. Default 30,000. */
  readonly timeout?: number;
  /** Tries after the first. Default 3; 0 for irreversible steps. */
  readonly retries?: number;
  /** Waiting between tries. */
  readonly backoff?: BackoffRule;
  /** Whatever else belongs to it. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A workflow. It is frozen when an engine first sees it: what runs keeps the version that it began with. */
export interface WorkflowDefinition<Id extends string = string> {
  /** Name of the workflow. */
  readonly id: string;
  /** Of this definition. Default 1. */
  readonly version?: number;
  /** For people. */
  readonly name?: string;
  /** In any order. */
  readonly steps: readonly WorkflowStep<Id>[];
  /** ms for the whole of it; what waits for people counts too. Default: no bound but that of the steps. */
  readonly timeout?: number;
  /** Steps that run at a time. Default: as many as there are. */
  readonly concurrency?: number;
  /** What the outcome's `output` is: a path, or a function. */
  readonly output?: string | ((view: WorkflowView) => unknown);
  /** Whatever else belongs to it. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A step without its id, whose dependencies are steps that stand before it. */
export type StepOptions<Known extends string> = Omit<WorkflowStep, "id" | "dependencies"> & { readonly dependencies?: readonly Known[] };

/** Builds a workflow whose dependencies the compiler checks. */
export interface WorkflowBuilder<Known extends string = never> {
  /** Adds a step; a step may depend only on those that were added before, so there is no circle. */
  step<Id extends string>(id: Id, options: StepOptions<Known>): WorkflowBuilder<Known | Id>;
  /** The workflow. */
  build(options?: Omit<WorkflowDefinition, "id" | "steps">): WorkflowDefinition<Known>;
}

/**
 * Begins a workflow, step by step.
 *
 * @example
 * ```ts
 * import { workflow } from "@stage3/kernel";
 * const booking = workflow("booking").step("seat", { action: "reserve" }).step("pay", { action: "charge", dependencies: ["seat"] }).build();
 * booking.steps.length; // 2
 * ```
 */
export function workflow(id: string): WorkflowBuilder {
  return builder(id, []);
}

function builder<Known extends string>(id: string, steps: readonly WorkflowStep<Known>[]): WorkflowBuilder<Known> {
  return {
    step: <Id extends string>(step: Id, options: StepOptions<Known>) =>
      builder<Known | Id>(id, [...steps, { id: step, ...options } as WorkflowStep<Id>]),
    build: (options = {}) => ({ id, ...options, steps }),
  };
}
