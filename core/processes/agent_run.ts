/**
 * One run of an agent's program: started, talked to, watched, ended with all that it has started, and its output kept.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { PIPES_DRAIN_MS } from "../base/limits.ts";
import type { AgentDriver, Talk, TalkOutcome } from "./agent_driver.ts";
import type { AgentRequest } from "./agent_request.ts";
import type { FailureReason } from "./agent_result.ts";
import { ChildGroup, type ChildPlan } from "../base/child_group.ts";
import type { OutputCapture } from "./output_capture.ts";
import { within } from "../base/pause.ts";
import type { ProcessSettings } from "./process_settings.ts";
import { TICKS_PER_SECOND, treeOf } from "./process_table.ts";
import type { ProcessTable } from "./process_table.ts";
import { ProgressWatch, type TreeWork } from "./progress_watch.ts";

/** What a run needs. */
export interface RunPlan {
  /** What to start. */
  readonly child: ChildPlan & { /** Working directory. */ readonly cwd: string };
  /** What it is asked. */
  readonly request: AgentRequest;
  /** In which words. */
  readonly prompt: string;
  /** Variable that all its processes carry. */
  readonly marker: string;
  /** In which protocol. */
  readonly driver: AgentDriver;
  /** Where its output goes. */
  readonly capture: OutputCapture;
  /** How long is too long. */
  readonly settings: ProcessSettings;
  /** The first deadline. */
  readonly firstTimeoutMs: number;
  /** Time and timers. */
  readonly clock: Clock;
  /** Ends the run; its reason is `"CANCELLED"` or `"SHUTDOWN"`. */
  readonly signal: AbortSignal;
  /** Looks at all processes. */
  readonly look: () => Promise<ProcessTable | null>;
}

/** How a run ended. */
export interface RunOutcome {
  /** Null when it completed. */
  readonly failureReason: FailureReason | null;
  /** In a sentence. */
  readonly error?: string;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal. */
  readonly signal: string | null;
  /** What the driver made of it. */
  readonly talk: TalkOutcome;
  /** Deadlines. */
  readonly watch: Pick<ProgressWatch, "timeoutMs" | "extensions" | "silenceWarnings">;
  /** Of its processes, at the last look. */
  readonly cpuMs: number | null;
}

interface Stop {
  readonly reason: FailureReason;
  readonly why: string;
}

const PIPES_DRAIN_ROUNDS_MAX = 20;

/** A program at work. */
export class AgentRun {
  readonly #plan: RunPlan;
  readonly #child: ChildGroup;
  readonly #input: AgentInput;
  #lastWork: TreeWork | null = null;
  #lastPieceAt = -Infinity;

  private constructor(plan: RunPlan, child: ChildGroup) {
    this.#plan = plan;
    this.#child = child;
    this.#input = new AgentInput(child.stdin, (text) => this.#note(text));
  }

  /** Starts the program. Throws `SpawnFailedError`. */
  static start(plan: RunPlan): AgentRun {
    return new AgentRun(plan, ChildGroup.start(plan.child));
  }

  /** Number of its first process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Talks, watches, ends. Rejects only when the log cannot be written; the program has ended then, too. */
  async finish(): Promise<RunOutcome> {
    const { clock, settings, capture, request, prompt, child: { cwd }, driver, signal } = this.#plan;
    const stopped = Promise.withResolvers<Stop>();
    const watch = new ProgressWatch({
      ...{ clock, settings, firstTimeoutMs: this.#plan.firstTimeoutMs },
      look: () => this.#work(),
      onEnd: (reason, why) => stopped.resolve({ reason, why }),
      onNote: (text) => this.#note(text),
    });
    const onAbort = (): void => stopped.resolve({ reason: signal.reason as FailureReason, why: "the coordinator was told to stop it" });
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const reading = new AbortController();
    try {
      const ports = { request, prompt, cwd, write: this.#input.write, endInput: this.#input.end, note: (text: string) => this.#note(text) };
      const talk = driver(ports);
      const pump = (from: "stdout" | "stderr"): Promise<void> =>
        readAll(this.#child[from], reading.signal, async (piece) => {
          watch.output();
          this.#lastPieceAt = clock.now();
          if (from === "stdout") talk.take(piece);
          await capture.add(piece, from);
        });
      const pipes = Promise.all([pump("stdout"), pump("stderr")]);
      const stop = await this.#untilEnd(talk, stopped.promise, pipes);
      watch.stop();
      await this.#drain(pipes, reading);
      return await this.#outcome(talk, stop, watch);
    } finally {
      watch.stop();
      signal.removeEventListener("abort", onAbort);
      reading.abort();
      this.#child.signal("SIGKILL"); // does nothing unless something above has failed
      this.#input.abandon();
      await this.#child.status;
    }
  }

  /** Resolves when the first process and its group have ended, with why they were stopped, if they were. */
  async #untilEnd(talk: Talk, stopped: Promise<Stop>, pipes: Promise<unknown>): Promise<Stop | null> {
    const { clock, settings: { killGraceMs } } = this.#plan;
    const ended = this.#child.status.then(() => null);
    const said = talk.done.then(() => null);
    const broken = new Promise<never>((_, reject) => pipes.catch(reject)); // the log cannot be written
    const stop = await Promise.race([ended, said, stopped, broken]);
    if (stop !== null) {
      this.#note(`stopping the agent: ${stop.reason}, ${stop.why}`);
      // One that can be asked to stop is asked first, and has the time that it would have after a signal.
      if (talk.cancel()) await within(clock, killGraceMs, Promise.race([ended, said]));
    } else {
      this.#input.end();
      if (await within(clock, killGraceMs, this.#child.status) !== undefined) return this.#endRest(null);
    }
    await this.#child.end(clock, killGraceMs);
    return this.#endRest(stop);
  }

  #endRest(stop: Stop | null): Stop | null {
    this.#child.endRest();
    return stop;
  }

  /** What is still in the pipes is read; a process that has left the group may hold them open for ever. */
  async #drain(pipes: Promise<unknown>, reading: AbortController): Promise<void> {
    const { clock } = this.#plan;
    const read = pipes.then(() => true);
    const endedAt = clock.now();
    let silent = false;
    // As long as something comes, it is read: a slow disk must not cost output. A daemon that prints for ever is one that holds them open.
    while (!silent && await within(clock, PIPES_DRAIN_MS, read) === undefined) {
      silent = clock.now() - this.#lastPieceAt >= PIPES_DRAIN_MS || clock.now() - endedAt > PIPES_DRAIN_ROUNDS_MAX * PIPES_DRAIN_MS;
    }
    if (silent) this.#note("a process that left the group holds the output open; what it prints is no longer read");
    if (silent) reading.abort();
    await pipes;
  }

