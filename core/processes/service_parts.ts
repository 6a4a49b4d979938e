/**
 * What is handed on while a request is served.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { AgentDriver } from "./agent_driver.ts";
import type { AgentRequest } from "./agent_request.ts";
import type { FailureReason } from "./agent_result.ts";
import type { RunOutcome } from "./agent_run.ts";
import type { SpawnFailedError } from "../base/child_group.ts";
import type { Complexity } from "./complexity.ts";
import type { HealthCheckOutcome } from "./health_check.ts";
import type { Journal } from "./journal.ts";
import type { Lineage } from "./lineage.ts";
import type { ProcessSettings } from "./process_settings.ts";
import type { ProcessTable } from "./process_table.ts";
import type { ContextPlan } from "./prompt.ts";
import type { Claim, RequestFolder } from "./request_folder.ts";
import type { Workspace, Workspaces } from "./workspace.ts";

/** What all requests of a coordinator share. */
export interface ServiceParts {
  /** The folder. */
  readonly folder: RequestFolder;
  /** What is noted before it is done. */
  readonly journal: Journal;
  /** How long is too long. */
  readonly settings: ProcessSettings;
  /** Time and timers. */
  readonly clock: Clock;
  /** For ids. */
  readonly random: Random;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** See `ChildPlan`. */
  readonly setsid: string | null;
  /** Option behind which a request's model is added to the command; null for none. */
  readonly modelOption: string | null;
  /** How to talk to it. */
  readonly driver: AgentDriver;
  /** Given to `sh -c` before each request; null for none. */
  readonly healthCheck: string | null;
  /** Where agents work. */
  readonly workspaces: Workspaces;
  /** Marker of the agent that the coordinator itself runs in; empty outside of one. */
  readonly inheritedMarker: string;
  /** Looks at all processes. */
  readonly look: () => Promise<ProcessTable | null>;
  /** A request has been taken. */
  readonly onBegun: (request: AgentRequest, fileName: string) => void;
  /** A marker that nothing may carry any more; to be told when nothing does. */
  readonly onEnded: (marker: string, whenClean: () => void) => void;
}

/** What can be seen of a request at work. */
export interface ServiceView {
  /** Empty until the file was read. */
  requestId: string;
  /** Likewise. */
  agentRole: string;
  /** What happens now. */
  phase: "claiming" | "checking" | "running" | "ending";
  /** Arena time at which its place was reserved. */
  readonly since: number;
  /** Number of its first process. */
  pid: number | null;
  /** Bytes that it has printed. */
  outputBytes: () => number;
}

/** A request that was taken. */
export interface Begun {
  /** What to do. */
  readonly request: AgentRequest;
  /** Its file. */
  readonly claim: Claim;
  /** Its place among requests by agents. */
  readonly lineage: Lineage;
  /** Variable that all its processes carry. */
  readonly marker: string;
}

/** A request whose agent can be started. */
export interface Prepared extends Begun {
  /** How its context reaches the agent. */
  readonly context: ContextPlan;
  /** How hard it looks. */
  readonly complexity: Complexity;
  /** Where the agent works, or why there is no such place. */
  readonly workspace: Workspace | SpawnFailedError;
}

/** How the attempt at it ended. */
export interface Ending {
  /** Null when it completed. */
  readonly failureReason: FailureReason | null;
  /** In a sentence. */
  readonly error?: string;
  /** Of the program, if it ran. */
  readonly run?: RunOutcome;
  /** Of the health check, if there was one. */
  readonly health?: HealthCheckOutcome;
  /** Arena time at which the program ran. */
  readonly spawnedAt?: number;
  /** From reserving the place to the running program, without the health check. */
  readonly spawnMs?: number;
  /** Of it, fork and exec. */
  readonly execMs?: number;
  /** Of it, waiting for the disk. */
  readonly syncMs?: number;
}
