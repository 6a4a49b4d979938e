/**
 * Runs tasks, so many at a time. The others wait by priority; each has one deadline from its call to its end, and can be cancelled at any time.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { AskTimeoutError, InvalidArgumentError, isKernelError, KernelError, NotInitializedError } from "../base/errors.ts";
import { ASK_TIMEOUT_MS, TASKS_WAITING_MAX } from "../base/limits.ts";
import { type AgentId, type Priority, priorityLevel } from "../bus/message.ts";
import { checkTask, NO_TOKENS, type TaskDefinition, type TaskResult, type TaskStatus, TaskUse } from "../bus/task.ts";
import { type Follower, ResultCache, type ResultCacheOptions, type ResultCacheStatistics } from "./result_cache.ts";
import { type Queued, TaskQueue } from "./task_queue.ts";

/** How one task is run: resolves to what `onTask` returned. Told by the signal to stop, it need not settle: nobody waits for it any more. */
export type RunTask = (
  agentId: AgentId,
  task: TaskDefinition,
  how: RunConditions,
) => Promise<unknown>;

/** Under which conditions a task is run. */
export interface RunConditions {
  /** What is left of its time. */
  readonly timeoutMs: number;
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal;
  /** As given by the caller. */
  readonly priority: Priority;
  /** To be told what the task uses of models. */
  readonly use: TaskUse;
}

/** What an executor is made of. */
export interface ExecutorOptions {
  /** Runs one task. */
  readonly run: RunTask;
  /** Time and timers. */
  readonly clock: Clock;
  /** Tasks that run at a time (`executorConcurrency`). */
  readonly concurrency: number;
  /** Tasks that may wait besides. Default 10,000. */
  readonly waitingMax?: number;
  /** Hears each result. */
  readonly onResult?: (result: TaskResult) => void;
  /** Agents of the same scope may have each other's cached results. Default: each only its own. */
  readonly scopeOf?: (agentId: AgentId) => string;
  /** Bounds of the results that are kept. */
  readonly cache?: ResultCacheOptions;
}

/** Options of a task. */
export interface ExecuteOptions {
  /** Cancels the task, whether it waits or runs. */
  readonly signal?: AbortSignal;
  /** Higher ones start first, and travel as such. Default normal. */
  readonly priority?: Priority;
}

/** Counts of an executor. Every task that was taken is in exactly one of them, but `refused`. */
export interface ExecutorStatistics {
  /** Wait for their turn. */
  readonly waiting: number;
  /** Run. */
  readonly running: number;
  /** Ended with an output. */
  readonly completed: number;
  /** Ended with an error. */
  readonly failed: number;
  /** Ended by their deadline. */
  readonly timedOut: number;
  /** Ended by their signal, or by the end of the executor. */
  readonly cancelled: number;
  /** Not taken, since too many waited. */
  readonly refused: number;
}

/** One task from its call to its result. */
interface Job extends Queued {
  readonly task: TaskDefinition;
  readonly agentId: AgentId;
  readonly priority: Priority;
  readonly calledAt: number;
  readonly timeoutMs: number;
  readonly finish: (result: TaskResult) => void;
  readonly stopWatching: () => void;
  readonly use: TaskUse;
  /** Name of its result, if that may be used again. */
  readonly key: string | undefined;
  /** Set while it waits for the result of another one; called with it. */
  follower?: Follower;
  /** Whether others may wait for its result. */
  leads: boolean;
  ended: boolean;
  /** Set while it runs. */
  running?: AbortController;
}

/** How a task ended. */
interface Outcome {
  readonly output?: unknown;
  readonly error?: Error;
  readonly cached?: boolean;
}

const COUNTED: Readonly<Record<TaskStatus, "completed" | "failed" | "timedOut" | "cancelled">> = {
  completed: "completed",
  failed: "failed",
  timeout: "timedOut",
  cancelled: "cancelled",
};

/**
 * Runs tasks on agents. Its promises reject only for what was not taken: a task that cannot be read (`InvalidArgumentError`), too many that wait
 * (`ExecutorFullError`), an executor that has ended (`NotInitializedError`). Everything else is a result, with its status.
 */
export class TaskExecutor {
  readonly #options: ExecutorOptions;
  readonly #waitingMax: number;
  readonly #deadlines: Deadlines;
  readonly #waiting = new TaskQueue<Job>();
  readonly #running = new Set<Job>();
  readonly #cache: ResultCache;
  #following = 0;
  readonly #counts = { completed: 0, failed: 0, timedOut: 0, cancelled: 0, refused: 0 };
  #filling = false;
  #closed = false;

  /** Runs nothing yet. */
  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#waitingMax = options.waitingMax ?? TASKS_WAITING_MAX;
    checkCount("concurrency", options.concurrency, 1);
    checkCount("waitingMax", this.#waitingMax, 0);
    this.#deadlines = new Deadlines(options.clock);
    this.#cache = new ResultCache(options.cache);
  }

