/**
 * What may be set at a spawn, checked before anything is made.
 *
 * @module
 */
import { checkedDelay } from "../base/deadlines.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { priorityLevel } from "../bus/message.ts";
import type { ModelBudget } from "../bus/model.ts";
import type { SpawnConfig } from "./agent.ts";
import { checkIsolation } from "./isolation.ts";
import { checkSupervision } from "./supervision.ts";

const CONFIG_KEYS: readonly string[] = [
  ...["preWarm", "priority", "host", "near", "capabilities", "state", "inboxMessagesMax", "supervision", "signal"],
  ...["model", "budget", "isolation", "heapBytesMax", "permissions"],
];
const BUDGET_KEYS: readonly string[] = ["tokens", "usd", "wallMs", "processes"];

/** Throws `InvalidArgumentError` that names the field, or `IsolationUnavailableError`. */
export function checkConfig(config: SpawnConfig): void {
  for (const key of Object.keys(config)) {
    if (!CONFIG_KEYS.includes(key)) throw new InvalidArgumentError(`config.${key}`, key, `known keys: ${CONFIG_KEYS.join(", ")}.`);
  }
  priorityLevel(config.priority);
  checkSupervision(config.supervision);
  const { inboxMessagesMax, capabilities, model, budget } = config;
  if (inboxMessagesMax !== undefined && !(Number.isInteger(inboxMessagesMax) && inboxMessagesMax > 0)) {
    throw new InvalidArgumentError("config.inboxMessagesMax", inboxMessagesMax, "use a whole number of at least 1.");
  }
  if (capabilities !== undefined && !(Array.isArray(capabilities) && capabilities.every((word) => typeof word === "string"))) {
    throw new InvalidArgumentError("config.capabilities", capabilities, "use a list of strings.");
  }
  if (model !== undefined && (typeof model !== "string" || model === "")) {
    throw new InvalidArgumentError("config.model", model, "give the name of a model, or provider:model.");
  }
  if (budget !== undefined) checkBudget(budget);
  checkIsolation(config);
}

function checkBudget(budget: ModelBudget): void {
  if (typeof budget !== "object" || budget === null) {
    throw new InvalidArgumentError("config.budget", budget, `give an object with ${BUDGET_KEYS.join(", ")}.`);
  }
  for (const [key, value] of Object.entries(budget)) {
    if (!BUDGET_KEYS.includes(key)) throw new InvalidArgumentError(`config.budget.${key}`, key, `known keys: ${BUDGET_KEYS.join(", ")}.`);
    if (value === undefined) continue;
    if (key === "wallMs") checkedDelay("config.budget.wallMs", value);
    else if (typeof value !== "number" || !(value >= 0) || value === Infinity) {
      throw new InvalidArgumentError(`config.budget.${key}`, value, "use a number of at least 0.");
    }
  }
}
