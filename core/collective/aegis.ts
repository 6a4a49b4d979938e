/**
 * AEGIS: guards accounts. Counts failed logins, locks at the fifth within five minutes, and says who may come in.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { COLLECTIVE_KEYS_MAX } from "../base/limits.ts";
import type { Effector } from "../threats/effector.ts";
import { RecentKeys } from "../threats/recent_keys.ts";
import { collectiveAgent, fields, type Handler } from "./contract.ts";
import { flagAt } from "./fields.ts";
import { loadedMeasures, measureCommands, savedMeasures, standingOf, type WithMeasures, withMeasures } from "./measures.ts";
import { nameAt } from "./message.ts";
import { SlidingSum } from "./sliding_sum.ts";

/** What AEGIS remembers. */
export interface AegisMemory extends WithMeasures {
  /** Failed logins by account. */
  readonly failures: RecentKeys<SlidingSum>;
}

type Command = Handler<AegisMemory>;

const FAILURES_MAX = 5;
const WINDOW_MS = 300_000;
const MEASURE = "lock_account";

const locks = measureCommands<AegisMemory>({
  lock_user_account: { measure: MEASURE, from: ["user", "user_id", "username", "source_ip"] },
  unlock_user_account: { measure: MEASURE, lifts: true, from: ["user", "user_id", "username", "source_ip"] },
});

const recordLogin: Command = async (params, memory, ctx) => {
  const { user, success } = fields(params, "user", "success");
  const name = nameAt("params.user", user);
  const now = ctx.clock.now();
  if (memory.standing.stands(MEASURE, name)) return { user: name, allowed: false, locked: true, failures: FAILURES_MAX };
  if (flagAt("params.success", success)) {
    memory.failures.set(name, new SlidingSum(WINDOW_MS));
    return { user: name, allowed: true, locked: false, failures: 0 };
  }
  const failures = memory.failures.get(name, () => new SlidingSum(WINDOW_MS)).add(1, now);
  const locked = failures >= FAILURES_MAX;
  if (locked) await locks.lock_user_account({ target: name, details: { failures } }, memory, ctx);
  return { user: name, allowed: false, locked, failures };
};

const unlock: Command = async (params, memory, ctx) => {
  const lifted = await locks.unlock_user_account(params, memory, ctx) as { target: string };
  memory.failures.set(lifted.target, new SlidingSum(WINDOW_MS)); // the next failure is the first again
  return lifted;
};

const authorize: Command = (params, { standing, failures }, ctx) => {
  const { user } = fields(params, "user");
  const name = nameAt("params.user", user);
  const locked = standing.stands(MEASURE, name);
  return {
    user: name,
    allowed: !locked,
    why: locked ? "the account is locked" : null,
    failures: failures.peek(name)?.at(ctx.clock.now()) ?? 0,
  };
};

/** AEGIS, acting through `effector`; in memory without one. */
export function aegis(effector?: Effector): AgentBehavior {
  const failures = (): RecentKeys<SlidingSum> => new RecentKeys(COLLECTIVE_KEYS_MAX);
  return collectiveAgent<AegisMemory>({
    name: "AEGIS",
    capabilities: ["account_protection", "access_control", "lockout"],
    commands: { ...locks, unlock_user_account: unlock, record_login: recordLogin },
    queries: { authorize, standing: standingOf() },
    memory: () => ({ failures: failures(), ...withMeasures(effector) }),
    save: savedMeasures,
    load: async (saved) => ({ failures: failures(), ...await loadedMeasures(saved, effector) }),
  });
}
