/**
 * A coordinator's input, checked, and the payloads that come of it: pure.
 *
 * @module
 */
import type { AgentId } from "../agents/agent.ts";
import { isAgentId } from "../agents/agent_directory.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_PARTS_MAX, TEAM_WORKERS_MAX, TIMER_MS_MAX } from "../base/limits.ts";
import { choiceAt, isPlainObject, listAt, objectAt, textAt, wholeAt } from "./input.ts";
import { type Merge, MERGES } from "./merging.ts";

/** What is to be done. */
export interface CoordinatorPlan {
  /** Those to ask, or what to spawn. */
  readonly workers: AgentId[] | { readonly type: string; readonly count: number };
  /** How replies become one. */
  readonly merge: Merge;
  /** Field of the replies to merge. */
  readonly pick: string | undefined;
  /** Patience with one worker and part. */
  readonly timeoutMs: number;
  /** What is sent for each part, for so many workers. */
  payloadsFor(workers: number): unknown[];
}

/** Two attempts fit in the time that an asker usually waits. */
const PART_TIMEOUT_MS = 10_000;
const NAME_CHARS_MAX = 200;
const KEYS = ["task", "parts", "splitBy", "partItems", "workers", "merge", "pick", "timeoutMs"] as const;

/** Checks a coordinator's input. Throws `InvalidArgumentError` naming the field. */
export function planOf(input: unknown, self: AgentId): CoordinatorPlan {
  const { task, parts, splitBy, partItems, workers, merge, pick, timeoutMs } = objectAt("input", input, KEYS);
  if (parts !== undefined && splitBy !== undefined) throw new InvalidArgumentError("splitBy", splitBy, "give either parts or splitBy.");
  if (partItems !== undefined && splitBy === undefined) throw new InvalidArgumentError("partItems", partItems, "it goes with splitBy.");
  return {
    payloadsFor: splitBy !== undefined ? splitting(task, splitBy, partItems) : parts !== undefined ? given(task, parts) : whole(task),
    workers: workersOf(workers, self),
    merge: choiceAt("merge", merge ?? "collect", MERGES),
    pick: pick === undefined ? undefined : textAt("pick", pick, NAME_CHARS_MAX),
    timeoutMs: wholeAt("timeoutMs", timeoutMs ?? PART_TIMEOUT_MS, 1, TIMER_MS_MAX),
  };
}

function workersOf(workers: unknown, self: AgentId): CoordinatorPlan["workers"] {
  if (!Array.isArray(workers)) {
    const { type, count } = objectAt("workers", workers, ["type", "count"]);
    return { type: textAt("workers.type", type, NAME_CHARS_MAX), count: wholeAt("workers.count", count, 1, TEAM_WORKERS_MAX) };
  }
  return listAt("workers", workers, TEAM_WORKERS_MAX, 1).map((id, index) => {
    if (!isAgentId(id)) throw new InvalidArgumentError(`workers[${index}]`, id, "give an agent's id.");
    if (id === self) {
      throw new InvalidArgumentError(`workers[${index}]`, id, "a coordinator that asks itself waits for ever; name another agent.");
    }
    return id;
  });
}

function whole(task: unknown): CoordinatorPlan["payloadsFor"] {
  if (task === undefined) throw new InvalidArgumentError("task", task, "give a task, or parts.");
  return (workers) => new Array(workers).fill(task);
}

function given(task: unknown, parts: unknown): CoordinatorPlan["payloadsFor"] {
  const payloads = listAt("parts", parts, TEAM_PARTS_MAX).map((part) => {
    if (task === undefined) return part;
    return isPlainObject(task) && isPlainObject(part) ? { ...task, ...part } : { task, part };
  });
  return () => payloads;
}

function splitting(task: unknown, splitBy: unknown, partItems: unknown): CoordinatorPlan["payloadsFor"] {
  const name = textAt("splitBy", splitBy, NAME_CHARS_MAX);
  if (!isPlainObject(task) || !Object.hasOwn(task, name)) throw new InvalidArgumentError("splitBy", name, "name a list in the task.");
  const items = listAt(`task.${name}`, task[name], Number.MAX_SAFE_INTEGER);
  const size = partItems === undefined ? undefined : wholeAt("partItems", partItems, 1, Number.MAX_SAFE_INTEGER);
  if (size !== undefined && items.length > size * TEAM_PARTS_MAX) {
    throw new InvalidArgumentError("partItems", size, `${items.length} items would be over ${TEAM_PARTS_MAX} parts.`);
  }
  return (workers) => {
    const step = size ?? Math.max(1, Math.ceil(items.length / workers));
    return Array.from(
      { length: Math.ceil(items.length / step) },
      (_, part) => ({ ...task, [name]: items.slice(part * step, (part + 1) * step) }),
    );
  };
}
