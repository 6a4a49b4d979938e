/**
 * The document's second test: whether agents run at the same time. Waiting and computing are told apart: the one shows what the coordinator costs, the
 * other what the cores give.
 *
 * @module
 */
import { requestsNamed, runLab } from "./laboratory.ts";

/** So many agents at once. */
export interface SpeedUp {
  /** Agents. */
  readonly agents: number;
  /** From the first claim to the last result. */
  readonly wallMs: number;
  /** Their times added up: one after the other, they would take so long. */
  readonly sumMs: number;
  /** The document's figure: the one by the other. */
  readonly speedUp: number;
  /** Waiting: the time that all waited, of the wall time. Computing: the time of their processors, of the cores that they could have. */
  readonly efficiencyPercent: number;
}

/** Agents that wait, all at once. */
export async function measureWaiting(agents: number, waitMs: number): Promise<SpeedUp> {
  const settings = {
    maxConcurrentAgents: agents,
    initialTimeoutMs: waitMs * 2 + 10_000,
    maxTimeoutMs: waitMs * 2 + 10_000,
    heartbeatTimeoutMs: waitMs * 3 + 10_000,
  };
  return await runLab(requestsNamed("waits", agents), `sleep ${waitMs / 1_000}`, { settings }, ({ wallMs, results }) => {
    const sumMs = results.reduce((sum, { durationMs }) => sum + durationMs, 0);
    if (results.some(({ status }) => status !== "completed")) throw new Error("an agent that waits did not complete");
    return { agents, wallMs, sumMs, speedUp: sumMs / wallMs, efficiencyPercent: 100 * waitMs / wallMs };
  });
}

/** Agents that compute, all at once, each about a second of a core. */
export async function measureComputing(agents: number, steps: number): Promise<SpeedUp> {
  const cores = Math.min(agents, navigator.hardwareConcurrency);
  const script = `i=0; while [ $i -lt ${steps} ]; do i=$((i+1)); done; times`;
  return await runLab(requestsNamed("computes", agents), script, { settings: { maxConcurrentAgents: agents } }, ({ wallMs, results }) => {
    const sumMs = results.reduce((sum, { durationMs }) => sum + durationMs, 0);
    const cpuMs = results.reduce((sum, { output }) => sum + cpuMsFrom(output), 0);
    return { agents, wallMs, sumMs, speedUp: sumMs / wallMs, efficiencyPercent: 100 * cpuMs / (wallMs * cores) };
  });
}

/** From what the shell's `times` prints: minutes and seconds, of user and system. */
function cpuMsFrom(output: string): number {
  const own = output.split("\n")[0];
  return [...own.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1_000,
    0,
  );
}
