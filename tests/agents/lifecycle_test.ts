import { assertEquals } from "@std/assert";
import {
  AGENT_LIFECYCLE,
  AGENT_STATE,
  AgentLifecycleState,
  LIFECYCLE_NAMES,
  mayBecome,
  SLOT_LIFECYCLE,
} from "../../core/agents/lifecycle.ts";
import { StateMachine } from "../../core/base/state_machine.ts";

Deno.test("an agent's life follows the diagram of orchestration", async () => {
  const machine = new StateMachine<AgentLifecycleState>(AGENT_LIFECYCLE);
  const walked: boolean[] = [];
  for (const state of ["IDLE", "EXECUTING", "IDLE", "EXECUTING", "ERROR", "DEGRADED", "SHUTTING_DOWN"] as const) {
    walked.push(await machine.transition(state));
  }
  assertEquals(walked, Array(7).fill(true));
  assertEquals(Object.values(AgentLifecycleState).filter((state) => machine.canTransitionTo(state)), []); // nobody comes back
  const idle = new StateMachine<AgentLifecycleState>(AGENT_LIFECYCLE);
  await idle.transition("IDLE");
  assertEquals(await idle.transition("ERROR"), false);
  assertEquals([await idle.transition("DEGRADED"), await idle.transition("IDLE")], [true, true]);
});

Deno.test("the vocabularies tell of one life: what the slot may do, orchestration may too", () => {
  const machine = (from: AgentLifecycleState): StateMachine<AgentLifecycleState> => new StateMachine({ ...AGENT_LIFECYCLE, initial: from });
  assertEquals(new Set(LIFECYCLE_NAMES.map(({ orchestration }) => orchestration)), new Set(Object.values(AgentLifecycleState)));
  const idle = LIFECYCLE_NAMES.filter(({ orchestration }) =>
    orchestration !== "ERROR" && orchestration !== "WAITING" && orchestration !== "EXECUTING"
  );
  for (const from of idle) {
    for (const to of idle) {
      const slot = mayBecome(AGENT_STATE[from.slot], AGENT_STATE[to.slot]);
      if (slot) assertEquals(machine(from.orchestration).canTransitionTo(to.orchestration), true, `${from.slot} to ${to.slot}`);
    }
  }
});

Deno.test("the bits of the slot word say what its state machine says", () => {
  const names = Object.keys(AGENT_STATE) as (keyof typeof AGENT_STATE)[];
  for (const from of names) {
    const machine = new StateMachine({ ...SLOT_LIFECYCLE, initial: from });
    const allowed = names.filter((to) => machine.canTransitionTo(to));
    assertEquals(names.filter((to) => mayBecome(AGENT_STATE[from], AGENT_STATE[to])), allowed, from);
  }
});
