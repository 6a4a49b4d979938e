/**
 * Tries of steps: a step begins, somebody waits for it, and it has completed, failed, or taken too long.
 *
 * @module
 */
import { backoffMs } from "../base/backoff.ts";
import { isRetryable, stepTimeout } from "./errors.ts";
import { inputOf, startChild } from "./gates.ts";
import type { Run } from "./run.ts";
import { StepContext } from "./step_context.ts";
import { halt, leave, unwritten } from "./stopping.ts";
import type { Unit } from "./unit.ts";

/** Another try of a step. */
export function tryStep(run: Run, unit: Unit): void {
  const { step } = unit;
  if (unit.attempts++ === 0) unit.startedAt = run.now;
  unit.state = "RUNNING";
  const endsAt = Math.min(run.now + step.timeoutMs, run.deadlineAt);
  const attempt = unit.attempt = new StepContext(run, unit, unit.attempts, endsAt);
  run.active++;
  const { journal } = run.host;
  // What may not be run twice must be known to have begun before it does; what may, need not be: it begins anew.
  if (journal === null || !step.tracked || unit.adopts) {
    run.lines.add(run.now, "step-started", unit.id, unit.attempts);
    return launch(run, unit, attempt);
  }
  run.note("step-started", unit.id, unit.attempts);
  journal.whenDurable((error) => {
    if (attempt.settled) return;
    run.tick();
    if (error !== undefined) halt(run, unwritten(error));
    if (run.stop === null) launch(run, unit, attempt);
    else withhold(run, unit, attempt, run.stop.error);
    run.pump();
  });
}

/** A try that was announced, and never made. */
function withhold(run: Run, unit: Unit, attempt: StepContext, error: unknown): void {
  unit.outcome = unit.attempts === 1 ? "not-run" : "unknown"; // an earlier one may have done something
  failed(run, unit, attempt, error);
}

function launch(run: Run, unit: Unit, attempt: StepContext): void {
  const { step } = unit;
  let returned: unknown;
  let isPromise: boolean;
  try {
    unit.input = inputOf(run, unit);
    returned = step.kind === "workflow" ? startChild(run, unit) : step.run(unit.input, attempt);
    isPromise = typeof (returned as PromiseLike<unknown> | null | undefined)?.then === "function"; // a getter may throw
  } catch (error) {
    run.tick();
    return failed(run, unit, attempt, error);
  }
  if (!isPromise) {
    run.tick();
    return completed(run, unit, attempt, returned);
  }
  if (step.kind !== "workflow") run.host.timeouts.insert(attempt, step.timeoutMs);
  if (!run.offers) return void follow(run, unit, attempt, returned as PromiseLike<unknown>);
  run.offers = false;
  run.offered = unit;
  run.returned = returned as PromiseLike<unknown>;
}

/**
 * Waits for a try, then for the one that its end began, and so on along a chain of steps: one asynchronous function for a branch costs less than two callbacks
 * and a promise for each step.
 */
async function follow(run: Run, unit: Unit, attempt: StepContext, returned: PromiseLike<unknown>): Promise<void> {
  for (;;) {
    let value: unknown;
    try {
      value = await returned;
    } catch (error) {
      if (attempt.settled) return;
      run.tick();
      failed(run, unit, attempt, error);
      return run.pump();
    }
    if (attempt.settled) return;
    run.tick();
    run.offers = true;
    completed(run, unit, attempt, value);
    run.offers = false;
    if (run.offered === null) return;
    unit = run.offered;
    attempt = unit.attempt!;
    returned = run.returned!;
    run.offered = run.returned = null;
  }
}

/** A try has taken too long. */
export function late(run: Run, unit: Unit, attempt: StepContext): void {
  run.tick();
  const error = stepTimeout(unit.id, unit.step.timeoutMs);
  attempt.abort(error);
  unit.outcome = "unknown";
  failed(run, unit, attempt, error);
  run.pump();
}

function settle(run: Run, unit: Unit, attempt: StepContext): void {
  attempt.settled = true;
  run.host.timeouts.remove(attempt);
  unit.attempt = null;
  run.active--;
  if (run.budget.changed) run.note("spent", undefined, run.budget.snapshot());
}

function completed(run: Run, unit: Unit, attempt: StepContext, value: unknown): void {
  settle(run, unit, attempt);
  run.conclude(unit, value);
}

function failed(run: Run, unit: Unit, attempt: StepContext, error: unknown): void {
  settle(run, unit, attempt);
  unit.error = error;
  if (unit.outcome === "completed") unit.outcome = "failed";
  run.note("step-failed", unit.id, { attempt: unit.attempts, error, outcome: unit.outcome });
  if (run.stop !== null) return leave(run, unit, "CANCELLED");
  const { retries, backoff } = unit.step;
  if (unit.attempts > retries || !isRetryable(error)) return run.giveUp(unit, error);
  unit.state = "WAITING";
  const waitMs = backoffMs(backoff, unit.attempts, run.host.random.next());
  unit.timer = run.host.deadlines.addAt(run.now + waitMs, () => {
    unit.timer = null;
    run.tick();
    run.push(unit);
    run.pump();
  });
}
