/**
 * What an agent receives, and the levels of priority.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";

/** Address of an agent: a safe integer that packs node, generation and slot. 0 is nobody (a caller outside any agent). */
export type AgentId = number;

/** Levels of priority by name. High and critical messages take the urgent lane. */
export const PRIORITIES: Readonly<Record<PriorityName, number>> = { bulk: -1, low: 0, normal: 1, high: 2, critical: 3 };

/** Names of the levels. */
export type PriorityName = "bulk" | "low" | "normal" | "high" | "critical";

/** A priority by name or by number. */
export type Priority = PriorityName | -1 | 0 | 1 | 2 | 3;

/** One message as its receiver sees it. Fields that were not set are absent. */
export interface Message<Payload = unknown> {
  /** Unique in this kernel. */
  readonly id: number;
  /** The sender; 0 when it was no agent. */
  readonly from: AgentId;
  /** The receiver. */
  readonly to: AgentId;
  /** Exactly what was passed, copied as structured clone copies. */
  readonly payload: Payload;
  /** −1 bulk, 0 low, 1 normal, 2 high, 3 critical. */
  readonly priority: number;
  /** What kind of message it is, in the sender's words. */
  readonly type?: string;
  /** Under which it was published. */
  readonly topic?: string;
  /** Set when somebody waits for a reply. */
  readonly correlationId?: number;
  /** Id of the message that led to this one. */
  readonly causationId?: number | string;
  /** Of the exchange that it belongs to. */
  readonly conversationId?: number | string;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** Arena time of the send in ms (reads as Unix time). */
  readonly timestamp: number;
  /** Arena time in ms after which it is not to be handled any more. */
  readonly expiresAt?: number;
  /** 0 at the first delivery. */
  readonly retryCount: number;
}

/** The level of a priority given by name or number. Throws `InvalidArgumentError`. */
export function priorityLevel(priority: Priority | undefined): number {
  if (priority === undefined) return PRIORITIES.normal;
  const level = typeof priority === "number" ? priority : Object.hasOwn(PRIORITIES, priority) ? PRIORITIES[priority] : NaN;
  if (!Number.isInteger(level) || level < PRIORITIES.bulk || level > PRIORITIES.critical) {
    throw new InvalidArgumentError("priority", priority, "use bulk, low, normal, high or critical (−1…3).");
  }
  return level;
}
