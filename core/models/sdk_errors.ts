/**
 * Errors of the providers' libraries, by kind. Both are made by the same generator, so their errors have the same shape.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { ModelError, type ModelFailure } from "./model_errors.ts";
import { retryAfterMs } from "./rate_limits.ts";

/** What both libraries' errors have. */
interface SdkError {
  readonly name: string;
  readonly message: string;
  readonly status?: number;
  readonly headers?: Headers;
  readonly cause?: unknown;
}

/** What a request had come to when it failed. */
export interface Progress {
  /** Whether an answer had begun. */
  readonly answered: boolean;
}

function kindOf(status: number, message: string): ModelFailure {
  if (status === 429) return "MODEL_RATE_LIMITED";
  if (status === 529 || status === 503) return "MODEL_OVERLOADED";
  if (status === 408) return "MODEL_TIMEOUT";
  if (status === 401 || status === 403) return "MODEL_ACCESS";
  if (status === 404 && /model/i.test(message)) return "MODEL_UNKNOWN";
  return status >= 500 || status === 409 ? "MODEL_SERVER" : "MODEL_REQUEST";
}

/** An event of type `error` within a stream carries no status, but the type of the error. */
function kindOfEvent(message: string): ModelFailure | undefined {
  if (message.includes("overloaded_error")) return "MODEL_OVERLOADED";
  if (message.includes("rate_limit_error") || message.includes("rate_limit_exceeded")) return "MODEL_RATE_LIMITED";
  return /api_error|server_error/.test(message) ? "MODEL_SERVER" : undefined;
}

/** The innermost cause says what happened to the connection. */
function causes(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at instanceof Error && texts.length < 5; at = at.cause) if (!texts.includes(at.message)) texts.push(at.message);
  return texts.join(": ");
}

/** What went wrong, as the kernel says it. An abort is not a failure of the provider: its reason is returned as it is. */
export function modelError(provider: string, thrown: unknown, signal: AbortSignal, clock: Clock, { answered }: Progress): unknown {
  if (signal.aborted) return signal.reason;
  if (thrown instanceof ModelError) return thrown;
  const error = thrown as SdkError;
  if (typeof error?.status === "number") {
    const wait = retryAfterMs(error.headers, clock.now());
    return new ModelError(kindOf(error.status, error.message), provider, error.message, {
      ...{ status: error.status, cause: thrown, mayHaveCost: answered },
      retryAfterMs: wait,
    });
  }
  const event = kindOfEvent(String(error?.message));
  if (event !== undefined) return new ModelError(event, provider, error.message, { cause: thrown, mayHaveCost: answered });
  const isTimeout = /timeout/i.test(`${error?.name} ${thrown?.constructor?.name}`);
  const kind = isTimeout ? "MODEL_TIMEOUT" : thrown instanceof SyntaxError ? "MODEL_ANSWER" : "MODEL_CONNECTION";
  // Without an answer from the other side nobody knows how far the request came.
  return new ModelError(kind, provider, causes(thrown), { cause: thrown, mayHaveCost: true });
}
