/**
 * The document's third test: models side by side. Two local ones have known latencies, so that the comparison itself is checked; real ones are asked when
 * there is a key and a command.
 *
 * @module
 */
import type { CoordinatorOptions } from "../../core/processes/process_coordinator.ts";
import { requestsNamed, runLab, type Spread, spreadOf } from "./laboratory.ts";

/** One model's figures. */
export interface ModelFigures {
  /** Its name. */
  readonly model: string;
  /** Whether it is one of the two that only wait; they say nothing of any real one. */
  readonly local: boolean;
  /** Time that a local one takes by design. */
  readonly knownMs: number | null;
  /** Of a whole task. */
  readonly latencyMs: Spread;
  /** Mean of a task. */
  readonly outputTokens: number | null;
  /** Mean of a task, in dollars. */
  readonly costUsd: number | null;
  /** Tasks that did not complete. */
  readonly failed: number;
}

interface LocalModel {
  readonly model: string;
  readonly ms: number;
  readonly outputTokens: number;
  readonly usdPerToken: number;
}

const LOCAL: readonly LocalModel[] = [
  { model: "local-small", ms: 20, outputTokens: 50, usdPerToken: 0.000_001 },
  { model: "local-large", ms: 60, outputTokens: 80, usdPerToken: 0.000_01 },
];
const CONCURRENT = 4;

/** A program that takes its model's time and tells its model's tokens and price. */
function localScript(): string {
  const cases = LOCAL.map(({ model, ms, outputTokens, usdPerToken }) =>
    `${model}) sleep ${ms / 1_000}; tokens=${outputTokens}; usd=${(outputTokens * usdPerToken).toFixed(6)};;`
  );
  return `case $SWARM_MODEL in ${cases.join(" ")} *) exit 9;; esac
    echo "{\\"type\\":\\"result\\",\\"result\\":\\"$SWARM_MODEL\\",\\"total_cost_usd\\":$usd,\\"usage\\":{\\"input_tokens\\":1,\\"output_tokens\\":$tokens}}"`;
}

/** The local models, `samples` tasks each. */
export async function compareLocalModels(samples: number): Promise<ModelFigures[]> {
  const figures: ModelFigures[] = [];
  for (const { model, ms } of LOCAL) figures.push(await ask(model, samples, ms, localScript(), {}));
  return figures;
}

/** Real models through a coding command, or why they were not asked. */
export async function compareRealModels(models: readonly string[], samples: number): Promise<ModelFigures[] | string> {
  if (!Deno.env.get("ANTHROPIC_API_KEY")) return "no ANTHROPIC_API_KEY is set";
  const command = ["claude", "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"];
  try {
    const figures: ModelFigures[] = [];
    for (const model of models) {
      figures.push(await ask(model, samples, null, "", { command, modelOption: "--model", variable: (name) => Deno.env.get(name) }));
    }
    return figures;
  } catch (error) {
    return (error as Error).message;
  }
}

async function ask(
  model: string,
  samples: number,
  knownMs: number | null,
  script: string,
  options: Partial<CoordinatorOptions>,
): Promise<ModelFigures> {
  const requests = requestsNamed(model, samples, { model, objective: "Say hello." });
  return await runLab(
    requests,
    script,
    { driver: "json-lines", settings: { maxConcurrentAgents: CONCURRENT }, ...options },
    ({ results }) => {
      const done = results.filter(({ status }) => status === "completed");
      const mean = (values: readonly (number | null | undefined)[]): number | null =>
        values.length === 0 || values.some((value) => value == null)
          ? null
          : values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
      return {
        ...{ model, local: knownMs !== null, knownMs, latencyMs: spreadOf(done.map(({ durationMs }) => durationMs)) },
        outputTokens: mean(done.map(({ stats }) => stats!.usage?.outputTokens)),
        costUsd: mean(done.map(({ stats }) => stats!.usage?.costUsd)),
        failed: results.length - done.length,
      };
    },
  );
}
