/**
 * The agent types of the collective. Like the team's they are always there, need no permission, and each checks what it is given; what they do to the
 * outside they do through an effector, which keeps measures in memory unless a behavior is made with another.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import type { Effector } from "../threats/effector.ts";
import { aegis } from "./aegis.ts";
import { apex } from "./apex.ts";
import { cipher } from "./cipher.ts";
import { fortress } from "./fortress.ts";
import { omniscient } from "./omniscient.ts";
import { phantom } from "./phantom.ts";
import { stream } from "./stream.ts";

/** Agent types that need no entry under `behaviors`. */
export type CollectiveType = "apex" | "fortress" | "cipher" | "aegis" | "stream" | "phantom" | "omniscient";

const MAKERS: Readonly<Record<CollectiveType, (effector?: Effector) => AgentBehavior>> = {
  ...{ apex, fortress, cipher, aegis, stream, phantom, omniscient },
};

/** Their behaviors, acting in memory. */
export const COLLECTIVE: Readonly<Record<CollectiveType, AgentBehavior>> = Object.fromEntries(
  Object.entries(MAKERS).map(([type, make]) => [type, make()]),
) as Record<CollectiveType, AgentBehavior>;

/**
 * The behavior of one of them that acts through an effector of your own: the default export of a module that you name under `behaviors`.
 *
 * @example
 * ```ts ignore
 * // fortress.ts
 * import { collectiveBehavior, CommandEffector } from "@stage3/kernel";
 * export default collectiveBehavior("fortress", new CommandEffector({ commands }));
 * ```
 */
export function collectiveBehavior(type: CollectiveType, effector: Effector): AgentBehavior {
  return MAKERS[type](effector);
}
