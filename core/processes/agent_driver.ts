/**
 * How to talk to an agent's program. A driver says what goes into its stdin, and reads its stdout; everything else (time, processes, logs) is the same
 * for all.
 *
 * @module
 */
import type { AgentRequest } from "./agent_request.ts";

/** What a driver works with. */
export interface DriverPorts {
  /** The request. */
  readonly request: AgentRequest;
  /** Its prompt. */
  readonly prompt: string;
  /** The agent's working directory. */
  readonly cwd: string;
  /** Writes to the agent's stdin; what an agent that no longer reads is told is lost, and noted. */
  write(text: string): void;
  /** Ends its stdin, behind what was written. */
  endInput(): void;
  /** A line in the log. */
  note(text: string): void;
}

/** Tokens and money, as far as the agent tells. */
export interface AgentUsage {
  /** Tokens read. */
  readonly inputTokens: number | null;
  /** Tokens written. */
  readonly outputTokens: number | null;
  /** In dollars. */
  readonly costUsd: number | null;
}

/** What a talk came to. */
export interface TalkOutcome {
  /** The result's text; what was printed, when unset. */
  readonly output?: string;
  /** Why it is no success although the program ended well. */
  readonly error?: string;
  /** What it cost. */
  readonly usage?: AgentUsage;
  /** Figures of the protocol. */
  readonly protocol?: Readonly<Record<string, number | string>>;
}

/** One talk with one agent. */
export interface Talk {
  /** Takes what the agent prints. */
  take(piece: Uint8Array): void;
  /** Resolves when the agent has said that it is done; never for one that says so by ending. */
  readonly done: Promise<void>;
  /** Asks the agent to stop; false when the protocol has no way to. */
  cancel(): boolean;
  /** After the end of the program; `status` tells how. */
  outcome(endedWell: boolean): TalkOutcome;
}

/** Begins a talk. */
export type AgentDriver = (ports: DriverPorts) => Talk;

/** Prompt on stdin, result on stdout, done when the program ends. */
export const plainDriver: AgentDriver = ({ prompt, write, endInput }) => {
  write(prompt);
  endInput();
  return { take: () => undefined, done: new Promise(() => undefined), cancel: () => false, outcome: () => ({}) };
};

/** An object from a line; null for what is none. */
export function objectFrom(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null;
  } catch {
    return null; // counted by whoever asked
  }
}
