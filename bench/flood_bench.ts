/**
 * Floods of a small message between threads, through the public face, beside `postMessage` of the same object over a port: many messages and one
 * answer, so that all of them have arrived. Time per flood; the ratio is what counts.
 *
 * `deno bench --no-prompt --allow-sys bench/flood_bench.ts`
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { UltraFastAgentManager } from "../mod.ts";

const MESSAGES = 20_000;
const OBJECT = `{ type: "code-review-request", file: "a.ts", line, ok: true }`;

function behavior(source: string): string {
  const module = `export default Object.defineProperty(${source}, Symbol.for("@stage3/kernel.behavior"), { value: true });`;
  return `data:text/javascript,${encodeURIComponent(module)}`;
}

const sink = behavior(`{ onMessage({ payload }, ctx) {
  ctx.state.count = (ctx.state.count ?? 0) + 1;
  if (payload === null) ctx.reply(ctx.state.count);
} }`);
const pump = behavior(`{ async onMessage({ payload: to }, ctx) {
  for (let line = 0; line < ${MESSAGES}; line++) {
    const wait = ctx.send(to, ${OBJECT});
    if (wait !== undefined) await wait;
  }
  ctx.reply(await ctx.ask(to, null));
} }`);
const peer = `const { parentPort } = require("node:worker_threads");
let port, count = 0;
function got(message) {
  if (typeof message === "number") parentPort.postMessage(message);
  else if (message === null) port.postMessage(count);
  else count++;
}
parentPort.on("message", (message) => {
  if (message?.port !== undefined) { port = message.port; port.on("message", got); parentPort.postMessage(0); }
  else if (message?.flood) {
    for (let line = 0; line < ${MESSAGES}; line++) port.postMessage(${OBJECT});
    port.postMessage(null);
  } else if (message === null) parentPort.postMessage(count);
  else count++;
});`;

interface Threads {
  readonly manager: UltraFastAgentManager;
  readonly pumps: readonly number[];
  readonly sinks: readonly number[];
  readonly peers: readonly Worker[];
}

async function open(): Promise<Threads> {
  const manager = new UltraFastAgentManager({ threads: 2, behaviors: { sink, pump } });
  await manager.initialize();
  const spawn = (type: string) => Promise.all([1, 2].map((host) => manager.spawnAgent(type, { host })));
  const peers = [0, 1].map(() => new Worker(peer, { eval: true, env: {} }));
  const { port1, port2 } = new MessageChannel();
  for (const [index, port] of [port1, port2].entries()) await ask(peers[index], { port }, [port]);
  return { manager, pumps: await spawn("pump"), sinks: await spawn("sink"), peers };
}

function ask(worker: Worker, message: unknown, transfer: MessagePort[] = []): Promise<unknown> {
  const answer = new Promise((resolve) => worker.once("message", resolve));
  worker.postMessage(message, transfer);
  return answer;
}

let opened: Promise<Threads> | null = null;

/** Started at the first bench, shared by all: they end with the process. */
function threads(): Promise<Threads> {
  return opened ??= open();
}

Deno.bench("kernel", { group: `${MESSAGES} messages, worker to worker`, baseline: true }, async () => {
  const { manager, pumps, sinks } = await threads();
  await manager.ask(pumps[0], sinks[1]);
});

Deno.bench("postMessage", { group: `${MESSAGES} messages, worker to worker` }, async () => {
  const { peers } = await threads();
  await ask(peers[0], { flood: true });
});

Deno.bench("kernel", { group: `${MESSAGES} messages each way at once`, baseline: true }, async () => {
  const { manager, pumps, sinks } = await threads();
  await Promise.all([manager.ask(pumps[0], sinks[1]), manager.ask(pumps[1], sinks[0])]);
});

Deno.bench("postMessage", { group: `${MESSAGES} messages each way at once` }, async () => {
  const { peers } = await threads();
  await Promise.all(peers.map((worker) => ask(worker, { flood: true })));
});

Deno.bench("kernel, each send awaited", { group: `${MESSAGES} messages, main to worker`, baseline: true }, async () => {
  const { manager, sinks } = await threads();
  for (let line = 0; line < MESSAGES; line++) {
    await manager.sendMessage(0, sinks[0], { type: "code-review-request", file: "a.ts", line, ok: true });
  }
  await manager.ask(sinks[0], null);
});

Deno.bench("kernel, one send in 256 awaited", { group: `${MESSAGES} messages, main to worker` }, async () => {
  const { manager, sinks } = await threads();
  for (let line = 0; line < MESSAGES; line++) {
    const sent = manager.sendMessage(0, sinks[0], { type: "code-review-request", file: "a.ts", line, ok: true });
    if ((line & 255) === 0) await sent;
  }
  await manager.ask(sinks[0], null);
});

Deno.bench("postMessage", { group: `${MESSAGES} messages, main to worker` }, async () => {
  const { peers } = await threads();
  for (let line = 0; line < MESSAGES; line++) peers[0].postMessage({ type: "code-review-request", file: "a.ts", line, ok: true });
  await ask(peers[0], null);
});
