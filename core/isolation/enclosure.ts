/**
 * Where an agent that is apart runs: a thread or a process that frames go to and come from.
 *
 * @module
 */
import type { ApartPlan } from "./frames.ts";

/** What an enclosure tells whoever opened it. */
export interface EnclosureEvents {
  /** A frame has come. */
  readonly onFrame: (bytes: Uint8Array) => void;
  /** It has ended by itself; told once. */
  readonly onEnd: (why: string, cause?: unknown) => void;
}

/** One thread or process. */
export interface Enclosure {
  /** Sends a frame; what comes after the end is dropped. */
  send(frame: Uint8Array): void;
  /** Answers the call that its agent blocks in. */
  answer(frame: Uint8Array): void;
  /** Ends it, whatever it is at. Resolves when it is gone. */
  end(): Promise<void>;
}

/** Opens one. */
export type OpenEnclosure = (plan: ApartPlan, events: EnclosureEvents) => Enclosure;
