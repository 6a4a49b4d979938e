/**
 * Runs one agent's behavior in its own thread: does what the near end asks for, one piece of work after the other or as many at a time as the behavior
 * takes, and says what came of each.
 *
 * @module
 */
import { asError } from "../base/errors.ts";
import { BorrowedBytes } from "../bus/borrowed_bytes.ts";
import type { Message } from "../bus/message.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import type { AgentBehavior, AgentContext } from "../agents/agent.ts";
import { BehaviorLoader, type BehaviorSource } from "../agents/behavior_loader.ts";
import { payloadRefused, portableError } from "../agents/failures.ts";
import { type FarAgent, FarContext, type Turn } from "./far_context.ts";
import { FarLine } from "./far_line.ts";
import { FarMetrics } from "./far_metrics.ts";
import { FarStore } from "./far_store.ts";
import { type ApartPlan, type BehaviorFacts, decodeFrame, type FromApart, type ToApart, type Work } from "./frames.ts";

/** What a runner is given. */
export interface RunnerParts {
  /** Who runs. */
  readonly plan: ApartPlan;
  /** `worker` or `process`, for errors. */
  readonly grade: string;
  /** The kernel's own behaviors. */
  readonly known: Readonly<Record<string, BehaviorSource>>;
  /** Hands a frame to the near end. */
  readonly post: (bytes: Uint8Array) => void;
  /** Where it answers calls that block. */
  readonly answers: SharedMemory;
  /** This thread's own time. */
  readonly localNow: () => number;
}

const FUNCTIONS = ["onStart", "onMessage", "onTask", "onStop", "healthCheck", "snapshot", "restore", "accepts"] as const;

/** One agent in its own thread. */
export class Runner {
  readonly #parts: RunnerParts;
  readonly #line: FarLine;
  readonly #agent: FarAgent;
  readonly #turns = new Map<number, Turn>();
  /** Of an agent that handles one message at a time. */
  readonly #context: AgentContext;
  #current: Turn | null = null;
  #offsetMs = 0;
  #behavior: AgentBehavior = {};

  /** Waits for frames. */
  constructor(parts: RunnerParts) {
    this.#parts = parts;
    const { plan, post, answers, grade } = parts;
    const line = this.#line = new FarLine(plan.id, post, answers);
    this.#agent = {
      ...{ plan, line, metrics: new FarMetrics(line), store: new FarStore(line, grade), life: new AbortController(), state: {} },
      clock: { now: () => parts.localNow() + this.#offsetMs },
    };
    this.#context = new FarContext(this.#agent, () => this.#current);
  }

  /** A frame has come. */
  take(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes) as ToApart;
    if (frame.op === "do") this.#do(frame.n, frame.work);
    else if (frame.op === "answer") this.#line.answered(frame.call, frame.failed, frame.value);
    else if (frame.op === "abort") (frame.n === 0 ? this.#agent.life : this.#turns.get(frame.n)?.abort)?.abort(frame.reason);
    else this.#line.send({ op: "pong" });
  }

  #do(n: number, work: Work): void {
    let result: unknown;
    try {
      result = work.what === "message" || work.what === "task" ? this.#handle(n, work) : this.#other(work);
    } catch (error) {
      return this.#done(n, true, error);
    }
    // What onMessage returns means nothing, and may be what cannot be carried.
    const settle = (value: unknown): void =>
      this.#done(n, false, work.what === "message" && !(value instanceof Refusal) ? undefined : value);
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") return settle(result);
    (result as PromiseLike<unknown>).then(settle, (error) => this.#done(n, true, error));
  }

  #done(n: number, failed: boolean, value: unknown): void {
    const turn = this.#turns.get(n);
    this.#turns.delete(n);
    if (turn !== undefined) turn.isOpen = false;
    if (this.#current === turn) this.#current = null;
    const frame: FromApart = value instanceof Refusal
      ? { op: "done", n, failed: true, refused: true, value: value.error }
      : { op: "done", n, failed, value };
    try {
      this.#line.send(frame);
    } catch (error) {
      this.#line.send({ op: "done", n, failed: true, value: failed ? portableError(value) : asError(error) });
    }
  }

  #other(work: Exclude<Work, { what: "message" | "task" }>): unknown {
    const { what } = work;
    if (what === "load") return this.#load(work.now);
    if (what === "start") return this.#start(work.state, work.restored);
    if (what === "health") return this.#behavior.healthCheck!(this.#context);
    if (what === "snapshot") return this.#behavior.snapshot!(this.#context);
    return this.#behavior.onStop?.(this.#context);
  }

  async #load(now: number): Promise<BehaviorFacts> {
    this.#offsetMs = now - this.#parts.localNow();
    const { plan: { type, url }, known } = this.#parts;
    const behavior = this.#behavior = await new BehaviorLoader(url === undefined ? known : { [type]: url }).load(type);
    const { concurrency, supervision, stateVersion, snapshotIntervalMs } = behavior;
    const has = FUNCTIONS.filter((name) => behavior[name] !== undefined);
    return { has, concurrency, supervision, stateVersion, snapshotIntervalMs };
  }

  async #start(state: unknown, restored: { readonly state: unknown } | undefined): Promise<void> {
    const { restore, onStart } = this.#behavior;
    this.#agent.state = state;
    if (restored !== undefined && restore === undefined) this.#agent.state = restored.state;
    else if (restored !== undefined) await restore!.call(this.#behavior, restored.state, this.#context);
    await onStart?.call(this.#behavior, this.#context);
  }

  #handle(n: number, work: Work & { what: "message" | "task" }): unknown {
    const behavior = this.#behavior;
    const isTask = work.what === "task";
    const turn: Turn = {
      ...{ n, abort: new AbortController(), replied: false, isOpen: true },
      isAwaited: isTask || work.message.correlationId !== undefined,
      taskId: isTask ? work.task.id : undefined,
    };
    this.#turns.set(n, turn);
    const context = (behavior.concurrency ?? 1) === 1 ? this.#context : new FarContext(this.#agent, () => turn);
    if (context === this.#context) this.#current = turn;
    if (isTask) return behavior.onTask!(work.task, context);
    const lent = work.isLent ? lend(work.message) : null;
    const message = lent === null ? work.message : { ...work.message, payload: lent };
    const checked = behavior.accepts?.safeParse(message.payload);
    if (checked?.success === false) {
      return new Refusal(payloadRefused(this.#parts.plan.id, this.#parts.plan.type, checked.error.message));
    }
    const result = behavior.onMessage!(checked === undefined ? message : { ...message, payload: checked.data }, context);
    if (lent === null) return result;
    return Promise.resolve(result).finally(() => lent.end(this.#parts.plan.poisons));
  }
}

/** A message that was not accepted: no failure of the agent's. */
class Refusal {
  constructor(readonly error: Error) {}
}

function lend({ payload }: Message): BorrowedBytes {
  const bytes = payload as Uint8Array;
  return new BorrowedBytes(bytes, 0, bytes.length);
}
