/**
 * When an agent has had its time. It has a deadline, which moves while it makes progress, up to the longest; and it must not be silent for too long
 * unless its processes compute, read or write. The rule is apart from processes and pipes, so it runs on any clock.
 *
 * @module
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { BURST_GAP_MS, COMPUTING_SHARE_MIN, EXTENSION_LEAD_MS, MOVING_BYTES_MIN, PROCESS_LOOK_MS_MAX } from "../base/limits.ts";
import { within } from "../base/pause.ts";
import type { ProcessSettings } from "./process_settings.ts";

/** What an agent's processes have done so far. */
export interface TreeWork {
  /** Processor time of all of them in ms. */
  readonly cpuMs: number;
  /** Bytes read and written by all of them. */
  readonly movedBytes: number;
}

/** Why the watch stops an agent. */
export type WatchReason = "PROGRESSIVE_TIMEOUT" | "HEARTBEAT_TIMEOUT";

/** What a watch needs and whom it tells. */
export interface WatchParts {
  /** Time and timers. */
  readonly clock: Clock;
  /** How long is too long. */
  readonly settings: ProcessSettings;
  /** The first deadline, from the start. */
  readonly firstTimeoutMs: number;
  /** Looks at the processes; null when that cannot be done, and then only output is progress. */
  readonly look: () => Promise<TreeWork | null>;
  /** The agent has had its time. Called once. */
  readonly onEnd: (reason: WatchReason, why: string) => void;
  /** Something worth a line in the log. */
  readonly onNote: (text: string) => void;
}

/** Watches one agent. */
export class ProgressWatch {
  readonly #parts: WatchParts;
  readonly #startedAt: number;
  /** Times of the last bursts, newest last; as many as are needed for progress. */
  readonly #bursts: number[] = [];
  #lastPieceAt = -Infinity;
  #lastOutputAt: number;
  #lastWorkAt: number;
  #timeoutMs: number;
  #extensions = 0;
  #warnings = 0;
  #warned = false;
  /** At the last look. The first one is only a beginning: what a program reads and computes to start is no progress. */
  #work: (TreeWork & { readonly at: number }) | null = null;
  #canLook = false;
  #nextLookAt: number;
  #looking: Promise<void> | null = null;
  #cancel: Cancel | null = null;
  #stopped = false;

