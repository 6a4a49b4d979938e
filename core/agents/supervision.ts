/**
 * What follows when a function of an agent throws: the rule apart from the machine that carries it out. Intensity and period are those of OTP's
 * supervisors: too many restarts in too short a time mean that restarting does not help.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { checkedDelay } from "../base/deadlines.ts";
import { AGENT_HANG_TIMEOUT_MS_MAX } from "../base/limits.ts";
import type { Supervision } from "./agent.ts";
import { IsolationLostError, RefusedApartError } from "./isolation.ts";

/** What is to be done. */
export type Measure = "resume" | "restart" | "stop" | "escalate";

const MEASURES: readonly Measure[] = ["resume", "restart", "stop", "escalate"];
const RESTARTS_MAX = 3;
const PERIOD_MS = 5_000;

/** Decides for one agent. */
export class FailureRule {
  readonly #measure: Measure;
  readonly #restartsMax: number;
  readonly #periodMs: number;
  /** Times of the last restarts; at most `restartsMax`. */
  #restarts: number[] = [];

  /** Checked before; see `checkSupervision`. */
  constructor(supervision: Supervision | undefined) {
    this.#measure = supervision?.onFailure ?? "resume";
    this.#restartsMax = supervision?.restartsMax ?? RESTARTS_MAX;
    this.#periodMs = supervision?.periodMs ?? PERIOD_MS;
  }

  /** What to do about a failure at `now`. Who has lost its thread or process cannot just go on; a message that was not accepted is its sender's failure. */
  decide(now: () => number, error: unknown): Measure {
    if (error instanceof RefusedApartError) return "resume";
    const restarts = this.#measure === "restart" || (this.#measure === "resume" && error instanceof IsolationLostError);
    if (!restarts) return this.#measure;
    const at = now();
    this.#restarts = this.#restarts.filter((earlier) => at - earlier < this.#periodMs);
    if (this.#restarts.length >= this.#restartsMax) return "escalate";
    this.#restarts.push(at);
    return "restart";
  }
}

/** Throws `InvalidArgumentError` unless `supervision` can be used. */
export function checkSupervision(supervision: Supervision | undefined): void {
  if (supervision === undefined) return;
  const { onFailure, restartsMax, periodMs, hangTimeoutMs } = supervision;
  if (onFailure !== undefined && !MEASURES.includes(onFailure)) {
    throw new InvalidArgumentError("supervision.onFailure", onFailure, `use one of ${MEASURES.join(", ")}.`);
  }
  if (restartsMax !== undefined && !(Number.isInteger(restartsMax) && restartsMax >= 0 && restartsMax <= 1_000)) {
    throw new InvalidArgumentError("supervision.restartsMax", restartsMax, "use a whole number from 0 to 1,000.");
  }
  if (periodMs !== undefined) checkedDelay("supervision.periodMs", periodMs);
  if (
    hangTimeoutMs !== undefined && !(Number.isInteger(hangTimeoutMs) && hangTimeoutMs >= 1 && hangTimeoutMs <= AGENT_HANG_TIMEOUT_MS_MAX)
  ) {
    throw new InvalidArgumentError(
      "supervision.hangTimeoutMs",
      hangTimeoutMs,
      `use whole milliseconds from 1 to ${AGENT_HANG_TIMEOUT_MS_MAX}.`,
    );
  }
}
