/**
 * The agent types that are always there: what each does is in its own file. They do real work on what they are given, the same for the same input,
 * without model, network or permission. A behavior of the same name in the manager's options takes the place of one of these.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { analyst } from "./analyst.ts";
import { coder } from "./coder.ts";
import { coordinator } from "./coordinator.ts";
import { researcher } from "./researcher.ts";
import { reviewer } from "./reviewer.ts";
import { tester } from "./tester.ts";

/** Agent types that need no entry under `behaviors`. */
export type AgentType = "coordinator" | "researcher" | "coder" | "tester" | "reviewer" | "analyst";

/** Their behaviors. Each checks its input itself, so they stand here as behaviors of anything. */
export const TEAM: Readonly<Record<AgentType, AgentBehavior>> = {
  coordinator: coordinator as AgentBehavior,
  researcher: researcher as AgentBehavior,
  coder: coder as AgentBehavior,
  tester: tester as AgentBehavior,
  reviewer: reviewer as AgentBehavior,
  analyst: analyst as AgentBehavior,
};
