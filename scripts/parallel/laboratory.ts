/**
 * Where the measurements are made: a folder of its own for each, real coordinators, real programs.
 *
 * @module
 */
import type { AgentResult } from "../../core/processes/agent_result.ts";
import {
  type AgentView,
  type CoordinatorOptions,
  type CoordinatorSummary,
  ProcessCoordinator,
} from "../../core/processes/process_coordinator.ts";
import { quantile, samplesNeeded } from "../../core/metrics/histogram.ts";

/** One request of a measurement. */
export interface LabRequest {
  /** Its id. */
  readonly requestId: string;
  /** Its model. */
  readonly model?: string;
  /** Its objective. */
  readonly objective?: string;
}

/** What a measurement came to. */
export interface LabOutcome {
  /** Time from the first claim to the last result. */
  readonly wallMs: number;
  /** In the order in which they ended. */
  readonly results: readonly AgentResult[];
  /** Counts. */
  readonly summary: CoordinatorSummary;
  /** Most agents at work that were seen at once. */
  readonly views: readonly AgentView[];
  /** The folder, as long as `use` runs. */
  readonly folder: string;
}

/** Serves requests with `sh -c SCRIPT` (or the options' command) in a folder that is there while `use` looks at it. */
export async function runLab<T>(
  requests: readonly LabRequest[],
  script: string,
  options: Partial<CoordinatorOptions>,
  use: (outcome: LabOutcome) => T | Promise<T>,
): Promise<T> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${folder}/requests`);
    for (const { requestId, model, objective = "measure" } of requests) {
      const request = { requestId, agentRole: "measured", ...(model === undefined ? {} : { model }), task: { objective } };
      await Deno.writeTextFile(`${folder}/requests/${requestId}.json`, JSON.stringify(request));
    }
    const results: AgentResult[] = [];
    let views: AgentView[] = [];
    const coordinator = await ProcessCoordinator.open({
      ...{ folder, command: ["sh", "-c", script], modelOption: "" },
      ...options,
      onEvent(event) {
        if (event.event === "finished") results.push(event);
        if (coordinator.agents.length > views.length) views = coordinator.agents;
      },
    });
    const startedAt = performance.now();
    const summary = await coordinator.run({ once: true });
    const endedAt = Math.max(...results.map(({ completedAt }) => Date.parse(completedAt))) - performance.timeOrigin;
    return await use({ wallMs: endedAt - startedAt, results, summary, views, folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** So many requests. */
export function requestsNamed(prefix: string, count: number, fields: Partial<LabRequest> = {}): LabRequest[] {
  return Array.from({ length: count }, (_, i) => ({ requestId: `${prefix}-${i}`, ...fields }));
}

/** Median, 95th percentile and their samples; null where there are too few to say. */
export interface Spread {
  /** Median. */
  readonly p50: number | null;
  /** 95th percentile. */
  readonly p95: number | null;
  /** How many. */
  readonly samples: number;
}

/** Spread of some numbers. */
export function spreadOf(values: readonly (number | null)[]): Spread {
  const sorted = values.filter((value) => value !== null).toSorted((a, b) => a - b);
  const at = (p: number): number | null => sorted.length >= samplesNeeded(p) ? quantile(sorted, p) : null;
  return { p50: at(0.5), p95: at(0.95), samples: sorted.length };
}
