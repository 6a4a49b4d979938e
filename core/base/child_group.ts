/**
 * A program in a session and process group of its own: a signal to the group reaches all that it has started, and Ctrl-C at our terminal does not
 * reach it.
 *
 * @module
 */
import process from "node:process";
import type { Clock } from "./clock.ts";
import { KernelError } from "./errors.ts";
import { within } from "./pause.ts";

/** What to start. */
export interface ChildPlan {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Working directory. Default ours. */
  readonly cwd?: string;
  /** Variables on top of our own. Default none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Variables instead of our own. */
  readonly onlyEnv?: Readonly<Record<string, string>>;
  /**
   * Path of setsid(1), null where there is none. With it the runtime need not fork (which copies the tables of all its memory, 2–5 ms) to make a session
   * of its own, but can spawn (about 1 ms), and setsid becomes the program in the same process.
   */
  readonly setsid: string | null;
}

/** A program could not be started. */
export class SpawnFailedError extends KernelError {
  /** The program and why. */
  constructor(readonly program: string, why: string, options?: ErrorOptions) {
    super(
      "SPAWN_FAILED",
      `${program} could not be started: ${why}. Check that it is installed, executable and in PATH.`,
      { program },
      options,
    );
  }
}

/** Exit codes of setsid(1) for a program that it could not run. */
const EXEC_FAILED: readonly number[] = [126, 127];

/** Why setsid could not run the program, if that is how it ended. */
export function execFailure(code: number, stdout: string, stderr: string): string | null {
  return EXEC_FAILED.includes(code) && stdout === "" && /^setsid: .+\n$/.test(stderr) ? stderr.trim() : null;
}

/** A started program. */
export class ChildGroup {
  readonly #child: Deno.ChildProcess;
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.status = child.status.then((status) => {
      this.#ended = true;
      return status;
    });
  }

  /** How the first process ended. What it has started may still run. */
  readonly status: Promise<Deno.CommandStatus>;

  /** Starts it. Throws `SpawnFailedError`. */
  static start({ command, cwd, env, onlyEnv, setsid }: ChildPlan): ChildGroup {
    const [program, ...args] = setsid === null ? command : [setsid, ...command];
    try {
      const child = new Deno.Command(program, {
        ...{ args, cwd, env: onlyEnv ?? env, clearEnv: onlyEnv !== undefined, detached: setsid === null },
        ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
      });
      return new ChildGroup(child.spawn());
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) throw cause;
      throw new SpawnFailedError(command[0], (cause as Error).message, { cause });
    }
  }

  /** Number of the first process, and of the group and the session. */
  get pid(): number {
    return this.#child.pid;
  }

  /** What it prints. */
  get stdout(): ReadableStream<Uint8Array> {
    return this.#child.stdout;
  }

  /** What it prints beside that. */
  get stderr(): ReadableStream<Uint8Array> {
    return this.#child.stderr;
  }

  /** What it reads. */
  get stdin(): WritableStream<Uint8Array> {
    return this.#child.stdin;
  }

  /** Asks the group to end, and ends it after `graceMs`. Resolves when the first process has ended. */
  async end(clock: Clock, graceMs: number): Promise<void> {
    this.signal("SIGTERM");
    if (await within(clock, graceMs, this.status) === undefined) this.signal("SIGKILL");
    await this.status;
    this.endRest();
  }

  /** Ends what the first process has left in its group. */
  endRest(): void {
    // Only while somebody is in it: the number of an empty group may be given to another.
    if (groupLives(this.pid)) this.signal("SIGKILL");
  }

  /** Sends a signal to the whole group; without the permission to run whatever there is, to its first process. */
  signal(name: "SIGTERM" | "SIGKILL"): void {
    if (this.#ended && !groupLives(this.pid)) return;
    // In the moment before setsid has run there is no such group yet.
    if (!signalGroup(this.pid, name) && !this.#ended) this.#signalFirst(name);
  }

  #signalFirst(name: "SIGTERM" | "SIGKILL"): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error; // it has ended meanwhile
    }
  }
}

/** Whether a group has a process, if only one that nobody has looked after since its end. */
export function groupLives(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch (error) {
    return (error as { code?: string }).code === "EPERM"; // alive, and another user's by now
  }
}

/** The runtime lets a program signal what it has started itself, and numbers only if it may run everything. */
function signalGroup(group: number, name: "SIGTERM" | "SIGKILL"): boolean {
  if (Deno.build.os === "windows") return false; // it knows no groups
  try {
    return signalProcess(-group, name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
}

/** Sends a signal to a process, or to the group of that number below zero; false when it is gone. */
export function signalProcess(pid: number, name: "SIGTERM" | "SIGKILL"): boolean {
  try {
    Deno.kill(pid, name);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
