/**
 * Calls between hosts: the kernel's own business (spawn, terminate, …), answered by value, by promise or by error.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { KIND } from "../bus/envelope.ts";
import { portableError } from "./failures.ts";
import type { PostRoom } from "./post_room.ts";

/** What a host does when it is called, by the name of the call. */
export type CallHandlers = Readonly<Record<string, (argument: unknown) => unknown>>;

/** Answers calls. */
export class Calls {
  /** Answers go out through `post`. */
  constructor(private readonly post: PostRoom, private readonly handlers: CallHandlers) {}

  /** Answers one call. */
  answer(correlation: number, read: () => unknown): void {
    let result: unknown;
    try {
      const { method, argument } = read() as { method: string; argument: unknown };
      if (!Object.hasOwn(this.handlers, method)) throw new KernelError("UNKNOWN_CALL", `no such call between hosts: ${method}`);
      result = this.handlers[method](argument);
    } catch (error) {
      return this.post.answer(KIND.refusal, correlation, 0, error);
    }
    if (!(result instanceof Promise)) return this.#respond(correlation, result);
    result.then((value) => this.#respond(correlation, value), (error) => this.post.answer(KIND.refusal, correlation, 0, error));
  }

  /** What a call returned may hold something of a user's that cannot travel: then the caller gets an error, and this thread goes on. */
  #respond(correlation: number, value: unknown): void {
    try {
      this.post.answer(KIND.result, correlation, 0, value);
    } catch (error) {
      const held = (value as { error?: unknown } | null)?.error;
      this.post.answer(KIND.refusal, correlation, 0, held === undefined ? error : portableError(held));
    }
  }
}
