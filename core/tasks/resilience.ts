/**
 * The one place where something is tried again: retries with growing waits, waits that a provider asks for, a circuit breaker and a bulkhead for each
 * provider. What may be tried again is said by the errors themselves (`data.retryable`, `data.retryAfterMs`). The rules are cockatiel's, the waits are
 * the clock's.
 *
 * @module
 */
import {
  bulkhead,
  type BulkheadPolicy,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  ConstantBackoff,
  handleWhen,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  retry,
  type RetryPolicy,
} from "cockatiel";
import type { Clock } from "../base/clock.ts";
import { isKernelError, KernelError } from "../base/errors.ts";
import { BREAKER_FAILURES, BREAKER_OPEN_MS, MODEL_BACKOFF_MS, MODEL_BACKOFF_MS_MAX, RETRY_AFTER_MS_MAX } from "../base/limits.ts";
import { pause, unlessAborted } from "../base/pause.ts";
import type { Random } from "../base/random.ts";

/** What it is made of. */
export interface ResilienceOptions {
  /** Time. */
  readonly clock: Clock;
  /** Jitter. */
  readonly random: Random;
  /** Tries after the first one. */
  readonly retriesMax: number;
  /** Calls that one provider is asked at a time. */
  readonly runningMax: number;
  /** Calls that may wait for that. */
  readonly waitingMax: number;
  /** Failures in a row after which a provider is left alone, and for how long. */
  readonly breaker?: { readonly failures: number; readonly openMs: number };
}

/** How one provider fares. */
export interface ResilienceStatistics {
  /** Requests under way. */
  readonly running: number;
  /** Calls that wait for their turn. */
  readonly waiting: number;
  /** Tries after first ones, since the start. */
  readonly retries: number;
  /** Whether it is asked at all: `open` means that it is left alone, `half-open` that one request tries it. */
  readonly breaker: "closed" | "half-open" | "open";
  /** It is left alone until then, since it asked for that; arena time in ms. */
  readonly heldUntil: number;
}

interface Lane {
  readonly retry: RetryPolicy;
  readonly bulkhead: BulkheadPolicy;
  readonly breaker: CircuitBreakerPolicy;
  retries: number;
  heldUntil: number;
}

/** Runs calls of providers. */
export class Resilience {
  /** One a provider; bounded by the configuration. */
  readonly #lanes = new Map<string, Lane>();
  readonly #breaker: { readonly failures: number; readonly openMs: number };

  /** Runs nothing yet. */
  constructor(private readonly options: ResilienceOptions) {
    this.#breaker = options.breaker ?? { failures: BREAKER_FAILURES, openMs: BREAKER_OPEN_MS };
  }

