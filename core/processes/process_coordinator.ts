/**
 * Runs agents as processes, so many at a time, for the requests in a folder. `jsr:@stage3/kernel/coordinate` is the same as a command.
 *
 * @example
 * ```ts ignore
 * import { ProcessCoordinator } from "@stage3/kernel/processes";
 * const coordinator = await ProcessCoordinator.open({ folder: ".swarm", command: ["claude", "-p"], settings: { maxConcurrentAgents: 3 } });
 * const { completed, failed } = await coordinator.run({ once: true });
 * ```
 *
 * @module
 */
import { type Clock, epochOffsetMs, SystemClock } from "../base/clock.ts";
import { ConfigError, isKernelError, KernelError } from "../base/errors.ts";
import { entropy, Random } from "../base/random.ts";
import { acpDriver, type PermissionPolicy } from "./acp_driver.ts";
import { type AgentDriver, plainDriver } from "./agent_driver.ts";
import type { AgentResult } from "./agent_result.ts";
import { findProgram, readyCommand } from "./health_check.ts";
import { Journal } from "./journal.ts";
import { jsonLinesDriver } from "./json_lines_driver.ts";
import { pause } from "../base/pause.ts";
import { type ProcessSettings, readSettings } from "./process_settings.ts";
import { lookAtProcesses, SharedLooks } from "./process_table.ts";
import { recover, type Recovered } from "./recovery.ts";
import { RequestFolder } from "./request_folder.ts";
import { serve } from "./request_service.ts";
import type { ServiceParts, ServiceView } from "./service_parts.ts";
import { StraySweep } from "./stray_processes.ts";
import { OwnFolders, OwnWorktrees } from "./workspace.ts";

export type { PermissionPolicy } from "./acp_driver.ts";
export type { AgentUsage } from "./agent_driver.ts";
export type { AgentResult, AgentStats, AgentStatus, FailureReason } from "./agent_result.ts";
export type { Cancel, Clock } from "../base/clock.ts";
export type { ComplexityLevel } from "./complexity.ts";
export type { ProcessSettings } from "./process_settings.ts";

/** Name of a protocol. */
export type DriverName = "plain" | "json-lines" | "acp";

/** What a coordinator is told. */
export interface CoordinatorOptions {
  /** Folder of requests and results; made when missing. */
  readonly folder: string;
  /** Program and arguments of the agents. */
  readonly command: readonly string[];
  /** How to talk to it. Default `plain`: prompt on stdin, result on stdout. */
  readonly driver?: DriverName;
  /** What an agent that talks ACP is answered when it asks for permission. Default `reject`. */
  readonly permissions?: PermissionPolicy;
  /** Option behind which a request's model is added to the command; empty for none. Default `--model`. */
  readonly modelOption?: string;
  /** Given to `sh -c` before each request. Default none. */
  readonly healthCheck?: string;
  /** Git repository of which each agent gets a worktree. Default: an empty folder each. */
  readonly worktree?: string;
  /** Numbers. */
  readonly settings?: Partial<ProcessSettings>;
  /** Environment in which the settings' variables, PATH and the marker are looked up. Default empty, PATH the usual folders. */
  readonly variable?: (name: string) => string | undefined;
  /** Folder against which the command's paths are meant. Default the current one. */
  readonly cwd?: string;
  /** Hears what happens. */
  readonly onEvent?: (event: CoordinatorEvent) => void;
  /** Time and timers. Default the system's. */
  readonly clock?: Clock;
}

/** Something that has happened. */
export type CoordinatorEvent =
  | { readonly event: "recovered"; readonly putBack: readonly string[]; readonly unknown: readonly string[]; readonly reaped: number }
  | { readonly event: "started"; readonly requestId: string; readonly agentRole: string; readonly requestFile: string }
  | { readonly event: "rejected"; readonly requestFile: string; readonly reason: string }
  | ({ readonly event: "finished" } & AgentResult);

/** Counts of a run. */
export interface CoordinatorSummary {
  /** Requests with a result of status completed. */
  readonly completed: number;
  /** With any other, those that a dead coordinator left included. */
  readonly failed: number;
  /** Files moved to `rejected/`. */
  readonly rejected: number;
  /** Processes of ended agents that had to be ended. */
  readonly strays: number;
}

/** An agent at work, as it is shown. */
export interface AgentView {
  /** Empty until the file was read. */
  readonly requestId: string;
  /** Likewise. */
  readonly agentRole: string;
  /** What happens now. */
  readonly phase: "claiming" | "checking" | "running" | "ending";
  /** Number of its first process; null while there is none. */
  readonly pid: number | null;
  /** So long, health check included. */
  readonly runningMs: number;
  /** Bytes that it has printed. */
  readonly outputBytes: number;
}

