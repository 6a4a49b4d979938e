/**
 * The near end of the line to one thread or process of an agent's own: work goes out, results and the agent's calls come in, and it is looked at whether
 * the far end still turns. A line lives as long as its enclosure; a restarted agent gets another.
 *
 * @module
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { type KernelError, SendsPendingError } from "../base/errors.ts";
import { ISOLATED_CALLS_OPEN_MAX, THREAD_START_TIMEOUT_MS } from "../base/limits.ts";
import type { AgentContext } from "../agents/agent.ts";
import { portableError } from "../agents/failures.ts";
import { type IsolationLostError, RefusedApartError } from "../agents/isolation.ts";
import type { Enclosure, EnclosureEvents } from "./enclosure.ts";
import { type BlockingAnswer, decodeFrame, encodeFrame, type FromApart, type ToApart, type Work } from "./frames.ts";

/** Looks within one hang time-out, as at the threads of the pool. */
const LOOKS_PER_TIMEOUT = 4;

/** What a line needs. */
export interface LineParts {
  /** Time and timers. */
  readonly clock: Clock;
  /** Opens the enclosure. */
  readonly open: (events: EnclosureEvents) => Enclosure;
  /** Does what the agent calls for, on behalf of the work that `ctx` belongs to. */
  readonly serve: (method: string, args: readonly unknown[], ctx: AgentContext | null, signal: AbortSignal) => unknown;
  /** Says how the end of the enclosure is told. */
  readonly lost: (why: string, cause?: unknown) => IsolationLostError;
  /** Says that it was ended on purpose. */
  readonly stopped: () => KernelError;
  /** The line is over: nothing is called any more. */
  readonly onEnd: () => void;
  /** A call failed whose answer nobody waits for. */
  readonly onFault: (method: string, error: unknown) => void;
  /** Hears of it when no work of the agent's is open. */
  readonly onLost: (error: IsolationLostError) => void;
}

interface OpenWork {
  /** Whether its failure is the agent's: then nobody else need hear of a death. */
  readonly isAgents: boolean;
  readonly ctx: AgentContext | null;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** One line. */
export class Line {
  /** The context of what runs outside any message: `ctx` of `onStart`. */
  life: AgentContext | null = null;
  readonly #parts: LineParts;
  readonly #enclosure: Enclosure;
  readonly #work = new Map<number, OpenWork>();
  /** Calls of the far end that are being served; bounded there, and by what each needs here. */
  readonly #serving = new Map<number, AbortController>();
  #ended: Promise<void> | null = null;
  #lost: IsolationLostError | null = null;
  #next = 1;
  #cancelLook: Cancel = () => undefined;
  #silentLooks = 0;

  /** Opens the enclosure. */
  constructor(parts: LineParts) {
    this.#parts = parts;
    this.#enclosure = parts.open({ onFrame: (bytes) => this.#receive(bytes), onEnd: (why, cause) => this.#end(why, cause) });
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#ended !== null;
  }

