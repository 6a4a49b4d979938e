/**
 * What runs playbooks, as the threat engine sees it: the orchestration engine fits.
 *
 * @module
 */
import type { EffectKind, WorkflowDefinition } from "../workflows/workflow.ts";

/** A playbook that has been started. */
export interface PlaybookExecution {
  /** Names it. */
  readonly id: string;
  /** Resolves when it has ended. */
  result(): Promise<{ readonly state: string }>;
}

/** Starts playbooks. */
export interface PlaybookRunner {
  /** Resolves when the first steps have been begun; rejects when the workflow cannot run. */
  start(workflow: WorkflowDefinition, options: { readonly input: unknown }): Promise<PlaybookExecution>;
  /** Throws when a workflow could not run: something is wrong with it, or an action is missing. */
  check?(workflow: WorkflowDefinition): void;
  /** How an action is treated, where its step says nothing. */
  effectOf?(action: string): EffectKind | undefined;
}

/** A step of a playbook that was not started. */
export interface PlaybookStep {
  /** Its id. */
  readonly id: string;
  /** What it would do. */
  readonly action: string | undefined;
  /** What that does to the outside; undefined when it is not known. */
  readonly effect: EffectKind | undefined;
}

/** What a playbook would do. */
export function stepsOf(workflow: WorkflowDefinition | undefined, runner: PlaybookRunner | undefined): PlaybookStep[] {
  return (workflow?.steps ?? []).map(({ id, action, effect }) => ({
    id,
    action,
    effect: effect ?? (action === undefined ? undefined : runner?.effectOf?.(action)),
  }));
}
