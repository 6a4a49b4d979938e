/**
 * The one table of an agent's life as the shared slot word knows it. Everybody moves an agent by these transitions and no others.
 *
 * ```
 * FREE → SPAWNING → READY → STOPPING → FREE (next generation) … → RETIRED
 *                 ↘ WARM ↗   ↑ ↓
 *                          MOVING   (its thread has died; messages wait until it is ready elsewhere)
 * ```
 *
 * @module
 */

/** States of an agent's slot. */
export const AGENT_STATE = {
  /** Nobody lives here. */
  free: 0,
  /** Claimed; the instance is being made. */
  spawning: 1,
  /** Takes messages. */
  ready: 2,
  /** Ends; takes no more messages. */
  stopping: 3,
  /** Started and waiting in a warm pool; takes no messages yet. */
  warm: 4,
  /** Used up its generations. */
  retired: 5,
  /** Its thread has died: it is being made anew on another one. */
  moving: 6,
} as const;

/** One of the states. */
export type AgentState = typeof AGENT_STATE[keyof typeof AGENT_STATE];

const S = AGENT_STATE;
/** From → to, each with the one who may do it. */
const TRANSITIONS: readonly (readonly [from: AgentState, to: AgentState])[] = [
  [S.free, S.spawning], // whoever spawns
  [S.spawning, S.ready], // the agent's host, after onStart
  [S.spawning, S.warm], // the agent's host, after onStart
  [S.spawning, S.free], // the agent's host, when it could not start; whoever claimed it, when the host died
  [S.warm, S.ready], // whoever adopts it
  [S.warm, S.stopping], // shutdown
  [S.ready, S.stopping], // whoever terminates it
  [S.stopping, S.free], // the agent's host, after onStop; the supervisor, when the host died
  [S.stopping, S.retired], // the same, at the last generation
  [S.spawning, S.retired],
  [S.ready, S.moving], // the supervisor, when the host died
  [S.moving, S.ready], // the new host, after onStart and with the messages that waited
  [S.moving, S.stopping], // whoever terminates it meanwhile; the supervisor, when it cannot be made anew
];

const ALLOWED = new Set(TRANSITIONS.map(([from, to]) => from * 8 + to));

/** Whether an agent may go from one state to another. */
export function mayBecome(from: AgentState, to: AgentState): boolean {
  return ALLOWED.has(from * 8 + to);
}

/** Values of a host's state word. `dead` is a fence: a thread that reads it of itself does nothing more. */
export const HOST_STATE = { absent: 0, starting: 1, running: 2, stopped: 3, dead: 4 } as const;
