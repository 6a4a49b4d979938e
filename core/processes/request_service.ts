/**
 * One request, from its claim to its result.
 *
 * @module
 */
import { REQUEST_UNFINISHED_MS } from "../base/limits.ts";
import { type AgentRequest, generateId, parseRequest, RequestRejectedError, textOf } from "./agent_request.ts";
import type { AgentResult, FailureReason } from "./agent_result.ts";
import { AgentRun } from "./agent_run.ts";
import { execFailure, SpawnFailedError } from "../base/child_group.ts";
import { complexityOf, firstTimeoutMs } from "./complexity.ts";
import { checkHealth, type HealthCheckOutcome } from "./health_check.ts";
import { enroll } from "./lineage.ts";
import { OutputCapture } from "./output_capture.ts";
import { pause } from "../base/pause.ts";
import { MARKER } from "./process_table.ts";
import { planContext, promptOf } from "./prompt.ts";
import type { Claim } from "./request_folder.ts";
import { footerOf, headingOf, resultOf } from "./request_report.ts";
import type { Begun, Ending, Prepared, ServiceParts, ServiceView } from "./service_parts.ts";
import type { Workspace } from "./workspace.ts";

/** What became of a file: a result, or `rejected/`, or somebody else was faster. */
export type Served = { readonly result: AgentResult } | { readonly rejected: string; readonly error: RequestRejectedError } | null;

/** Serves one request file. Rejects only for what recovery must put right: a folder that cannot be written. */
export async function serve(parts: ServiceParts, fileName: string, view: ServiceView, signal: AbortSignal): Promise<Served> {
  const { folder, journal } = parts;
  let claim: Claim | null = null;
  try {
    claim = folder.claim(fileName, journal.coordinator);
    if (claim === null) return null;
    const request = await readSettled(parts, claim);
    const lineage = await enroll(folder, request, parts.settings);
    folder.begin(claim, request.requestId);
    const marker = markerOf(parts, request);
    journal.claimed(request.requestId, fileName, marker);
    folder.forget(claim);
    Object.assign(view, { requestId: request.requestId, agentRole: request.agentRole });
    parts.onBegun(request, fileName);
    try {
      return { result: await work(parts, { request, claim, lineage, marker }, view, signal) };
    } finally {
      parts.onEnded(marker, () => journal.swept(request.requestId));
    }
  } catch (error) {
    if (!(error instanceof RequestRejectedError)) throw error;
    if (claim !== null) folder.reject(claim, error);
    return { rejected: fileName, error };
  }
}

/** A file that is no JSON yet may still be being written: it is read again until it has not changed for a while. */
async function readSettled({ folder, clock, random }: ServiceParts, claim: Claim): Promise<AgentRequest> {
  let [seen, seenAt] = ["", 0];
  for (;;) {
    const { bytes, changedMs } = folder.read(claim);
    try {
      return parseRequest(textOf(bytes), claim.fileName, () => generateId("req", clock.now(), random));
    } catch (error) {
      // By the file's own time, or by ours since it was first seen so: its time may lie ahead, when it comes from elsewhere or the date was set.
      const now = clock.now();
      if (seen !== `${bytes.length} ${changedMs}`) [seen, seenAt] = [`${bytes.length} ${changedMs}`, now];
      const sameForMs = now - Math.min(changedMs, seenAt);
      const unfinished = error instanceof RequestRejectedError && error.field === "file" && sameForMs < REQUEST_UNFINISHED_MS;
      if (!unfinished) throw error;
      await pause(clock, REQUEST_UNFINISHED_MS / 10);
    }
  }
}

/** What every process of a request carries, so that it can be found however it was started. */
function markerOf({ inheritedMarker, journal }: ServiceParts, { requestId }: AgentRequest): string {
  return `${inheritedMarker === "" ? "" : `${inheritedMarker} `}${requestId}/${journal.coordinator}`;
}

async function work(parts: ServiceParts, begun: Begun, view: ServiceView, signal: AbortSignal): Promise<AgentResult> {
  const { folder, journal, settings } = parts;
  const { request } = begun;
  const { requestId } = request;
  const prepared: Prepared = {
    ...{ ...begun, complexity: complexityOf(request) },
    context: await planContext(folder, request, settings),
    workspace: await workspaceOf(parts, requestId),
  };
  const heading = headingOf(parts, prepared);
  const capture = OutputCapture.open(folder.path("logs", `${requestId}.stream.txt`), heading, parts.clock);
  view.outputBytes = () => capture.figures.totalBytes;
  let result: AgentResult;
  try {
    const ending = await attempt(parts, prepared, capture, view, signal);
    view.phase = "ending";
    result = await resultOf(parts, prepared, capture, view, ending);
  } catch (error) {
    await capture.close("").catch(() => undefined); // the error itself is what is told
    throw error;
  }
  await capture.close(footerOf(result));
  while (!await folder.writeResult(requestId, journal.coordinator, result)) folder.refuseResult(requestId);
  folder.finish(requestId);
  journal.ended(requestId);
  return result;
}