  async #outcome(talk: Talk, stop: Stop | null, watch: ProgressWatch): Promise<RunOutcome> {
    const { success, code, signal } = await this.#child.status;
    const told = talk.outcome(success);
    // An agent that has said that it is done is ended by us when it does not end by itself: how it ended then says nothing.
    const saidDone = told.error === undefined && told.protocol !== undefined && told.protocol.stopReason === "end_turn";
    const failure: Stop | null = stop ??
      (success || saidDone ? null : { reason: "EXIT_CODE", why: signal ? `ended by ${signal}` : `exit code ${code}` });
    const reason = failure?.reason ?? (told.error === undefined ? null : "EXIT_CODE");
    const error = [failure?.why, told.error].filter(Boolean).join("; ");
    const { timeoutMs, extensions, silenceWarnings } = watch;
    return {
      ...{ failureReason: reason, ...(error === "" ? {} : { error }), exitCode: signal ? null : code, signal, talk: told },
      ...{ watch: { timeoutMs, extensions, silenceWarnings }, cpuMs: this.#lastWork?.cpuMs ?? null },
    };
  }

  async #work(): Promise<TreeWork | null> {
    const table = await this.#plan.look();
    if (table === null) return null;
    const tree = treeOf(table, this.pid, this.#plan.marker);
    const cpuTicks = tree.reduce((sum, entry) => sum + entry.cpuTicks, 0);
    this.#lastWork = { cpuMs: cpuTicks * 1_000 / TICKS_PER_SECOND, movedBytes: tree.reduce((sum, entry) => sum + entry.movedBytes, 0) };
    return this.#lastWork;
  }

  #note(text: string): void {
    this.#plan.capture.note(text).catch(() => undefined); // a log that cannot be written ends the run through its output
  }
}

/** What is written to an agent, in order. One that no longer reads, or has ended, is no failure: the rest is lost, and a line says so. */
class AgentInput {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #closed = false;
  #lost = false;

  constructor(stream: WritableStream<Uint8Array>, private readonly note: (text: string) => void) {
    this.#writer = stream.getWriter();
    this.#writer.closed.catch(() => undefined); // told by the write that failed
  }

  readonly write = (text: string): void => {
    if (this.#closed) return;
    this.#writer.write(new TextEncoder().encode(text)).catch((error) => this.#lose(error));
  };

  readonly end = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.#writer.close().catch((error) => this.#lose(error));
  };

  /** Lets go of the pipe, whatever was written. */
  abandon(): void {
    this.#closed = this.#lost = true;
    this.#writer.abort().catch(() => undefined); // it was closed before
  }

  #lose(error: Error): void {
    if (this.#lost) return;
    this.#lost = true;
    this.note(`the agent did not read all of its input: ${error.message}`);
  }
}

/** Reads to the end or to the abort. What `take` throws is thrown. */
async function readAll(stream: ReadableStream<Uint8Array>, signal: AbortSignal, take: (piece: Uint8Array) => Promise<void>): Promise<void> {
  const reader = stream.getReader();
  const cancel = (): void => void reader.cancel().catch(() => undefined); // it has ended meanwhile
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) await take(value!);
  } finally {
    signal.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => undefined); // likewise
  }
}
