/**
 * A request file: what an agent shall do. It comes from anybody who may write to the folder, so everything in it is checked before it becomes a file
 * name, an argument or a variable.
 *
 * @module
 */
import { z } from "zod";
import { KernelError } from "../base/errors.ts";
import { REQUEST_NESTING_MAX, REQUEST_TEXT_CHARS_MAX, REQUIREMENTS_MAX } from "../base/limits.ts";
import type { Random } from "../base/random.ts";

/** What an agent shall do. */
export interface AgentTask {
  /** In one text. */
  readonly objective: string;
  /** Whatever may help; any JSON. */
  readonly context: unknown;
  /** Each a line. */
  readonly requirements: readonly string[];
}

/** A request that was understood. */
export interface AgentRequest {
  /** Names result, log and working directory. */
  readonly requestId: string;
  /** What the agent is told to be. */
  readonly agentRole: string;
  /** The request whose agent asked for this. */
  readonly parentRequestId?: string;
  /** Handed to the command. */
  readonly model?: string;
  /** What to do. */
  readonly task: AgentTask;
  /** Keys that nobody reads: usually a slip of the pen. */
  readonly unknownKeys: readonly string[];
}

const ID = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const GENERATED = /-\d{13}-[0-9a-z]{6}$/;
/** No control characters, and no leading dash: it may stand behind an option. */
// deno-lint-ignore no-control-regex -- they are what is refused
const PLAIN = /^(?!-)[^\u0000-\u001f\u007f]+$/;

/** What may name files. */
export const id = z.string().max(REQUEST_TEXT_CHARS_MAX)
  .regex(ID, "use letters, digits and . _ - between them: it names files")
  .refine((text) => !text.includes(".."), "two dots in a row are a path, not an id");
const label = z.string().max(REQUEST_TEXT_CHARS_MAX).regex(PLAIN, "use printable characters, and no dash at the beginning");
const schema = z.looseObject({
  requestId: id.nullish(),
  agentRole: label,
  parentRequestId: id.nullish().or(z.literal("")),
  model: label.nullish(),
  task: z.looseObject({
    objective: z.string().min(1),
    context: z.unknown().optional(),
    requirements: z.array(z.string()).max(REQUIREMENTS_MAX).nullish(),
  }),
});

const TOP_KEYS: readonly string[] = ["requestId", "agentRole", "parentRequestId", "model", "task"];
const TASK_KEYS: readonly string[] = ["objective", "context", "requirements"];

/** A request file says something that cannot be done; the file goes to `rejected/` with this message. */
export class RequestRejectedError extends KernelError {
  /** `field` in the request, or `file` for the file itself. */
  constructor(readonly field: string, why: string, options?: ErrorOptions) {
    super("REQUEST_REJECTED", `${field}: ${why}`, { field }, options);
  }
}

/** The text of a request file, or `RequestRejectedError`: with other characters in the place of what is no UTF-8 it would be another request. */
export function textOf(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new RequestRejectedError("file", "it is no UTF-8.", { cause });
  }
}

/** Understands the text of a request file named `fileName`, or throws `RequestRejectedError` that names the field. */
export function parseRequest(text: string, fileName: string, newId: () => string): AgentRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RequestRejectedError("file", `it is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new RequestRejectedError(path.join(".") || "file", message);
  }
  const { requestId, agentRole, parentRequestId, model, task } = parsed.data;
  if (isDeeper(task.context, REQUEST_NESTING_MAX)) {
    throw new RequestRejectedError(
      "task.context",
      `it is nested more than ${REQUEST_NESTING_MAX} levels deep; put it into a file of its own.`,
    );
  }
  const stem = fileName.replace(/\.json$/, "");
  return {
    // A file that was put back after a crash carries the id that was made for it in its name.
    requestId: requestId ?? (GENERATED.test(stem) && id.safeParse(stem).success ? stem : newId()),
    agentRole,
    ...(parentRequestId ? { parentRequestId } : {}),
    ...(model ? { model } : {}),
    task: { objective: task.objective, context: task.context ?? {}, requirements: task.requirements ?? [] },
    unknownKeys: [
      ...Object.keys(parsed.data).filter((key) => !TOP_KEYS.includes(key)),
      ...Object.keys(task).filter((key) => !TASK_KEYS.includes(key)).map((key) => `task.${key}`),
    ],
  };
}

/** Whether there are more objects within objects than that; a layer at a time, for a recursion would need the stack that this protects. */
function isDeeper(value: unknown, levels: number): boolean {
  const objectsIn = (items: unknown[]): object[] => items.filter((item) => typeof item === "object" && item !== null) as object[];
  let layer = objectsIn([value]);
  for (let level = 1; layer.length > 0 && level <= levels; level++) layer = objectsIn(layer.flatMap((item) => Object.values(item)));
  return layer.length > 0;
}

const BASE36 = 36;
const ID_RANDOM_CHARS = 6;

/** An id as the document makes them: prefix, ms since 1970, six characters of base 36. */
export function generateId(prefix: string, nowMs: number, random: Random): string {
  const tail = Array.from({ length: ID_RANDOM_CHARS }, () => random.below(BASE36).toString(BASE36)).join("");
  return `${prefix}-${Math.floor(nowMs)}-${tail}`;
}
