/** Run by tests/team/team_test.ts in a process without any permission: each type on a thread does its golden task, and says so. */
import { assertEquals } from "@std/assert";
import { UltraFastAgentManager } from "../../mod.ts";
import type { AgentType } from "../../core/team/team.ts";
import { comparable, GOLDEN } from "./team_golden.ts";

await using manager = new UltraFastAgentManager({ threads: 1 });
await manager.initialize();
for (const type of Object.keys(GOLDEN) as AgentType[]) {
  assertEquals(comparable(await manager.ask(await manager.spawnAgent(type, { host: 1 }), GOLDEN[type].input)), GOLDEN[type].output, type);
  console.log(type);
}