/** A folder that cannot be made is the failure of this request, not of the coordinator. */
async function workspaceOf({ workspaces }: ServiceParts, requestId: string): Promise<Workspace | SpawnFailedError> {
  try {
    return await workspaces.make(requestId);
  } catch (error) {
    if (error instanceof SpawnFailedError) return error;
    throw error;
  }
}

async function attempt(
  parts: ServiceParts,
  prepared: Prepared,
  capture: OutputCapture,
  view: ServiceView,
  signal: AbortSignal,
): Promise<Ending> {
  const { folder, journal, settings, clock } = parts;
  const { request, workspace, marker } = prepared;
  const { requestId } = request;
  const env = variablesOf(parts, prepared);
  if (workspace instanceof SpawnFailedError) return { failureReason: "SPAWN_FAILED", error: workspace.message };
  try {
    const health = await healthOf(parts, requestId, workspace.path, env, view, signal);
    if (signal.aborted) return { ...neverRan(signal), health };
    if (health !== undefined && !health.healthy) return { failureReason: "HEALTH_CHECK_FAILED", error: health.message, health };
    const notedAt = clock.now();
    await journal.attempt(requestId);
    const execAt = clock.now();
    if (signal.aborted) return { ...neverRan(signal), health };
    const run = AgentRun.start({
      ...{ request, marker, capture, settings, clock, signal, driver: parts.driver, look: parts.look },
      child: { command: commandOf(parts, request), cwd: workspace.path, env, setsid: parts.setsid },
      prompt: promptOf(folder, request, prepared.context),
      firstTimeoutMs: firstTimeoutMs(prepared.complexity, settings.initialTimeoutMs, settings.maxTimeoutMs),
    });
    const spawnedAt = clock.now();
    Object.assign(view, { phase: "running", pid: run.pid });
    const noted = noteSpawned(parts, requestId, run);
    const outcome = await run.finish();
    if (noted !== null) throw noted.error;
    const unstarted = execFailure(outcome.exitCode ?? 0, capture.stdout.text().text, capture.stderr.text().text);
    if (unstarted !== null) throw new SpawnFailedError(parts.command[0], unstarted);
    const spawnMs = spawnedAt - view.since - (health?.durationMs ?? 0);
    return {
      failureReason: outcome.failureReason,
      error: outcome.error,
      run: outcome,
      health,
      spawnedAt,
      spawnMs,
      execMs: spawnedAt - execAt,
      syncMs: execAt - notedAt,
    };
  } catch (error) {
    if (error instanceof SpawnFailedError) return { failureReason: "SPAWN_FAILED", error: error.message };
    throw error;
  }
}

function neverRan({ reason }: AbortSignal): Ending {
  return { failureReason: reason as FailureReason, error: "stopped before it ran" };
}

/** A journal that cannot be written is told when the agent has ended: it must not run without anybody who waits for it. */
function noteSpawned({ journal }: ServiceParts, requestId: string, { pid }: AgentRun): { error: unknown } | null {
  try {
    journal.spawned(requestId, pid);
    return null;
  } catch (error) {
    return { error };
  }
}

async function healthOf(
  { folder, healthCheck, settings, clock, setsid }: ServiceParts,
  requestId: string,
  cwd: string,
  env: Record<string, string>,
  view: ServiceView,
  signal: AbortSignal,
): Promise<HealthCheckOutcome | undefined> {
  if (healthCheck === null || settings.skipHealthCheck) return undefined;
  view.phase = "checking";
  const { healthCheckTimeoutMs: timeoutMs, killGraceMs } = settings;
  return await checkHealth(folder, requestId, { command: healthCheck, cwd, env, setsid, timeoutMs, killGraceMs }, clock, signal);
}

function commandOf({ command, modelOption }: ServiceParts, { model }: AgentRequest): readonly string[] {
  return model === undefined || modelOption === null ? command : [...command, modelOption, model];
}

function variablesOf({ folder }: ServiceParts, { request, context, lineage, marker }: Prepared): Record<string, string> {
  return {
    SWARM_DIR: folder.root,
    SWARM_REQUEST_ID: request.requestId,
    SWARM_PARENT_ID: request.parentRequestId ?? "",
    SWARM_AGENT_ROLE: request.agentRole,
    SWARM_CONTEXT_FILE: context.file ?? "",
    SWARM_CONTEXT_MODE: context.mode,
    SWARM_MODEL: request.model ?? "",
    SWARM_DEPTH: String(lineage.depth),
    [MARKER]: marker,
  };
}
