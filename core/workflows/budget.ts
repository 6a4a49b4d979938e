/**
 * What an execution may use up: tokens, money, calls. Sub-workflows draw on the same.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";

/** Amounts by name. */
export class Budget {
  readonly #left: Map<string, number>;
  readonly #limits: Readonly<Record<string, number>>;
  /** Whether something was spent since the last snapshot. */
  changed = false;

  /** Throws `InvalidArgumentError` that names the amount. */
  constructor(limits: Readonly<Record<string, number>> = {}, path = "budget") {
    if (typeof limits !== "object" || limits === null) {
      throw new InvalidArgumentError(path, limits, "give amounts by name: { tokens: 1000 }.");
    }
    for (const [name, limit] of Object.entries(limits)) {
      if (!(typeof limit === "number" && limit >= 0)) {
        throw new InvalidArgumentError(`${path}.${name}`, limit, "use a number of at least 0.");
      }
    }
    this.#limits = { ...limits };
    this.#left = new Map(Object.entries(limits));
  }

  /** What is left of an amount; Infinity when it has no limit. */
  left(name: string): number {
    return this.#left.get(name) ?? Infinity;
  }

  /** Uses some up. Throws `BUDGET_EXCEEDED`, and uses nothing, when not so much is left; the step is not tried again. */
  spend(name: string, amount: number): void {
    if (!(typeof amount === "number" && amount >= 0)) throw new InvalidArgumentError("amount", amount, "use a number of at least 0.");
    const left = this.#left.get(name);
    if (left === undefined) return;
    if (amount > left) {
      throw new KernelError(
        "BUDGET_EXCEEDED",
        `${amount} of ${name} are wanted, ${left} of ${this.#limits[name]} are left. Start the workflow with a larger budget.`,
        { name, amount, left, limit: this.#limits[name], retryable: false },
      );
    }
    this.#left.set(name, left - amount);
    this.changed = true;
  }

  /** What is left of every amount. */
  snapshot(): Record<string, number> {
    this.changed = false;
    return Object.fromEntries(this.#left);
  }

  /** Takes over what was left. Executions that share it each tell what they have seen: the least is the last. */
  restore(left: Readonly<Record<string, number>>): void {
    for (const [name, amount] of Object.entries(left)) this.#left.set(name, Math.min(amount, this.left(name)));
  }
}

/** Of executions that were given none. */
export const NO_BUDGET: Budget = new Budget();
