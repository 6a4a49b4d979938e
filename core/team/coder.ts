/**
 * The coder: applies edits to a text and shows them as a unified diff. All edits or none.
 *
 * @module
 */
import { type AgentBehavior, defineAgent } from "../agents/agent.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { applyEdits, type Edit } from "./edits.ts";
import { objectAt, textAt } from "./input.ts";
import { unifiedDiff } from "./unified_diff.ts";

/** What a coder takes. */
export interface CoderInput {
  /** Name of the file, for the diff's head. Default `text`. */
  readonly file?: string;
  /** What is to be edited. */
  readonly text: string;
  /** Applied in order. */
  readonly edits: readonly Edit[];
}

/** What a coder replies. */
export interface CoderOutput {
  /** The edited text. */
  readonly text: string;
  /** From the old text to the new one, as `patch -p1` and `git apply` take it; empty when nothing changed. */
  readonly diff: string;
}

const NAME_CHARS_MAX = 4_096;

/** The coder's work. Throws `InvalidArgumentError` naming the field or the edit that does not fit. */
export function applied(input: unknown): CoderOutput {
  const { file = "text", text, edits } = objectAt("input", input, ["file", "text", "edits"]);
  const name = textAt("file", file, NAME_CHARS_MAX);
  // deno-lint-ignore no-control-regex -- such a name would break the head of the diff into lines and fields
  if (name === "" || /[\x00-\x1f]/.test(name)) throw new InvalidArgumentError("file", name, "give a name without control characters.");
  const before = textAt("text", text);
  const after = applyEdits(before, edits);
  return { text: after, diff: unifiedDiff(name, before, after) };
}

/** Takes `CoderInput` by `ask` or as `task.input`; replies `CoderOutput`. */
export const coder: AgentBehavior<CoderInput, CoderOutput> = defineAgent<CoderInput, CoderOutput>({
  onMessage(message, ctx) {
    ctx.reply(applied(message.payload));
  },
  onTask(task) {
    return applied(task.input);
  },
});
