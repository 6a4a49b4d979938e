/**
 * Grade `process`: a process of the agent's own with its own permissions, in a group of its own. Its main thread only carries frames, so that it ends when
 * its input does, whatever the agent is at: when this process is gone, so is that one.
 *
 * @module
 */
import { ChildGroup } from "../base/child_group.ts";
import type { Clock } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import { ISOLATED_COMPLAINT_CHARS, ISOLATED_EXIT_GRACE_MS, ISOLATED_INPUT_BYTES_MAX, PIPES_DRAIN_MS } from "../base/limits.ts";
import { within } from "../base/pause.ts";
import type { AgentPermissions } from "../agents/agent.ts";
import { PERMISSION_FLAGS } from "../agents/isolation.ts";
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
  /** The program's `deno.json`, if it has one. */
  readonly config?: string;
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

/** Starts a process for one agent. Throws `SpawnFailedError`. */
export function openProcess(process: ProcessPlan, plan: ApartPlan, events: EnclosureEvents): Enclosure {
  return new ProcessEnclosure(process, plan, events);
}

class ProcessEnclosure implements Enclosure {
  readonly #plan: ProcessPlan;
  readonly #child: ChildGroup;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pipes: Promise<unknown>;
  readonly #tell: EnclosureEvents;
  readonly #reading = new AbortController();
  #ended = false;
  #complaint = "";
  /** Written to its input and not taken by the system yet. */
  #waitingBytes = 0;

  constructor(plan: ProcessPlan, apart: ApartPlan, events: EnclosureEvents) {
    this.#plan = plan;
    this.#tell = events;
    const child = this.#child = start(plan);
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => undefined); // its end is told by its status
    const frames = new PipeFrames((_kind, bytes) => this.#ended || this.#tell.onFrame(bytes));
    const decoder = new TextDecoder();
    this.#pipes = Promise.all([
      this.#read(child.stdout, (piece) => frames.push(piece)),
      this.#read(child.stderr, (piece) => {
        this.#complaint = (this.#complaint + decoder.decode(piece, { stream: true })).slice(-ISOLATED_COMPLAINT_CHARS);
        show(piece);
      }),
    ]);
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
    if (await within(this.#plan.clock, ISOLATED_EXIT_GRACE_MS, this.#child.status) === undefined) this.#child.signal("SIGKILL");
    await this.#child.status;
    await this.#drain();
  }

  /** Frames wait in our memory until it reads them, as many as it likes to ask for: one that reads none, or asks for too much at a time, is ended. */
  #write(kind: number, bytes: Uint8Array): void {
    if (this.#ended) return;
    const frame = packFrame(kind, bytes);
    this.#waitingBytes += frame.length;
    if (this.#waitingBytes > ISOLATED_INPUT_BYTES_MAX) {
      this.#fail(
        `${this.#waitingBytes} bytes wait for it to be read, ${ISOLATED_INPUT_BYTES_MAX} may: it hangs, or asks for too much at a time`,
      );
      return this.#child.signal("SIGKILL");
    }
    this.#input.write(frame).catch(() => undefined).finally(() => this.#waitingBytes -= frame.length); // its status tells
  }

  async #watch(): Promise<void> {
    const { code, signal } = await this.#child.status;
    await this.#drain();
    const said = this.#complaint.trim();
    this.#fail(`${signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`}${said === "" ? "" : `: ${said}`}`);
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#tell.onEnd(why, cause);
  }

  /** It has ended: what is in its pipes is read. What it has started, and what left its group, may hold them open for ever. */
  async #drain(): Promise<void> {
    this.#child.endRest();
    if (await within(this.#plan.clock, PIPES_DRAIN_MS, this.#pipes.then(() => true)) === undefined) this.#reading.abort();
    await this.#pipes;
  }

  /** Reads a pipe to its end, or until it is read no more. */
  async #read(pipe: ReadableStream<Uint8Array>, take: (piece: Uint8Array) => void): Promise<void> {
    const { signal } = this.#reading;
    try {
      await pipe.pipeTo(new WritableStream({ write: take }), { signal });
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(asError(error).message, error);
      this.#child.signal("SIGKILL");
    }
  }
}

/** What it prints comes out as this program's own. */
function show(piece: Uint8Array): void {
  try {
    Deno.stderr.writeSync(piece);
  } catch {
    // This program's own standard error is closed: then nobody looks.
  }
}

function start({ bridgeText, heapMbMax, permissions, modules, config }: ProcessPlan): ChildGroup {
  const command = [
    ...[Deno.execPath(), "run", "--no-prompt", "--quiet", `--v8-flags=--max-old-space-size=${heapMbMax}`],
    // What the runtime would fetch unasked, from a few hosts that it trusts, is a way out as well.
    ...(permissions.import ? [] : ["--cached-only"]),
    ...permissionFlags(permissions, modules),
    ...(config === undefined ? [] : [`--config=${config}`]),
    `data:text/javascript;base64,${new TextEncoder().encode(bridgeText).toBase64()}`,
  ];
  return ChildGroup.start({ command, setsid: null });
}
