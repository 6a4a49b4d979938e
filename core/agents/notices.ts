/**
 * What one host tells the main thread: logs, failures, restarts, snapshots. Bounded: what finds too much waiting is counted and dropped.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { NOTES_WAITING_MAX } from "../base/limits.ts";
import { plainCodec, toBytes } from "../bus/codec.ts";
import { KIND } from "../bus/envelope.ts";
import type { AgentId } from "../bus/message.ts";
import { MESSAGE_BYTES_MAX } from "../bus/outbound.ts";
import type { BlackBox } from "../memory/black_box.ts";
import { privateWindow } from "../memory/shared_memory.ts";
import { COUNT, type HostMetrics } from "../metrics/counters.ts";
import { slotOf } from "./agent_directory.ts";
import { portableError } from "./failures.ts";
import type { PostRoom } from "./post_room.ts";

/** Failures are told at most so often a thread; all of them are counted. */
const FAILURE_GAP_MS = 10;

/** What notices need of their host. */
export interface NoticeParts {
  readonly host: number;
  readonly clock: Clock;
  readonly metrics: HostMetrics;
  readonly post: PostRoom;
  readonly box: BlackBox | undefined;
}

/** The notices of one host. */
export class Notices {
  #failureAt = 0;

  /** They go out through `post`. */
  constructor(private readonly parts: NoticeParts) {}

  /** Anything. */
  send(note: unknown): void {
    const { post, metrics } = this.parts;
    if (post.waiting >= NOTES_WAITING_MAX) metrics.counts[COUNT.notesDropped]++;
    else post.control(0, KIND.note, 0, note);
  }

  /** A function of an agent threw. */
  failed(agentId: AgentId, error: unknown): void {
    this.parts.metrics.counts[COUNT.failed]++;
    const now = this.parts.clock.now();
    this.parts.box?.failed(slotOf(agentId), now);
    if (now - this.#failureAt < FAILURE_GAP_MS) return;
    this.#failureAt = now;
    this.#sendError({ kind: "agent-failed", agentId }, error);
  }

  /** An agent is ended because it failed. */
  givenUp(agentId: AgentId, error: unknown, escalates: boolean): void {
    this.#sendError({ kind: "agent-given-up", agentId, escalates }, error);
  }

  /** An agent has been made anew after a failure. */
  restarted(agentId: AgentId, error: unknown, restored: boolean): void {
    this.#sendError({ kind: "agent-restarted", agentId, host: this.parts.host, restored }, error);
  }

  /** What is to survive this thread; returned as it will be restored. */
  snapshot(agentId: AgentId, state: unknown, version: number): Uint8Array {
    const bytes = toBytes(state, MESSAGE_BYTES_MAX / 2);
    this.send({ kind: "snapshot", agentId, version, bytes });
    return bytes;
  }

  #sendError(note: Record<string, unknown>, error: unknown): void {
    try {
      this.send({ ...note, error });
    } catch {
      this.send({ ...note, error: portableError(error) }); // it carries something that cannot be copied
    }
  }
}

/** Reads what `Notices.snapshot` returned. */
export function readSnapshot(bytes: Uint8Array): unknown {
  const window = privateWindow(bytes.length);
  window.bytes.set(bytes);
  return plainCodec.decode(window, 0, bytes.length);
}
