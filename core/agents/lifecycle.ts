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
import type { StateMachineDefinition } from "../base/state_definition.ts";

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

/** What may follow what, each with the one who may do it: a state machine like orchestration's, of which the slot word keeps no more than the state. */
export const SLOT_LIFECYCLE: StateMachineDefinition<keyof typeof AGENT_STATE> = {
  initial: "free",
  transitions: [
    { from: "free", to: "spawning" }, // whoever spawns
    { from: "spawning", to: "ready" }, // the agent's host, after onStart
    { from: "spawning", to: "warm" }, // the agent's host, after onStart
    { from: "spawning", to: "free" }, // the agent's host, when it could not start; whoever claimed it, when the host died
    { from: "warm", to: "ready" }, // whoever adopts it
    { from: "warm", to: "stopping" }, // shutdown
    { from: "ready", to: "stopping" }, // whoever terminates it
    { from: "stopping", to: "free" }, // the agent's host, after onStop; the supervisor, when the host died
    { from: "stopping", to: "retired" }, // the same, at the last generation
    { from: "spawning", to: "retired" },
    { from: "ready", to: "moving" }, // the supervisor, when the host died
    { from: "moving", to: "ready" }, // the new host, after onStart and with the messages that waited
    { from: "moving", to: "stopping" }, // whoever terminates it meanwhile; the supervisor, when it cannot be made anew
  ],
};

/** For each state those that may follow, as bits: asked whenever a slot changes, on every thread. */
const FOLLOWING = new Uint8Array(Object.keys(AGENT_STATE).length);
for (const { from, to } of SLOT_LIFECYCLE.transitions) {
  for (const name of [from].flat()) FOLLOWING[AGENT_STATE[name]] |= 1 << AGENT_STATE[to];
}

/** Whether an agent may go from one state to another. */
export function mayBecome(from: AgentState, to: AgentState): boolean {
  return (FOLLOWING[from] >> to & 1) === 1;
}

/** States of an agent in the words of orchestration. */
export type AgentLifecycleState = "INITIALIZING" | "IDLE" | "EXECUTING" | "WAITING" | "DEGRADED" | "ERROR" | "SHUTTING_DOWN";

/** The states by name. */
export const AgentLifecycleState: Readonly<Record<AgentLifecycleState, AgentLifecycleState>> = {
  /** It is being made. */
  INITIALIZING: "INITIALIZING",
  /** It takes work. */
  IDLE: "IDLE",
  /** Its handler runs. */
  EXECUTING: "EXECUTING",
  /** Its handler waits for somebody. */
  WAITING: "WAITING",
  /** It works, but not as it should. */
  DEGRADED: "DEGRADED",
  /** Its handler has failed. */
  ERROR: "ERROR",
  /** It ends. */
  SHUTTING_DOWN: "SHUTTING_DOWN",
};

/** One life in three vocabularies: the slot word's, the agent framework's, orchestration's. A ready slot tells apart neither working nor paused agents. */
export const LIFECYCLE_NAMES: readonly { slot: keyof typeof AGENT_STATE; framework: string; orchestration: AgentLifecycleState }[] = [
  { slot: "spawning", framework: "Initializing", orchestration: "INITIALIZING" },
  { slot: "ready", framework: "Ready", orchestration: "IDLE" },
  { slot: "ready", framework: "Processing", orchestration: "EXECUTING" },
  { slot: "ready", framework: "Paused", orchestration: "WAITING" },
  { slot: "ready", framework: "Failed", orchestration: "ERROR" },
  { slot: "moving", framework: "Failed", orchestration: "DEGRADED" },
  { slot: "stopping", framework: "Shutdown", orchestration: "SHUTTING_DOWN" },
];

/** Orchestration's diagram, for `new StateMachine(AGENT_LIFECYCLE)`; the last four edges are ours: what may heal, and ends that need no failure. */
export const AGENT_LIFECYCLE: StateMachineDefinition<AgentLifecycleState> = {
  initial: "INITIALIZING",
  transitions: [
    { from: "INITIALIZING", to: "IDLE" },
    { from: "IDLE", to: "EXECUTING" },
    { from: "EXECUTING", to: "IDLE" },
    { from: "IDLE", to: "DEGRADED" },
    { from: "EXECUTING", to: "ERROR" },
    { from: "ERROR", to: "DEGRADED" },
    { from: "DEGRADED", to: "SHUTTING_DOWN" },
    { from: "DEGRADED", to: "IDLE" },
    { from: "EXECUTING", to: "WAITING" },
    { from: "WAITING", to: "EXECUTING" },
    { from: ["INITIALIZING", "IDLE", "EXECUTING", "WAITING", "ERROR"], to: "SHUTTING_DOWN" },
  ],
};

/** Values of a host's state word. `dead` is a fence: a thread that reads it of itself does nothing more. */
export const HOST_STATE = { absent: 0, starting: 1, running: 2, stopped: 3, dead: 4 } as const;
