/**
 * A workflow, checked and made ready to run: whatever an operator may have mistyped is refused here, by the path to it, before anything has begun.
 *
 * @module
 */
import { type Backoff, checkedBackoff } from "../base/backoff.ts";
import { checkedDelay } from "../base/deadlines.ts";
import { describe, InvalidArgumentError } from "../base/errors.ts";
import {
  MAP_CONCURRENCY,
  STEP_ID_CHARS_MAX,
  STEP_RETRIES,
  STEP_RETRIES_MAX,
  STEP_TIMEOUT_MS,
  WORKFLOW_DEPTH_MAX,
  WORKFLOW_STEPS_MAX,
} from "../base/limits.ts";
import { type Action, type ActionContext, type ActionTable, checkedEffect } from "./action.ts";
import type { AgentSelector, WorkflowAgents } from "./agents.ts";
import { compileCondition, compileInput, compilePath, type Reader } from "./conditions.ts";
import { checkGraph } from "./workflow_graph.ts";
import type { ApprovalRule, EffectKind, WorkflowDefinition, WorkflowStep, WorkflowView } from "./workflow.ts";

/** What a step is. */
export type StepKind = "action" | "workflow" | "delay" | "signal" | "approval";

/** A step, ready to run. */
export interface PlanStep {
  readonly index: number;
  readonly id: string;
  readonly kind: StepKind;
  /** Nothing to be asked or computed before it runs. */
  readonly plain: boolean;
  readonly run: (input: unknown, ctx: ActionContext) => unknown;
  readonly undo: ((result: unknown, input: unknown, ctx: ActionContext) => unknown) | null;
  readonly effect: EffectKind;
  /** Whether an ended one matters to a rollback. */
  readonly tracked: boolean;
  readonly child: WorkflowDefinition | null;
  readonly dependencies: readonly number[];
  readonly dependents: number[];
  readonly when: ((view: WorkflowView) => boolean) | null;
  readonly input: Reader | null;
  /** Used as it is, where there is no reader. */
  readonly constant: unknown;
  readonly map: Reader | null;
  readonly concurrency: number;
  readonly approval: Required<ApprovalRule> | null;
  readonly delayMs: number;
  readonly signal: string;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly backoff: Backoff;
}

/** A workflow, ready to run. */
export interface Plan {
  readonly definition: WorkflowDefinition;
  readonly version: number;
  readonly steps: readonly PlanStep[];
  /** What ids of executions begin with. */
  readonly idStem: string;
  readonly byId: ReadonlyMap<string, PlanStep>;
  /** Its keys are the steps' ids. A copy of it has the shape of all records by step: filled in, it costs a third of one that grows. */
  readonly blank: Readonly<Record<string, unknown>>;
  readonly roots: readonly number[];
  readonly signals: ReadonlySet<string>;
  readonly timeoutMs: number | undefined;
  readonly concurrency: number;
  readonly output: Reader | null;
}

/** What a plan is made with. */
export interface PlanSources {
  readonly actions: ActionTable;
  readonly agents: WorkflowAgents | undefined;
  workflow(id: string): WorkflowDefinition | undefined;
}