  /**
   * Calls `attempt` (with its number, from 1) until it succeeds, fails for good, or has failed often enough; then rejects with its last error.
   * The signal ends the waiting too.
   */
  run<Value>(provider: string, attempt: (count: number) => Promise<Value>, signal: AbortSignal): Promise<Value> {
    const lane = this.#lane(provider);
    let failure: unknown;
    const calling = lane.retry.execute(async ({ attempt: retries }) => {
      if (retries > 0) {
        lane.retries++;
        await pause(this.options.clock, this.#backoffMs(retries, failure), signal);
        signal.throwIfAborted();
      }
      await this.#untilFree(lane, signal);
      try {
        return await lane.bulkhead.execute(() => lane.breaker.execute(() => attempt(retries + 1)), signal);
      } catch (error) {
        failure = this.#told(provider, lane, error, signal);
        throw failure;
      }
    }, signal);
    return unlessAborted(calling, signal);
  }

  /** A provider has said that it wants to be left alone for so long. */
  hold(provider: string, ms: number): void {
    const lane = this.#lane(provider);
    lane.heldUntil = Math.max(lane.heldUntil, this.options.clock.now() + Math.min(ms, RETRY_AFTER_MS_MAX));
  }

  /** How each provider fares that has been asked. */
  get statistics(): Record<string, ResilienceStatistics> {
    const { runningMax, waitingMax } = this.options;
    const entries = [...this.#lanes].map(([provider, { bulkhead, breaker, retries, heldUntil }]) => [provider, {
      ...{ running: runningMax - bulkhead.executionSlots, waiting: waitingMax - bulkhead.queueSlots, retries, heldUntil },
      breaker: breaker.state === CircuitState.Open ? "open" : breaker.state === CircuitState.HalfOpen ? "half-open" : "closed",
    }]);
    return Object.fromEntries(entries);
  }

  /** Half of the wait is fixed, half by chance: calls that failed together are not tried together. */
  #backoffMs(retries: number, failure: unknown): number {
    const whole = Math.min(MODEL_BACKOFF_MS_MAX, MODEL_BACKOFF_MS * 2 ** (retries - 1));
    const own = whole / 2 + this.options.random.next() * whole / 2;
    return Math.max(own, isKernelError(failure) && typeof failure.data.retryAfterMs === "number" ? failure.data.retryAfterMs : 0);
  }

  async #untilFree(lane: Lane, signal: AbortSignal): Promise<void> {
    for (let ms = lane.heldUntil - this.options.clock.now(); ms > 0; ms = lane.heldUntil - this.options.clock.now()) {
      await pause(this.options.clock, Math.ceil(ms), signal);
      signal.throwIfAborted();
    }
  }

  /** What is thrown, in the kernel's words. What the provider asked for holds for every other call too. */
  #told(provider: string, lane: Lane, error: unknown, signal: AbortSignal): unknown {
    if (isKernelError(error) && typeof error.data.retryAfterMs === "number") this.hold(provider, error.data.retryAfterMs);
    if (isTaskCancelledError(error)) return signal.reason;
    if (isBulkheadRejectedError(error)) {
      const { runningMax, waitingMax } = this.options;
      return new KernelError("PROVIDER_BUSY", `${provider}: ${runningMax} requests run and ${waitingMax} wait. Ask for less at a time.`, {
        ...{ provider, runningMax, waitingMax },
      });
    }
    if (!isBrokenCircuitError(error)) return error;
    const cause = lane.breaker.lastFailure as { error?: unknown } | undefined;
    const { failures, openMs } = this.#breaker;
    const why = `${provider} failed ${failures} times in a row (see cause) and is left alone for ${openMs} ms. Try again later.`;
    return new KernelError("PROVIDER_UNAVAILABLE", why, { provider }, { cause: cause?.error });
  }

  #lane(provider: string): Lane {
    let lane = this.#lanes.get(provider);
    if (lane !== undefined) return lane;
    const { retriesMax, runningMax, waitingMax } = this.options;
    lane = {
      // Its waits would be the runtime's and blind to signals: it says whether, the clock says when.
      retry: retry(handleWhen(isRetryable), { maxAttempts: retriesMax, backoff: new ConstantBackoff(0) }),
      bulkhead: bulkhead(runningMax, waitingMax),
      breaker: circuitBreaker(handleWhen(isOutage), {
        halfOpenAfter: this.#breaker.openMs,
        breaker: new ConsecutiveBreaker(this.#breaker.failures),
      }),
      ...{ retries: 0, heldUntil: 0 },
    };
    this.#lanes.set(provider, lane);
    return lane;
  }
}

/** Whoever asks for an hour is not waited for. */
function isRetryable(error: unknown): boolean {
  if (!isKernelError(error) || error.data.retryable !== true) return false;
  return !(Number(error.data.retryAfterMs) > RETRY_AFTER_MS_MAX);
}

/** A provider that says when to come again is well. */
function isOutage(error: unknown): boolean {
  return isRetryable(error) && isKernelError(error) && error.data.retryAfterMs === undefined && error.code !== "MODEL_RATE_LIMITED";
}
