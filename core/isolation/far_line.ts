/**
 * The far end of the line, in the agent's own thread: calls go out, and wait for their answer by promise or, where the agent gets a value and no promise,
 * blocking. What was counted goes ahead of every frame, so that whoever hears of a reply finds what was counted before it.
 *
 * @module
 */
import { asError, KernelError, SendsPendingError } from "../base/errors.ts";
import { ISOLATED_CALLS_OPEN_MAX } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { awaitAnswer } from "./blocking_answers.ts";
import { type BlockingAnswer, decodeFrame, encodeFrame, type FromApart } from "./frames.ts";

interface OpenCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Signals do not travel: who has one is told here, and the near end by a frame. */
export interface CallOptions {
  /** Gives the call up. */
  readonly signal?: AbortSignal;
}

/** One agent's line. */
export class FarLine {
  readonly #open = new Map<number, OpenCall>();
  #next = 1;
  /** Sends what was counted, if anything was. */
  onFlush: () => void = () => undefined;

  /** `post` hands a frame to the near end, `answers` is where it answers calls that block. */
  constructor(private readonly id: AgentId, private readonly post: (bytes: Uint8Array) => void, private readonly answers: SharedMemory) {}

  /** Calls the near end on behalf of work `n`. */
  call(n: number, method: string, args: readonly unknown[], { signal }: CallOptions = {}): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#open.size >= ISOLATED_CALLS_OPEN_MAX) throw new SendsPendingError(this.id, ISOLATED_CALLS_OPEN_MAX);
    const call = this.#next++;
    this.send({ op: "call", call, n, method, args });
    let stopListening = (): void => undefined;
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#open.set(call, { resolve, reject });
      if (signal === undefined) return;
      const onAbort = (): void => {
        this.send({ op: "cancel", call, reason: asError(signal.reason).message });
        this.#open.delete(call);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      stopListening = () => signal.removeEventListener("abort", onAbort);
    });
    answered.then(stopListening, stopListening); // and so nobody need look at it: a send's failure ends no thread
    return answered;
  }

  /** Calls the near end and blocks until it has answered. Throws what it threw. */
  callNow(n: number, method: string, args: readonly unknown[]): unknown {
    const ask = (): void => this.send({ op: "call", call: 0, n, method, args, blocks: true });
    const { failed, value } = decodeFrame(awaitAnswer(this.answers, ask)) as BlockingAnswer;
    if (failed) throw value;
    return value;
  }

  /** Calls the near end and wants no answer. */
  tell(n: number, method: string, args: readonly unknown[], bytesMax?: number): void {
    this.send({ op: "call", call: 0, n, method, args }, bytesMax);
  }

  /** Sends a frame. Throws when it cannot be carried. */
  send(frame: FromApart, bytesMax?: number): void {
    const bytes = encodeFrame(frame, bytesMax);
    this.onFlush();
    this.post(bytes);
  }

  /** An answer has come. */
  answered(call: number, failed: boolean, value: unknown): void {
    const open = this.#open.get(call);
    this.#open.delete(call);
    if (failed) open?.reject(value);
    else open?.resolve(value);
  }

  /** Calls that wait for their answer. */
  get openCalls(): number {
    return this.#open.size;
  }

  /** Nobody answers any more. */
  close(): void {
    const error = new KernelError("AGENT_STOPPED", `agent ${this.id} has been terminated.`, { agentId: this.id });
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}
