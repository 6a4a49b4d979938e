/**
 * Random workflows on a fake clock, with failures planted at chosen points, and what must hold of every one of them whatever fails.
 *
 * @module
 */
import type { Random } from "../../core/base/random.ts";
import { FakeClock } from "../../core/testing.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { EffectKind, WorkflowDefinition, WorkflowStep } from "../../core/workflows/workflow.ts";
import type { Journal, JournalEntry } from "../../core/workflows/journal.ts";
import type { WorkflowOutcome } from "../../core/workflows/outcome.ts";

/** How one step of a random workflow behaves. */
export interface Behaviour {
  readonly effect: EffectKind;
  /** Time that it takes, in ms of the fake clock; 0: at once, −1: without a promise. */
  readonly takesMs: number;
  /** Tries that fail before one succeeds. */
  readonly failures: number;
  /** Whether it heeds its signal. */
  readonly heeds: boolean;
  /** Tries of its compensation that fail. */
  readonly undoFailures: number;
  readonly skipped: boolean;
}

/** A random workflow with its behaviours, by id. */
export interface World {
  readonly definition: WorkflowDefinition;
  readonly behaviours: Readonly<Record<string, Behaviour>>;
}

/** What was seen, in order. */
export interface Seen {
  readonly what: "start" | "end" | "throw" | "undo" | "undone";
  readonly step: string;
}

const EFFECTS: readonly EffectKind[] = ["pure", "idempotent", "compensable", "compensable", "irreversible"];
const RETRIES = 2;

/** A journal of lines in memory, to be cut off anywhere. */
export class LinesJournal implements Journal {
  readonly session = 1;
  #definitions: WorkflowDefinition[] = [];

  constructor(readonly lines: JournalEntry[] = [], definitions: WorkflowDefinition[] = []) {
    this.#definitions = definitions;
  }

