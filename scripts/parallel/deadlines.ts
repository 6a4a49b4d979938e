/**
 * How late an agent is stopped that has had its time.
 *
 * @module
 */
import { requestsNamed, runLab, type Spread, spreadOf } from "./laboratory.ts";

/** From the deadline to the end of the agent, its last breath included. */
export interface DeadlineFigures {
  /** In ms. */
  readonly latenessMs: Spread;
  /** The worst. */
  readonly latenessMsMax: number;
  /** Agents that were stopped before their deadline, or for another reason. */
  readonly wrong: number;
}

/** Agents that would sleep on, each stopped at its deadline, a few at a time. */
export async function measureDeadlines(agents: number, timeoutMs: number): Promise<DeadlineFigures> {
  const settings = { maxConcurrentAgents: 4, initialTimeoutMs: timeoutMs, maxTimeoutMs: timeoutMs };
  return await runLab(requestsNamed("late", agents), "exec sleep 60", { settings }, ({ results }) => {
    const lateness = results.map(({ durationMs, stats }) => durationMs - stats!.spawnMs! - timeoutMs);
    const wrong = results.filter(({ failureReason }, i) => failureReason !== "PROGRESSIVE_TIMEOUT" || lateness[i] < 0).length;
    return { latenessMs: spreadOf(lateness), latenessMsMax: Math.max(...lateness), wrong };
  });
}
