/** A program with two agents that are processes, one of them in an endless handler; says their numbers and waits to be killed. */
import { UltraFastAgentManager } from "../../mod.ts";
import { behaviorUrl } from "./behaviors.ts";

const looper = behaviorUrl(`onMessage(message, ctx) { ctx.reply(Deno.pid); if (message.payload) for (;;); }`);
const manager = new UltraFastAgentManager({ threads: 0, behaviors: { looper }, hangTimeoutMs: 60_000 });
await manager.initialize();
const agents = await manager.spawnAgentBatch("looper", 2, { isolation: "process" });
const pids = await Promise.all(agents.map((agent, index) => manager.ask(agent, index === 0)));
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(pids)}\n`));
