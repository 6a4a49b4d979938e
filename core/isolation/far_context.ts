/**
 * The context of an agent that is apart: what is the agent's own lies here, all else is asked of the near end.
 *
 * @module
 */
import { ReplyClosedError } from "../base/errors.ts";
import { ISOLATED_CALLS_OPEN_MAX } from "../base/limits.ts";
import type { AgentId, Priority } from "../bus/message.ts";
import { MESSAGE_BYTES_MAX } from "../bus/outbound.ts";
import { agentModel } from "../models/agent_model.ts";
import type {
  AgentContext,
  AgentMetrics,
  AgentModel,
  AgentStore,
  AskOptions,
  PublishOptions,
  SendOptions,
  SendResult,
  SpawnConfig,
  SubscribeOptions,
} from "../agents/agent.ts";
import type { ApartPlan } from "./frames.ts";
import type { FarLine } from "./far_line.ts";

/** A message or task that is being handled. */
export interface Turn {
  /** Number of the work. */
  readonly n: number;
  /** Whether somebody may wait for a reply. */
  readonly isAwaited: boolean;
  /** Of a task. */
  readonly taskId?: string;
  /** Aborted when whoever waits gives it up. */
  readonly abort: AbortController;
  /** Whether `reply` was called. */
  replied: boolean;
  /** Whether its handler is at work. */
  isOpen: boolean;
}

/** What all contexts of one agent share. */
export interface FarAgent {
  /** Who it is. */
  readonly plan: ApartPlan;
  /** The way out. */
  readonly line: FarLine;
  /** What it counts. */
  readonly metrics: AgentMetrics;
  /** Arena time, as far as the near end told it. */
  readonly clock: { now(): number };
  /** Ends with its life. */
  readonly life: AbortController;
  /** Shared values. */
  readonly store: AgentStore;
  /** Its own. */
  state: unknown;
}

/** One context: of an agent that handles one message at a time, or of one message of another. */
export class FarContext implements AgentContext {
  /** `turn` says what is being handled. */
  constructor(private readonly agent: FarAgent, private readonly turn: () => Turn | null) {}

  get id(): AgentId {
    return this.agent.plan.id;
  }

  get self(): AgentId {
    return this.agent.plan.id;
  }

  get type(): string {
    return this.agent.plan.type;
  }

  /** Of the one that speaks for it: the main thread. */
  get host(): number {
    return 0;
  }

  get capabilities(): readonly string[] {
    return this.agent.plan.capabilities;
  }

  get state(): unknown {
    return this.agent.state;
  }

  set state(state: unknown) {
    this.agent.state = state;
  }

  get signal(): AbortSignal {
    const turn = this.turn();
    return turn === null ? this.agent.life.signal : AbortSignal.any([this.agent.life.signal, turn.abort.signal]);
  }

  get clock(): { now(): number } {
    return this.agent.clock;
  }

  get store(): AgentStore {
    return this.agent.store;
  }

  get metrics(): AgentMetrics {
    return this.agent.metrics;
  }

  get model(): AgentModel {
    const { id, host, signal } = this;
    const call = (method: string, argument: unknown): Promise<unknown> => this.agent.line.call(this.#n, method, [argument]);
    return agentModel({ call }, { agentId: id, host, signal, taskId: this.turn()?.taskId });
  }

  send(to: AgentId, payload: unknown, options?: SendOptions): Promise<void> {
    return this.#ask("send", [to, payload], options) as Promise<void>;
  }

  multicast(to: readonly AgentId[], payload: unknown, options?: SendOptions): Promise<SendResult[]> {
    return this.#ask("multicast", [to, payload], options) as Promise<SendResult[]>;
  }

  ask<Reply>(to: AgentId, payload: unknown, options?: AskOptions): Promise<Reply> {
    return this.#ask("ask", [to, payload], options) as Promise<Reply>;
  }

  reply(payload: unknown): void {
    const turn = this.turn();
    if (turn === null || turn.replied || !turn.isOpen) throw new ReplyClosedError(this.id);
    if (!turn.isAwaited) return;
    // Looked at here, where it can still be thrown: the near end would find nobody to tell.
    this.agent.line.tell(turn.n, "reply", [payload], MESSAGE_BYTES_MAX);
    turn.replied = true;
  }

  spawn(type: string, config?: SpawnConfig): Promise<AgentId> {
    return this.#ask("spawn", [type], config) as Promise<AgentId>;
  }

  terminate(id: AgentId): Promise<void> {
    return this.#ask("terminate", [id]) as Promise<void>;
  }

  publish(topic: string, payload: unknown, priority?: Priority, options?: PublishOptions): boolean {
    return this.agent.line.callNow(this.#n, "publish", [topic, payload, priority, options]) as boolean;
  }

  subscribe(pattern: string, options?: SubscribeOptions): number {
    return this.agent.line.callNow(this.#n, "subscribe", [pattern, options]) as number;
  }

  log(text: string, data?: unknown): void {
    const { line } = this.agent;
    // Who logs faster than it is heard waits.
    if (line.openCalls < ISOLATED_CALLS_OPEN_MAX) line.call(this.#n, "log", [text, data]);
    else line.callNow(this.#n, "log", [text, data]);
  }

  get #n(): number {
    return this.turn()?.n ?? 0;
  }

  #ask(method: string, args: readonly unknown[], options?: { readonly signal?: AbortSignal }): Promise<unknown> {
    const { signal, ...travels } = options ?? {};
    return this.agent.line.call(this.#n, method, options === undefined ? args : [...args, travels], { signal });
  }
}
