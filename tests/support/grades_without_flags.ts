/** The first screen's agent in a thread of its own, in a program that has no permission at all; and the error for a process. */
import { UltraFastAgentManager } from "../../mod.ts";

await using manager = new UltraFastAgentManager({ threads: 1 });
await manager.initialize();
const coder = await manager.spawnAgent("coder", { isolation: "worker", model: "echo", budget: { tokens: 50_000, usd: 0.5 } });
const { output } = await manager.executeTask(coder, { id: "1", objective: "Say hello." });
console.log(output, manager.getSystemStatus().agents.isolated.worker);
await manager.spawnAgent("coder", { isolation: "process" }).catch((error) => console.log(error.name, error.message));
