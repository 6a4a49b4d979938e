/** Run by tests/memory/kernel_loader_test.ts with certain flags: prints what a manager says of its native loops, or the error of its start. */
import { UltraFastAgentManager } from "../../mod.ts";

const [library] = Deno.args;
try {
  await using manager = new UltraFastAgentManager({ threads: 1, native: library === undefined ? true : { library } });
  await manager.initialize();
  const agent = await manager.spawnAgent("analyst");
  await manager.ask(agent, { format: "values", data: [1, 2, 3] });
  console.log(JSON.stringify(manager.getSystemStatus().native));
} catch (error) {
  console.log(error instanceof Error ? `${error.name}: ${error.message}` : error);
}
