/**
 * How far an agent is kept apart, as its spawn asks for it: which grades there are, what combines, and what the kernel needs to make one. Those that are
 * apart run in a thread or a process of their own, and are spoken for by an ordinary agent on the main thread (see core/isolation).
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { ISOLATED_HEAP_BYTES_MAX, ISOLATED_HEAP_BYTES_MIN } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { AgentBehavior, AgentPermissions, Isolation, SpawnConfig } from "./agent.ts";

const GRADES: readonly Isolation[] = ["shared", "worker", "process"];
/** The runtime's flag for each permission. */
export const PERMISSION_FLAGS: Readonly<Record<keyof AgentPermissions, string>> = {
  ...{ read: "--allow-read", write: "--allow-write", net: "--allow-net", env: "--allow-env" },
  ...{ run: "--allow-run", sys: "--allow-sys", ffi: "--allow-ffi", import: "--allow-import" },
};

/** An agent cannot be kept apart as far as was asked for, or cannot do this where it is kept. */
export class IsolationUnavailableError extends KernelError {
  /** The grade, why it is not to be had, and what is. */
  constructor(readonly isolation: string, why: string) {
    super("ISOLATION_UNAVAILABLE", `config.isolation "${isolation}": ${why}`, { isolation });
  }
}

/** The thread or process of an agent's own has ended: what the agent was at may have run, its state is that of its last snapshot. */
export class IsolationLostError extends KernelError {
  /** Whose it was and what is known of its end. */
  constructor(readonly agentId: AgentId, readonly isolation: Isolation, readonly why: string, options?: ErrorOptions) {
    const what = isolation === "worker" ? "thread" : "process";
    super(
      "ISOLATION_LOST",
      `the ${what} of agent ${agentId} ended: ${why}. Its supervision says what follows; look at the cause.`,
      { agentId, isolation, why },
      options,
    );
  }
}

/** What an agent that is apart did not accept. Made on this side of the line, so that no behavior's own error can be taken for it. */
export class RefusedApartError extends KernelError {
  /** As `payloadRefused` says it. */
  constructor(refused: KernelError) {
    super(refused.code, refused.message, refused.data, { name: refused.name });
  }
}

/** An agent that is to be kept apart. */
export interface ApartOrder {
  /** Its address. */
  readonly id: AgentId;
  /** Name of its behavior. */
  readonly type: string;
  /** As it was asked for. */
  readonly config: SpawnConfig;
  /** Hears of a call of the agent's that failed, and whose answer it did not wait for. */
  readonly onFault: (method: string, error: unknown) => void;
  /** Hears of the end of its thread or process while no handler waits for it. */
  readonly onLost: (error: IsolationLostError) => void;
}

/** The behavior of the agent that speaks for one that is apart. */
export interface ApartBehavior extends AgentBehavior {
  /** Ends thread or process, without its last words. */
  end(): Promise<void>;
}

/** The grade that a spawn asks for: whoever wants permissions of its own wants a process. */
export function gradeOf({ isolation, permissions }: SpawnConfig): Isolation {
  return isolation ?? (permissions === undefined ? "shared" : "process");
}

/** Throws `InvalidArgumentError` that names the field, or `IsolationUnavailableError`. */
export function checkIsolation(config: SpawnConfig): void {
  const { isolation, permissions, heapBytesMax, host, near } = config;
  if (isolation !== undefined && !GRADES.includes(isolation)) {
    throw new InvalidArgumentError("config.isolation", isolation, `use one of ${GRADES.join(", ")}.`);
  }
  const grade = gradeOf(config);
  if (permissions !== undefined) checkPermissions(grade, permissions);
  if (grade === "shared") {
    if (heapBytesMax !== undefined) {
      throw new IsolationUnavailableError(grade, 'heapBytesMax bounds a heap of its own; use "worker" or "process".');
    }
    return;
  }
  if (
    heapBytesMax !== undefined &&
    !(Number.isInteger(heapBytesMax) && heapBytesMax >= ISOLATED_HEAP_BYTES_MIN && heapBytesMax <= ISOLATED_HEAP_BYTES_MAX)
  ) {
    throw new InvalidArgumentError(
      "config.heapBytesMax",
      heapBytesMax,
      `use whole bytes from ${ISOLATED_HEAP_BYTES_MIN} to ${ISOLATED_HEAP_BYTES_MAX}.`,
    );
  }
  if (host !== undefined || near !== undefined) {
    throw new IsolationUnavailableError(
      grade,
      `it is on no thread with others; leave out ${host !== undefined ? "host" : "near"}, or use "shared".`,
    );
  }
  if (grade === "process") checkMayRun();
}

function checkPermissions(grade: Isolation, permissions: AgentPermissions): void {
  if (grade !== "process") {
    throw new IsolationUnavailableError(grade, `a thread has the permissions of its process; use "process", or leave permissions out.`);
  }
  if (typeof permissions !== "object" || permissions === null) {
    throw new InvalidArgumentError("config.permissions", permissions, `give an object with ${Object.keys(PERMISSION_FLAGS).join(", ")}.`);
  }
  for (const [name, value] of Object.entries(permissions)) {
    if (!Object.hasOwn(PERMISSION_FLAGS, name)) {
      throw new InvalidArgumentError(`config.permissions.${name}`, name, `known keys: ${Object.keys(PERMISSION_FLAGS).join(", ")}.`);
    }
    // A comma would end one entry and begin another: the runtime's flags know no way to write it.
    const isList = Array.isArray(value) && value.every((one) => typeof one === "string" && one !== "" && !one.includes(","));
    if (value !== undefined && typeof value !== "boolean" && !isList) {
      throw new InvalidArgumentError(`config.permissions.${name}`, value, "use true, false or a list of strings without commas.");
    }
  }
}

/** Never asks at the terminal. */
function checkMayRun(): void {
  if (Deno.build.standalone) {
    throw new IsolationUnavailableError("process", 'a compiled program has no runtime to start; use "worker", or run it with deno.');
  }
  const command = Deno.execPath();
  if (Deno.permissions.querySync({ name: "run", command }).state === "granted") return;
  throw new IsolationUnavailableError("process", `this program may not start processes; run it with --allow-run=${command}.`);
}
