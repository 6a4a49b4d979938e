/**
 * All that waits for an answer of an agent: asks, tasks and acknowledged sends.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { checkedDelay } from "../base/deadlines.ts";
import { AskCycleError, AskTimeoutError } from "../base/errors.ts";
import { ASK_TIMEOUT_MS } from "../base/limits.ts";
import { KIND } from "../bus/envelope.ts";
import type { AgentId } from "../bus/message.ts";
import type { AskOptions, SendOptions } from "./agent.ts";
import { type AgentDirectory, hostOfWord } from "./agent_directory.ts";
import type { PostRoom } from "./post_room.ts";
import type { Replies } from "./replies.ts";
import type { WaitGraph } from "./wait_graph.ts";

/** The asking side of one host. */
export class Asks {
  /** Requests go out through `post`, their answers come in at `replies`. */
  constructor(
    private readonly clock: Clock,
    private readonly directory: AgentDirectory,
    private readonly post: PostRoom,
    private readonly replies: Replies,
    private readonly waits: WaitGraph,
  ) {}

  /** An ask by an agent that handles nothing until the reply has come. */
  blocking(from: AgentId, to: AgentId, payload: unknown, options?: AskOptions): Promise<unknown> {
    const edge = this.waits.begin(from, to);
    if (this.waits.closes(from, to)) {
      this.waits.end(from, edge);
      return Promise.reject(new AskCycleError(from, to));
    }
    return this.request(KIND.ask, from, to, payload, options).finally(() => this.waits.end(from, edge));
  }

  /** Any other request: `kind` is ask, task or acked. */
  async request(kind: number, from: AgentId, to: AgentId, payload: unknown, options?: AskOptions & SendOptions): Promise<unknown> {
    const timeoutMs = options?.timeoutMs === undefined ? ASK_TIMEOUT_MS : checkedDelay("timeoutMs", options.timeoutMs);
    const word = this.post.living(to);
    const { correlation, reply } = this.replies.open({
      host: hostOfWord(word),
      agent: to,
      timeoutMs,
      timeoutError: () => this.#givenUp(to, correlation, new AskTimeoutError(to, timeoutMs)),
      signal: options?.signal,
      aborted: (reason) => this.#givenUp(to, correlation, reason),
    });
    try {
      // Nobody listens any more once the deadline has passed, so the request need not be handled then.
      const lifeMs = options?.ttlMs === undefined ? timeoutMs : Math.min(timeoutMs, checkedDelay("ttlMs", options.ttlMs));
      const wait = this.post.post(kind, from, to, payload, correlation, this.clock.now() + lifeMs, timeoutMs, options);
      wait?.catch((error) => this.replies.fail(correlation, error));
    } catch (error) {
      this.replies.fail(correlation, error);
    }
    return await reply;
  }

  /** Nobody waits any more: whoever works at it is told, so that it can stop. */
  #givenUp<T>(to: AgentId, correlation: number, reason: T): T {
    const host = this.directory.hostOf(to);
    if (host >= 0 && !this.post.isDead(host)) this.post.control(host, KIND.note, 0, { kind: "cancel", agentId: to, correlation });
    return reason;
  }
}
