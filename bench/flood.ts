/**
 * A flood of one small object between two threads: ours beside postMessage through a MessagePort, in turns in one run. Receivers count; the time is from
 * the first send to the last handler.
 *
 * ```sh
 * deno run bench/flood.ts            # 5 rounds of 300,000 messages each way
 * deno run bench/flood.ts 20 1000000
 * ```
 *
 * @module
 */
import { MessageChannel, Worker } from "node:worker_threads";
import { UltraFastAgentManager } from "../mod.ts";

const ROUNDS = Number(Deno.args[0] ?? 5);
const MESSAGES = Number(Deno.args[1] ?? 300_000);
/** Sends between two turns of the sender's thread. */
const BURST = 2_000;

/** Sends `count` messages to `to` in bursts, awaiting only what must wait for room. */
const SENDER = `onMessage: async (message, ctx) => {
  const { to, count } = message.payload;
  for (let number = 0; number < count; number++) {
    const waits = ctx.send(to, { id: number, kind: "tick", value: number * 0.5, ok: true });
    if (waits !== undefined) await waits;
    else if (number % ${BURST} === ${BURST - 1}) await new Promise((resolve) => setImmediate(resolve));
  }
}`;
/** Answers the ask for a number of messages once it has got them. */
const RECEIVER = `onStart: (ctx) => { ctx.state = { seen: 0, sum: 0 }; },
onMessage: (message, ctx) => {
  const { state } = ctx;
  if (message.correlationId !== undefined) { ctx.reply({ seen: state.seen, sum: state.sum }); state.seen = state.sum = 0; return; }
  state.seen++;
  state.sum += message.payload.value;
}`;

function behavior(members: string): string {
  const text = `import { setImmediate } from "node:timers"; export default Object.defineProperty({ ${members} }, ` +
    `Symbol.for("@stage3/kernel.behavior"), { value: true });`;
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

const EXPECTED = (MESSAGES * (MESSAGES - 1)) / 4;

async function open(): Promise<{ ours: () => Promise<number>; fromMain: () => Promise<number>; close: () => Promise<void> }> {
  const manager = new UltraFastAgentManager({ threads: 2, behaviors: { sender: behavior(SENDER), receiver: behavior(RECEIVER) } });
  await manager.initialize();
  const sender = await manager.spawnAgent("sender", { host: 1 });
  const receiver = await manager.spawnAgent("receiver", { host: 2 });
  const check = async (startedAt: number): Promise<number> => {
    for (let seen = 0; seen < MESSAGES;) {
      const state = await manager.ask<{ seen: number; sum: number }>(receiver, null, { timeoutMs: 60_000 });
      seen += state.seen;
      sum += state.sum;
    }
    if (sum !== EXPECTED) throw new Error(`the receiver added up ${sum}, not ${EXPECTED}`);
    sum = 0;
    return (MESSAGES / (performance.now() - startedAt)) * 1_000;
  };
  let sum = 0;
  return {
    async ours() {
      const startedAt = performance.now();
      await manager.sendMessage(0, sender, { to: receiver, count: MESSAGES }, { ack: true });
      return await check(startedAt);
    },
    async fromMain() {
      const startedAt = performance.now();
      for (let number = 0; number < MESSAGES; number++) {
        const sent = manager.sendMessage(0, receiver, { id: number, kind: "tick", value: number * 0.5, ok: true });
        if (number % 64 === 63) await sent;
      }
      return await check(startedAt);
    },
    close: () => manager.shutdown(),
  };
}

/** The same between two plain threads and a port. */
function openPorts(): { flood: () => Promise<number>; close: () => Promise<unknown> } {
  const { port1, port2 } = new MessageChannel();
  const sender = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads"); const { setImmediate } = require("node:timers");
     parentPort.on("message", async (count) => {
       for (let number = 0; number < count; number++) {
         workerData.postMessage({ id: number, kind: "tick", value: number * 0.5, ok: true });
         if (number % ${BURST} === ${BURST - 1}) await new Promise((resolve) => setImmediate(resolve));
       }
     });`,
    { eval: true, env: {}, workerData: port1, transferList: [port1] },
  );
  const receiver = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads"); let seen = 0, sum = 0;
     workerData.on("message", (message) => { sum += message.value; if (++seen === ${MESSAGES}) { parentPort.postMessage(sum); seen = sum = 0; } });`,
    { eval: true, env: {}, workerData: port2, transferList: [port2] },
  );
  return {
    async flood() {
      const startedAt = performance.now();
      const done = new Promise<number>((resolve) => receiver.once("message", resolve));
      sender.postMessage(MESSAGES);
      const sum = await done;
      if (sum !== EXPECTED) throw new Error(`the receiver added up ${sum}, not ${EXPECTED}`);
      return (MESSAGES / (performance.now() - startedAt)) * 1_000;
    },
    close: () => Promise.all([sender.terminate(), receiver.terminate()]),
  };
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

if (import.meta.main) {
  const kernel = await open();
  const ports = openPorts();
  const rates: Record<string, number[]> = { "thread to thread": [], "main to thread": [], "postMessage": [] };
  await kernel.ours(); // the first round of each compiles
  await kernel.fromMain();
  await ports.flood();
  for (let round = 0; round < ROUNDS; round++) {
    rates["thread to thread"].push(await kernel.ours());
    rates["postMessage"].push(await ports.flood());
    rates["main to thread"].push(await kernel.fromMain());
  }
  const base = median(rates["postMessage"]);
  for (const [name, all] of Object.entries(rates)) {
    const rate = median(all);
    const range = `${(Math.min(...all) / 1e6).toFixed(2)}–${(Math.max(...all) / 1e6).toFixed(2)}`;
    console.log(
      `${name.padEnd(17)} ${(rate / 1e6).toFixed(2).padStart(6)} M/s  (${range})  ${(rate / base).toFixed(1).padStart(5)} × postMessage`,
    );
  }
  await kernel.close();
  await ports.close();
}
