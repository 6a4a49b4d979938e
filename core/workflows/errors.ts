/**
 * Errors of workflows.
 *
 * @module
 */
import { isKernelError, KernelError } from "../base/errors.ts";

/** A try took too long. */
export function stepTimeout(stepId: string, timeoutMs: number): KernelError {
  const message =
    `step ${stepId} did not end within ${timeoutMs} ms. Raise its timeout, or have the action heed ctx.signal and end sooner.`;
  return new KernelError("STEP_TIMEOUT", message, { stepId, timeoutMs });
}

/** The whole took too long. */
export function workflowTimeout(workflowId: string, timeoutMs: number): KernelError {
  const message = `workflow ${workflowId} did not end within ${timeoutMs} ms. Raise its timeout, or the one it was started with.`;
  return new KernelError("WORKFLOW_TIMEOUT", message, { workflowId, timeoutMs, retryable: false });
}

/** Somebody cancelled it. */
export function workflowCancelled(reason: string): KernelError {
  return new KernelError("WORKFLOW_CANCELLED", `the workflow was cancelled: ${reason}`, { reason, retryable: false });
}

/** Another step failed, so this one need not go on. */
export function stepStopped(because: string): KernelError {
  return new KernelError("STEP_STOPPED", `told to stop, since ${because}.`, { retryable: false });
}

/** A party refused. */
export function stepRejected(stepId: string, by: string, reason: string): KernelError {
  return new KernelError("STEP_REJECTED", `step ${stepId} was rejected by ${by}: ${reason}`, { stepId, by, reason, retryable: false });
}

/** A sub-workflow did not complete. One that could not undo all that it did is not tried again on top of it. */
export function subWorkflowFailed(id: string, state: string, cause: unknown): KernelError {
  const message = `sub-workflow ${id} ended ${state}; see its cause.`;
  return new KernelError("SUB_WORKFLOW_FAILED", message, { id, state, retryable: state !== "FAILED" }, { cause });
}

/** The execution is over, or cannot do this now. */
export function executionEnded(what: string, id: string, state: string): KernelError {
  return new KernelError("EXECUTION_ENDED", `${what}: execution ${id} is ${state}; nothing can be done to it any more.`, { id, state });
}

/** Whether another try may help. Errors say so themselves by `retryable: false`, in their data or as a field. */
export function isRetryable(error: unknown): boolean {
  if (isKernelError(error) && error.data.retryable === false) return false;
  return (error as { retryable?: unknown } | null | undefined)?.retryable !== false;
}
