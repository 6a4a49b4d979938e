/**
 * When an agent's state is kept for a restart, here and elsewhere.
 *
 * @module
 */
import { SNAPSHOT_INTERVAL_MS } from "../base/limits.ts";
import type { AgentBehavior, AgentContext } from "./agent.ts";
import type { AgentHome } from "./delivery.ts";
import type { HostedAgent } from "./hosted_agent.ts";
import { readSnapshot } from "./notices.ts";

/** The snapshots of one agent. */
export class Snapshots {
  /** As it was last taken; the thread's own copy, for a restart in place. */
  last: Uint8Array | undefined;
  #takenAt = -Infinity;
  /** Whether messages have been handled since. */
  #isOld = false;

  /** For an agent whose behavior has `snapshot`. */
  constructor(private readonly home: AgentHome, private readonly behavior: AgentBehavior) {}

  /** A message has been handled: takes a snapshot when one is due. */
  afterMessage(agent: HostedAgent): void {
    this.#isOld = true;
    const now = this.home.clock.now();
    if (now - this.#takenAt < (this.behavior.snapshotIntervalMs ?? SNAPSHOT_INTERVAL_MS)) return;
    this.#takenAt = now;
    this.#take(agent);
  }

  /** The agent's thread ends as it should: what the last snapshot lacks is kept now. */
  atEnd(agent: HostedAgent): Promise<void> | undefined {
    return this.#isOld ? this.#take(agent) : undefined;
  }

  /** A promise only where the state lies in another thread or process. */
  #take(agent: HostedAgent): Promise<void> | undefined {
    this.#isOld = false;
    const keep = (state: unknown): void => {
      this.last = this.home.notices.snapshot(agent.id, state, this.behavior.stateVersion ?? 0);
    };
    // What it did stays done: an agent that cannot be kept is less than one that is lost.
    const report = (error: unknown): void => this.home.notices.failed(agent.id, error);
    try {
      const state = this.behavior.snapshot!(agent);
      if (state instanceof Promise) return state.then(keep).catch(report);
      keep(state);
    } catch (error) {
      report(error);
    }
  }
}

/** Gives an agent its state back; a promise when its behavior takes time over it. */
export function restore(agent: AgentContext, behavior: AgentBehavior, bytes: Uint8Array): Promise<void> | undefined {
  const state = readSnapshot(bytes);
  const restored = behavior.restore === undefined ? void (agent.state = state) : behavior.restore(state, agent);
  return typeof restored?.then === "function" ? restored : undefined;
}
