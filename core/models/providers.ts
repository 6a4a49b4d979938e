/**
 * Providers from their plans.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { ProviderPlan } from "../base/config.ts";
import { anthropicProvider } from "./anthropic_provider.ts";
import { localProvider } from "./local_provider.ts";
import type { ModelProvider } from "./model_provider.ts";
import { openAiProvider } from "./openai_provider.ts";
import { processProvider } from "./process_provider.ts";
import { recorded, type RecordingFiles, replayed } from "./recording.ts";

/** Whether answers are written to files, or taken from them. */
export interface Recording {
  /** Which of both. */
  readonly mode: "record" | "replay";
  /** The files. */
  readonly files: RecordingFiles;
}

/** A provider from its plan. */
export function makeProvider(plan: ProviderPlan, clock: Clock, recording?: Recording): ModelProvider {
  const provider = bare(plan, clock);
  if (recording === undefined) return provider;
  return recording.mode === "record" ? recorded(provider, recording.files) : replayed(provider, recording.files);
}

function bare(plan: ProviderPlan, clock: Clock): ModelProvider {
  const { name, kind, command = [], model, apiKey, baseUrl } = plan;
  if (kind === "local") return localProvider(name, model);
  if (kind === "process") return processProvider({ name, command, model, clock });
  return (kind === "anthropic" ? anthropicProvider : openAiProvider)({ name, apiKey, baseUrl, model, clock });
}