  define(definition: WorkflowDefinition): number {
    if (!this.#definitions.includes(definition)) this.#definitions.push(definition);
    return this.#definitions.indexOf(definition);
  }

  definition(key: number): WorkflowDefinition | undefined {
    return this.#definitions[key];
  }

  append(entry: JournalEntry): void {
    this.lines.push(entry);
  }

  whenDurable(callback: () => void): void {
    queueMicrotask(callback);
  }

  read(executionId: string): JournalEntry[] {
    return this.lines.filter((line) => line.executionId === executionId);
  }

  unfinished(): Map<string, JournalEntry[]> {
    return Map.groupBy(this.lines, ({ executionId }) => executionId);
  }

  close(): void {}

  /** What a process finds that was killed when only these lines were durable. */
  cut(count: number): LinesJournal {
    return new LinesJournal(this.lines.slice(0, count), this.#definitions);
  }
}

/** A workflow of up to `stepsMax` steps. */
export function randomWorld(random: Random, stepsMax = 10): World {
  const count = 1 + random.below(stepsMax);
  const behaviours: Record<string, Behaviour> = {};
  const steps: WorkflowStep[] = [];
  for (let at = 0; at < count; at++) {
    const id = `s${at}`;
    const effect = EFFECTS[random.below(EFFECTS.length)];
    behaviours[id] = {
      effect,
      takesMs: [-1, 0, 0, 1 + random.below(50), 7_000][random.below(5)],
      failures: effect === "irreversible" ? 0 : random.below(4) === 0 ? 1 + random.below(RETRIES) : 0,
      heeds: random.below(2) === 0,
      undoFailures: random.below(5) === 0 ? random.below(6) : 0,
      skipped: random.below(8) === 0,
    };
    const dependencies = Array.from({ length: at }, (_, before) => `s${before}`).filter(() => random.below(3) === 0);
    const kind = effect === "irreversible" ? { approval: false } : { retries: RETRIES };
    steps.push({ ...{ id, action: id, dependencies, timeout: 20_000 }, ...kind, ...behaviours[id].skipped ? { when: () => false } : {} });
  }
  // Order of the list must not matter.
  for (let at = steps.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [steps[at], steps[other]] = [steps[other], steps[at]];
  }
  return { definition: { id: "world", steps, concurrency: 1 + random.below(6) }, behaviours };
}

/** Runs a workflow to its end; `failing` fails for good, at once or after it has done its work. */
export async function runWorld(
  { definition, behaviours }: World,
  { failing, cancelAtMs, seed = 1, journal }: { failing?: string; cancelAtMs?: number; seed?: number; journal?: LinesJournal } = {},
): Promise<{ outcome: WorkflowOutcome; seen: Seen[]; completed: string[] }> {
  const clock = new FakeClock(1_000);
  const engine = new OrchestrationEngine({ clock, seed, journal });
  const seen: Seen[] = [];
  for (const [id, behaviour] of Object.entries(behaviours)) plant(engine, clock, seen, id, behaviour, id === failing);
  const execution = journal === undefined || journal.lines.length === 0
    ? await engine.start({ ...definition, steps: definition.steps.map((step) => ({ ...step })) })
    : (await engine.resume()).resumed[0];
  let outcome: WorkflowOutcome | undefined;
  void execution.result().then((value) => outcome = value);
  if (cancelAtMs !== undefined) clock.schedule(cancelAtMs, () => execution.state === "RUNNING" && execution.cancel("planted"));
  for (let step = 0; outcome === undefined && step < 2_000; step++) {
    for (const { stepId, kind } of execution.waiting()) if (kind === "in-doubt") execution.approve(stepId, { by: "whoever looked" });
    for (let turn = 0; turn < 12; turn++) await null;
    clock.advance(step < 200 ? 10 : 5_000);
  }
  for (let turn = 0; turn < 30; turn++) await null;
  if (outcome === undefined) throw new Error(`not ended: ${JSON.stringify(execution.progress())}`);
  const completed = execution.history().filter(({ kind }) => kind === "step-completed").map(({ stepId }) => stepId!);
  engine.close();
  return { outcome, seen, completed };
}

function plant(engine: OrchestrationEngine, clock: FakeClock, seen: Seen[], id: string, behaviour: Behaviour, fails: boolean): void {
  let undos = 0;
  const { effect, takesMs, heeds } = behaviour;
  const finish = (attempt: number): string => {
    if (fails || attempt <= behaviour.failures) {
      seen.push({ what: "throw", step: id });
      throw new Error(`planted in ${id}`);
    }
    seen.push({ what: "end", step: id });
    return `done ${id}`;
  };
  engine.action(id, (_input: unknown, ctx) => {
    const { attempt } = ctx; // counted over crashes too
    seen.push({ what: "start", step: id });
    if (takesMs < 0) return finish(attempt);
    if (takesMs === 0) return Promise.resolve().then(() => finish(attempt));
    return new Promise((resolve, reject) => {
      clock.schedule(takesMs, () => {
        try {
          resolve(finish(attempt));
        } catch (error) {
          reject(error);
        }
      });
      if (heeds) ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
    });
  }, {
    effect,
    ...effect !== "compensable" ? {} : {
      compensate: async () => {
        seen.push({ what: "undo", step: id });
        await null;
        if (++undos <= behaviour.undoFailures) throw new Error(`planted in the compensation of ${id}`);
        seen.push({ what: "undone", step: id });
      },
    },
  });
}

/** What is wrong with a run, if anything. `completed` are its steps in the order in which the engine saw them complete. */
export function faultsOf(
  { definition, behaviours }: World,
  { outcome, seen, completed }: { outcome: WorkflowOutcome; seen: readonly Seen[]; completed: readonly string[] },
): string[] {
  const faults: string[] = [];
  const say = (holds: boolean, fault: string): void => void (holds || faults.push(fault));
  const first = (what: Seen["what"], step: string): number => seen.findIndex((line) => line.what === what && line.step === step);
  const count = (what: Seen["what"], step: string): number => seen.filter((line) => line.what === what && line.step === step).length;
  const firstUndo = seen.findIndex(({ what }) => what === "undo");
  const ended = (id: string): boolean => outcome.steps[id].state === "SKIPPED" || first("end", id) >= 0;
  for (const { id, dependencies = [] } of definition.steps) {
    const began = first("start", id);
    for (const before of dependencies) {
      say(began < 0 || (ended(before) && first("end", before) < began), `${id} began before ${before} had ended`);
    }
    say(
      firstUndo < 0 || seen.findLastIndex(({ what, step }) => what === "start" && step === id) < firstUndo,
      `${id} began after a rollback had`,
    );
    say(count("undone", id) <= 1, `${id} was undone twice`);
    say(began >= 0 || count("undo", id) === 0, `${id} was undone and had never begun`);
    const { effect } = behaviours[id];
    const started = began >= 0;
    const isUndone = outcome.compensated.includes(id);
    const isLeft = outcome.notUndone.includes(id);
    say(isUndone === (count("undone", id) === 1), `${id}: compensated says ${isUndone}`);
    if (effect === "compensable" && started) {
      say(outcome.state === "COMPLETED" || isUndone || isLeft, `${id} was left as it is, and nobody told`);
    }
    if (effect === "irreversible" && outcome.steps[id].state === "COMPLETED") {
      say(outcome.state === "COMPLETED" || isLeft, `${id} cannot be undone, and nobody told`);
    }
    say(!(isUndone && isLeft), `${id} is undone and is not`);
    if (outcome.state === "COMPLETED") say(ended(id), `${id} has not ended`);
  }
  const undone = outcome.compensated.filter((id) => completed.includes(id));
  const backwards = completed.filter((id) => undone.includes(id)).reverse();
  say(undone.join() === backwards.join(), `undone as ${undone}, not as ${backwards}`);
  if (outcome.state === "COMPLETED") say(outcome.compensated.length + outcome.notUndone.length === 0, "completed, and undone");
  if (outcome.state === "ROLLED_BACK") say(outcome.notUndone.length === 0, "rolled back, and not undone");
  if (outcome.state === "FAILED") say(outcome.notUndone.length > 0, "failed, but all was undone");
  return faults;
}
