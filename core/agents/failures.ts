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
  if (reason === "expired") {
    return new KernelError("MESSAGE_EXPIRED", `the message to agent ${agent} was not handled in time; raise ttlMs.`, { agentId: agent });
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

/** Why an agent's signal is aborted, and what its asker gets. */
export function stopReason(id: AgentId): KernelError {
  return new KernelError("AGENT_STOPPED", `agent ${id} has been terminated.`, { agentId: id });
}

/** What the asker gets whose message was handled without a reply. */
export function noReply(id: AgentId, type: string): KernelError {
  return new KernelError(
    "NO_REPLY",
    `agent ${id} (${type}) handled the message without calling ctx.reply. Reply in onMessage, or use sendMessage.`,
    { agentId: id, type },
  );
}

/** What the asker gets whose message the behavior does not accept. */
export function payloadRefused(id: AgentId, type: string, why: string): KernelError {
  return new KernelError("PAYLOAD_REFUSED", `agent ${id} (${type}) does not accept this message: ${why}`, { agentId: id, type, why });
}