const STEP_KEYS = [
  ...[
    "id",
    "name",
    "action",
    "agentRole",
    "capability",
    "agentId",
    "rollbackAction",
    "workflow",
    "delayMs",
    "signal",
    "approval",
    "dependencies",
  ],
  ...["when", "input", "map", "concurrency", "effect", "timeout", "retries", "backoff", "metadata"],
];
const WORKFLOW_KEYS = ["id", "version", "name", "steps", "timeout", "concurrency", "output", "metadata"];
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** Checks and compiles. Throws `InvalidArgumentError` whose `field` is the path. */
export function planWorkflow(definition: WorkflowDefinition, sources: PlanSources, within: readonly string[] = []): Plan {
  const root = within.length === 0 ? "workflow" : `workflow ${describe(definition?.id)}`;
  checkKeys(definition, WORKFLOW_KEYS, root);
  const { id, version = 1, steps, timeout, concurrency = UNBOUNDED, output } = definition;
  if (checkName(id, `${root}.id`).length > STEP_ID_CHARS_MAX) {
    throw new InvalidArgumentError(`${root}.id`, id, `use at most ${STEP_ID_CHARS_MAX} characters: each line about it holds them.`);
  }
  checkCount(version, `${root}.version`, 1);
  checkCount(concurrency, `${root}.concurrency`, 1);
  if (timeout !== undefined) checkedDelay(`${root}.timeout`, timeout);
  if (output !== undefined && typeof output !== "string" && typeof output !== "function") {
    throw new InvalidArgumentError(`${root}.output`, output, "give a path such as steps.a, or a function.");
  }
  if (!Array.isArray(steps) || steps.length === 0) {
    throw new InvalidArgumentError(`${root}.steps`, steps, "give a list of at least one step.");
  }
  if (steps.length > WORKFLOW_STEPS_MAX) {
    throw new InvalidArgumentError(`${root}.steps`, steps.length, `use at most ${WORKFLOW_STEPS_MAX} steps; map over a list for more.`);
  }
  checkCircle(id, within, root);
  const edges = checkGraph(steps, root);
  const known = new Set(steps.map((step) => step.id));
  const reader = new StepReader(sources, (step) => known.has(step), [...within, id]);
  const planned = steps.map((step, index) => reader.read(step, index, `${root}.steps[${index}]`, edges[index]));
  for (const step of planned) for (const dependency of step.dependencies) planned[dependency].dependents.push(step.index);
  freeze(definition);
  return {
    ...{ definition, version, concurrency, timeoutMs: timeout, steps: planned },
    idStem: id.replaceAll("/", "_"), // a slash stands before what is held by another
    byId: new Map(planned.map((step) => [step.id, step])),
    blank: Object.fromEntries(planned.map((step) => [step.id, undefined])),
    roots: planned.filter(({ dependencies }) => dependencies.length === 0).map(({ index }) => index),
    signals: new Set(planned.filter(({ kind }) => kind === "signal").map(({ signal }) => signal)),
    output: typeof output === "string" ? compilePath(output, `${root}.output`, (step) => known.has(step)) : output ?? null,
  };
}

/** Reads the steps of one workflow. */
class StepReader {
  constructor(
    private readonly sources: PlanSources,
    private readonly knows: (step: string) => boolean,
    private readonly within: readonly string[],
  ) {}

  read(step: WorkflowStep, index: number, path: string, dependencies: readonly number[]): PlanStep {
    checkKeys(step, STEP_KEYS, path);
    const kind = this.#kind(step, path);
    const action = this.#action(step, path);
    const effect = this.#effect(step, kind, action, path);
    const undo = this.#undo(step, action, path);
    if (effect === "compensable" && undo === null && kind === "action") {
      throw new InvalidArgumentError(`${path}.effect`, effect, "name a rollbackAction, or give the action a compensate.");
    }
    checkMeaning(step, kind, path);
    const approval = approvalOf(step, kind, effect, path);
    const when = step.when === undefined ? null : compileCondition(step.when, `${path}.when`, this.knows);
    const map = this.#map(step, kind, path);
    const input = step.input === undefined ? null : compileInput(step.input, `${path}.input`, this.knows);
    return {
      ...{ index, id: step.id, kind, effect, undo, dependencies, dependents: [], when, input, map, approval },
      run: this.#run(step, action),
      tracked: undo !== null || effect === "irreversible" || kind === "workflow",
      plain: kind === "action" && when === null && map === null && approval === null,
      child: kind === "workflow" ? this.#child(step, path) : null,
      constant: step.input,
      concurrency: checkCount(step.concurrency ?? MAP_CONCURRENCY, `${path}.concurrency`, 1),
      delayMs: kind === "delay" ? checkedDelay(`${path}.delayMs`, step.delayMs!) : 0,
      signal: kind === "signal" ? checkName(step.signal, `${path}.signal`) : "",
      timeoutMs: kind === "workflow" && step.timeout === undefined
        ? Infinity // it has bounds of its own
        : checkedDelay(`${path}.timeout`, step.timeout ?? action?.timeout ?? STEP_TIMEOUT_MS),
      retries: retriesOf(step, kind, effect, action, path),
      backoff: checkedBackoff(step.backoff, `${path}.backoff`),
    };
  }

