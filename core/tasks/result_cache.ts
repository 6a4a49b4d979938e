/**
 * Results of tasks that may be used again: bounded in number and age, and asked for once when many want the same at a time.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import type { Clock } from "../base/clock.ts";
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

/** Completed results, and those under way. */
export class ResultCache {
  readonly #results: LRUCache<string, TaskResult>;
  /** At most as many as tasks run or wait. */
  readonly #flights = new Map<string, Set<Follower>>();
  readonly #counts = { hits: 0, shared: 0, misses: 0 };

  /** Empty. */
  constructor(clock: Clock, { max = RESULTS_CACHED_MAX, ttlMs = RESULT_TTL_MS }: ResultCacheOptions = {}) {
    this.#results = new LRUCache({ max, ttl: ttlMs, ttlResolution: 0, perf: clock });
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
  get(key: string): TaskResult | undefined {
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
  land(key: string, result: TaskResult): void {
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

/** Whether JSON says all of it. */
function isPlain(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object") return value === undefined && depth === 0;
  if (depth > 32) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every((item) => isPlain(item, depth + 1));
}
