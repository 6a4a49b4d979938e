/**
 * Grade `process`: a process of the agent's own with its own permissions, in a group of its own. Its main thread only carries frames, so that it ends when
 * its input does, whatever the agent is at: when this process is gone, so is that one.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import { ISOLATED_COMPLAINT_CHARS, ISOLATED_EXIT_GRACE_MS } from "../base/limits.ts";
import { within } from "../base/pause.ts";
import type { AgentPermissions } from "../agents/agent.ts";
import { IsolationUnavailableError, PERMISSION_FLAGS } from "../agents/isolation.ts";
import { signalProcess } from "../processes/child_group.ts";
import type { Enclosure, EnclosureEvents } from "./enclosure.ts";
import type { ApartPlan } from "./frames.ts";
import { packFrame, PIPE_FRAME, PipeFrames } from "./pipe_frames.ts";

/** What a process is started with. */
export interface ProcessPlan {
  /** Code of its main thread: an ES module. */
  readonly bridgeText: string;
  /** Code of the agent's thread. */
  readonly text: string;
  /** Its heap. */
  readonly heapMbMax: number;
  /** What it may do. */
  readonly permissions: AgentPermissions;
  /** Files of its behavior, which it may read in any case. */
  readonly modules: readonly string[];
  /** For the time between being told to end and being killed. */
  readonly clock: Clock;
}

/** The runtime's flags for permissions. */
export function permissionFlags(permissions: AgentPermissions, modules: readonly string[]): string[] {
  const all = { ...permissions, read: permissions.read === true ? true : [...permissions.read || [], ...modules] };
  return Object.entries(all).flatMap(([name, value]) => {
    const flag = PERMISSION_FLAGS[name as keyof AgentPermissions];
    if (value === true) return [flag];
    return value === false || value === undefined || value.length === 0 ? [] : [`${flag}=${value.join(",")}`];
  });
}

/** Starts a process for one agent. Throws what the runtime throws when it cannot. */
export function openProcess(process: ProcessPlan, plan: ApartPlan, events: EnclosureEvents): Enclosure {
  return new ProcessEnclosure(process, plan, events);
}

class ProcessEnclosure implements Enclosure {
  readonly #plan: ProcessPlan;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pipes: Promise<unknown>;
  readonly #tell: EnclosureEvents;
  #ended = false;
  #complaint = "";

  constructor(plan: ProcessPlan, apart: ApartPlan, events: EnclosureEvents) {
    this.#plan = plan;
    this.#tell = events;
    const child = this.#child = start(plan);
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => undefined); // its end is told by its status
    this.#pipes = Promise.all([this.#readFrames(child.stdout), this.#readComplaints(child.stderr)]);
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
    this.#write(PIPE_FRAME.setup, encode(JSON.stringify({ plan: apart, heapMbMax: plan.heapMbMax })));
    this.#write(PIPE_FRAME.code, encode(plan.text));
    this.#watch().catch((error) => this.#fail("its end could not be told", error));
  }

  send(frame: Uint8Array): void {
    this.#write(PIPE_FRAME.work, frame);
  }

  answer(frame: Uint8Array): void {
    this.#write(PIPE_FRAME.answer, frame);
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#input.close().catch(() => undefined); // it may have gone already
    if (await within(this.#plan.clock, ISOLATED_EXIT_GRACE_MS, this.#child.status) === undefined) this.#kill();
    await this.#child.status;
    await this.#pipes;
    this.#endGroup();
  }

  /** How much waits is bounded by what the agent has open: its own calls, and its messages at work. */
  #write(kind: number, bytes: Uint8Array): void {
    if (!this.#ended || kind > PIPE_FRAME.answer) this.#input.write(packFrame(kind, bytes)).catch(() => undefined); // its status tells
  }

  async #watch(): Promise<void> {
    const { code, signal } = await this.#child.status;
    await this.#pipes;
    const said = this.#complaint.trim();
    this.#fail(`${signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`}${said === "" ? "" : `: ${said}`}`);
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#tell.onEnd(why, cause);
  }

  async #readFrames(stdout: ReadableStream<Uint8Array>): Promise<void> {
    const frames = new PipeFrames((_kind, bytes) => this.#ended || this.#tell.onFrame(bytes));
    try {
      for await (const piece of stdout) frames.push(piece);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error), error);
      this.#kill();
    }
  }

  /** Shown as its own, and the last of it kept. */
  async #readComplaints(stderr: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const piece of stderr) {
      this.#complaint = (this.#complaint + decoder.decode(piece, { stream: true })).slice(-ISOLATED_COMPLAINT_CHARS);
      show(piece);
    }
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error; // it has ended already
    }
  }

  /** What it has started, if it may start anything and this program may end it: that takes the permission to run all. */
  #endGroup(): void {
    const { run } = this.#plan.permissions;
    if (!run || Deno.permissions.querySync({ name: "run" }).state !== "granted") return;
    signalProcess(-this.#child.pid, "SIGKILL");
  }
}

function show(piece: Uint8Array): void {
  try {
    Deno.stderr.writeSync(piece);
  } catch {
    // This program's own standard error is closed: then nobody looks.
  }
}

function start({ bridgeText, heapMbMax, permissions, modules }: ProcessPlan): Deno.ChildProcess {
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--quiet", `--v8-flags=--max-old-space-size=${heapMbMax}`],
      // What the runtime would fetch unasked, from a few hosts that it trusts, is a way out as well.
      ...(permissions.import ? [] : ["--cached-only"]),
      ...permissionFlags(permissions, modules),
      `data:text/javascript;base64,${new TextEncoder().encode(bridgeText).toBase64()}`,
    ],
    ...{ stdin: "piped", stdout: "piped", stderr: "piped", detached: true },
  });
  try {
    return command.spawn();
  } catch (cause) {
    throw new IsolationUnavailableError("process", `${Deno.execPath()} could not be started: ${asError(cause).message}`);
  }
}