  #kind(step: WorkflowStep, path: string): StepKind {
    const has = (["action", "workflow", "delayMs", "signal"] as const).filter((key) => step[key] !== undefined);
    if (has.length > 1) throw new InvalidArgumentError(`${path}.${has[1]}`, step[has[1]], `a step is one thing; it has ${has[0]} already.`);
    if (has.length === 1) return has[0] === "delayMs" ? "delay" : has[0];
    if ((step.approval ?? false) !== false) return "approval";
    throw new InvalidArgumentError(path, step, "say what it does: action, workflow, delayMs, signal or approval.");
  }

  #action(step: WorkflowStep, path: string): Action | undefined {
    const selects = selectorOf(step) !== null;
    if (step.action === undefined) {
      if (selects) throw new InvalidArgumentError(`${path}.action`, step.action, "say what the agent is to do.");
      return undefined;
    }
    checkName(step.action, `${path}.action`);
    if (selects) {
      this.#checkAgents(step, path);
      return undefined;
    }
    const action = this.sources.actions.get(step.action);
    if (action !== undefined) return action;
    const names = this.sources.actions.all.slice(0, 20).map(({ name }) => name).join(", ") || "none yet";
    throw new InvalidArgumentError(
      `${path}.action`,
      step.action,
      `register it with engine.action first, or say which agents do it (agentRole). There are: ${names}.`,
    );
  }

  #checkAgents(step: WorkflowStep, path: string): void {
    const field = step.agentId !== undefined ? "agentId" : step.agentRole !== undefined ? "agentRole" : "capability";
    const { agents } = this.sources;
    if (agents === undefined) {
      throw new InvalidArgumentError(`${path}.${field}`, step[field], "this engine has no agents; use manager.orchestration.");
    }
    const why = agents.refusal(selectorOf(step)!);
    if (why !== undefined) throw new InvalidArgumentError(`${path}.${field}`, step[field], why);
  }

  #run(step: WorkflowStep, action: Action | undefined): PlanStep["run"] {
    if (action !== undefined) return action.run;
    const selector = selectorOf(step);
    const { agents } = this.sources;
    if (selector === null || agents === undefined) return () => undefined;
    return (input, ctx) => agents.run(selector, step.action!, input, ctx);
  }

  #undo(step: WorkflowStep, action: Action | undefined, path: string): PlanStep["undo"] {
    const { rollbackAction } = step;
    if (rollbackAction !== undefined) {
      checkName(rollbackAction, `${path}.rollbackAction`);
      const undo = this.sources.actions.get(rollbackAction);
      if (undo !== undefined) return (_result, input, ctx) => undo.run(input, ctx);
      const selector = selectorOf(step);
      const { agents } = this.sources;
      if (selector !== null && agents !== undefined) {
        return (result, input, ctx) => agents.run(selector, rollbackAction, { input, result }, ctx);
      }
      throw new InvalidArgumentError(`${path}.rollbackAction`, rollbackAction, "register it with engine.action first.");
    }
    const compensate = action?.compensate;
    return compensate === undefined ? null : (result, _input, ctx) => compensate(result, ctx);
  }

  #effect(step: WorkflowStep, kind: StepKind, action: Action | undefined, path: string): EffectKind {
    if (step.effect !== undefined) return checkedEffect(step.effect, `${path}.effect`);
    if (kind !== "action") return kind === "workflow" ? "idempotent" : "pure";
    if (step.rollbackAction !== undefined) return "compensable";
    return action?.effect ?? "idempotent";
  }

  #map(step: WorkflowStep, kind: StepKind, path: string): Reader | null {
    if (step.map === undefined) return null;
    if (kind !== "action" && kind !== "workflow") {
      throw new InvalidArgumentError(`${path}.map`, step.map, "only actions and workflows run over a list.");
    }
    if (typeof step.map === "function") return step.map;
    if (typeof step.map !== "string") {
      throw new InvalidArgumentError(`${path}.map`, step.map, "give a path such as input.files, or a function.");
    }
    return compilePath(step.map, `${path}.map`, this.knows);
  }

  #child(step: WorkflowStep, path: string): WorkflowDefinition {
    const given = step.workflow!;
    const child = typeof given === "string" ? this.sources.workflow(given) : given;
    if (child === undefined) {
      throw new InvalidArgumentError(`${path}.workflow`, given, "define it first (engine.define), or give the definition itself.");
    }
    planWorkflow(child, this.sources, this.within);
    return child;
  }
}

