/**
 * Whose turn it is in a state machine: transitions are one at a time, but what a callback asks for belongs to the transition that it serves.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { TransitionOptions } from "./state_definition.ts";

/** A transition that was asked for. */
export interface Wanted {
  readonly target: string;
  readonly event: boolean;
  readonly options: TransitionOptions<never>;
}

/** One that must wait for another. */
export interface Waiting extends Wanted {
  readonly resolve: (done: boolean | Promise<boolean>) => void;
}

/** Where transitions are one at a time: the machine itself, or one running callback of it. */
export class Frame {
  busy = false;
  /** Whether its callback still runs. */
  active = true;
  waiting: Waiting[] | null = null;
  /** Called when nothing is under way any more. */
  whenIdle: (() => void) | undefined = undefined;
  /** `outer` is the callback within which it runs, of whichever machine. */
  constructor(readonly owner: object, readonly depth: number, readonly outer: Frame | undefined) {}
}

/** Which callback the present code runs in, also after it has awaited. Set only for `async` callbacks: it costs half a microsecond. */
export const running = new AsyncLocalStorage<Frame>();

/** When a callback has settled, and with it the transitions that it asked for and did not await. */
export async function settled(frame: Frame | null, result: Promise<unknown>): Promise<void> {
  try {
    await result;
  } finally {
    if (frame !== null) {
      frame.active = false;
      if (frame.busy) await new Promise<void>((resolve) => frame.whenIdle = resolve);
    }
  }
}
