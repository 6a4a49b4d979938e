/**
 * Executions whose process is killed at any moment, beside an outside that is not: what was done there stays done, whether or not the journal came to say so.
 *
 * @module
 */
import type { Journal, JournalEntry } from "../../core/workflows/journal.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { WorkflowOutcome } from "../../core/workflows/outcome.ts";
import type { WorkflowDefinition } from "../../core/workflows/workflow.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";
import { FakeClock } from "../../core/testing.ts";
import { settled } from "./workflow_bench.ts";

/** A journal that writes when it is told to, all at once as the one in a file does. */
export class GroupJournal implements Journal {
  readonly session = 1;
  /** Lines that are not written yet. */
  #pending: JournalEntry[] = [];
  #waiting: ((error?: unknown) => void)[] = [];
  /** Set: nothing can be written any more. */
  broken: unknown = undefined;

  constructor(readonly durable: JournalEntry[] = [], readonly definitions: WorkflowDefinition[] = []) {}

  define(definition: WorkflowDefinition): number {
    if (!this.definitions.includes(definition)) this.definitions.push(definition);
    return this.definitions.indexOf(definition);
  }

  definition(key: number): WorkflowDefinition | undefined {
    return this.definitions[key];
  }

  append(entry: JournalEntry): void {
    if (this.broken === undefined) this.#pending.push(entry);
  }

  whenDurable(callback: (error?: unknown) => void): void {
    this.#waiting.push(callback);
  }

