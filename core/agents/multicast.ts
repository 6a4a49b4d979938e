/**
 * One message to several receivers.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { MULTICAST_MAX } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { SendResult } from "./agent.ts";

/** Sends to each in order, waits for all, and says of each what became of it: one that cannot be sent stops no other. */
export async function multicast(to: readonly AgentId[], send: (id: AgentId) => Promise<void> | undefined): Promise<SendResult[]> {
  if (to.length > MULTICAST_MAX) {
    throw new InvalidArgumentError("to.length", to.length, `send to at most ${MULTICAST_MAX} agents at a time.`);
  }
  const sends = to.map((id) => {
    try {
      return send(id);
    } catch (error) {
      return Promise.reject(error);
    }
  });
  const outcomes = await Promise.allSettled(sends);
  return outcomes.map((outcome) => outcome.status === "fulfilled" ? { ok: true } : { ok: false, error: outcome.reason });
}