  /** Runs one task, at once or when its turn comes. */
  executeTask(task: TaskDefinition, agentId: AgentId, options: ExecuteOptions = {}): Promise<TaskResult> {
    try {
      checkTask(task);
      return this.#take(task, agentId, options, this.#options.clock.now());
    } catch (error) {
      return Promise.reject(error); // not async: an async function would wait three more turns for the promise that it returns
    }
  }

  /**
   * Runs several tasks on one agent; results stand in the order of the tasks, and a task that fails, or is one too many to wait, stops no other.
   * A task that cannot be read is an error before any of them starts.
   */
  async executeBatch(tasks: readonly TaskDefinition[], agentId: AgentId, options: ExecuteOptions = {}): Promise<TaskResult[]> {
    if (!Array.isArray(tasks)) throw new InvalidArgumentError("tasks", tasks, "give a list of tasks.");
    tasks.forEach((task, index) => checkTask(task, `tasks[${index}]`));
    priorityLevel(options.priority);
    this.#checkOpen();
    const calledAt = this.#options.clock.now();
    return await Promise.all(tasks.map(async (task) => {
      try {
        return await this.#take(task, agentId, options, calledAt);
      } catch (error) { // the queue is full: for a batch this is one failure among results
        return this.#result({ task, agentId, calledAt, use: new TaskUse() }, "failed", { error: error as Error });
      }
    }));
  }

  /** Counts, now. */
  get statistics(): ExecutorStatistics {
    const waiting = this.#waiting.size + this.#following;
    return { waiting, running: this.#running.size, ...this.#counts };
  }

  /** Results that were used again. */
  get cacheStatistics(): ResultCacheStatistics {
    return this.#cache.statistics;
  }

  /**
   * Cancels all tasks of an agent that has ended: nobody is left to do them. An error that is given as a function is made if there are any: to make it
   * costs as much as to end an agent.
   */
  cancelAgent(agentId: AgentId, error: Error | (() => Error)): void {
    const jobs = [...this.#waiting.all(), ...this.#running].filter((job) => job.agentId === agentId);
    if (jobs.length === 0) return;
    const reason = typeof error === "function" ? error() : error;
    for (const job of jobs) this.#settle(job, "failed", { error: reason });
  }

  /** Cancels everything and takes nothing more. */
  close(): void {
    this.#closed = true;
    const error = new NotInitializedError("executeTask", true);
    for (let job = this.#waiting.take(); job !== undefined; job = this.#waiting.take()) this.#settle(job, "cancelled", { error });
    for (const job of [...this.#running]) this.#settle(job, "cancelled", { error });
    this.#deadlines.close();
  }

  #take(task: TaskDefinition, agentId: AgentId, { signal, priority = "normal" }: ExecuteOptions, calledAt: number): Promise<TaskResult> {
    const level = priorityLevel(priority);
    this.#checkOpen();
    const key = task.cache === undefined ? undefined : this.#cache.keyOf(task, this.#options.scopeOf?.(agentId) ?? String(agentId));
    const kept = key === undefined || signal?.aborted ? undefined : this.#cache.get(key, calledAt);
    if (kept !== undefined) return Promise.resolve(this.#again(task, agentId, kept, calledAt));
    const isFull = this.#running.size >= this.#options.concurrency && this.#waiting.size + this.#following >= this.#waitingMax;
    if (isFull && !signal?.aborted) throw this.#refuse();
    return new Promise((finish) => {
      const timeoutMs = task.constraints?.timeout ?? ASK_TIMEOUT_MS;
      const cancel = (): void => this.#settle(job, "cancelled", { error: asError(signal!.reason) });
      const deadline = this.#deadlines.add(timeoutMs, () => this.#settle(job, "timeout", { error: this.#late(job) }));
      const stopWatching = (): void => {
        this.#deadlines.remove(deadline);
        signal?.removeEventListener("abort", cancel);
      };
      const use = new TaskUse();
      const job: Job = {
        ...{ level, task, agentId, priority, calledAt, timeoutMs, finish, stopWatching, use, key, follower: undefined },
        ...{ leads: false, ended: false },
      };
      if (signal?.aborted) return cancel();
      signal?.addEventListener("abort", cancel, { once: true });
      this.#enqueue(job);
    });
  }

  /** To its place: behind others, or beside one that does the same already. */
  #enqueue(job: Job): void {
    if (job.key !== undefined) {
      const follower: Follower = (result) => this.#follow(job, result);
      job.leads = this.#cache.lead(job.key, follower);
      if (!job.leads) {
        job.follower = follower;
        this.#following++;
        return;
      }
    }
    this.#waiting.add(job);
    this.#fill();
  }

  /** The one that did the same has ended. Its success and its failure are this one's too; that somebody gave it up is not. */
  #follow(job: Job, { status, output, error, model, provider }: TaskResult): void {
    job.follower = undefined;
    this.#following--;
    job.use.model = model;
    job.use.provider = provider;
    if (status === "completed" || status === "failed") this.#settle(job, status, { output, error, cached: status === "completed" });
    else this.#enqueue(job);
  }

  /** A kept result, as this task's. */
  #again(task: TaskDefinition, agentId: AgentId, { output, model, provider }: TaskResult, calledAt: number): TaskResult {
    this.#counts.completed++;
    const result: TaskResult = {
      taskId: task.id,
      agentId,
      status: "completed",
      output,
      model,
      provider,
      usage: NO_TOKENS,
      costUsd: 0,
      cached: true,
      attempts: 0,
      durationMs: this.#options.clock.now() - calledAt,
    };
    this.#options.onResult?.(result);
    return result;
  }

  /** Starts what may run. Not from within itself: tasks that are found too late end at once, and each end would begin here anew. */
  #fill(): void {
    if (this.#filling) return;
    this.#filling = true;
    while (!this.#closed && this.#running.size < this.#options.concurrency) {
      const job = this.#waiting.take();
      if (job === undefined) break;
      this.#start(job);
    }
    this.#filling = false;
  }

  #start(job: Job): void {
    const { task, agentId, priority, use } = job;
    const timeoutMs = job.calledAt + job.timeoutMs - this.#options.clock.now();
    if (timeoutMs <= 0) return this.#settle(job, "timeout", { error: this.#late(job) }); // its timer has not had its turn yet
    const running = job.running = new AbortController();
    this.#running.add(job);
    const how: RunConditions = { timeoutMs, signal: running.signal, priority, use };
    let outcome: Promise<unknown>;
    try {
      outcome = this.#options.run(agentId, task, how);
    } catch (error) {
      outcome = Promise.reject(error);
    }
    outcome.then(
      (output) => this.#settle(job, "completed", { output }),
      (error) => this.#settle(job, isTimeoutOf(error, agentId, timeoutMs) ? "timeout" : "failed", { error: asError(error) }),
    );
  }

  /**
   * The one end of every task; what comes after the first is ignored. Its place is free from here on: a run that does not heed its signal must not
   * keep others waiting for ever.
   */
  #settle(job: Job, status: TaskStatus, outcome: Outcome): void {
    if (job.ended) return;
    job.ended = true;
    job.stopWatching();
    this.#leave(job);
    this.#counts[COUNTED[status]]++;
    if (job.running !== undefined && status !== "completed") job.running.abort(outcome.error);
    const result = this.#result(job, status, outcome);
    if (job.leads) this.#cache.land(job.key!, result, this.#options.clock.now());
    job.finish(result);
    this.#options.onResult?.(result);
    this.#fill();
  }

