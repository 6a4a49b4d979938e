/**
 * One measurement, in a process of its own: what so many agents take of memory and processor. Prints one line of JSON.
 *
 * `deno run --v8-flags=--expose-gc scripts/sizing/measure.ts AGENTS THREADS MESSAGES`
 *
 * @module
 */
import { UltraFastAgentManager } from "../../mod.ts";
import { processorMs, residentBytes } from "../../core/metrics/system_usage.ts";

/** What a number of agents took. */
export interface Measured {
  /** Alive at once. */
  readonly agents: number;
  /** Worker threads. */
  readonly threads: number;
  /** Of the process when all agents are there, and have had their messages. */
  readonly residentBytes: number;
  /** The arena: an upper bound of what of it is resident. */
  readonly sharedBytes: number;
  /** From the call to the last agent ready. */
  readonly spawnMs: number;
  /** Of one core, while nothing happens. */
  readonly idleCpuPercent: number;
  /** Of all threads together, for each message from the main thread to a handler. */
  readonly messageCpuUs: number;
  /** Messages each second meanwhile. */
  readonly messagesPerSecond: number;
}

const IDLE_MS = 1_000;
/** Messages under way at a time: more would only wait for room. */
const BURST = 1_000;

const SINK = `data:text/javascript,${
  encodeURIComponent(
    `export default Object.defineProperty({ onStart(ctx) { ctx.state = { seen: 0 }; }, onMessage(message, ctx) {
      ctx.state.seen++;
      if (message.correlationId !== undefined) ctx.reply(ctx.state.seen);
    } }, Symbol.for("@stage3/kernel.behavior"), { value: true });`,
  )
}`;

async function measure(agents: number, threads: number, messages: number): Promise<Measured> {
  await using manager = new UltraFastAgentManager({ threads, maxConcurrentAgents: Math.max(agents, 1), behaviors: { sink: SINK } });
  await manager.initialize();
  const startedAt = performance.now();
  const ids = agents > 0 ? await manager.spawnAgentBatch("sink", agents) : [];
  const spawnMs = performance.now() - startedAt;
  const load = await flood(manager, ids, messages);
  gc();
  const [cpuMs, idleFrom] = [processorMs(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idleCpuPercent = 100 * (processorMs() - cpuMs) / (performance.now() - idleFrom);
  const sharedBytes = manager.inspectMemory().regions.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0);
  return { agents, threads, residentBytes: residentBytes(), sharedBytes, spawnMs, idleCpuPercent, ...load };
}

/** Every agent gets as many as every other; the last of each burst is asked, so that no more than a burst is under way. */
async function flood(
  manager: UltraFastAgentManager,
  ids: readonly number[],
  messages: number,
): Promise<Pick<Measured, "messageCpuUs" | "messagesPerSecond">> {
  if (ids.length === 0) return { messageCpuUs: 0, messagesPerSecond: 0 };
  const [cpuMs, startedAt] = [processorMs(), performance.now()];
  for (let sent = 0; sent < messages;) {
    for (let count = 1; count < BURST; count++, sent++) {
      await manager.sendMessage(0, ids[sent % ids.length], { id: sent, kind: "tick", value: 1, ok: true });
    }
    await manager.ask(ids[sent++ % ids.length], null);
  }
  const [usedMs, tookMs] = [processorMs() - cpuMs, performance.now() - startedAt];
  return { messageCpuUs: 1_000 * usedMs / messages, messagesPerSecond: 1_000 * messages / tookMs };
}

/** The collector, with `--expose-gc`. */
function gc(): void {
  (globalThis as unknown as { gc?: () => void }).gc?.();
}

if (import.meta.main) {
  const [agents, threads, messages] = Deno.args.map(Number);
  console.log(JSON.stringify(await measure(agents, threads, messages)));
}