  /** Has something done; resolves to what came of it. `ctx` is what its calls are made with; left out: that of the agent's life. */
  request(work: Work, ctx: AgentContext | null = null): Promise<unknown> {
    if (this.#lost !== null || this.#ended !== null) return Promise.reject(this.#lost ?? this.#parts.stopped());
    const n = this.#next++;
    const isAgents = work.what !== "snapshot" && work.what !== "health";
    const done = new Promise<unknown>((resolve, reject) => this.#work.set(n, { isAgents, ctx, resolve, reject }));
    const signal = ctx?.signal;
    const abort = (): void => this.abort(n, signal?.reason);
    try {
      this.#enclosure.send(encodeFrame({ op: "do", n, work }));
    } catch (error) {
      this.#work.delete(n);
      return Promise.reject(error);
    }
    if (signal === undefined) return done;
    signal.addEventListener("abort", abort, { once: true });
    return done.finally(() => signal.removeEventListener("abort", abort));
  }

  /** Tells the far end that nobody waits for a piece of work any more; 0: that the agent's life ends. */
  abort(n: number, reason: unknown): void {
    if (this.#ended !== null) return;
    this.#enclosure.send(encodeSafely((value) => ({ op: "abort", n, reason: value }), reason));
  }

  /** Begins to look whether the far end turns: it has so long. */
  watch(hangTimeoutMs: number): void {
    this.#cancelLook();
    this.#silentLooks = 0;
    const everyMs = hangTimeoutMs / LOOKS_PER_TIMEOUT;
    const look = (): void => {
      this.#cancelLook = this.#parts.clock.schedule(everyMs, look, true);
      if (this.#silentLooks++ > LOOKS_PER_TIMEOUT) {
        return this.#end(`it has not turned for ${Math.round(hangTimeoutMs)} ms: a handler hangs or its code has died`);
      }
      this.#enclosure.send(encodeFrame({ op: "ping" }));
    };
    look();
  }

  /** The same while it starts: its modules may have to be fetched and checked. */
  watchStart(): void {
    this.watch(THREAD_START_TIMEOUT_MS);
  }

  /** Ends thread or process. What is open is rejected. */
  end(): Promise<void> {
    this.#ended ??= this.#close(this.#parts.stopped());
    return this.#ended;
  }

  #end(why: string, cause?: unknown): void {
    if (this.#ended !== null) return;
    const error = this.#lost = this.#parts.lost(why, cause);
    const isWaitedFor = [...this.#work.values()].some(({ isAgents }) => isAgents);
    this.#ended = this.#close(error);
    if (!isWaitedFor) this.#parts.onLost(error);
  }

  async #close(error: KernelError): Promise<void> {
    this.#cancelLook();
    for (const { reject } of this.#work.values()) reject(error);
    this.#work.clear();
    for (const abort of this.#serving.values()) abort.abort(error);
    this.#serving.clear();
    this.#parts.onEnd();
    await this.#enclosure.end();
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ended !== null) return;
    this.#silentLooks = 0;
    try {
      this.#take(decodeFrame(bytes) as FromApart);
    } catch (error) {
      this.#end("it sent what cannot be read", error);
    }
  }

  #take(frame: FromApart): void {
    if (frame.op === "done") {
      const { n, failed, refused, value } = frame;
      const reason = refused ? new RefusedApartError(value as KernelError) : value;
      const work = this.#work.get(n);
      this.#work.delete(n);
      if (failed) work?.reject(reason);
      else work?.resolve(value);
    } else if (frame.op === "call") this.#serve(frame);
    else if (frame.op === "cancel") this.#serving.get(frame.call)?.abort(frame.reason);
  }

  #serve({ call, n, method, args, blocks }: FromApart & { op: "call" }): void {
    const ctx = this.#work.get(n)?.ctx ?? this.life;
    const abort = new AbortController();
    const answer = (failed: boolean, value: unknown): void => {
      this.#serving.delete(call);
      if (this.#ended !== null) return;
      if (blocks) this.#enclosure.answer(encode((part) => part, failed, value));
      else if (call !== 0) this.#enclosure.send(encode((part) => ({ op: "answer", call, ...part }), failed, value));
      else if (failed) this.#parts.onFault(method, value);
    };
    // The far end keeps this bound itself, unless it is an enemy.
    if (this.#serving.size >= ISOLATED_CALLS_OPEN_MAX) return answer(true, new SendsPendingError(ctx?.id ?? 0, ISOLATED_CALLS_OPEN_MAX));
    let result: unknown;
    try {
      result = this.#parts.serve(method, args, ctx, abort.signal);
    } catch (error) {
      return answer(true, error);
    }
    if (!(result instanceof Promise)) return answer(false, result);
    this.#serving.set(call, abort);
    result.then((value) => answer(false, value), (error) => answer(true, error));
  }
}

/** An answer that cannot be carried is the call's failure. */
function encode(frame: (part: BlockingAnswer) => ToApart | BlockingAnswer, failed: boolean, value: unknown): Uint8Array {
  try {
    return encodeFrame(frame({ failed, value }));
  } catch (error) {
    return encodeSafely((said) => frame({ failed: true, value: said }), failed ? value : error);
  }
}

/** What holds something that cannot be carried goes as an error that says so. */
function encodeSafely(frame: (value: unknown) => ToApart | BlockingAnswer, value: unknown): Uint8Array {
  try {
    return encodeFrame(frame(value));
  } catch {
    return encodeFrame(frame(portableError(value)));
  }
}
