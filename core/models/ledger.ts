/**
 * Who has spent what, and who may still spend it. Each agent has an account, linked to that of the agent which spawned it: what it spends counts for
 * all above it. A call reserves the most that it can use in every account that has a budget, and settles what it did use: so calls at the same time
 * cannot overshoot together.
 *
 * @module
 */
import { ACCOUNTS_MAX } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { ModelBudget } from "../bus/model.ts";
import { BudgetExceededError } from "./model_errors.ts";

/** What can be spent. */
export type Amounts = { readonly [Resource in keyof Required<ModelBudget>]: number };

/** What an agent has spent on models. */
export interface Spending {
  /** Calls that were settled, failed ones included. */
  readonly calls: number;
  /** Tokens read. */
  readonly inputTokens: number;
  /** Tokens written. */
  readonly outputTokens: number;
  /** US dollars, of the calls whose price is known. */
  readonly usd: number;
  /** Calls whose cost is not known. */
  readonly unpriced: number;
}

/** What an agent and its tree have spent. */
export interface AccountReport {
  /** By its own calls. */
  readonly own: Spending;
  /** By those of all agents below it, too. */
  readonly tree: Spending;
  /** Its budget, with what is left of it; what is reserved by calls under way counts as gone. */
  readonly budget?: { readonly limits: ModelBudget; readonly left: ModelBudget };
}

/** What a reservation came to. */
export interface Settlement {
  /** Counts against budgets. */
  readonly charged: Amounts;
  /** Known use, for the reports. */
  readonly inputTokens: number;
  /** Likewise. */
  readonly outputTokens: number;
  /** Null when not known. */
  readonly usd: number | null;
}

/** Room that is kept for one call. */
export interface Reservation {
  /** What was reserved. */
  readonly amounts: Amounts;
  /** Gives back what was not used. Once. */
  settle(settlement: Settlement): void;
}

interface Account {
  readonly id: AgentId;
  readonly parent: Account | undefined;
  readonly limits: ModelBudget | undefined;
  readonly spent: Record<keyof Amounts, number>;
  readonly reserved: Record<keyof Amounts, number>;
  /** Whether a budget stands above it, or is its own. */
  readonly isBounded: boolean;
  readonly own: Tally;
  readonly tree: Tally;
}

/** A spending that grows. */
type Tally = { -readonly [Field in keyof Spending]: Spending[Field] };

interface Waiter {
  readonly account: Account;
  readonly wanted: Amounts;
  readonly grant: (reservation: Reservation) => void;
  readonly refuse: (error: unknown) => void;
}

/** What the ledger must be told about agents. */
export interface AgentFacts {
  /** How it was made; undefined when nobody remembers. */
  find(id: AgentId): { readonly parent: AgentId; readonly budget?: ModelBudget } | undefined;
  /** Whether it lives. */
  isAlive(id: AgentId): boolean;
}

const RESOURCES = ["tokens", "usd", "wallMs", "processes"] as const;
/** Sums of decimal fractions are off in their last digits; less than this is nothing. */
const ROUNDING = 1e-9;

/** The accounts of all agents. */
export class Ledger {
  readonly #accounts = new Map<AgentId, Account>();
  #sweepAt = ACCOUNTS_MAX;
  /** In order; bounded by the calls that may run at a time. */
  readonly #waiting = new Set<Waiter>();

  /** Asks `agents` how each was made. */
  constructor(private readonly agents: AgentFacts) {}

  /** An agent has been made: opens its account if there is a budget above it or of its own, while its parents are still known. */
  opened(id: AgentId, parent: AgentId, budget: ModelBudget | undefined): void {
    const above = parent === 0 ? undefined : this.#accounts.get(parent);
    if (budget !== undefined || above !== undefined) this.#open(id, above, budget);
  }

