/**
 * Asking the guards of a transition.
 *
 * @module
 */
import { InvalidArgumentError } from "./errors.ts";
import type { Move } from "./state_chart.ts";
import type { StateChange } from "./state_definition.ts";

/** A change while it is made. */
export type Change = { -readonly [Field in keyof StateChange<string, string, unknown>]: StateChange<string, string, unknown>[Field] };

/** Why the guards of a move refuse, if they do. */
export function refusal({ edge }: Move, change: Change): string | undefined {
  const { guards } = edge;
  for (let at = 0; at < guards.length; at++) {
    const guard = guards[at];
    const verdict: unknown = guard.condition(change.context as never, change as never);
    if (verdict === true) continue;
    if (typeof (verdict as PromiseLike<unknown> | null | undefined)?.then === "function") {
      throw new InvalidArgumentError(
        `guards[${at}].condition`,
        verdict,
        "a guard decides at once: find out before, and hand it in as context.",
      );
    }
    if (!verdict) return guard.message;
  }
  return undefined;
}
