/**
 * The few error classes of the kernel. Every error has a `name`, a stable `code`, data fields that name the offender and the bound, and
 * a message that says what to do next. Errors may come from another copy of the package (a bundle, another URL, another thread):
 * recognise them by `isKernelError` and `code`, not by `instanceof`.
 *
 * @module
 */

const BRAND = Symbol.for("@stage3/kernel.error");

/** Data fields of an error: plain values that travel between threads. */
export type ErrorData = Readonly<Record<string, unknown>>;

/** Base of every error that the kernel throws on purpose. */
export class KernelError extends Error {
  /** Stable machine-readable code, such as `AGENT_NOT_FOUND`. */
  readonly code: string;
  /** The offender, the bound and what else a program may want to read. */
  readonly data: ErrorData;

  /** Makes an error with a code, a message for people and data for programs. */
  constructor(code: string, message: string, data: ErrorData = {}, options?: ErrorOptions & { name?: string }) {
    super(message, options);
    this.code = code;
    this.data = data;
    this.name = options?.name ?? nameOf(code);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** `AGENT_NOT_FOUND` → `AgentNotFoundError`. */
function nameOf(code: string): string {
  return code.toLowerCase().replace(/(^|_)([a-z])/g, (_match, _gap, letter: string) => letter.toUpperCase()) + "Error";
}

/** Whether a value is an error of the kernel, from whichever copy of the package or thread it came. */
export function isKernelError(value: unknown): value is KernelError {
  return value instanceof Error && (value as unknown as Record<symbol, unknown>)[BRAND] === true;
}

/** An invariant of the kernel's own does not hold: the thread is not to be trusted any more. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new KernelError("ASSERTION", `kernel invariant broken: ${message}. Please report it with the stack below.`);
}

/** A value for an error message: its kind and a short form, never the whole of it. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return `the string ${JSON.stringify(value.length > 40 ? value.slice(0, 40) + "…" : value)}`;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return `the ${typeof value} ${value}`;
  if (typeof value === "object") return `an object of ${(value as object).constructor?.name ?? "no class"}`;
  return typeof value === "undefined" ? "undefined" : `a ${typeof value}`;
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new KernelError("AGENT_FAILED", `it threw ${describe(thrown)}`);
}

/** The receiver does not exist, or no longer: it was never spawned, it was terminated, or the id is stale. */
export class AgentNotFoundError extends KernelError {
  /** `agentId` as it was given. */
  constructor(readonly agentId: unknown, why = "it was never spawned or has been terminated") {
    super("AGENT_NOT_FOUND", `agent ${String(agentId)} not found: ${why}. Use an id returned by spawnAgent.`, { agentId });
  }
}

/** Waiting for room in an agent's inbox (or in the ring to its thread) ended without room. */
export class InboxFullError extends KernelError {
  /** The full agent and what bounds it. */
  constructor(readonly agentId: number, readonly inboxMessagesMax: number, readonly waitedMs: number) {
    super(
      "INBOX_FULL",
      `inbox of agent ${agentId} is full (inboxMessagesMax ${inboxMessagesMax}, waited ${waitedMs} ms). ` +
        "Send more slowly, await each send, raise inboxMessagesMax, or make the receiver's handler faster.",
      { agentId, inboxMessagesMax, waitedMs },
    );
  }
}

/** An agent has too many sends that still wait for room. */
export class SendsPendingError extends KernelError {
  /** The sender and the bound. */
  constructor(readonly agentId: number, readonly pendingSendsMax: number) {
    super(
      "SENDS_PENDING",
      `agent ${agentId} already has ${pendingSendsMax} sends waiting for room. Await the promise that ctx.send returns before sending more.`,
      { agentId, pendingSendsMax },
    );
  }
}

/** No reply came in time. */
export class AskTimeoutError extends KernelError {
  /** The agent asked and the time it had. */
  constructor(readonly agentId: number, readonly timeoutMs: number) {
    super(
      "ASK_TIMEOUT",
      `agent ${agentId} did not reply within ${timeoutMs} ms. Raise timeoutMs, or make its handler reply sooner.`,
      { agentId, timeoutMs },
    );
  }
}

/** An agent asked one that waits, directly or through others, for its own reply: neither would ever come to it. */
export class AskCycleError extends KernelError {
  /** Who asked whom. */
  constructor(readonly agentId: number, readonly askedId: number) {
    super(
      "ASK_CYCLE",
      `agent ${agentId} asks agent ${askedId}, which waits for a reply of agent ${agentId}: a circle. Use send for one of the steps, or give one concurrency.`,
      { agentId, askedId },
    );
  }
}

/** A worker thread died, was found dead, or hangs: what waited for it will not come. */
export class HostDiedError extends KernelError {
  /** Index of the host (1…threads) and what is known of its end. */
  constructor(readonly host: number, readonly why: string, options?: ErrorOptions) {
    super(
      "HOST_DIED",
      `thread ${host} died: ${why}. What ran there was lost with it; its agents are restarted elsewhere. Try again, and look at the cause.`,
      { host, why },
      options,
    );
  }
}

/** A configuration value cannot be used. */
export class ConfigError extends KernelError {
  /** `option` names the key as the operator wrote it. */
  constructor(readonly option: string, message: string, data: ErrorData = {}, options?: ErrorOptions) {
    super("CONFIG", `${option}: ${message}`, { option, ...data }, options);
  }
}

/** A value handed to a public method cannot be used. */
export class InvalidArgumentError extends KernelError {
  /** `field` names the argument, `remedy` says what would be accepted. */
  constructor(readonly field: string, value: unknown, remedy: string) {
    super("INVALID_ARGUMENT", `${field} is ${describe(value)}; ${remedy}`, { field });
  }
}

/** The kernel was used before `initialize()` or after `shutdown()`. */
export class NotInitializedError extends KernelError {
  /** `what` was called too early or too late. */
  constructor(what: string, closed = false) {
    super(
      "NOT_INITIALIZED",
      closed ? `${what}: the manager has been shut down; make a new one.` : `${what}: call and await manager.initialize() first.`,
      { what, closed },
    );
  }
}

/** A payload holds something that cannot be copied to another thread. */
export class PayloadNotCloneableError extends KernelError {
  /** `path` says where in the payload, `kind` what stands there. */
  constructor(readonly path: string, readonly kind: string) {
    super(
      "PAYLOAD_NOT_CLONEABLE",
      `payload${path} is ${kind}, which cannot be copied to another thread. Send data only: what structuredClone accepts.`,
      { path, kind },
    );
  }
}

/** A payload is larger than a message may be. */
export class MessageTooLargeError extends KernelError {
  /** The bound in bytes of the encoded message. */
  constructor(readonly messageBytesMax: number) {
    super(
      "MESSAGE_TOO_LARGE",
      `message is larger than ${messageBytesMax} bytes once encoded. Keep large data in memoryStore or a file and send its key.`,
      { messageBytesMax },
    );
  }
}

/** The handler has settled, or has replied already: nobody waits for this reply. */
export class ReplyClosedError extends KernelError {
  /** The agent that replied. */
  constructor(readonly agentId: number) {
    super(
      "REPLY_CLOSED",
      `agent ${agentId} replied after its handler had settled, or twice. Reply once, before the handler returns or its promise settles.`,
      { agentId },
    );
  }
}

const CLASSES: ReadonlyMap<string, { readonly prototype: KernelError }> = new Map(
  [
    ...[
      AgentNotFoundError,
      AskCycleError,
      AskTimeoutError,
      ConfigError,
      HostDiedError,
      InboxFullError,
      InvalidArgumentError,
      MessageTooLargeError,
    ],
    ...[NotInitializedError, PayloadNotCloneableError, ReplyClosedError, SendsPendingError],
  ].map((known) => [known.name, known]),
);

/** What an error of that name inherits from, so that `instanceof` also holds for one that came from another thread of the same program. */
export function kernelErrorPrototype(name: string): KernelError {
  return CLASSES.get(name)?.prototype ?? KernelError.prototype;
}
