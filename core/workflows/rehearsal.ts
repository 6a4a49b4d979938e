/**
 * Rehearsing a workflow: it is run once for each of its steps and each of the two moments at which that may fail, before and after it has done its work,
 * against recorded effects; then what was there before is compared with what is there after. Nothing outside is touched: only actions that say that they reach
 * the outside through `ctx.effects` alone are run, all others are taken by their word.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { JOURNAL_VALUE_BYTES_MAX } from "../base/limits.ts";
import { toBytes } from "../bus/codec.ts";
import type { Action, ActionContext } from "./action.ts";
import type { WorkflowAgents } from "./agents.ts";
import type { Effects } from "./effects.ts";
import type { OrchestrationEngine } from "./orchestration_engine.ts";
import type { WorkflowDefinition } from "./workflow.ts";
import type { WorkflowExecution } from "./workflow_execution.ts";
import type { WorkflowState } from "./workflow_lifecycle.ts";

/** A fact that is not as it was. */
export interface FactDifference {
  /** Its name. */
  readonly key: string;
  /** Before the workflow began. */
  readonly before: unknown;
  /** After it was rolled back. */
  readonly after: unknown;
  /** The step that wrote it first. */
  readonly step: string;
}

/** What one failure comes to. */
export interface RehearsalRow {
  /** The step that fails; one of a sub-workflow as `pay/charge`. */
  readonly step: string;
  /** Before it has done anything, or after it has done all. */
  readonly fails: "before" | "after";
  /** How the workflow ends. */
  readonly state: WorkflowState;
  /** Steps whose effect is gone. */
  readonly undone: readonly string[];
  /** Steps whose effect is still there. */
  readonly notUndone: readonly string[];
  /** What is not as it was before. */
  readonly differences: readonly FactDifference[];
  /** Steps that were not run but taken by their word. */
  readonly assumed: readonly string[];
}

/** How to rehearse. */
export interface RehearsalOptions {
  /** Input of the execution. */
  readonly input?: unknown;
  /** Facts that are so before it begins. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** What the rehearsal needs of the engine that it rehearses for. */
export interface RehearsalSources {
  readonly actions: readonly Action[];
  /** An engine that nobody else uses. */
  engine(options: { effects: Effects; agents: WorkflowAgents }): OrchestrationEngine;
  workflow(id: string): WorkflowDefinition | undefined;
}

/** Facts, and which step wrote each first. */
class RecordedFacts {
  readonly facts: Map<string, unknown>;
  readonly writers = new Map<string, string>();

  constructor(facts: Readonly<Record<string, unknown>>) {
    this.facts = new Map(Object.entries(facts));
  }

  by(step: string): Effects {
    const wrote = (key: string): void => void (this.writers.has(key) || this.writers.set(key, step));
    return {
      get: (key) => this.facts.get(key),
      set: (key, value) => {
        wrote(key);
        this.facts.set(key, value);
      },
      delete: (key) => {
        wrote(key);
        this.facts.delete(key);
      },
    };
  }

  differences(before: Readonly<Record<string, unknown>>): FactDifference[] {
    const was = new Map(Object.entries(before));
    const keys = new Set([...was.keys(), ...this.facts.keys()]);
    return [...keys].filter((key) => !isSame(was.get(key), this.facts.get(key))).map((key) => ({
      ...{ key, before: was.get(key), after: this.facts.get(key), step: this.writers.get(key) ?? "" },
    }));
  }
}

/** Runs a workflow once for each of its failures. */
export async function rehearse(
  definition: WorkflowDefinition,
  sources: RehearsalSources,
  options: RehearsalOptions,
): Promise<RehearsalRow[]> {
  const hurried = hurry(definition, sources);
  const rows: RehearsalRow[] = [];
  for (const step of failurePoints(hurried, "")) {
    for (const fails of ["before", "after"] as const) rows.push(await new Rehearsal(sources, options, step, fails).run(hurried));
  }
  return rows;
}

/** One run with one failure. */
class Rehearsal {
  readonly #recorded: RecordedFacts;
  readonly #assumed = new Set<string>();

  constructor(
    private readonly sources: RehearsalSources,
    private readonly options: RehearsalOptions,
    private readonly step: string,
    private readonly fails: "before" | "after",
  ) {
    this.#recorded = new RecordedFacts(options.facts ?? {});
  }

