/**
 * The models of an agent that is apart: its requests go to the desk of all, in its own name.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { MODEL_CALLS_OPEN_MAX } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";

const METHODS: readonly string[] = ["model", "modelOpen", "modelNext", "modelCancel"];

/** The models of one far end: asked in the agent's own name, whatever the far end says, and given up with it. */
export class ModelCalls {
  readonly #open = new Map<string, true>();
  static #lives = 0;
  readonly #life = ++ModelCalls.#lives;

  /** Asked by what the main thread answers its threads. */
  constructor(private readonly agentId: AgentId, private readonly calls: Readonly<Record<string, (argument: unknown) => unknown>>) {}

  /** Whether a call is one of these. */
  static has(method: string): boolean {
    return METHODS.includes(method);
  }

  /** One of them. */
  serve(method: string, argument: unknown): unknown {
    if (method === "modelCancel" || method === "modelNext") {
      const callId = this.#own(argument);
      const result = this.calls[method](callId);
      if (method === "modelCancel") this.#open.delete(callId);
      if (!(result instanceof Promise)) return result;
      return result.then((part: { reply?: unknown }) => {
        if (part.reply !== undefined) this.#open.delete(callId);
        return part;
      }, (error) => {
        this.#open.delete(callId);
        throw error;
      });
    }
    const order = argument as { callId: unknown };
    const callId = this.#own(order.callId);
    if (this.#open.size >= MODEL_CALLS_OPEN_MAX) {
      throw new KernelError("MODEL_CALLS_OPEN", `${MODEL_CALLS_OPEN_MAX} calls of models are open. Read some streams to their end first.`);
    }
    this.#open.set(callId, true);
    const result = this.calls[method]({ ...order, callId, agentId: this.agentId });
    if (method === "model") return (result as Promise<unknown>).finally(() => this.#open.delete(callId));
    return result;
  }

  /** Gives up what is open. */
  close(): void {
    for (const callId of this.#open.keys()) this.calls.modelCancel(callId);
    this.#open.clear();
  }

  #own(callId: unknown): string {
    return `apart ${this.agentId}/${this.#life} ${String(callId)}`;
  }
}
