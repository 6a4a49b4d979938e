/**
 * What is written about a request: the head and the foot of its log, and its result.
 *
 * @module
 */
import type { AgentResult, AgentStats } from "./agent_result.ts";
import { STATUS_OF } from "./agent_result.ts";
import { SpawnFailedError } from "../base/child_group.ts";
import { firstTimeoutMs } from "./complexity.ts";
import type { OutputCapture } from "./output_capture.ts";
import type { Ending, Prepared, ServiceParts, ServiceView } from "./service_parts.ts";

/** The head of a log. */
export function headingOf({ clock, settings }: ServiceParts, { request, complexity, context }: Prepared): string {
  return [
    "=== Agent Log ===",
    `Request ID: ${request.requestId}`,
    `Role: ${request.agentRole}`,
    `Model: ${request.model ?? "default"}`,
    `Started: ${new Date(clock.now()).toISOString()}`,
    `Context Mode: ${context.mode} (${context.sizeChars} chars)`,
    `Complexity: ${complexity.level} (score: ${complexity.score})`,
    `Initial Timeout: ${firstTimeoutMs(complexity, settings.initialTimeoutMs, settings.maxTimeoutMs)}ms`,
    `Max Timeout: ${settings.maxTimeoutMs}ms`,
    "==========================================\n\n",
  ].join("\n");
}

/** The foot of a log. */
export function footerOf({ status, failureReason, exitCode, durationMs, completedAt, stats }: AgentResult): string {
  return [
    "\n==========================================",
    "=== Final Statistics ===",
    `Completed: ${completedAt}`,
    `Status: ${status}${failureReason === null ? "" : ` (${failureReason})`}`,
    `Exit Code: ${exitCode}`,
    `Duration: ${Math.round(durationMs)}ms`,
    `Extensions Applied: ${stats?.extensionsApplied}`,
    `Output Bytes: ${stats?.totalOutputBytes}`,
    `Output Bursts: ${stats?.outputBursts}`,
    "==========================================\n",
  ].join("\n");
}

/** The result. Lets go of the working directory. */
export async function resultOf(
  parts: ServiceParts,
  prepared: Prepared,
  capture: OutputCapture,
  view: ServiceView,
  ending: Ending,
): Promise<AgentResult> {
  const { request, claim, workspace } = prepared;
  const { failureReason, error, run } = ending;
  const stderr = capture.stderr.text().text;
  const kept = workspace instanceof SpawnFailedError || await workspace.release() === "removed" ? null : workspace.path;
  const now = parts.clock.now();
  return {
    ...{ requestId: request.requestId, requestFile: claim.fileName, agentRole: request.agentRole },
    parentRequestId: request.parentRequestId ?? null,
    status: failureReason === null ? "completed" : STATUS_OF[failureReason],
    output: run?.talk.output ?? capture.stdout.text().text,
    ...(stderr === "" ? {} : { stderr }),
    ...{ durationMs: toMicroseconds(now - view.since), exitCode: run?.exitCode ?? null },
    ...(run?.signal ? { signal: run.signal } : {}),
    failureReason,
    ...(error === undefined ? {} : { error }),
    ...(request.unknownKeys.length === 0 ? {} : { unknownKeys: request.unknownKeys }),
    stats: statsOf(parts, prepared, capture, ending, kept),
    ...{ completedAt: new Date(now).toISOString(), coordinator: parts.journal.coordinator },
  };
}

/** Milliseconds as they stand in a file: what the clock says beyond is noise. */
function toMicroseconds<T extends number | null>(ms: T): T {
  return (ms === null ? null : Math.round(ms * 1_000) / 1_000) as T;
}

function statsOf(
  { settings, clock }: ServiceParts,
  { request, context, complexity }: Prepared,
  capture: OutputCapture,
  { run, health, spawnedAt, spawnMs, execMs, syncMs }: Ending,
  workingDirectory: string | null,
): AgentStats {
  const { totalBytes, bursts, firstAt, lastAt } = capture.figures;
  const { leftOut, invalid } = capture.stdout.text();
  const initialTimeoutMs = firstTimeoutMs(complexity, settings.initialTimeoutMs, settings.maxTimeoutMs);
  const finalTimeoutMs = run?.watch.timeoutMs ?? initialTimeoutMs;
  return {
    ...{ healthCheckMs: toMicroseconds(health?.durationMs ?? null), contextMode: context.mode, contextSizeChars: context.sizeChars },
    ...{ complexity: complexity.level, complexityScore: complexity.score, initialTimeoutMs, finalTimeoutMs },
    ...{ extensionsApplied: run?.watch.extensions ?? 0, silenceWarnings: run?.watch.silenceWarnings ?? 0 },
    wastedTimeMs: spawnedAt === undefined ? null : toMicroseconds(Math.max(0, finalTimeoutMs - (clock.now() - spawnedAt))),
    ...{ spawnMs: toMicroseconds(spawnMs ?? null), execMs: toMicroseconds(execMs ?? null), syncMs: toMicroseconds(syncMs ?? null) },
    timeToFirstOutputMs: firstAt === null || spawnedAt === undefined ? null : toMicroseconds(Math.max(0, firstAt - spawnedAt)),
    ...{ totalOutputBytes: totalBytes, outputBursts: bursts },
    avgTimeBetweenBurstsMs: bursts < 2 ? null : toMicroseconds((lastAt! - firstAt!) / (bursts - 1)),
    ...{ outputLeftOutBytes: run?.talk.output === undefined ? leftOut : 0, invalidUtf8: invalid || capture.stderr.text().invalid },
    ...{ cpuMs: run?.cpuMs ?? null, model: request.model ?? null, usage: run?.talk.usage ?? null, protocol: run?.talk.protocol ?? null },
    workingDirectory,
  };
}