  async run(definition: WorkflowDefinition): Promise<RehearsalRow> {
    const agents: WorkflowAgents = {
      refusal: () => undefined,
      run: (_selector, objective, _input, ctx) => Promise.resolve(this.#act(undefined, objective, ctx)),
    };
    const engine = this.sources.engine({ effects: this.#recorded.by(""), agents });
    for (const action of this.sources.actions) {
      const { name, effect, compensate } = action;
      engine.action(name, (input: unknown, ctx) => this.#act(action, input, ctx), {
        effect,
        ...compensate === undefined ? {} : { compensate: (result: unknown, ctx: ActionContext) => this.#undo(action, result, ctx) },
      });
    }
    const execution = await engine.start(definition, { input: this.options.input });
    const outcome = await withAnswers(engine, execution);
    engine.close();
    const differences = this.#recorded.differences(this.options.facts ?? {});
    const notUndone = [...new Set([...outcome.notUndone, ...differences.map(({ step }) => step)])];
    return {
      ...{ step: this.step, fails: this.fails, state: outcome.state, notUndone, differences },
      undone: outcome.compensated.filter((id) => !notUndone.some((left) => left === id || left.startsWith(`${id}/`))),
      assumed: [...this.#assumed],
    };
  }

  /** A step, or the undoing of one by an action of its own. */
  async #act(action: Action | undefined, input: unknown, ctx: ActionContext): Promise<unknown> {
    const path = this.#pathOf(ctx);
    if (ctx.undoing !== undefined) return await this.#undo(action, input, ctx, true);
    const isFailing = path.replace(/\[\d+\]/g, "") === this.step;
    if (isFailing && this.fails === "before") throw planted(path);
    let result: unknown;
    if (action?.rehearsable) {
      result = await action.run(input, withEffects(ctx, this.#recorded.by(path)));
    } else {
      this.#assumed.add(path);
      // What can be undone leaves a mark that its compensation is trusted to remove; what cannot be, one that stays.
      if (action === undefined || action.effect === "compensable" || action.effect === "irreversible") {
        this.#recorded.by(path).set(`(${path})`, "done");
      }
    }
    if (isFailing) throw planted(path);
    return result;
  }

  async #undo(action: Action | undefined, given: unknown, ctx: ActionContext, byAction = false): Promise<unknown> {
    const path = this.#pathOf(ctx);
    const effects = this.#recorded.by(path);
    if (action?.rehearsable) {
      const own = withEffects(ctx, effects);
      return await (byAction ? action.run(given, own) : action.compensate!(given, own));
    }
    effects.delete(`(${path})`);
  }

  /** Where a step stands below the workflow that is rehearsed. */
  #pathOf({ key }: ActionContext): string {
    return key.slice(key.indexOf("/") + 1).replace(/#\d+/g, "");
  }
}

/** Approves and signals whatever waits, until it has ended. */
async function withAnswers(engine: OrchestrationEngine, execution: WorkflowExecution): ReturnType<WorkflowExecution["result"]> {
  let ended = false;
  const result = execution.result().finally(() => ended = true);
  while (!ended) {
    for (const living of engine.executions()) {
      for (const { kind, stepId, by = [], signal } of living.waiting()) {
        if (kind === "signal") living.signal(signal!);
        else approveBy(living, stepId, by);
      }
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return await result;
}

function approveBy(execution: WorkflowExecution, stepId: string, by: readonly string[]): void {
  for (let party = 0; execution.waiting().some((wait) => wait.stepId === stepId); party++) {
    execution.approve(stepId, { by: by[party] ?? `party ${party}` });
  }
}

/** The same without waiting. */
function hurry(definition: WorkflowDefinition, sources: RehearsalSources): WorkflowDefinition {
  const steps = definition.steps.map((step) => ({
    ...step,
    ...step.delayMs === undefined ? {} : { delayMs: 1 },
    ...step.workflow === undefined ? {} : {
      workflow: hurry(typeof step.workflow === "string" ? sources.workflow(step.workflow)! : step.workflow, sources),
    },
  }));
  return { ...definition, timeout: undefined, steps };
}

function failurePoints({ steps }: WorkflowDefinition, within: string): string[] {
  return steps.flatMap(({ id, action, workflow }) => {
    if (action !== undefined) return [`${within}${id}`];
    return typeof workflow === "object" ? failurePoints(workflow, `${within}${id}/`) : [];
  });
}

function withEffects(ctx: ActionContext, effects: Effects): ActionContext {
  const { executionId, workflowId, stepId, attempt, key, input, results, item, itemIndex, deadlineMs, budget, undoing } = ctx;
  return {
    ...{ executionId, workflowId, stepId, attempt, key, input, results, item, itemIndex, deadlineMs, budget, undoing, effects },
    get signal(): AbortSignal {
      return ctx.signal;
    },
  };
}

function planted(path: string): Error {
  return Object.assign(new Error(`planted in ${path} by a rehearsal`), { retryable: false });
}

function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object") return false;
  const [bytes, others] = [toBytes(one, JOURNAL_VALUE_BYTES_MAX), toBytes(other, JOURNAL_VALUE_BYTES_MAX)];
  return bytes.length === others.length && bytes.every((byte, at) => byte === others[at]);
}
