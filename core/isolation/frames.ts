/**
 * What goes over the line between an agent that is apart and the one that speaks for it: plain data in the codec of all messages, one frame a value. Both
 * sides are of the same build, but the far one may be a process that is not trusted: what it sends is looked at before it is used.
 *
 * @module
 */
import { ISOLATED_FRAME_BYTES_MAX } from "../base/limits.ts";
import { plainCodec, toBytes } from "../bus/codec.ts";
import type { AgentId, Message } from "../bus/message.ts";
import type { TaskDefinition } from "../bus/task.ts";
import { privateWindow } from "../memory/shared_memory.ts";
import type { Supervision } from "../agents/agent.ts";

/** What the far side needs to know before anything. */
export interface ApartPlan {
  /** Address of the agent. */
  readonly id: AgentId;
  /** Name of its behavior. */
  readonly type: string;
  /** Where the behavior is; absent: one of the kernel's own. */
  readonly url?: string;
  /** Words given at its spawn. */
  readonly capabilities: readonly string[];
  /** Whether bytes on loan are made unreadable when the loan ends. */
  readonly poisons: boolean;
}

/** What is told of a behavior once it is loaded. */
export interface BehaviorFacts {
  /** Its functions, and `accepts`. */
  readonly has: readonly string[];
  /** Messages at a time. */
  readonly concurrency?: number;
  /** What to do when it fails. */
  readonly supervision?: Supervision;
  /** Version of its snapshots. */
  readonly stateVersion?: number;
  /** Least time between two. */
  readonly snapshotIntervalMs?: number;
}

/** What the far side is to do. */
export type Work =
  | { readonly what: "load"; readonly now: number }
  | { readonly what: "start"; readonly state: unknown; readonly restored?: { readonly state: unknown } }
  | { readonly what: "message"; readonly message: Message; readonly isLent: boolean }
  | { readonly what: "task"; readonly task: TaskDefinition }
  | { readonly what: "stop" | "health" | "snapshot" };

/** To the far side. */
export type ToApart =
  | { readonly op: "do"; readonly n: number; readonly work: Work }
  | { readonly op: "abort"; readonly n: number; readonly reason: unknown }
  | { readonly op: "answer"; readonly call: number; readonly failed: boolean; readonly value: unknown }
  | { readonly op: "ping" };

/** From the far side. `n` is the work on whose behalf it calls, 0 for none; `call` 0 wants no answer. */
export type FromApart =
  | { readonly op: "done"; readonly n: number; readonly failed: boolean; readonly refused?: true; readonly value: unknown }
  | {
    readonly op: "call";
    readonly call: number;
    readonly n: number;
    readonly method: string;
    readonly args: readonly unknown[];
    readonly blocks?: true;
  }
  | { readonly op: "cancel"; readonly call: number; readonly reason: unknown }
  | { readonly op: "pong" };

/** Answer to a call that blocks: whether it failed, and what it came to. */
export interface BlockingAnswer {
  /** Whether `value` was thrown. */
  readonly failed: boolean;
  /** What it came to. */
  readonly value: unknown;
}

/** A frame's bytes. Throws `PayloadNotCloneableError` and `MessageTooLargeError`. */
export function encodeFrame(frame: ToApart | FromApart | BlockingAnswer, bytesMax: number = ISOLATED_FRAME_BYTES_MAX): Uint8Array {
  return toBytes(frame, bytesMax);
}

/** A frame from its bytes. Throws on anything malformed. */
export function decodeFrame(bytes: Uint8Array): unknown {
  const window = privateWindow((bytes.length + 7) & ~7);
  window.bytes.set(bytes);
  return plainCodec.decode(window, 0, bytes.length);
}