  /** Writes what there is, and tells whoever waits. */
  write(): void {
    if (this.broken === undefined) this.durable.push(...this.#pending.splice(0));
    for (const callback of this.#waiting.splice(0)) callback(this.broken);
  }

  read(executionId: string): JournalEntry[] {
    return this.durable.filter((line) => line.executionId === executionId);
  }

  unfinished(): Map<string, JournalEntry[]> {
    const lines = Map.groupBy(this.durable, ({ executionId }) => executionId);
    const ended = [...lines].filter(([id, own]) => !id.includes("/") && own.some(({ kind }) => kind === "ended")).map(([id]) => id);
    for (const id of lines.keys()) if (ended.includes(id.split("/")[0])) lines.delete(id);
    return lines;
  }

  close(): void {
    this.write();
    this.broken = "closed";
  }
}

/** Something that was done to the outside. */
export interface Deed {
  readonly what: "do" | "undo";
  readonly key: string;
  /** Lines that were durable then. */
  readonly durable: number;
}

/** How the parts of a story behave. */
export interface Story {
  readonly definition: WorkflowDefinition;
  /** Actions by name: what they are, and tries that fail before anything is done. */
  readonly actions: Readonly<Record<string, { readonly effect: "idempotent" | "compensable" | "irreversible"; readonly fails?: number }>>;
  readonly input?: unknown;
  readonly tokens?: number;
  /** Called each turn; the first life only. */
  readonly meddle?: (execution: WorkflowExecution, turn: number) => void;
}

/** What one life came to. */
export interface Life {
  readonly outcome: WorkflowOutcome;
  readonly journal: GroupJournal;
  /** All deeds, those of the life before included. */
  readonly deeds: readonly Deed[];
  readonly tokensLeft: number;
}

/** Runs a story from its begin, or from where `before` was killed. */
export async function live(story: Story, before?: { readonly journal: GroupJournal; readonly deeds: readonly Deed[] }): Promise<Life> {
  const clock = new FakeClock(before === undefined ? 1_000 : 100_000);
  const journal = before?.journal ?? new GroupJournal();
  const engine = new OrchestrationEngine({ clock, journal, seed: 1 });
  const deeds: Deed[] = [...before?.deeds ?? []];
  let tokensLeft = NaN;
  for (const [name, { effect, fails = 0 }] of Object.entries(story.actions)) {
    engine.action(name, async (_input: unknown, ctx) => {
      if (ctx.attempt <= fails) throw new Error(`planted in ${ctx.stepId}`);
      if (story.tokens !== undefined) ctx.budget.spend("tokens", 1);
      tokensLeft = ctx.budget.left("tokens");
      deeds.push({ what: "do", key: ctx.key, durable: journal.durable.length });
      await null;
      return ctx.key;
    }, {
      effect,
      ...effect !== "compensable" ? {} : {
        compensate: async (_result, ctx) => {
          deeds.push({ what: "undo", key: ctx.key, durable: journal.durable.length });
          await null;
        },
      },
    });
  }
  const starting = before === undefined
    ? engine.start(story.definition, { input: story.input, ...story.tokens === undefined ? {} : { budget: { tokens: story.tokens } } })
    : engine.resume().then(({ resumed: [execution], refused }) => {
      if (execution === undefined) throw new Error(`nothing was resumed: ${refused.map(({ error }) => error.message)}`);
      return execution;
    });
  await settled();
  journal.write();
  const execution = await starting;
  let outcome: WorkflowOutcome | undefined;
  void execution.result().then((value) => outcome = value);
  for (let turn = 0; outcome === undefined && turn < 400; turn++) {
    await settled();
    if (before === undefined) story.meddle?.(execution, turn);
    answer(engine, deeds, before !== undefined);
    await settled();
    journal.write();
    clock.advance(turn < 100 ? 5 : 1_000);
  }
  if (outcome === undefined) throw new Error(`not ended: ${execution.toMermaid()}`);
  engine.close();
  return { outcome, journal, deeds, tokensLeft };
}

/** Agrees to all, sends what is waited for, and answers doubts as somebody would who looks at the outside. */
function answer(engine: OrchestrationEngine, deeds: readonly Deed[], resumes: boolean): void {
  for (const execution of engine.executions()) {
    const isCancelled = execution.history().some(({ kind }) => kind === "cancelled");
    if (execution.state === "PAUSED" && resumes && !isCancelled) execution.resume();
    if (execution.state !== "RUNNING") continue;
    for (const { stepId, kind, signal } of execution.waiting()) {
      const key = `${execution.id}/${stepId}`;
      if (kind === "signal") execution.signal(signal!, "sent");
      else if (kind === "approval") { for (const by of ["ann", "bob"]) approve(execution, stepId, by); }
      else execution.approve(stepId, { by: "clerk", ...deeds.some((deed) => deed.key === key) ? { ran: true, result: key } : {} });
    }
  }
}

function approve(execution: WorkflowExecution, stepId: string, by: string): void {
  if (execution.waiting().some((wait) => wait.stepId === stepId)) execution.approve(stepId, { by });
}

/** What a killed process leaves: the first `count` lines, and what had been done before more of them were durable. */
export function killed({ journal, deeds }: Life, count: number): { journal: GroupJournal; deeds: Deed[] } {
  return {
    journal: new GroupJournal(journal.durable.slice(0, count), [...journal.definitions]),
    deeds: deeds.filter(({ durable }) => durable <= count),
  };
}

/** What is wrong with how it ended. */
export function faultsOfLife(story: Story, { outcome, deeds }: Life): string[] {
  const faults: string[] = [];
  const effectOf = (key: string): string => story.actions[/([a-z]+)\d+(?:\[\d+\])?$/.exec(key)![1]].effect;
  const isTriedAgain = deeds.some(({ key }) => key.includes("#")); // a sub-workflow, which was undone before
  for (const key of new Set(deeds.map((deed) => deed.key))) {
    const own = deeds.filter((deed) => deed.key === key);
    const effect = effectOf(key);
    if (effect === "idempotent") continue;
    const [done, undone] = [own.filter(({ what }) => what === "do").length, own.filter(({ what }) => what === "undo").length];
    if (done > 1) faults.push(`${key} was done ${done} times`);
    const id = key.slice(outcome.id.length + 1).replace(/#\d+/g, "");
    const isNamed = outcome.notUndone.some((other) => other === id);
    if (outcome.state === "COMPLETED" && undone > 0 && !isTriedAgain) faults.push(`${key} was undone, and the workflow completed`);
    if (outcome.state !== "COMPLETED" && effect === "compensable" && undone === 0 && done > 0 && !isNamed) faults.push(`${key} was left`);
    if (outcome.state !== "COMPLETED" && effect === "irreversible" && done > 0 && !isNamed) faults.push(`${key} stands, and nobody told`);
  }
  // Who is undone does nothing more; a sub-workflow may be, while what holds it does not know yet.
  const undone = new Set<string>();
  for (const { what, key } of deeds) {
    const within = key.slice(0, key.lastIndexOf("/"));
    if (what === "undo") undone.add(within);
    else if ([...undone].some((id) => within === id || within.startsWith(`${id}/`)) && effectOf(key) !== "idempotent") {
      faults.push(`${key} was done after a rollback had begun`);
    }
  }
  if (outcome.state === "ROLLED_BACK" && outcome.notUndone.length > 0) faults.push("rolled back, and not undone");
  if (outcome.state === "FAILED" && outcome.notUndone.length === 0) faults.push("failed, and all was undone");
  return faults;
}
