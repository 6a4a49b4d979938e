/**
 * The behavior of the agent that speaks for one that is apart: each of its functions is done at the far end of a line, and each call of the far end is a
 * call of its own context. So address, inbox, order, budgets, supervision and counts are those of any agent. A restart opens a new line.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { KernelError } from "../base/errors.ts";
import { STOP_TIMEOUT_MS } from "../base/limits.ts";
import { within } from "../base/pause.ts";
import { BorrowedBytes } from "../bus/borrowed_bytes.ts";
import type { Message } from "../bus/message.ts";
import type { AgentContext, Health, Isolation, Supervision, TaskDefinition } from "../agents/agent.ts";
import { stopReason } from "../agents/failures.ts";
import { type ApartBehavior, type ApartOrder, gradeOf, IsolationLostError } from "../agents/isolation.ts";
import { checkSupervision } from "../agents/supervision.ts";
import type { EnclosureEvents, OpenEnclosure } from "./enclosure.ts";
import type { ApartPlan, BehaviorFacts } from "./frames.ts";
import { Line } from "./line.ts";
import { ModelCalls } from "./model_calls.ts";
import { serve } from "./service.ts";

/** What the agents that are apart share. */
export interface ApartParts {
  /** Time and timers. */
  readonly clock: Clock;
  /** How long a far end may be silent, unless its supervision says otherwise. */
  readonly hangTimeoutMs: number;
  /** Models, asked by what the main thread answers its threads. */
  readonly modelCalls: Readonly<Record<string, (argument: unknown) => unknown>>;
  /** Opens threads or processes. */
  readonly open: OpenEnclosure;
}

/** One agent that is apart. */
export class ApartAgent implements ApartBehavior {
  readonly concurrency: number | undefined;
  readonly supervision: Supervision | undefined;
  readonly stateVersion: number | undefined;
  readonly snapshotIntervalMs: number | undefined;
  readonly onMessage?: (message: Message, ctx: AgentContext) => Promise<void>;
  readonly onTask?: (task: TaskDefinition, ctx: AgentContext) => Promise<unknown>;
  readonly healthCheck?: (ctx: AgentContext) => Promise<Health | boolean>;
  readonly snapshot?: () => Promise<unknown>;
  #line: Line;
  /** Whether the line is new: the first start finds its behavior loaded. */
  #isFresh = true;
  #restored: { readonly state: unknown } | undefined;

  private constructor(
    private readonly order: ApartOrder,
    private readonly plan: ApartPlan,
    private readonly parts: ApartParts,
    line: Line,
    facts: BehaviorFacts,
  ) {
    this.#line = line;
    const { has } = facts;
    this.concurrency = facts.concurrency;
    this.supervision = facts.supervision;
    this.stateVersion = facts.stateVersion;
    this.snapshotIntervalMs = facts.snapshotIntervalMs;
    if (has.includes("onMessage")) this.onMessage = (message, ctx) => this.#message(message, ctx);
    if (has.includes("onTask")) this.onTask = (task, ctx) => this.#task(task, ctx);
    if (has.includes("healthCheck")) this.healthCheck = () => this.#line.request({ what: "health" }) as Promise<Health | boolean>;
    if (has.includes("snapshot")) this.snapshot = () => this.#line.request({ what: "snapshot" });
  }

  /** Starts thread or process and loads the behavior there. */
  static async open(order: ApartOrder, plan: ApartPlan, parts: ApartParts): Promise<ApartAgent> {
    const line = lineOf(order, plan, parts);
    try {
      return new ApartAgent(order, plan, parts, line, await load(line, parts));
    } catch (error) {
      await line.end();
      throw error;
    }
  }

  /** Kept for the start that follows. */
  restore(state: unknown): void {
    this.#restored = { state };
  }

  /** Starts the behavior, in a new thread or process unless this one has just been opened. */
  async onStart(ctx: AgentContext): Promise<void> {
    if (!this.#isFresh) this.#line = lineOf(this.order, this.plan, this.parts);
    const line = this.#line;
    const restored = this.#restored;
    const fresh = this.#isFresh;
    [this.#isFresh, this.#restored] = [false, undefined];
    try {
      if (!fresh) await load(line, this.parts);
      line.life = ctx;
      ctx.signal.addEventListener("abort", () => line.abort(0, ctx.signal.reason), { once: true });
      await line.request({ what: "start", state: ctx.state, restored });
      line.watch(this.order.config.supervision?.hangTimeoutMs ?? this.supervision?.hangTimeoutMs ?? this.parts.hangTimeoutMs);
    } catch (error) {
      await line.end();
      throw error;
    }
  }

  /** Its last words; then thread or process ends. */
  async onStop(): Promise<void> {
    const line = this.#line;
    if (line.isOver) return await line.end();
    try {
      await within(this.parts.clock, STOP_TIMEOUT_MS, line.request({ what: "stop" }));
    } finally {
      await line.end();
    }
  }

  /** Ends thread or process, without its last words. */
  end(): Promise<void> {
    return this.#line.end();
  }

  async #message(message: Message, ctx: AgentContext): Promise<void> {
    const isLent = message.payload instanceof BorrowedBytes;
    const sent = isLent ? { ...message, payload: (message.payload as BorrowedBytes).copy() } : message;
    await this.#line.request({ what: "message", message: sent, isLent }, ctx);
  }

  #task(task: TaskDefinition, ctx: AgentContext): Promise<unknown> {
    return this.#line.request({ what: "task", task }, ctx);
  }
}

function lineOf(order: ApartOrder, plan: ApartPlan, parts: ApartParts): Line {
  const grade: Isolation = gradeOf(order.config);
  const models = new ModelCalls(order.id, parts.modelCalls);
  const line = new Line({
    clock: parts.clock,
    open: (events: EnclosureEvents) => parts.open(plan, events),
    serve: (method, args, ctx, signal) => serve({ method, args, ctx, signal, grade, models }),
    lost: (why, cause) => new IsolationLostError(order.id, grade, why, { cause }),
    stopped: () => stopReason(order.id),
    onFault: order.onFault,
    onLost: order.onLost,
    onEnd: () => models.close(),
  });
  line.watchStart();
  return line;
}

function load(line: Line, { clock }: ApartParts): Promise<BehaviorFacts> {
  return line.request({ what: "load", now: clock.now() }).then(checkedFacts);
}

/** A process that is not trusted has said this. */
function checkedFacts(said: unknown): BehaviorFacts {
  const { has, concurrency = 1, supervision, stateVersion = 0, snapshotIntervalMs = 0 } = said as BehaviorFacts;
  checkSupervision(supervision);
  const areNumbers = [stateVersion, snapshotIntervalMs].every((one) => typeof one === "number" && !Number.isNaN(one));
  if (Array.isArray(has) && Number.isInteger(concurrency) && concurrency > 0 && areNumbers) return said as BehaviorFacts;
  throw new KernelError("BEHAVIOR_LOAD", "the behavior's functions could not be read; write `export default defineAgent({ … })`.");
}