  #leave(job: Job): void {
    this.#waiting.remove(job);
    this.#running.delete(job);
    if (job.follower === undefined) return;
    this.#cache.leave(job.key!, job.follower);
    this.#following--;
  }

  #result(
    { task, agentId, calledAt, use, running }: Pick<Job, "task" | "agentId" | "calledAt" | "use" | "running">,
    status: TaskStatus,
    { output, error, cached = false }: Outcome,
  ): TaskResult {
    const { model, provider, attempts, uncounted } = use;
    // What was asked and never answered may be charged all the same: nobody knows how much.
    const costUnknown = use.costUnknown ?? (uncounted > 0 ? "a request that was not answered may be charged" : undefined);
    const [usage, costUsd] = uncounted > 0 ? [null, null] : [use.usage, use.costUsd];
    const durationMs = this.#options.clock.now() - calledAt;
    const result: { -readonly [Field in keyof TaskResult]: TaskResult[Field] } = {
      taskId: task.id,
      agentId,
      status,
      model,
      provider,
      usage,
      costUsd,
      cached,
      attempts: running === undefined ? 0 : Math.max(1, attempts),
      durationMs,
    };
    if (status === "completed") result.output = output;
    else result.error = error;
    if (costUnknown !== undefined) result.costUnknown = costUnknown;
    return result;
  }

  #late({ task, agentId, timeoutMs, running }: Job): Error {
    if (running !== undefined) return new AskTimeoutError(agentId, timeoutMs);
    return new KernelError(
      "TASK_TIMEOUT",
      `task ${task.id} did not start within ${timeoutMs} ms: ${this.#options.concurrency} others ran. ` +
        "Raise its timeout or executorConcurrency, or hand in fewer at a time.",
      { taskId: task.id, agentId, timeoutMs, executorConcurrency: this.#options.concurrency },
    );
  }

  #refuse(): KernelError {
    this.#counts.refused++;
    return new KernelError(
      "EXECUTOR_FULL",
      `${this.#waitingMax} tasks already wait for the executor. Await some results before handing in more, or raise executorConcurrency.`,
      { waitingMax: this.#waitingMax },
    );
  }

  #checkOpen(): void {
    if (this.#closed) throw new NotInitializedError("executeTask", true);
  }
}

/** Whether a run ended by the time it was given, and not because something that the task itself waited for took too long. */
function isTimeoutOf(error: unknown, agentId: AgentId, timeoutMs: number): boolean {
  return isKernelError(error) && error.code === "ASK_TIMEOUT" && error.data.agentId === agentId && error.data.timeoutMs === timeoutMs;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function checkCount(field: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InvalidArgumentError(field, value, `use a whole number of at least ${least}.`);
  }
}