  /** Begins now. */
  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#startedAt = this.#lastOutputAt = this.#lastWorkAt = parts.clock.now();
    this.#timeoutMs = parts.firstTimeoutMs;
    const { heartbeatCheckIntervalMs, heartbeatTimeoutMs } = parts.settings;
    this.#nextLookAt = this.#startedAt + Math.min(heartbeatCheckIntervalMs, parts.firstTimeoutMs / 2, heartbeatTimeoutMs / 2);
    this.#arm();
  }

  /** Deadline from the start in ms, as far as it has moved. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** How often the deadline has moved. */
  get extensions(): number {
    return this.#extensions;
  }

  /** How often silence was worth a line. */
  get silenceWarnings(): number {
    return this.#warnings;
  }

  /** The agent has printed something. */
  output(): void {
    if (this.#stopped) return;
    const now = this.#parts.clock.now();
    if (now - this.#lastPieceAt >= BURST_GAP_MS) {
      this.#bursts.push(now);
      if (this.#bursts.length > this.#parts.settings.minOutputBursts) this.#bursts.shift();
    }
    this.#lastPieceAt = this.#lastOutputAt = now;
    this.#warned = false;
  }

  /** The agent has ended. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #deadline(): number {
    return this.#startedAt + this.#timeoutMs;
  }

  #silentUntil(): number {
    return Math.max(this.#lastOutputAt, this.#lastWorkAt) + this.#parts.settings.heartbeatTimeoutMs;
  }

  /** One timer for whatever comes first. */
  #arm(): void {
    const { settings } = this.#parts;
    const warning = this.#warned ? Infinity : this.#lastOutputAt + settings.silenceWarningMs;
    this.#armAt(Math.min(this.#deadline(), this.#silentUntil(), this.#nextLookAt, warning));
  }

  #armAt(at: number): void {
    const { clock } = this.#parts;
    this.#cancel?.();
    this.#cancel = clock.schedule(Math.max(0, at - clock.now()), () => void this.#turn());
  }

  async #turn(): Promise<void> {
    if (this.#stopped) return;
    this.#warnIfSilent();
    // The longest time is the longest, whatever the agent does; anything else is decided after a look, so that a busy machine ends nobody who works.
    const isOver = this.#parts.clock.now() >= this.#deadline();
    if (isOver && this.#timeoutMs >= this.#parts.settings.maxTimeoutMs) return this.#endIfDue();
    if (!isOver) this.#armAt(this.#deadline());
    await (this.#looking ??= this.#look().finally(() => this.#looking = null));
    if (this.#stopped) return;
    this.#extendIfWorthIt();
    this.#endIfDue();
    if (!this.#stopped) this.#arm();
  }

  async #look(): Promise<void> {
    const { clock, settings, look, onNote } = this.#parts;
    const work = await within(
      clock,
      PROCESS_LOOK_MS_MAX,
      look().catch((error) => onNote(`the processes could not be looked at: ${error.message}`)),
    );
    const now = clock.now();
    this.#nextLookAt = now + settings.heartbeatCheckIntervalMs;
    this.#canLook = Boolean(work);
    if (!work) return;
    if (this.#work !== null && isWorking(this.#work, work, now - this.#work.at)) this.#lastWorkAt = now;
    this.#work = { ...work, at: now };
  }

  #isProgressing(): boolean {
    const { clock, settings } = this.#parts;
    const since = clock.now() - settings.activityWindowMs;
    const printed = this.#lastOutputAt > since && this.#bursts.length >= settings.minOutputBursts && this.#bursts[0] > since;
    return printed || this.#lastWorkAt > Math.max(since, this.#startedAt);
  }

  #extendIfWorthIt(): void {
    const { clock, settings, onNote } = this.#parts;
    const left = this.#deadline() - clock.now();
    const timeoutMs = Math.min(this.#timeoutMs + settings.timeoutExtensionMs, settings.maxTimeoutMs);
    if (left > EXTENSION_LEAD_MS || timeoutMs <= this.#timeoutMs || !this.#isProgressing()) return;
    this.#timeoutMs = timeoutMs;
    this.#extensions++;
    onNote(`time-out extended to ${timeoutMs} ms (extension ${this.#extensions}): the agent makes progress`);
  }

  #warnIfSilent(): void {
    const silentMs = this.#parts.clock.now() - this.#lastOutputAt;
    if (this.#warned || silentMs < this.#parts.settings.silenceWarningMs) return;
    this.#warned = true;
    this.#warnings++;
    this.#parts.onNote(`WARNING: no output for ${Math.round(silentMs)} ms`);
  }

  #endIfDue(): void {
    const now = this.#parts.clock.now();
    if (now >= this.#deadline()) return this.#end("PROGRESSIVE_TIMEOUT", `it had ${this.#timeoutMs} ms`);
    if (now < this.#silentUntil()) return;
    const seen = this.#canLook ? ", and its processes neither computed nor read nor wrote" : "";
    this.#end("HEARTBEAT_TIMEOUT", `no output for ${this.#parts.settings.heartbeatTimeoutMs} ms${seen}`);
  }

  #end(reason: WatchReason, why: string): void {
    this.stop();
    this.#parts.onEnd(reason, why);
  }
}

/** Whether processes did something between two looks. */
function isWorking(before: TreeWork, after: TreeWork, ms: number): boolean {
  const cpuMs = after.cpuMs - before.cpuMs;
  return cpuMs > 0 && cpuMs >= COMPUTING_SHARE_MIN * ms || after.movedBytes - before.movedBytes >= MOVING_BYTES_MIN;
}
