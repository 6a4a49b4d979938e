/**
 * What goes wrong with models, by kind. Whether to try again is said by the error itself (`retryable`, `retryAfterMs`), so that retries need know
 * nothing of providers.
 *
 * @module
 */
import { type ErrorData, KernelError } from "../base/errors.ts";

/** Kinds of failures of a provider. */
export type ModelFailure =
  | "MODEL_RATE_LIMITED"
  | "MODEL_OVERLOADED"
  | "MODEL_SERVER"
  | "MODEL_CONNECTION"
  | "MODEL_TIMEOUT"
  | "MODEL_ACCESS"
  | "MODEL_REQUEST"
  | "MODEL_UNKNOWN"
  | "MODEL_ANSWER"
  | "MODEL_COMMAND";

const RETRYABLE: ReadonlySet<ModelFailure> = new Set<ModelFailure>([
  ...["MODEL_RATE_LIMITED", "MODEL_OVERLOADED", "MODEL_SERVER", "MODEL_CONNECTION", "MODEL_TIMEOUT"] as const,
]);

const REMEDIES: Readonly<Record<ModelFailure, string>> = {
  MODEL_RATE_LIMITED: "It is tried again after the wait that the provider asked for; ask less at a time (executorConcurrency).",
  MODEL_OVERLOADED: "It is tried again later; ask less at a time.",
  MODEL_SERVER: "The fault is the provider's; it is tried again.",
  MODEL_CONNECTION: "Look at the network and at baseUrl; it is tried again.",
  MODEL_TIMEOUT: "Raise the request's timeoutMs or ask for less.",
  MODEL_ACCESS: "Check the key and what it may use.",
  MODEL_REQUEST: "Mend the request; it is not tried again.",
  MODEL_UNKNOWN: "Name a model that the provider has, in `model` of the request, the task, the agent or the executor.",
  MODEL_ANSWER: "The provider does not speak the protocol that it is configured for; check provider and baseUrl.",
  MODEL_COMMAND: "Run the command by hand with the prompt on its stdin.",
};

/** More about a failure of a provider. */
export interface ModelErrorDetails extends ErrorOptions {
  /** HTTP status, if there was one. */
  readonly status?: number;
  /** Wait that the provider asks for. */
  readonly retryAfterMs?: number;
  /** Whether the provider may have worked, and charge for it. */
  readonly mayHaveCost?: boolean;
  /** Fields for programs besides. */
  readonly data?: ErrorData;
}

/** A provider did not answer a request. */
export class ModelError extends KernelError {
  /** Which provider, what kind of failure, and what is known of it. */
  constructor(kind: ModelFailure, readonly provider: string, why: string, details: ModelErrorDetails = {}) {
    const { status, retryAfterMs, mayHaveCost = false, data, cause } = details;
    super(kind, `${provider}: ${why.replace(/[.\s]+$/, "")}. ${REMEDIES[kind]}`, {
      ...{ provider, retryable: RETRYABLE.has(kind), mayHaveCost },
      ...(status === undefined ? {} : { status }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...data,
    }, { cause });
  }
}

/** No key for a provider: said before anything is sent. */
export class ModelKeyMissingError extends KernelError {
  /** The provider, the variable that was looked for, and how to give it. */
  constructor(readonly provider: string, readonly variable: string, how: string) {
    super("MODEL_KEY_MISSING", `${provider} needs a key: ${how}`, { provider, variable });
  }
}

/** A budget has not enough left. */
export class BudgetExceededError extends KernelError {
  /** Whose budget, what of it, how much was wanted and how much is left. */
  constructor(readonly agentId: number, readonly resource: string, readonly limit: number, readonly left: number, readonly wanted: number) {
    super(
      "BUDGET_EXCEEDED",
      `budget of agent ${agentId}: ${wanted} ${resource} wanted at most, ${left} of ${limit} left. ` +
        "Raise budget at spawnAgent, or ask for less (maxTokens, a shorter prompt).",
      { agentId, resource, limit, left, wanted },
    );
  }
}

/** A budget cannot hold for this provider or model: it does not say what a call uses. */
export class BudgetUnenforceableError extends KernelError {
  /** Whose budget, what of it, and why. */
  constructor(readonly agentId: number, readonly resource: string, why: string) {
    super("BUDGET_UNENFORCEABLE", `budget of agent ${agentId} in ${resource} cannot be kept: ${why}`, { agentId, resource });
  }
}
