/**
 * What goes back to whoever waits, before a handler and after it.
 *
 * @module
 */
import { asError } from "../base/errors.ts";
import { countRetry } from "../bus/envelope.ts";
import type { Acceptor } from "./agent.ts";
import type { AgentHome, Delivery } from "./delivery.ts";
import { buriedError, noReply, payloadRefused } from "./failures.ts";
import type { AgentId } from "../bus/message.ts";
import { IsolationLostError } from "./isolation.ts";

/** Whether a message may go in; one that may not is a dead letter, and its asker hears why. What the check made of it takes its place. */
export function isAccepted(
  home: AgentHome,
  { id, type }: { readonly id: AgentId; readonly type: string },
  accepts: Acceptor<unknown>,
  delivery: Delivery,
): boolean {
  const checked = parsed(accepts, delivery.message.payload);
  if (checked.success) {
    (delivery.message as { payload: unknown }).payload = checked.data;
    return true;
  }
  if (delivery.correlation !== 0) home.answer(delivery, true, payloadRefused(id, type, checked.error.message));
  home.bury({ ...delivery, correlation: 0 }, "refused");
  return false;
}

/** A check that throws instead of saying no (an async refinement of zod does) refuses: it must not end the thread. */
function parsed(accepts: Acceptor<unknown>, payload: unknown): ReturnType<Acceptor<unknown>["safeParse"]> {
  try {
    return accepts.safeParse(payload);
  } catch (error) {
    return { success: false, error: asError(error) };
  }
}

/** What a handler that has settled owes whoever waits: an ask that it did not reply to fails, a task has its output. */
export function answerSettled(
  home: AgentHome,
  { id, type }: { readonly id: AgentId; readonly type: string },
  delivery: Delivery,
  value: unknown,
): void {
  if (delivery.correlation !== 0 && !delivery.replied) {
    if (delivery.acked) home.answer(delivery, false, undefined);
    else if (delivery.isTask) answerTask(home, delivery, value);
    else home.answer(delivery, true, noReply(id, type));
  }
  if (delivery.kept !== null) home.release(delivery.kept);
}

/** A task's output; when it cannot be copied, that is the task's failure. */
function answerTask(home: AgentHome, delivery: Delivery, output: unknown): void {
  try {
    home.answer(delivery, false, output);
  } catch (error) {
    home.answer(delivery, true, error);
  }
}

/** A handler that has not settled when its agent ends: whoever waits hears why. */
export function answerAbandoned(home: AgentHome, delivery: Delivery, reason: Error): void {
  if (delivery.correlation !== 0 && !delivery.replied) home.answer(delivery, true, reason);
  if (delivery.kept !== null) home.release(delivery.kept);
}

/** A message without a handler is a dead letter. A task is not: it goes back, and the main thread asks the agent's model instead. */
export function refuseUnhandled(home: AgentHome, delivery: Delivery): void {
  if (!delivery.isTask) return home.bury(delivery, "no-handler");
  home.begin(delivery, 0);
  home.answer(delivery, true, buriedError(delivery.message.to, "no-handler"));
  if (delivery.kept !== null) home.release(delivery.kept);
}

/** Whether a message whose handler has failed waits for a second try: its sender asked for at least once, and the agent's own thread or process died in it. */
export function isTriedAgain({ acked, kept, message }: Delivery, error: unknown): boolean {
  if (!(error instanceof IsolationLostError) || !acked || kept === null || message.retryCount > 0) return false;
  countRetry(kept.window, kept.at);
  return true;
}

/** What becomes of a message whose handler has failed: whoever waits hears why; one that was interrupted by a death is a dead letter. */
export function answerFailure(home: AgentHome, delivery: Delivery, error: unknown): void {
  if (delivery.correlation !== 0 && !delivery.replied) home.answer(delivery, true, error);
  if (delivery.kept === null) return;
  if (error instanceof IsolationLostError) home.buryFrame(delivery.kept, "host-died", false);
  else home.release(delivery.kept);
}
