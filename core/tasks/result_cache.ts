/**
 * Results of tasks that may be used again: bounded in number and age, and asked for once when many want the same at a time.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import { RESULT_KEY_CHARS_MAX, RESULT_TTL_MS, RESULTS_CACHED_MAX } from "../base/limits.ts";
import { freezePlain } from "../memory/read_only.ts";
import type { TaskDefinition, TaskResult } from "../bus/task.ts";

/** Bounds of a cache of results. */
export interface ResultCacheOptions {
  /** Results kept; those used last longest. Default 10,000. */
  readonly max?: number;
  /** Age at which one is forgotten. Default 300,000. */
  readonly ttlMs?: number;
}

/** Counts of a cache of results. */
export interface ResultCacheStatistics {
  /** Kept. */
  readonly size: number;
  /** Tasks answered from it. */
  readonly hits: number;
  /** Tasks that waited for another one's result. */
  readonly shared: number;
  /** Tasks that ran, although a result might have been kept. */
  readonly misses: number;
}

/** A task that waits for the result of another. */
export type Follower = (result: TaskResult) => void;

/** Objects within objects in an input that is cached. */
const DEPTH_MAX = 32;

/** Completed results, and those under way. */
export class ResultCache {
  readonly #results: LRUCache<string, TaskResult>;
  /** As its callers read it off the clock, so that it is read once a task. */
  #now = 0;
  /** At most as many as tasks run or wait. */
  readonly #flights = new Map<string, Set<Follower>>();
  readonly #counts = { hits: 0, shared: 0, misses: 0 };

  /** Empty. */
  constructor({ max = RESULTS_CACHED_MAX, ttlMs = RESULT_TTL_MS }: ResultCacheOptions = {}) {
    this.#results = new LRUCache({ max, ttl: ttlMs, ttlResolution: 0, perf: { now: () => this.#now } });
  }

  /** What a task is known by: who does it and all that it says but its id. Undefined for one that is not to be cached, or too long. */
  keyOf(task: TaskDefinition, scope: string): string | undefined {
    const { cache, objective, input, model, constraints } = task;
    if (cache !== true && typeof cache !== "string") return undefined;
    if (typeof cache === "string") return `${scope}\n${cache}`;
    const said = input === undefined ? "" : JSON.stringify(input);
    // What JSON cannot say (a Map, undefined within a list) would be the same as something else.
    if (said === undefined || said.length + objective.length > RESULT_KEY_CHARS_MAX || !isPlain(input)) return undefined;
    return `${scope}\n${model ?? ""}\n${constraints?.maxTokens ?? ""}\n${objective.length}\n${objective}${said}`;
  }

  /** A kept result. */
  get(key: string, now: number): TaskResult | undefined {
    this.#now = now;
    const result = this.#results.get(key);
    if (result !== undefined) this.#counts.hits++;
    return result;
  }

  /** Whether this task is to run; otherwise `follower` gets the result of the one that does. */
  lead(key: string, follower: Follower): boolean {
    const flight = this.#flights.get(key);
    if (flight !== undefined) {
      flight.add(follower);
      this.#counts.shared++;
      return false;
    }
    this.#flights.set(key, new Set());
    this.#counts.misses++;
    return true;
  }

  /** A follower has given up. */
  leave(key: string, follower: Follower): void {
    this.#flights.get(key)?.delete(follower);
  }

  /** The task that ran has ended. Its followers get its result. */
  land(key: string, result: TaskResult, now: number): void {
    this.#now = now;
    if (result.status === "completed") this.#keep(key, result);
    const followers = this.#flights.get(key);
    this.#flights.delete(key);
    for (const follower of followers ?? []) follower(result);
  }

  /** A private copy, read-only: whoever got the first result may change it. What cannot be copied or frozen is not kept. */
  #keep(key: string, result: TaskResult): void {
    try {
      const output = structuredClone(result.output);
      if (freezePlain(output)) this.#results.set(key, { ...result, output });
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // DataCloneError: a function within it
    }
  }

  /** Counts, now. */
  get statistics(): ResultCacheStatistics {
    return { size: this.#results.size, ...this.#counts };
  }
}

/** Whether JSON says all of it. A loop without lists of keys: this is asked of each cached task. */
function isPlain(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return value - value === 0; // neither infinite nor NaN
    case "undefined":
      return depth === 0;
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth >= DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) if (!isPlain((value as Record<string, unknown>)[key], depth + 1)) return false;
  return true;
}
