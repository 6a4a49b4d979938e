/**
 * What the threads of a torture run and the one that starts them have in common.
 *
 * @module
 */
import type { Layout } from "../../core/memory/layout.ts";

/** What a thread is told. */
export interface ThreadOrder {
  /** Which program. */
  readonly role: "produce" | "consume" | "claim" | "ping" | "pong";
  /** Its index: its host, and its words in `progress`. */
  readonly me: number;
  /** Frames, claims or rounds. */
  readonly times: number;
  /** Of sizes and moments. */
  readonly seed: number;
  /** The arena. */
  readonly memory: WebAssembly.Memory;
  /** Plan of the arena. */
  readonly layout: Layout;
  /** Two words a thread for the watchdog: rounds done, and what it is about (see `DOING`); then the ball of ping and pong. */
  readonly progress: Int32Array;
}

/** What a thread may be about when the watchdog looks. */
export const DOING = [
  "working",
  "waiting for room",
  "waiting for a frame",
  "waiting for the ball (whenRung)",
  "waiting for the ball (blockUntilRung)",
];
/** Word of the ball in `progress`. */
export const BALL = 32;
/** Slots over which the claiming threads fight, where they lie (in words), and from one to the next. */
export const POOL = { slots: 2, first: 64, stride: 16, cursor: 32 };
