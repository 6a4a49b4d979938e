/**
 * What stands in `results/ID.json`.
 *
 * @module
 */
import type { AgentUsage } from "./agent_driver.ts";
import type { ComplexityLevel } from "./complexity.ts";

/** How a request ended. */
export type AgentStatus = "completed" | "failed" | "cancelled" | "timeout";

/** Why it did not complete. */
export type FailureReason =
  | "PROGRESSIVE_TIMEOUT"
  | "HEARTBEAT_TIMEOUT"
  | "HEALTH_CHECK_FAILED"
  | "EXIT_CODE"
  | "SPAWN_FAILED"
  | "CANCELLED"
  | "SHUTDOWN";

/** The status that belongs to a reason. */
export const STATUS_OF: Readonly<Record<FailureReason, AgentStatus>> = {
  PROGRESSIVE_TIMEOUT: "timeout",
  HEARTBEAT_TIMEOUT: "timeout",
  HEALTH_CHECK_FAILED: "failed",
  EXIT_CODE: "failed",
  SPAWN_FAILED: "failed",
  CANCELLED: "cancelled",
  SHUTDOWN: "cancelled",
};

/** Figures of one request; null is what was not come to. */
export interface AgentStats {
  /** Time of the health check with its retry; null when there was none. */
  readonly healthCheckMs: number | null;
  /** How the context reached the agent. */
  readonly contextMode: "lazy" | "full";
  /** Length of context, requirements and objective. */
  readonly contextSizeChars: number;
  /** Guessed from the request's words. */
  readonly complexity: ComplexityLevel;
  /** The points behind it. */
  readonly complexityScore: number;
  /** First deadline. */
  readonly initialTimeoutMs: number;
  /** Last deadline. */
  readonly finalTimeoutMs: number;
  /** How often it moved. */
  readonly extensionsApplied: number;
  /** What was left of the last deadline. */
  readonly wastedTimeMs: number | null;
  /** How often silence was worth a line in the log. */
  readonly silenceWarnings: number;
  /** From reserving the place to the running process, without the health check. */
  readonly spawnMs: number | null;
  /** Of it, the system's own fork and exec. */
  readonly execMs: number | null;
  /** Of it, until the disk had the note that the agent may have run. */
  readonly syncMs: number | null;
  /** From the start of the process to its first output. */
  readonly timeToFirstOutputMs: number | null;
  /** Bytes of stdout and stderr. */
  readonly totalOutputBytes: number;
  /** Pieces of output with a pause between them. */
  readonly outputBursts: number;
  /** Mean time between them. */
  readonly avgTimeBetweenBurstsMs: number | null;
  /** Bytes of stdout that `output` leaves out; the log has them. */
  readonly outputLeftOutBytes: number;
  /** Whether it printed bytes that are no UTF-8; the log has them as they were. */
  readonly invalidUtf8: boolean;
  /** Processor time of its processes, as far as they were looked at. */
  readonly cpuMs: number | null;
  /** Model of the request. */
  readonly model: string | null;
  /** As the agent tells. */
  readonly usage: AgentUsage | null;
  /** Figures of the driver's protocol. */
  readonly protocol: Readonly<Record<string, number | string>> | null;
  /** The agent's working directory, when something was left in it. */
  readonly workingDirectory: string | null;
}

/** What stands in `results/ID.json`. */
export interface AgentResult {
  /** The request. */
  readonly requestId: string;
  /** Its file, as it was called in `requests/`. */
  readonly requestFile: string;
  /** From the request. */
  readonly agentRole: string;
  /** From the request; null when it had none. */
  readonly parentRequestId: string | null;
  /** How it ended. */
  readonly status: AgentStatus;
  /** What the agent printed, or what its driver took for the result. */
  readonly output: string;
  /** What it printed to stderr; missing when nothing. */
  readonly stderr?: string;
  /** From reserving the place to the end, health check included. */
  readonly durationMs: number;
  /** Null when it never ran, was killed by a signal, or its fate is unknown. */
  readonly exitCode: number | null;
  /** Signal that ended it. */
  readonly signal?: string;
  /** Null exactly when completed. */
  readonly failureReason: FailureReason | null;
  /** In a sentence. */
  readonly error?: string;
  /** `unknown`: the coordinator died while the agent ran, so nobody knows how far it came. Missing otherwise. */
  readonly fate?: "unknown";
  /** Keys of the request that nobody reads; missing when there are none. */
  readonly unknownKeys?: readonly string[];
  /** Figures; null when the fate is unknown. */
  readonly stats: AgentStats | null;
  /** ISO 8601. */
  readonly completedAt: string;
  /** Who wrote this. */
  readonly coordinator: string;
}
