/**
 * What a request to a model must look like, checked before anything is reserved or sent.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { MODEL_MESSAGES_MAX, MODEL_REQUEST_CHARS_MAX } from "../base/limits.ts";
import type { ModelMessage, ModelRequest } from "../bus/model.ts";

const ROLES: readonly unknown[] = ["user", "assistant", "tool"];

/** Characters of all turns. */
export function charsOf(messages: readonly ModelMessage[], system = ""): number {
  return messages.reduce((sum, { content }) => sum + content.length, system.length);
}

/** The turns of a request. Throws `InvalidArgumentError` that names the field. */
export function checkedMessages({ prompt, messages, system, temperature }: ModelRequest): readonly ModelMessage[] {
  if (system !== undefined && typeof system !== "string") throw new InvalidArgumentError("system", system, "give a string.");
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
    throw new InvalidArgumentError("temperature", temperature, "use a number from 0 to 2.");
  }
  if ((prompt === undefined) === (messages === undefined)) {
    throw new InvalidArgumentError("prompt", prompt, "give either prompt or messages.");
  }
  if (messages !== undefined && !Array.isArray(messages)) throw new InvalidArgumentError("messages", messages, "give a list of turns.");
  const turns: readonly ModelMessage[] = messages ?? [{ role: "user", content: prompt! }];
  if (turns.length === 0 || turns.length > MODEL_MESSAGES_MAX) {
    throw new InvalidArgumentError("messages", turns.length, `give 1 to ${MODEL_MESSAGES_MAX} turns.`);
  }
  for (const [index, turn] of turns.entries()) {
    const field = messages === undefined ? "prompt" : `messages[${index}].content`;
    if (typeof turn?.content !== "string") throw new InvalidArgumentError(field, turn?.content, "give a string.");
    if (!ROLES.includes(turn.role)) throw new InvalidArgumentError(`messages[${index}].role`, turn.role, "use user, assistant or tool.");
  }
  if (turns[turns.length - 1].role === "assistant") {
    throw new InvalidArgumentError("messages", "assistant", "end with a turn of the user, or of a tool.");
  }
  const chars = charsOf(turns, system);
  if (chars > MODEL_REQUEST_CHARS_MAX) {
    throw new InvalidArgumentError("messages", chars, `${chars} characters in all; at most ${MODEL_REQUEST_CHARS_MAX}.`);
  }
  if (chars === (system ?? "").length) throw new InvalidArgumentError("prompt", "", "say something to the model.");
  return turns;
}
