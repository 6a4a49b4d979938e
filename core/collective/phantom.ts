/**
 * PHANTOM: hides and cuts off. Pseudonyms that only it can turn back, and hosts taken off the net and put back.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { KernelError } from "../base/errors.ts";
import { COLLECTIVE_KEYS_MAX } from "../base/limits.ts";
import { secretBytes } from "../base/random.ts";
import type { Effector } from "../threats/effector.ts";
import { RecentKeys } from "../threats/recent_keys.ts";
import { collectiveAgent, fields, type Handler } from "./contract.ts";
import { measureCommands, standingOf, type WithMeasures, withMeasures } from "./measures.ts";
import { nameAt } from "./message.ts";

/** What PHANTOM remembers. Pseudonyms end with it: whoever could make them again could turn them back. */
export interface PhantomMemory extends WithMeasures {
  /** Of this agent alone. */
  readonly secret: Uint8Array<ArrayBuffer>;
  /** Address by pseudonym. */
  readonly cloaked: RecentKeys<string>;
}

type Command = Handler<PhantomMemory>;

const SECRET_BYTES = 32;
/** 80 bits: no two of a few thousand are the same. */
const PSEUDONYM_BYTES = 10;

const cloak: Command = async (params, { secret, cloaked }) => {
  const { address } = fields(params, "address");
  const hidden = nameAt("params.address", address);
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(hidden)));
  const pseudonym = `ph-${mac.subarray(0, PSEUDONYM_BYTES).toHex()}`;
  cloaked.set(pseudonym, hidden);
  return { pseudonym };
};

const reveal: Command = (params, { cloaked }) => {
  const { pseudonym } = fields(params, "pseudonym");
  const address = cloaked.peek(nameAt("params.pseudonym", pseudonym));
  if (address !== undefined) return { address };
  throw new KernelError("NOT_CLOAKED", `${pseudonym} is no pseudonym of this agent, or of the last ${COLLECTIVE_KEYS_MAX}.`, { pseudonym });
};

const measures = measureCommands<PhantomMemory>({
  isolate_system: { measure: "isolate_host", from: ["host", "system", "destination_ip", "source_ip"] },
  reconnect_system: { measure: "isolate_host", lifts: true, from: ["host", "system", "destination_ip", "source_ip"] },
});

/** PHANTOM, acting through `effector`; in memory without one. */
export function phantom(effector?: Effector): AgentBehavior {
  return collectiveAgent<PhantomMemory>({
    name: "PHANTOM",
    capabilities: ["system_isolation", "address_cloaking"],
    commands: { ...measures, cloak, reveal },
    queries: { standing: standingOf() },
    memory: () => ({ secret: secretBytes(SECRET_BYTES), cloaked: new RecentKeys(COLLECTIVE_KEYS_MAX), ...withMeasures(effector) }),
  });
}