  /**
   * Reserves `wanted`, waiting while what calls under way give back may be enough. Rejects with `BudgetExceededError`, or the signal's reason.
   * Of time, the part that is left is reserved when it is less than wanted.
   */
  reserve(id: AgentId, wanted: Amounts, signal?: AbortSignal): Promise<Reservation> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const account = this.#accountOf(id);
    if (!account.isBounded) return Promise.resolve({ amounts: wanted, settle: (settlement) => note(account, settlement) });
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener("abort", stop);
      };
      const stop = (): void => waiter.refuse(signal!.reason);
      const waiter: Waiter = {
        ...{ account, wanted },
        grant: (reservation) => (leave(), resolve(reservation)),
        refuse: (error) => (leave(), reject(error)),
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiting.add(waiter);
      this.#try(waiter);
    });
  }

  /** Whether a budget stands above an agent, or is its own. */
  isBounded(id: AgentId): boolean {
    return this.#accountOf(id).isBounded;
  }

  /** Budgets that stand above an agent, its own included. */
  limitsAbove(id: AgentId): { readonly id: AgentId; readonly limits: ModelBudget }[] {
    return lineOf(this.#accountOf(id)).flatMap(({ id, limits }) => limits === undefined ? [] : [{ id, limits }]);
  }

  /** What an agent and its tree have spent. */
  report(id: AgentId): AccountReport {
    const account = this.#accountOf(id);
    const { own, tree, limits } = account;
    if (limits === undefined) return { own: { ...own }, tree: { ...tree } };
    const bounded = RESOURCES.filter((resource) => limits[resource] !== undefined);
    const left = Object.fromEntries(bounded.map((resource) => [resource, Math.max(0, leftOf(account, resource))]));
    return { own: { ...own }, tree: { ...tree }, budget: { limits, left } };
  }

  #try(waiter: Waiter): void {
    const { account, wanted } = waiter;
    const line = lineOf(account);
    const wallMs = Math.min(wanted.wallMs, ...line.map((above) => leftOf(above, "wallMs")));
    const amounts = { ...wanted, wallMs: Math.max(0, wallMs) };
    const short = shortage(line, amounts, wanted);
    if (short === undefined) return waiter.grant(this.#grant(account, amounts));
    // What others hold may come back and be enough.
    if (
      short.account.reserved[short.resource] > ROUNDING &&
      short.wanted <= short.account.limits![short.resource]! - short.account.spent[short.resource] + ROUNDING
    ) return;
    waiter.refuse(
      new BudgetExceededError(short.account.id, short.resource, short.account.limits![short.resource]!, short.left, short.wanted),
    );
  }

  #grant(account: Account, amounts: Amounts): Reservation {
    const line = lineOf(account);
    for (const above of line) for (const resource of RESOURCES) above.reserved[resource] += amounts[resource];
    let isOpen = true;
    const settle = (settlement: Settlement): void => {
      if (!isOpen) return;
      isOpen = false;
      for (const above of line) {
        for (const resource of RESOURCES) {
          above.reserved[resource] -= amounts[resource];
          above.spent[resource] += settlement.charged[resource];
        }
      }
      note(account, settlement);
      for (const waiter of [...this.#waiting]) this.#try(waiter);
    };
    return { amounts, settle };
  }

  #accountOf(id: AgentId): Account {
    const known = this.#accounts.get(id);
    if (known !== undefined) return known;
    const made = this.agents.find(id);
    const parent = made === undefined || made.parent === 0 ? undefined : this.#accountOf(made.parent);
    return this.#open(id, parent, made?.budget);
  }

  #open(id: AgentId, parent: Account | undefined, limits: ModelBudget | undefined): Account {
    if (this.#accounts.size >= this.#sweepAt) this.#forgetTheDead();
    const isBounded = limits !== undefined || (parent?.isBounded ?? false);
    const account: Account = { id, parent, limits, isBounded, spent: zero(), reserved: zero(), own: tally(), tree: tally() };
    this.#accounts.set(id, account);
    return account;
  }

  /** Those below a forgotten account keep it. The next time is far enough away that looking at all of them costs little each. */
  #forgetTheDead(): void {
    for (const id of this.#accounts.keys()) if (id !== 0 && !this.agents.isAlive(id)) this.#accounts.delete(id);
    this.#sweepAt = Math.max(ACCOUNTS_MAX, 2 * this.#accounts.size);
  }
}

function zero(): Record<keyof Amounts, number> {
  return { tokens: 0, usd: 0, wallMs: 0, processes: 0 };
}

function tally(): Tally {
  return { calls: 0, inputTokens: 0, outputTokens: 0, usd: 0, unpriced: 0 };
}

/** One more call, of the agent and of all trees that it belongs to. */
function note(account: Account, settlement: Settlement): void {
  add(account.own, settlement);
  for (let at: Account | undefined = account; at !== undefined; at = at.parent) add(at.tree, settlement);
}

function add(to: Tally, { inputTokens, outputTokens, usd }: Settlement): void {
  to.calls++;
  to.inputTokens += inputTokens;
  to.outputTokens += outputTokens;
  if (usd === null) to.unpriced++;
  else to.usd += usd;
}

function lineOf(account: Account): Account[] {
  const line: Account[] = [];
  for (let at: Account | undefined = account; at !== undefined; at = at.parent) line.push(at);
  return line;
}

function leftOf({ limits, spent, reserved }: Account, resource: keyof Amounts): number {
  const limit = limits?.[resource];
  return limit === undefined ? Infinity : limit - spent[resource] - reserved[resource];
}

interface Shortage {
  readonly account: Account;
  readonly resource: keyof Amounts;
  readonly left: number;
  readonly wanted: number;
}

/** The first budget that does not suffice; of time, any is enough to begin with. */
function shortage(line: readonly Account[], amounts: Amounts, wanted: Amounts): Shortage | undefined {
  for (const account of line) {
    for (const resource of RESOURCES) {
      const left = leftOf(account, resource);
      const least = resource === "wallMs" ? Math.min(1, wanted.wallMs) : amounts[resource];
      if (left + ROUNDING < least) return { account, resource, left: Math.max(0, left), wanted: least };
    }
  }
  return undefined;
}
