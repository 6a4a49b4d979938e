/**
 * The tester: holds values against what is expected of them, its own or those that another agent replies.
 *
 * @module
 */
import { type AgentBehavior, type AgentContext, type AgentId, defineAgent } from "../agents/agent.ts";
import { isAgentId } from "../agents/agent_directory.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_ITEMS_MAX, TIMER_MS_MAX } from "../base/limits.ts";
import { type Assert, type Assertion, assertion, ASSERTIONS } from "./assertions.ts";
import { shown } from "./difference.ts";
import { choiceAt, listAt, objectAt, textAt, wholeAt } from "./input.ts";
import { patternBudget } from "./pattern.ts";

/** One value under test. */
export interface TestCase {
  /** Said in the result. */
  readonly name: string;
  /** What there is. */
  readonly actual: unknown;
  /** See `Assertion`. */
  readonly assert: Assertion;
  /** What there should be. */
  readonly expected?: unknown;
}

/** One question to another agent. */
export interface AskedCase {
  /** Said in the result. */
  readonly name: string;
  /** What it is asked. */
  readonly send: unknown;
  /** What its reply should be. */
  readonly expect?: unknown;
  /** Default `deepEqual`. With `throws` the ask must fail that way. */
  readonly assert?: Assertion;
}

/** What a tester takes: cases with their values, or an agent and what to ask it, one case after the other. */
export type TesterInput =
  | { readonly cases: readonly TestCase[] }
  | { readonly target: AgentId; readonly cases: readonly AskedCase[]; readonly timeoutMs?: number };

/** What became of one case. */
export interface CaseResult {
  /** As it was given. */
  readonly name: string;
  /** Whether it passed. */
  readonly ok: boolean;
  /** For a failure: `-` what was expected, `+` what there is. */
  readonly message?: string;
}

/** What a tester replies. */
export interface TesterOutput {
  /** Cases that passed. */
  readonly passed: number;
  /** Cases that did not. */
  readonly failed: number;
  /** In the order they were given. */
  readonly cases: CaseResult[];
}

/** Well under the time that the tester's own asker usually waits. */
const CASE_TIMEOUT_MS = 5_000;
const NAME_CHARS_MAX = 1_000;

/** What of its context a tester uses. */
type Asker = Pick<AgentContext, "id" | "ask" | "signal">;
type Checked = { readonly name: string; readonly given: unknown; readonly kind: Assertion; readonly test: Assert };

/** The tester's work. Throws `InvalidArgumentError` naming the field; a case that fails is a result. */
export function tested(input: unknown, ctx: Asker): TesterOutput | Promise<TesterOutput> {
  const { target, timeoutMs, cases } = objectAt("input", input, ["target", "timeoutMs", "cases"]);
  const asks = target !== undefined;
  const checked = listAt("cases", cases, TEAM_ITEMS_MAX).map((item, index) => checkedCase(`cases[${index}]`, item, asks));
  const budget = patternBudget();
  if (!asks) return summed(checked.map(({ name, given, test }) => result(name, test(given, budget))));
  if (!isAgentId(target)) throw new InvalidArgumentError("target", target, "give an agent's id.");
  if (target === ctx.id) throw new InvalidArgumentError("target", target, "a tester that asks itself waits for ever; name another agent.");
  return askedCases(checked, target, wholeAt("timeoutMs", timeoutMs ?? CASE_TIMEOUT_MS, 1, TIMER_MS_MAX), ctx);
}

async function askedCases(cases: readonly Checked[], target: AgentId, timeoutMs: number, ctx: Asker): Promise<TesterOutput> {
  const results: CaseResult[] = [];
  for (const { name, given, kind, test } of cases) {
    const outcome = await ctx.ask(target, given, { timeoutMs, signal: ctx.signal }).then(
      (reply) => kind === "throws" ? `- an error\n+ the reply ${shown(reply)}` : { value: reply },
      (error) => kind === "throws" ? { value: error } : `- a reply\n+ ${shown(error)}`,
    );
    ctx.signal.throwIfAborted();
    // A budget for each: other work of the thread has its turn between two replies.
    results.push(result(name, typeof outcome === "string" ? outcome : test(outcome.value, patternBudget())));
  }
  return summed(results);
}

function checkedCase(field: string, item: unknown, asks: boolean): Checked {
  const { name, actual, assert, expected, send, expect } = objectAt(
    field,
    item,
    asks ? ["name", "send", "assert", "expect"] : ["name", "actual", "assert", "expected"],
  ) as Record<string, unknown>;
  const kind = choiceAt(`${field}.assert`, asks ? assert ?? "deepEqual" : assert, ASSERTIONS);
  const test = assertion(asks ? `${field}.expect` : `${field}.expected`, kind, asks ? expect : expected);
  return { name: textAt(`${field}.name`, name, NAME_CHARS_MAX), given: asks ? send : actual, kind, test };
}

function result(name: string, message: string | undefined): CaseResult {
  return message === undefined ? { name, ok: true } : { name, ok: false, message };
}

function summed(cases: CaseResult[]): TesterOutput {
  const passed = cases.filter(({ ok }) => ok).length;
  return { passed, failed: cases.length - passed, cases };
}

/** Takes `TesterInput` by `ask` or as `task.input`; replies `TesterOutput`. */
export const tester: AgentBehavior<TesterInput, TesterOutput> = defineAgent<TesterInput, TesterOutput>({
  async onMessage(message, ctx) {
    ctx.reply(await tested(message.payload, ctx));
  },
  onTask(task, ctx) {
    return tested(task.input, ctx);
  },
});
