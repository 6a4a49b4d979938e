/**
 * Errors that travel between threads.
 *
 * @module
 */
import { AgentNotFoundError, describe, KernelError } from "../base/errors.ts";
import type { AgentId } from "../bus/message.ts";
import type { DeadLetterReason } from "./dead_letters.ts";

/** What the asker of a message gets that will not be handled. */
export function buriedError(agent: AgentId, reason: DeadLetterReason): KernelError {
  if (reason === "corrupt") {
    return new KernelError("CORRUPT_MESSAGE", `the message to agent ${agent} could not be read; please report it.`, { agentId: agent });
  }
  if (reason !== "no-handler") return new AgentNotFoundError(agent, "it was terminated before it came to this message");
  return new KernelError("NO_HANDLER", `agent ${agent} has no handler for this; define onMessage (for asks) or onTask (for tasks).`, {
    agentId: agent,
  });
}

/** An error by name and message, for one that carries something that cannot be copied. */
export function portableError(error: unknown): KernelError {
  return new KernelError("AGENT_FAILED", error instanceof Error ? `${error.name}: ${error.message}` : `it threw ${describe(error)}`);
}
