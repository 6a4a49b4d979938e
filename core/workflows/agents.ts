/**
 * Agents as workflows see them: handed down, for this floor knows none.
 *
 * @module
 */
import type { ActionContext } from "./action.ts";

/** Which agents may do a step; what is given must all fit. */
export interface AgentSelector {
  /** Their type. */
  readonly role?: string;
  /** A word among their capabilities. */
  readonly capability?: string;
  /** This one. */
  readonly agentId?: number;
}

/** Has steps done by agents. */
export interface WorkflowAgents {
  /** Why no agent can be chosen, and what to do; undefined when one can. */
  refusal(selector: AgentSelector): string | undefined;
  /** Has one of them do it; rejects when it fails or none is left. Heeds `ctx.signal` and `ctx.deadlineMs`. */
  run(selector: AgentSelector, objective: string, input: unknown, ctx: ActionContext): Promise<unknown>;
}
