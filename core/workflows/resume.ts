/**
 * All that a journal says has not ended, made again: executions, their sub-workflows, and who holds whom.
 *
 * @module
 */
import { asError, KernelError } from "../base/errors.ts";
import { Budget, NO_BUDGET } from "./budget.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import { findUnit, type StartNote } from "./replay.ts";
import { Run } from "./run.ts";
import type { RunHost } from "./run_parts.ts";
import type { WorkflowDefinition } from "./workflow.ts";
import type { WorkflowExecution } from "./workflow_execution.ts";
import type { Plan } from "./workflow_plan.ts";

/** What came of resuming. */
export interface ResumeReport {
  /** What goes on. */
  readonly resumed: readonly WorkflowExecution[];
  /** What cannot, and why; it stays in the journal. */
  readonly refused: readonly { readonly executionId: string; readonly error: Error }[];
}

/** What the `started` line of an execution holds. */
export function startNote({ plan, input, budget, deadlineAt, timeoutMs, parent }: Run, journal: Journal): StartNote {
  const { definition, version } = plan;
  const { changed } = budget;
  const left = budget.snapshot();
  budget.changed = changed; // it is still to be written for what has spent it
  return {
    ...{ workflowId: definition.id, version, definitionKey: journal.define(definition), input, budget: left },
    ...{ deadlineAt, timeoutMs, parentId: parent?.id },
  };
}

/** Makes the executions again, as far as their definitions are known; those that are `known` already not once more. */
export function rebuild(
  host: RunHost,
  journal: Journal,
  plan: (definition: WorkflowDefinition) => Plan,
  version: (id: string, version: number) => WorkflowDefinition | undefined,
  known: Set<string>,
): { runs: Run[]; refused: ResumeReport["refused"] } {
  const runs = new Map<string, Run>();
  const refused: { executionId: string; error: Error }[] = [];
  const definitions = new Map<number, WorkflowDefinition>();
  const unfinished = [...journal.unfinished()].sort(([one], [other]) => one.length - other.length); // who holds others comes first
  for (const [executionId, entries] of unfinished) {
    if (known.has(executionId)) continue;
    try {
      const note = entries[0].data as StartNote;
      const kept = definitions.get(note.definitionKey) ?? journal.definition(note.definitionKey);
      if (kept !== undefined) definitions.set(note.definitionKey, kept);
      const definition = kept ?? version(note.workflowId, note.version);
      if (definition === undefined) throw unknownDefinition(note);
      runs.set(executionId, remake(host, plan(definition), executionId, entries, runs));
      known.add(executionId);
    } catch (error) {
      refused.push({ executionId, error: asError(error) });
    }
  }
  return { runs: [...runs.values()], refused };
}

function remake(host: RunHost, plan: Plan, id: string, entries: readonly JournalEntry[], runs: ReadonlyMap<string, Run>): Run {
  const { input, budget, deadlineAt, timeoutMs, parentId } = entries[0].data as StartNote;
  const parent = parentId === undefined ? null : runs.get(parentId);
  if (parent === undefined) throw new KernelError("NOT_RESUMED", `${parentId}, which holds it, could not be resumed.`, { parentId });
  const own = Object.keys(budget).length === 0 ? NO_BUDGET : new Budget(budget);
  const run = new Run(host, plan, { key: id, input, budget: parent?.budget ?? own, deadlineAt, timeoutMs, parent });
  run.restore(entries);
  if (parent !== null) {
    const unit = findUnit(parent, id.slice(parent.id.length + 1).replace(/#\d+$/, ""));
    if (unit !== undefined) unit.child = run; // later tries come later
  }
  return run;
}

function unknownDefinition({ workflowId, version }: StartNote): KernelError {
  return new KernelError(
    "NOT_RESUMED",
    `workflow ${workflowId}, version ${version}, holds functions or other values that are no JSON, which a journal cannot keep. Call engine.define with it before resume.`,
    { workflowId, version },
  );
}
