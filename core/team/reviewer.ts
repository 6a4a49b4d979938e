/**
 * The reviewer: reads texts by rules and lists what it finds.
 *
 * @module
 */
import { type AgentBehavior, defineAgent } from "../agents/agent.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_FINDINGS_MAX, TEAM_ITEMS_MAX, TEAM_TEXT_CHARS_MAX } from "../base/limits.ts";
import { maskCode } from "./code_mask.ts";
import { choiceAt, listAt, objectAt, textAt, wholeAt } from "./input.ts";
import { REVIEW_RULES, type ReviewedText, type ReviewRuleName, type Severity } from "./review_rules.ts";

/** What a reviewer takes. */
export interface ReviewerInput {
  /** The texts. The rules about code hold for `.js`, `.ts`, `.mjs`, `.mts`, `.cjs` and `.cts`, the others for every text. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Names of rules. Default: all. */
  readonly rules?: readonly ReviewRuleName[];
  /** Characters that a line may have. Default 140. */
  readonly lineCharsMax?: number;
}

/** One thing found. */
export interface Finding {
  /** The file. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** Name of the rule. */
  readonly rule: ReviewRuleName;
  /** How much it matters. */
  readonly severity: Severity;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** What a reviewer replies. */
export interface ReviewerOutput {
  /** By path, line, column and rule; at most 1,000. */
  readonly findings: Finding[];
  /** How many more there are. */
  readonly omitted: number;
}

const LINE_CHARS_MAX = 140;
const CODE_NAME = /\.[cm]?[jt]s$/;
const RULE_NAMES = Object.keys(REVIEW_RULES) as ReviewRuleName[];

/** The reviewer's work. Throws `InvalidArgumentError` naming the field. */
export function reviewed(input: unknown): ReviewerOutput {
  const given = objectAt("input", input, ["files", "rules", "lineCharsMax"]);
  const files = filesOf(given.files);
  const chosen = given.rules === undefined ? RULE_NAMES : listAt("rules", given.rules, RULE_NAMES.length, 1);
  const rules = [...new Set(chosen.map((rule, index) => choiceAt(`rules[${index}]`, rule, RULE_NAMES)))];
  const lineCharsMax = wholeAt("lineCharsMax", given.lineCharsMax ?? LINE_CHARS_MAX, 1, TEAM_TEXT_CHARS_MAX);
  const findings: Finding[] = [];
  let found = 0;
  for (const { path, text } of files) {
    const ofFile = reviewFile(
      path,
      { text, code: CODE_NAME.test(path) ? maskCode(text) : "", lineStarts: lineStarts(text), lineCharsMax },
      rules,
    );
    found += ofFile.found;
    for (const finding of ofFile.findings.slice(0, TEAM_FINDINGS_MAX - findings.length)) findings.push(finding);
  }
  return { findings, omitted: found - findings.length };
}

function filesOf(value: unknown): { path: string; text: string }[] {
  let left = TEAM_TEXT_CHARS_MAX;
  const files = listAt("files", value, TEAM_ITEMS_MAX).map((file, index) => {
    const { path, text } = objectAt(`files[${index}]`, file, ["path", "text"]);
    const checked = { path: textAt(`files[${index}].path`, path, 4_096), text: textAt(`files[${index}].text`, text) };
    left -= checked.text.length;
    if (left < 0) {
      throw new InvalidArgumentError("files", value, `together they have over ${TEAM_TEXT_CHARS_MAX} characters; review fewer at a time.`);
    }
    return checked;
  });
  return files.sort((a, b) => compare(a.path, b.path));
}

/** Each rule yields its spots in order, so the first ones of each are all that the list can need; the others are only counted. */
function reviewFile(path: string, file: ReviewedText, rules: readonly ReviewRuleName[]): { findings: Finding[]; found: number } {
  const findings: Finding[] = [];
  let found = 0;
  for (const name of rules) {
    const rule = REVIEW_RULES[name];
    let kept = 0;
    for (const { at, message } of rule.find(file)) {
      found++;
      if (kept++ < TEAM_FINDINGS_MAX) {
        findings.push({ path, ...placeOf(file.lineStarts, at), rule: name, severity: rule.severity, message });
      }
    }
  }
  return { findings: findings.sort((a, b) => a.line - b.line || a.column - b.column || compare(a.rule, b.rule)), found };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function placeOf(starts: readonly number[], at: number): { line: number; column: number } {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= at) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: at - starts[low] + 1 };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Takes `ReviewerInput` by `ask` or as `task.input`; replies `ReviewerOutput`. */
export const reviewer: AgentBehavior<ReviewerInput, ReviewerOutput> = defineAgent<ReviewerInput, ReviewerOutput>({
  onMessage(message, ctx) {
    ctx.reply(reviewed(message.payload));
  },
  onTask(task) {
    return reviewed(task.input);
  },
});