function selectorOf({ agentRole, capability, agentId }: WorkflowStep): AgentSelector | null {
  if (agentRole === undefined && capability === undefined && agentId === undefined) return null;
  return { role: agentRole, capability, agentId };
}

function approvalOf({ approval }: WorkflowStep, kind: StepKind, effect: EffectKind, path: string): Required<ApprovalRule> | null {
  const wanted = approval ?? (effect === "irreversible" && kind === "action");
  if (wanted === false) return null;
  if (wanted !== true && (typeof wanted !== "object" || Array.isArray(wanted))) {
    throw new InvalidArgumentError(`${path}.approval`, wanted, "use true, false or { by, count }.");
  }
  const { by = [], count = 1 } = wanted === true ? {} : wanted;
  if (!Array.isArray(by) || !by.every((party) => typeof party === "string" && party !== "")) {
    throw new InvalidArgumentError(`${path}.approval.by`, by, "list the names of those who may approve.");
  }
  checkCount(count, `${path}.approval.count`, 1);
  if (by.length > 0 && new Set(by).size < count) {
    throw new InvalidArgumentError(`${path}.approval.count`, count, `only ${new Set(by).size} may approve: it would wait for ever.`);
  }
  return { by, count };
}

function retriesOf(step: WorkflowStep, kind: StepKind, effect: EffectKind, action: Action | undefined, path: string): number {
  if (effect === "irreversible" && (step.retries ?? 0) > 0) {
    throw new InvalidArgumentError(
      `${path}.retries`,
      step.retries,
      "what cannot be undone is tried once: leave it out, or use another effect.",
    );
  }
  if (effect === "irreversible") return 0;
  const retries = step.retries ?? (kind === "action" ? action?.retries ?? STEP_RETRIES : 0);
  checkCount(retries, `${path}.retries`, 0);
  if (retries > STEP_RETRIES_MAX) throw new InvalidArgumentError(`${path}.retries`, retries, `use at most ${STEP_RETRIES_MAX}.`);
  return retries;
}

/** What would be passed over in silence. */
function checkMeaning({ timeout, rollbackAction, backoff }: WorkflowStep, kind: StepKind, path: string): void {
  if (timeout !== undefined && kind !== "action" && kind !== "workflow") {
    throw new InvalidArgumentError(`${path}.timeout`, timeout, "what waits has none; give the whole workflow a timeout.");
  }
  if (rollbackAction !== undefined && kind === "workflow") {
    throw new InvalidArgumentError(`${path}.rollbackAction`, rollbackAction, "a sub-workflow is undone by its own steps; leave it out.");
  }
  if (backoff === null) {
    throw new InvalidArgumentError(`${path}.backoff`, backoff, "give { baseMs, factor, maxMs, jitter }, or leave it out.");
  }
}

function checkCircle(id: string, within: readonly string[], root: string): void {
  if (within.includes(id)) {
    throw new InvalidArgumentError(
      `${root}.id`,
      id,
      `a workflow cannot hold itself: ${[...within.slice(within.indexOf(id)), id].join(" → ")}.`,
    );
  }
  if (within.length >= WORKFLOW_DEPTH_MAX) {
    throw new InvalidArgumentError(`${root}.id`, id, `workflows may hold workflows ${WORKFLOW_DEPTH_MAX} deep.`);
  }
}

function checkKeys(value: unknown, known: readonly string[], path: string): void {
  if (typeof value !== "object" || value === null) throw new InvalidArgumentError(path, value, "give an object.");
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`${path}.${unknown}`, unknown, `there is no such field; known are ${known.join(", ")}.`);
  }
}

function checkName(name: unknown, path: string): string {
  if (typeof name === "string" && name !== "") return name;
  throw new InvalidArgumentError(path, name, "give a string that names it.");
}

function checkCount(count: number, path: string, least: number): number {
  if (Number.isSafeInteger(count) && count >= least) return count;
  throw new InvalidArgumentError(path, count, `use a whole number of at least ${least}.`);
}

/** What is running must not change under its feet. */
function freeze(definition: WorkflowDefinition): void {
  for (const step of definition.steps) {
    for (const part of [step.dependencies, step.approval, step.backoff]) if (typeof part === "object") Object.freeze(part);
    Object.freeze(step);
  }
  Object.freeze(definition.steps);
  Object.freeze(definition);
}
