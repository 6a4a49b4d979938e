/**
 * Agents that come and go as fast as they can, and what the coordinator takes of the machine.
 *
 * @module
 */
import process from "node:process";
import { lookAtProcesses } from "../../core/processes/process_table.ts";
import { requestsNamed, runLab, type Spread, spreadOf } from "./laboratory.ts";

/** What a round of them came to. */
export interface CycleFigures {
  /** Agents, one request each. */
  readonly agents: number;
  /** At a time. */
  readonly concurrent: number;
  /** Ended in a second. */
  readonly perSecond: number;
  /** Of one, from its claim to its result. */
  readonly durationMs: Spread;
  /** Agents that did not complete. */
  readonly failed: number;
  /** Processes of them that still run. */
  readonly orphans: number;
  /** Memory of the coordinator's process afterwards, less that before. */
  readonly rssGrownMiB: number;
}

/** What it takes to watch agents that wait. */
export interface ResourceFigures {
  /** Agents at a time. */
  readonly agents: number;
  /** Processor time of the coordinator's process, in percent of one core. */
  readonly cpuPercent: number;
  /** Its memory. */
  readonly rssMiB: number;
}

const MIB = 1024 ** 2;

/** Agents that do nothing, so that only starting and ending is measured. */
export async function measureCycles(agents: number, concurrent: number): Promise<CycleFigures> {
  const before = Deno.memoryUsage().rss;
  return await runLab(
    requestsNamed("cycle", agents),
    "true",
    { settings: { maxConcurrentAgents: concurrent } },
    async ({ wallMs, results }) => {
      const table = await lookAtProcesses();
      const left = [...table?.processes.values() ?? []].filter(({ marker, ended }) => !ended && marker.startsWith("cycle-"));
      return {
        ...{ agents, concurrent, perSecond: agents * 1_000 / wallMs, durationMs: spreadOf(results.map(({ durationMs }) => durationMs)) },
        ...{ failed: results.filter(({ status }) => status !== "completed").length, orphans: left.length },
        rssGrownMiB: (Deno.memoryUsage().rss - before) / MIB,
      };
    },
  );
}

/** Agents that wait, looked at ten times as often as by default. */
export async function measureResources(agents: number, waitMs: number): Promise<ResourceFigures> {
  const before = process.cpuUsage();
  const settings = {
    maxConcurrentAgents: agents,
    heartbeatCheckIntervalMs: 1_500,
    initialTimeoutMs: waitMs * 10,
    maxTimeoutMs: waitMs * 10,
  };
  return await runLab(requestsNamed("idle", agents), `sleep ${waitMs / 1_000}`, { settings }, ({ wallMs }) => {
    const { user, system } = process.cpuUsage(before);
    return { agents, cpuPercent: (user + system) / 1_000 / wallMs * 100, rssMiB: Deno.memoryUsage().rss / MIB };
  });
}
