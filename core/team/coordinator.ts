/**
 * The coordinator: splits work into parts, asks workers for them side by side, and merges what they reply.
 *
 * @module
 */
import { type AgentBehavior, type AgentContext, type AgentId, defineAgent } from "../agents/agent.ts";
import { InvalidArgumentError, isKernelError } from "../base/errors.ts";
import { isPlainObject } from "./input.ts";
import { type Merge, merge, type PartReply } from "./merging.ts";
import { type CoordinatorPlan, planOf } from "./work_plan.ts";

/** What a coordinator takes. Without `parts` and `splitBy` every worker gets the whole task. */
export interface CoordinatorInput {
  /** What all parts share. Parts that are objects are laid over it; others are sent as `{ task, part }`. */
  readonly task?: unknown;
  /** The parts; sent as they are when there is no task. */
  readonly parts?: readonly unknown[];
  /** Name of a list in the task: each part gets some of its items. */
  readonly splitBy?: string;
  /** Items in each part of `splitBy`. Default: as many parts as workers. */
  readonly partItems?: number;
  /** Agents that are there, or how many to spawn of a type. Spawned ones serve its next tasks too, and end with it. */
  readonly workers: readonly AgentId[] | { readonly type: string; readonly count: number };
  /** How replies become one value. Default `collect`. */
  readonly merge?: Merge;
  /** Merge this field of the replies instead of the replies themselves. */
  readonly pick?: string;
  /** Patience with one worker and part. Default 10,000. */
  readonly timeoutMs?: number;
}

/** What became of one part. */
export interface PartResult {
  /** The last worker asked. */
  readonly worker: AgentId;
  /** Whether it replied. */
  readonly ok: boolean;
  /** 2 when the first worker failed and another was asked. */
  readonly attempts: number;
  /** Why it failed. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** What a coordinator replies. */
export interface CoordinatorOutput {
  /** See `Merge`. Parts that failed are missing in it. */
  readonly merged: unknown;
  /** One for each part, in order. */
  readonly parts: PartResult[];
  /** Parts that failed twice, or once where there was no other worker. */
  readonly failed: number;
}

/** What a coordinator remembers: the workers that it spawned, by type. */
export interface CoordinatorState {
  /** Alive as far as it knows. */
  hired?: Record<string, AgentId[]>;
}

type Context = AgentContext<CoordinatorState, CoordinatorOutput>;

/** The coordinator's work. Throws `InvalidArgumentError` naming the field, and what a spawn throws; a worker's failure is a result. */
export async function coordinated(input: unknown, ctx: Context): Promise<CoordinatorOutput> {
  const plan = planOf(input, ctx.id);
  const workers = Array.isArray(plan.workers) ? plan.workers : await hire(plan.workers, ctx);
  const payloads = plan.payloadsFor(workers.length);
  const outcomes: Outcome[] = [];
  // One lane a worker, and in each one part after the other: no inbox fills, and who does what does not hang on who is faster.
  await Promise.all(workers.map(async (_worker, lane) => {
    for (let part = lane; part < payloads.length; part += workers.length) {
      outcomes[part] = await attempt(payloads[part], workers, lane, plan, ctx);
    }
  }));
  forgetDead(outcomes, ctx);
  const replies = outcomes.map(({ reply }, index) => picked(reply, plan.pick, index));
  const parts = outcomes.map(({ result }) => result);
  return { merged: merge(plan.merge, replies), parts, failed: parts.filter(({ ok }) => !ok).length };
}

interface Outcome {
  readonly result: PartResult;
  readonly reply: PartReply;
  readonly dead: readonly AgentId[];
}

/** Asks the lane's worker, and once another when it fails. */
async function attempt(payload: unknown, workers: readonly AgentId[], lane: number, plan: CoordinatorPlan, ctx: Context): Promise<Outcome> {
  const dead: AgentId[] = [];
  for (let attempts = 1;; attempts++) {
    ctx.signal.throwIfAborted();
    const worker = workers[(lane + attempts - 1) % workers.length];
    try {
      const value = await ctx.ask(worker, payload, { timeoutMs: plan.timeoutMs, signal: ctx.signal });
      return { result: { worker, ok: true, attempts }, reply: { value }, dead };
    } catch (error) {
      const { code, message } = isKernelError(error) ? error : { code: (error as Error).name, message: (error as Error).message };
      if (code === "AGENT_NOT_FOUND") dead.push(worker); // one whose thread died comes back elsewhere, with the same id
      if (attempts === 2 || workers.length === 1) {
        return { result: { worker, ok: false, attempts, error: { code, message } }, reply: null, dead };
      }
    }
  }
}

/** Workers of a type: those that have been spawned before, and as many new ones as are missing. */
async function hire({ type, count }: { type: string; count: number }, ctx: Context): Promise<AgentId[]> {
  const hired = ctx.state.hired ??= {};
  const crew = Object.hasOwn(hired, type) ? hired[type] : [];
  const missing = Math.max(0, count - crew.length);
  const spawned = await Promise.allSettled(Array.from({ length: missing }, () => ctx.spawn(type, { signal: ctx.signal })));
  // Kept before anything is thrown: those that did start must not be forgotten.
  hired[type] = [...crew, ...spawned.flatMap((outcome) => outcome.status === "fulfilled" ? [outcome.value] : [])];
  const failure = spawned.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return hired[type].slice(0, count);
}

function forgetDead(outcomes: readonly Outcome[], ctx: Context): void {
  const dead = new Set(outcomes.flatMap((outcome) => outcome.dead));
  for (const [type, crew] of Object.entries(ctx.state.hired ?? {})) ctx.state.hired![type] = crew.filter((id) => !dead.has(id));
}

function picked(reply: PartReply, pick: string | undefined, index: number): PartReply {
  if (pick === undefined || reply === null) return reply;
  if (isPlainObject(reply.value) && Object.hasOwn(reply.value, pick)) return { value: reply.value[pick] };
  throw new InvalidArgumentError("pick", pick, `the reply to part ${index} has no such field.`);
}

/** Takes `CoordinatorInput` by `ask` or as `task.input`; replies `CoordinatorOutput`. */
export const coordinator: AgentBehavior<CoordinatorInput, CoordinatorOutput, CoordinatorState> = defineAgent<
  CoordinatorInput,
  CoordinatorOutput,
  CoordinatorState
>({
  async onMessage(message, ctx) {
    ctx.reply(await coordinated(message.payload, ctx));
  },
  onTask(task, ctx) {
    return coordinated(task.input, ctx);
  },
  async onStop(ctx) {
    const all = Object.values(ctx.state.hired ?? {}).flat();
    await Promise.allSettled(all.map((id) => ctx.terminate(id))); // one that is gone already has nothing to be told
  },
  /** Restarted elsewhere, it still knows whom it spawned. */
  snapshot: (ctx) => ({ hired: ctx.state.hired }),
  snapshotIntervalMs: 0,
});