const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";

/** See the head of this file. */
export class ProcessCoordinator {
  readonly #parts: ServiceParts;
  readonly #sweep: StraySweep;
  readonly #onEvent: (event: CoordinatorEvent) => void;
  readonly #views = new Map<ServiceView, AbortController>();
  readonly #counts = { completed: 0, failed: 0, rejected: 0 };
  readonly #closing = new AbortController();
  #waiting: string[] = [];
  /** Names that were listed and could not be taken since the folder was last looked at in peace: taken by another, or no name that the system takes back. */
  readonly #missed = new Set<string>();
  /** Places in use. Taken before anything is awaited, so there is never one too many. */
  #taken = 0;
  #woken = false;
  #wakeUp: () => void = () => undefined;
  #recoveredAt = -Infinity;
  #broken: { readonly error: unknown } | null = null;

  private constructor(parts: Omit<ServiceParts, "onEnded" | "onBegun">, onEvent: (event: CoordinatorEvent) => void) {
    this.#sweep = new StraySweep(parts.clock, lookAtProcesses);
    this.#parts = {
      ...parts,
      onBegun: ({ requestId, agentRole }, requestFile) => onEvent({ event: "started", requestId, agentRole, requestFile }),
      onEnded: (marker, whenClean) => this.#sweep.ended(marker, whenClean),
    };
    this.#onEvent = onEvent;
  }

  /**
   * Checks everything that can be checked before a request is touched: settings, folder, command, repository. Throws `ConfigError` that names the cause.
   * What dead coordinators left in the folder is taken up by `run`.
   */
  static async open(options: CoordinatorOptions): Promise<ProcessCoordinator> {
    const { clock = new SystemClock(epochOffsetMs()), cwd = Deno.cwd(), variable = () => undefined } = options;
    const settings = readSettings(options.settings, variable);
    const driver = driverOf(options);
    const searchPath = variable("PATH") ?? USUAL_PATH;
    const command = await readyCommand(options.command, cwd, searchPath);
    const { path: setsid } = await findProgram("setsid", cwd, searchPath);
    const folder = await RequestFolder.open(options.folder);
    const workspaces = options.worktree === undefined ? new OwnFolders(folder) : await OwnWorktrees.open(folder, options.worktree);
    const random = new Random(entropy());
    return new ProcessCoordinator({
      ...{ folder, settings, clock, random, command, setsid, driver, workspaces },
      modelOption: options.modelOption === "" ? null : options.modelOption ?? "--model",
      healthCheck: options.healthCheck ?? null,
      inheritedMarker: variable("SWARM_ATTEMPT") ?? "",
      look: new SharedLooks(clock, lookAtProcesses).recent,
      journal: await Journal.open(folder, clock, random),
    }, options.onEvent ?? (() => undefined));
  }

  /** Name in journals and results. */
  get name(): string {
    return this.#parts.journal.coordinator;
  }

  /** Agents at work. */
  get agents(): AgentView[] {
    const now = this.#parts.clock.now();
    return [...this.#views.keys()].map(({ since, outputBytes, ...view }) => ({
      ...view,
      runningMs: now - since,
      outputBytes: outputBytes(),
    }));
  }

  /** Counts so far. */
  get summary(): CoordinatorSummary {
    return { ...this.#counts, strays: this.#sweep.found };
  }

  /**
   * Serves requests: with `once` until none is left, else until `signal` aborts. An abort drains: nothing more is claimed, and who runs may end;
   * `stopAll` ends them. Rejects with the code `SWARM_FOLDER` when the folder cannot be written; the next coordinator takes up what was at work then.
   */
  async run({ once = false, signal }: { once?: boolean; signal?: AbortSignal } = {}): Promise<CoordinatorSummary> {
    const { clock, settings } = this.#parts;
    const wake = (): void => this.#wake();
    signal?.addEventListener("abort", wake);
    try {
      while (!this.#isEnding(signal)) {
        const isEmpty = await this.#fill(signal);
        if (once && isEmpty && this.#taken === 0) break;
        await this.#untilWoken(clock, isEmpty ? settings.pollIntervalMs : undefined);
      }
      while (this.#taken > 0) await this.#untilWoken(clock);
    } finally {
      signal?.removeEventListener("abort", wake);
      await this.#sweep.finish().catch((error) => void (this.#broken ??= { error }));
      await this.#parts.journal.close();
    }
    if (this.#broken !== null) throw this.#told(this.#broken.error);
    return this.summary;
  }

  /** Ends one agent; false when no such request is at work. Its result is `cancelled`. */
  cancel(requestId: string): boolean {
    const [, controller] = [...this.#views].find(([view]) => view.requestId === requestId) ?? [];
    controller?.abort("CANCELLED");
    return controller !== undefined;
  }

  /** Ends all agents; their results are `cancelled` with the reason `SHUTDOWN`. Nothing more is started. */
  stopAll(): void {
    this.#closing.abort();
    for (const controller of this.#views.values()) controller.abort("SHUTDOWN");
    this.#wake();
  }

  /** Starts what there is place for; true when nothing waits any more. */
  async #fill(signal: AbortSignal | undefined): Promise<boolean> {
    while (this.#taken < this.#parts.settings.maxConcurrentAgents) {
      this.#taken++;
      const fileName = this.#isEnding(signal) ? undefined : await this.#next().catch((error) => {
        this.#broken ??= { error }; // who is at work may end all the same
        return undefined;
      });
      if (fileName === undefined || this.#isEnding(signal)) {
        this.#taken--;
        return true;
      }
      void this.#serve(fileName);
    }
    return false;
  }

  #isEnding(signal: AbortSignal | undefined): boolean {
    return signal?.aborted === true || this.#closing.signal.aborted || this.#broken !== null;
  }

  async #next(): Promise<string | undefined> {
    if (this.#waiting.length === 0) {
      const { clock, settings } = this.#parts;
      if (clock.now() - this.#recoveredAt >= settings.pollIntervalMs) {
        await this.#recover();
        this.#recoveredAt = clock.now();
        this.#missed.clear();
      }
      this.#waiting = (await this.#parts.folder.waiting()).filter((name) => !this.#missed.has(name));
    }
    return this.#waiting.shift();
  }

  async #recover(): Promise<void> {
    const recovered: Recovered = await recover({ ...this.#parts, coordinator: this.name, look: lookAtProcesses });
    const { putBack, unknown, reaped } = recovered;
    if (putBack.length + unknown.length + reaped === 0) return;
    this.#counts.failed += unknown.length;
    this.#onEvent({ event: "recovered", putBack, unknown: unknown.map(({ requestId }) => requestId), reaped });
    for (const result of unknown) this.#onEvent({ event: "finished", ...result });
  }

  async #serve(fileName: string): Promise<void> {
    const view: ServiceView = {
      requestId: "",
      agentRole: "",
      phase: "claiming",
      since: this.#parts.clock.now(),
      pid: null,
      outputBytes: () => 0,
    };
    const controller = new AbortController();
    this.#views.set(view, controller);
    try {
      const served = await serve(this.#parts, fileName, view, controller.signal);
      if (served === null) this.#missed.add(fileName);
      else this.#count(served);
    } catch (error) {
      this.#broken ??= { error };
    } finally {
      this.#views.delete(view);
      this.#taken--;
      this.#wake();
    }
  }

  /** What the system says of a file, in the kernel's words. */
  #told(error: unknown): unknown {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (isKernelError(error) || typeof code !== "string") return error;
    const { root } = this.#parts.folder;
    const why = `${root} cannot be worked in any more: ${(error as Error).message.replace(/\.$/, "")}. `;
    return new KernelError("SWARM_FOLDER", `${why}Mend that and start again: what was at work is taken up then.`, { folder: root, code }, {
      cause: error,
    });
  }

  #count(served: NonNullable<Awaited<ReturnType<typeof serve>>>): void {
    if ("rejected" in served) {
      this.#counts.rejected++;
      this.#onEvent({ event: "rejected", requestFile: served.rejected, reason: served.error.message });
    } else {
      this.#counts[served.result.status === "completed" ? "completed" : "failed"]++;
      this.#onEvent({ event: "finished", ...served.result });
    }
  }

  #wake(): void {
    this.#woken = true;
    this.#wakeUp();
  }

  /** Resolves when a place was freed or the end was asked for since the last time, or when the time is over. */
  async #untilWoken(clock: Clock, ms?: number): Promise<void> {
    if (!this.#woken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = new AbortController();
      this.#wakeUp = resolve;
      await Promise.race([promise, ms === undefined ? promise : pause(clock, ms, timer.signal)]);
      this.#wakeUp = () => undefined;
      timer.abort();
    }
    this.#woken = false;
  }
}

function driverOf({ driver = "plain", permissions = "reject" }: CoordinatorOptions): AgentDriver {
  const drivers: Readonly<Record<DriverName, AgentDriver>> = {
    plain: plainDriver,
    "json-lines": jsonLinesDriver,
    acp: acpDriver(permissions),
  };
  if (!Object.hasOwn(drivers, driver)) {
    throw new ConfigError("driver", `${String(driver)} is none; use ${Object.keys(drivers).join(", ")}.`);
  }
  if (permissions !== "allow" && permissions !== "reject") {
    throw new ConfigError("permissions", `${String(permissions)} is none; use allow or reject.`);
  }
  return drivers[driver];
}
