/**
 * Steps of workflows, done by agents as tasks of the executor.
 *
 * @module
 */
import type { AgentRegistry } from "./agents/agent_registry.ts";
import { AgentNotFoundError } from "./base/errors.ts";
import type { Clock } from "./base/clock.ts";
import type { AgentId } from "./bus/message.ts";
import type { TaskExecutor } from "./tasks/executor.ts";
import type { ActionContext } from "./workflows/action.ts";
import type { AgentSelector, WorkflowAgents } from "./workflows/agents.ts";

/** The agents of one kernel. */
export class TaskAgents implements WorkflowAgents {
  /** Finds them in `registry`, has `executor` run what they are to do. */
  constructor(private readonly registry: AgentRegistry, private readonly executor: TaskExecutor, private readonly clock: Clock) {}

  /** Why nobody can do it. */
  refusal(selector: AgentSelector): string | undefined {
    return this.#choose(selector) !== 0 ? undefined : `no agent ${told(selector)} is alive. Spawn one before the workflow starts.`;
  }

  /** Has one of them do it. */
  async run(selector: AgentSelector, objective: string, input: unknown, ctx: ActionContext): Promise<unknown> {
    const agentId = this.#choose(selector);
    if (agentId === 0) throw new AgentNotFoundError(selector.agentId ?? 0, `none ${told(selector)} is alive`);
    const timeout = Math.max(1, ctx.deadlineMs - this.clock.now());
    const task = { id: ctx.key, objective, input, constraints: { timeout } };
    const { status, output, error } = await this.executor.executeTask(task, agentId, { signal: ctx.signal });
    if (status === "completed") return output;
    throw error;
  }

  #choose({ role, capability, agentId }: AgentSelector): AgentId {
    if (agentId === undefined) return this.registry.choose(role, capability);
    return this.registry.fits(agentId, role, capability) ? agentId : 0;
  }
}

function told({ role, capability, agentId }: AgentSelector): string {
  const words = [
    ...agentId === undefined ? [] : [`of id ${agentId}`],
    ...role === undefined ? [] : [`of type ${role}`],
    ...capability === undefined ? [] : [`that can ${capability}`],
  ];
  return words.join(" ");
}
