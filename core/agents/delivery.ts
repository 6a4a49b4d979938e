/**
 * One message on its way through a handler, and what an agent and its host know of each other.
 *
 * @module
 */
import type { BorrowedBytes } from "../bus/borrowed_bytes.ts";
import { type Envelope, KIND, messageOf } from "../bus/envelope.ts";
import type { KeptFrame } from "../bus/inbound.ts";
import type { AgentId, Message } from "../bus/message.ts";
import type { TaskDefinition } from "../bus/task.ts";
import type { MessageBus } from "../bus/message_bus.ts";
import type {
  AgentBehavior,
  AgentMetrics,
  AgentModel,
  AgentStore,
  AskOptions,
  SendOptions,
  SendResult,
  SpawnConfig,
  Supervision,
} from "./agent.ts";
import type { DeadLetterReason } from "./dead_letters.ts";
import type { Notices } from "./notices.ts";

/** One message on its way to a handler. */
export interface Delivery {
  /** What the handler gets. */
  readonly message: Message;
  /** False for an answer. */
  readonly isRequest: boolean;
  /** Whether `onTask` is meant. */
  readonly isTask: boolean;
  /** Whether the sender waits for the handler to settle, not for a reply. */
  readonly acked: boolean;
  /** Answer to send, 0 when nobody waits. */
  readonly correlation: number;
  /** Whether the payload was too large for a frame. */
  readonly isLarge: boolean;
  /** The payload, when it is on loan until the handler has settled. */
  readonly lent: BorrowedBytes | null;
  /** Where its bytes are kept when it outlasts its turn. */
  kept: KeptFrame | null;
  /** Whether `ctx.reply` was called. */
  replied: boolean;
  /** Aborts this message's own signal; made when somebody asks for it. */
  abort: AbortController | null;
}

/** What a frame says, as its handler will get it. Written out field by field: one is made for each message. */
export function deliveryOf(envelope: Envelope, payload: unknown, kept: KeptFrame | null): Delivery {
  const { kind } = envelope;
  return {
    message: messageOf(envelope, payload),
    isRequest: kind !== KIND.reply && kind !== KIND.failure,
    isTask: kind === KIND.task,
    acked: kind === KIND.acked,
    correlation: envelope.correlation,
    isLarge: envelope.inSlabs,
    lent: envelope.isRaw && payload !== undefined ? payload as BorrowedBytes : null,
    kept,
    replied: false,
    abort: null,
  };
}

/** Bytes on loan that are sent on go as bytes again, and from a copy: the send may have to wait for room longer than the loan lasts. */
export function outgoing(handled: Delivery | null, payload: unknown): unknown {
  const lent = handled?.lent ?? null;
  return lent !== null && payload === lent ? lent.copy() : payload;
}

/** The task that is handled, if it is one. */
export function taskIdOf(handled: Delivery | null): string | undefined {
  return handled?.isTask ? (handled.message.payload as TaskDefinition).id : undefined;
}

/** On whose behalf a model is asked. */
export interface ModelAsker {
  /** The agent. */
  readonly agentId: AgentId;
  /** Its thread. */
  readonly host: number;
  /** The task that it is at. */
  readonly taskId?: string;
  /** Aborted when the agent, or what it is at, ends. */
  readonly signal?: AbortSignal;
}

/**
 * Whose handler a thread runs at this moment, and for which message. One place a thread: a field of each agent would be a new object in an old one, of which
 * the collector is told at each message, and which leads it to each of these agents at the next collection.
 */
export interface Stage {
  /** An agent that handles one message at a time; null between handlers. */
  agent: unknown;
  /** Its message. */
  delivery: Delivery | null;
}

/** What an agent needs of its host. */
export interface AgentHome {
  /** Index of the thread. */
  readonly index: number;
  /** Arena time. */
  readonly clock: { now(): number };
  /** Shared values. */
  readonly store: AgentStore;
  /** Where it is said whether an inbox takes more. */
  readonly directory: { setFull(id: AgentId, full: boolean): void };
  /** Topics and named queues. */
  readonly bus: MessageBus;
  /** What this thread's agents count for themselves. */
  readonly registry: AgentMetrics;
  /** Who is at work right now. */
  readonly stage: Stage;
  /** The models for one agent at one message. */
  model(asker: ModelAsker): AgentModel;
  /** Whether bytes on loan are made unreadable when the loan ends. */
  readonly poisons: boolean;
  /** False when this thread has been given up: nothing that it does counts any more. */
  readonly alive: boolean;
  /** Throws when it has. */
  checkAlive(): void;
  /** See `AgentContext.send`. */
  send(from: AgentId, to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined;
  /** See `AgentContext.multicast`. */
  multicast(from: AgentId, to: readonly AgentId[], payload: unknown, options?: SendOptions): Promise<SendResult[]>;
  /** See `AgentContext.ask`. `blocks`: the asker handles nothing until the reply has come. */
  ask(from: AgentId, to: AgentId, payload: unknown, options?: AskOptions, blocks?: boolean): Promise<unknown>;
  /** See `AgentContext.spawn`. */
  spawn(type: string, config: SpawnConfig | undefined, parent: AgentId): Promise<AgentId>;
  /** See `AgentContext.terminate`. */
  terminate(id: AgentId): Promise<void>;
  /** Answers whoever waits for this message. */
  answer(delivery: Delivery, failed: boolean, value: unknown): void;
  /** What it tells the main thread. */
  readonly notices: Notices;
  /** The handler is about to be entered: counted, and marked for survivors. */
  begin(delivery: Delivery, patienceMs: number): void;
  /** The handler goes on after its turn: the frame's bytes must too. */
  keep(): KeptFrame;
  /** Reads a kept frame; null when it cannot be read and has been buried. */
  open(kept: KeptFrame): Delivery | null;
  /** A message that waits can be marked as begun only where it is kept. */
  release(kept: KeptFrame): void;
  /** The agent is to be ended because it failed; its parent is told when it `escalates`. */
  giveUp(agent: AgentId, error: unknown, escalates: boolean): void;
  /** A frame will not be handled; `counted` unless its handler had been entered. */
  buryFrame(frame: KeptFrame, reason: DeadLetterReason, counted: boolean): void;
  /** A message will not be handled. */
  bury(delivery: Delivery, reason: DeadLetterReason): void;
  /** The agent is free again and has messages waiting. */
  runnable(agent: unknown): void;
  /** So many more (or fewer) messages wait for busy agents. */
  parked(change: number): void;
}

/** What the host knows of an agent when it makes it. */
export interface AgentSetup {
  /** Its address. */
  readonly id: AgentId;
  /** Name of its behavior. */
  readonly type: string;
  /** Its behavior. */
  readonly behavior: AgentBehavior;
  /** Makes the initial state: each time a private one. */
  readonly state: () => unknown;
  /** Words given at the spawn. */
  readonly capabilities: readonly string[];
  /** Level of `SpawnConfig.priority`. */
  readonly priority: number;
  /** Bound of waiting messages. */
  readonly inboxMessagesMax: number;
  /** What to do about failures. */
  readonly supervision: Supervision | undefined;
}
