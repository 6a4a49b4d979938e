/** Messages, asks and spawns between threads, through the public face, beside what a user would write with postMessage. */
import { Worker } from "node:worker_threads";
import { UltraFastAgentManager } from "../mod.ts";

const MESSAGES = 1_000;
const small = (line: number): unknown => ({ type: "code-review-request", file: "a.ts", line, ok: true });

const echo = `data:text/javascript,${
  encodeURIComponent(
    `export default Object.defineProperty({ onMessage(message, ctx) { ctx.reply(message.payload); } }, Symbol.for("@stage3/kernel.behavior"), { value: true });`,
  )
}`;

async function open(): Promise<{ manager: UltraFastAgentManager; agent: number }> {
  const manager = new UltraFastAgentManager({ threads: 1, behaviors: { echo } });
  await manager.initialize();
  return { manager, agent: await manager.spawnAgent("echo") };
}

/** A thread that answers every message but those marked silent; the peer. */
class Peer {
  readonly #worker = new Worker(
    `const { parentPort } = require("node:worker_threads"); parentPort.on("message", (m) => { if (!m.silent) parentPort.postMessage(m); });`,
    {
      eval: true,
      env: {},
    },
  );

  send(value: unknown): void {
    this.#worker.postMessage(value);
  }

  ask(value: unknown): Promise<unknown> {
    const reply = new Promise((resolve) => this.#worker.once("message", resolve));
    this.#worker.postMessage(value);
    return reply;
  }
}

let opened: Promise<{ manager: UltraFastAgentManager; agent: number }> | null = null;
let peer: Peer | null = null;

/** Started at the first bench, shared by all: a thread takes longer to start than anything measured here. They end with the process. */
function kernel(): Promise<{ manager: UltraFastAgentManager; agent: number }> {
  return opened ??= open();
}

Deno.bench("ask, awaited: kernel", { group: "round trip", baseline: true }, async () => {
  const { manager, agent } = await kernel();
  await manager.ask(agent, small(1));
});

Deno.bench("ask, awaited: postMessage", { group: "round trip" }, async () => {
  peer ??= new Peer();
  await peer.ask(small(1));
});

Deno.bench(`${MESSAGES} small messages and one answer: kernel`, { group: "one way", baseline: true }, async () => {
  const { manager, agent } = await kernel();
  for (let line = 0; line < MESSAGES; line++) manager.sendMessage(0, agent, small(line));
  await manager.ask(agent, null);
});

Deno.bench(`${MESSAGES} small messages and one answer: postMessage`, { group: "one way" }, async () => {
  peer ??= new Peer();
  for (let line = 0; line < MESSAGES; line++) peer.send({ ...small(line) as object, silent: true });
  await peer.ask(small(0));
});

Deno.bench("spawn and terminate, awaited", { group: "agents", baseline: true }, async () => {
  const { manager } = await kernel();
  await manager.terminateAgent(await manager.spawnAgent("echo"));
});

Deno.bench("spawn and terminate a batch of 1,000", { group: "agents" }, async () => {
  const { manager } = await kernel();
  const ids = await manager.spawnAgentBatch("echo", 1_000);
  await Promise.all(ids.map((id) => manager.terminateAgent(id)));
});
