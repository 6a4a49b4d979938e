/**
 * Whether the agents' command is fit: once before the first request (it can be found and run at all), and before each request by a command of the
 * operator's.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { HEALTH_CHECK_TRIES_MAX } from "../base/limits.ts";
import { ChildGroup } from "../base/child_group.ts";
import { HeadAndTail } from "./output_capture.ts";
import { within } from "../base/pause.ts";
import type { RequestFolder } from "./request_folder.ts";

/** What a check needs. */
export interface HealthCheckPlan {
  /** Given to `sh -c`; healthy when it exits with 0. */
  readonly command: string;
  /** Working directory. */
  readonly cwd: string;
  /** Variables on top of the coordinator's own. */
  readonly env: Readonly<Record<string, string>>;
  /** See `ChildPlan`. */
  readonly setsid: string | null;
  /** Each try has so long. */
  readonly timeoutMs: number;
  /** Between SIGTERM and SIGKILL for one that takes longer. */
  readonly killGraceMs: number;
}

/** What it came to. */
export interface HealthCheckOutcome {
  /** Whether a try passed. */
  readonly healthy: boolean;
  /** Of the last try. */
  readonly message: string;
  /** Of all tries together. */
  readonly durationMs: number;
}

const MESSAGE_BYTES_MAX = 400;

/** Checks, a second time after a failure, and writes a line for each try to `logs/health-checks.log`. */
export async function checkHealth(
  folder: RequestFolder,
  requestId: string,
  plan: HealthCheckPlan,
  clock: Clock,
  signal: AbortSignal,
): Promise<HealthCheckOutcome> {
  const startedAt = clock.now();
  let message = "stopped before it began";
  for (let tries = 1; tries <= HEALTH_CHECK_TRIES_MAX && !signal.aborted; tries++) {
    const triedAt = clock.now();
    const failure = await tryOnce(plan, clock, signal);
    message = failure ?? "READY";
    const columns = [
      new Date(clock.now()).toISOString(),
      requestId,
      failure === null ? "PASS" : "FAIL",
      `${Math.round(clock.now() - triedAt)}ms`,
      message,
    ];
    await Deno.writeTextFile(folder.path("logs", "health-checks.log"), `${columns.join(" | ")}\n`, { append: true });
    if (failure === null) return { healthy: true, message, durationMs: clock.now() - startedAt };
  }
  return { healthy: false, message, durationMs: clock.now() - startedAt };
}

/** Null, or why it failed, in one line. */
async function tryOnce(
  { command, cwd, env, setsid, timeoutMs, killGraceMs }: HealthCheckPlan,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | null> {
  const child = ChildGroup.start({ command: ["sh", "-c", command], cwd, env, setsid });
  const kill = (): void => child.signal("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  try {
    const said = new HeadAndTail(MESSAGE_BYTES_MAX);
    const reading = new AbortController();
    const pipes = Promise.all([
      ...[child.stdout, child.stderr].map((stream) =>
        stream.pipeTo(new WritableStream({ write: (piece) => said.add(piece) }), { signal: reading.signal })
      ),
      child.stdin.close().catch(() => undefined), // it does not read, and need not
    ]);
    const status = await within(clock, timeoutMs, child.status);
    await child.end(clock, killGraceMs);
    await within(clock, killGraceMs, pipes.catch(() => undefined));
    reading.abort();
    await pipes.catch(() => undefined); // ended by us: something that left the group held them open
    if (status?.success) return null;
    const why = status === undefined ? `TIMEOUT after ${timeoutMs}ms` : `exit code ${status.code}`;
    return `${why} ${said.text().text.replaceAll(/\s+/g, " ")}`.trim();
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

/**
 * The command with its program as an absolute path. Throws `ConfigError` that names the cause when there is no such program, so that no request is claimed
 * for nothing. Arguments that name existing files of `cwd` become absolute, too: agents work in folders of their own.
 */
export async function readyCommand(command: readonly string[], cwd: string, searchPath: string): Promise<string[]> {
  const [program, ...args] = command;
  if (program === undefined || program === "") throw new ConfigError("command", "none was given; give the agents' program behind --.");
  const { path, why } = await findProgram(program, cwd, searchPath);
  if (path === null) throw new ConfigError("command", `${program} cannot be run: ${why}.`, { program });
  return [path, ...await Promise.all(args.map((arg) => absoluteIfFile(arg, cwd)))];
}

/** Absolute path of a program; null with the reason when there is none that can be run. */
export async function findProgram(program: string, cwd: string, searchPath: string): Promise<{ path: string | null; why: string }> {
  const isPath = program.includes("/");
  let why = isPath ? "there is no such file" : "it is in none of the folders of PATH";
  for (
    const candidate of isPath ? [absolute(program, cwd)] : searchPath.split(":").filter(Boolean).map((folder) => `${folder}/${program}`)
  ) {
    const info = await statIfThere(candidate);
    if (info === null) continue;
    if (info.isFile && ((info.mode ?? 0o111) & 0o111) !== 0) return { path: candidate, why };
    why = `${candidate} is not executable`;
  }
  return { path: null, why };
}

async function absoluteIfFile(arg: string, cwd: string): Promise<string> {
  const isPath = /^[^-/].*[./]/.test(arg) && !/\s/.test(arg);
  return isPath && await statIfThere(absolute(arg, cwd)) !== null ? absolute(arg, cwd) : arg;
}

function absolute(path: string, cwd: string): string {
  return path.startsWith("/") ? path : `${cwd}/${path.replace(/^\.\//, "")}`;
}

async function statIfThere(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.PermissionDenied
    ) return null;
    if (error instanceof Deno.errors.FilesystemLoop) return null;
    throw error;
  }
}
