/** Every option changes something that can be seen. The table cannot lack a key: its type would not hold. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parseConfig } from "../core/base/config.ts";
import type { KernelOptions } from "../core/base/options.ts";
import type { MetricsUpdate } from "../core/metrics/monitor.ts";
import {
  type AgentBehavior,
  type AgentContext,
  type BorrowedBytes,
  ConfigError,
  defineAgent,
  HostDiedError,
  InboxFullError,
  KernelError,
  UltraFastAgentManager,
} from "../mod.ts";
import { behaviorUrl } from "./support/behaviors.ts";
import { testWith } from "./support/permissions.ts";
import { until } from "./support/until.ts";

const behaviors: Record<string, AgentBehavior> = {
  echo: defineAgent({ onMessage: (message, ctx: AgentContext) => ctx.reply(message.payload) }),
  stuck: defineAgent({
    onMessage: (_message, ctx: AgentContext) => new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve())),
  }),
  deaf: defineAgent({}),
};

async function open(options: KernelOptions): Promise<UltraFastAgentManager> {
  const manager = new UltraFastAgentManager({ threads: 0, sharedBufferSize: 32 * 2 ** 20, behaviors, ...options });
  await manager.initialize();
  return manager;
}

function capacity(manager: UltraFastAgentManager, region: string): number {
  return manager.inspectMemory().regions.find(({ name }) => name === region)!.capacityBytes;
}

const MIB = 2 ** 20;

const EFFECTS: Record<keyof KernelOptions, () => Promise<void>> = {
  async native() {
    await using manager = await open({ native: false });
    assertEquals(manager.getSystemStatus().native.why, "switched off by native: false");
    const library = new URL("no_such_library.so", import.meta.url).pathname;
    const error = await assertRejects(() => open({ native: { library } }), ConfigError, library);
    assertEquals(error.option, "native.library");
    await using byDefault = await open({});
    for (const native of [true, {}]) {
      await using same = await open({ native });
      assertEquals(same.getSystemStatus().native, byDefault.getSystemStatus().native);
    }
  },

  async threads() {
    for (const threads of [0, 2]) {
      await using manager = await open({ threads, behaviors: {} } as KernelOptions);
      assertEquals(manager.threads, threads);
    }
  },

  async eventBusWorkers() {
    await using manager = new UltraFastAgentManager({ eventBusWorkers: 1 });
    assertEquals(manager.threads, 1);
    assertEquals(parseConfig({ eventBusWorkers: 3 }, 16).threads, 3);
  },

  async affinity() {
    const set: number[][] = [];
    const cores = { get: () => [0, 1, 2], set: (wanted: readonly number[]) => void set.push([...wanted]) };
    await using manager = new UltraFastAgentManager({ threads: 2, affinity: [0] }, { cores });
    await manager.initialize();
    assertEquals(manager.getSystemStatus().placement.affinity, [[0], [0]]);
    assertEquals(set, [[0], [0, 1, 2], [0], [0, 1, 2]], "each thread is started there, and main comes back");
    const without = new UltraFastAgentManager({ threads: 1, affinity: true, native: false });
    await assertRejects(() => without.initialize(), Error, "affinity is set");
    await without.shutdown();
  },

  async debug() {
    for (const debug of [false, true]) {
      const views: Uint8Array[] = [];
      const keeps = defineAgent<BorrowedBytes>({ onMessage: ({ payload }) => void views.push(payload.bytes()) });
      await using manager = new UltraFastAgentManager({ threads: 0, debug, behaviors: { keeps } });
      await manager.initialize();
      await manager.sendMessage(0, await manager.spawnAgent("keeps"), new Uint8Array([1, 2, 3]), { ack: true });
      assertEquals([...views[0]], debug ? [0xdb, 0xdb, 0xdb] : [1, 2, 3]);
    }
  },

  async maxConcurrentAgents() {
    await using manager = await open({ maxConcurrentAgents: 2 });
    await manager.spawnAgent("echo");
    assertEquals(manager.validatePerformanceTargets().concurrentAgents, { target: 2, actual: 1, passing: false, samples: 1 });
    await manager.terminateAgent(await manager.spawnAgent("echo"));
    assertEquals(manager.validatePerformanceTargets().concurrentAgents, { target: 2, actual: 2, passing: true, samples: 1 });
    await assertRejects(() => manager.spawnAgentBatch("echo", 2), Error, "maxConcurrentAgents");
  },

  async maxSpawnTimeMs() {
    for (const [maxSpawnTimeMs, passing] of [[1e-6, false], [1e6, true]] as const) {
      await using manager = await open({ maxSpawnTimeMs });
      for (let agent = 0; agent < 199; agent++) await manager.spawnAgent("echo");
      assertEquals(manager.validatePerformanceTargets().spawnTimeP95, {
        target: maxSpawnTimeMs,
        actual: null,
        passing: false,
        samples: 199,
      });
      await manager.spawnAgent("echo");
      assertEquals(manager.validatePerformanceTargets().spawnTimeP95.passing, passing);
    }
  },

  async maxCommunicationLatencyMs() {
    for (const [maxCommunicationLatencyMs, passing] of [[1e-6, false], [1e6, true]] as const) {
      await using manager = await open({ maxCommunicationLatencyMs });
      const agent = await manager.spawnAgent("echo");
      assertEquals(manager.validatePerformanceTargets().communicationLatencyP95.actual, null);
      await Promise.all(Array.from({ length: 200 * 16 }, (_, number) => manager.ask(agent, number)));
      const { target, passing: passed, samples } = manager.validatePerformanceTargets().communicationLatencyP95;
      assertEquals({ target, passed, samples }, { target: maxCommunicationLatencyMs, passed: passing, samples: 200 });
    }
  },

  async sharedBufferSize() {
    for (const sharedBufferSize of [16 * MIB, 32 * MIB]) {
      await using manager = await open({ sharedBufferSize, maxConcurrentAgents: 10 });
      assertEquals(capacity(manager, "queues"), sharedBufferSize / 2);
    }
  },

  async messagePoolSize() {
    await using manager = await open({ messagePoolSize: 64 });
    assertEquals(capacity(manager, "slabs"), 64 * 16_384);
    const deaf = await manager.spawnAgent("deaf");
    for (let number = 0; number < 200; number++) await manager.sendMessage(0, deaf, number);
    await assertRejects(() => manager.ask(deaf, "behind them all"), Error, "has no handler");
    assert((await manager.deadLetters()).length <= 64);
    assertEquals(manager.getPerformanceMetrics().counts.deadLettered, 201);
    // One message of 1 MiB takes them all, so a second one finds none until the first has been drained.
    const large = new Uint8Array(1_000_000);
    const first = manager.sendMessage(0, deaf, large, { tryOnly: true });
    await assertRejects(() => manager.sendMessage(0, deaf, large, { tryOnly: true }), InboxFullError);
    await first;
  },

  async memoryStoreSize() {
    for (const memoryStoreSize of [2 * MIB, 4 * MIB]) {
      await using manager = await open({ memoryStoreSize });
      assertEquals(capacity(manager, "store"), memoryStoreSize);
    }
  },

  async inboxMessagesMax() {
    await using manager = await open({ inboxMessagesMax: 3 });
    const stuck = await manager.spawnAgent("stuck");
    const error = await assertRejects(async () => {
      for (;;) {
        await manager.sendMessage(0, stuck, null, { tryOnly: true });
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }, InboxFullError);
    assertEquals(error.inboxMessagesMax, 3);
  },

  async sendTimeoutMs() {
    await using manager = await open({ inboxMessagesMax: 1, sendTimeoutMs: 20 });
    const stuck = await manager.spawnAgent("stuck");
    const error = await assertRejects(async () => {
      for (;;) await manager.sendMessage(0, stuck, null);
    }, InboxFullError);
    assertEquals(error.waitedMs, 20);
  },

  async hangTimeoutMs() {
    const hang = behaviorUrl("onMessage() { const end = Date.now() + 1500; while (Date.now() < end); }");
    const manager = new UltraFastAgentManager({ threads: 1, behaviors: { hang }, hangTimeoutMs: 200 });
    await using _closed = manager;
    await manager.initialize();
    const agent = await manager.spawnAgent("hang");
    assert((await assertRejects(() => manager.ask(agent, null), HostDiedError)).why.includes("200 ms"));
  },

  // deno-lint-ignore require-await -- nothing to wait for
  async executorConcurrency() {
    assertEquals(parseConfig({ executorConcurrency: 3 }, 2).executorConcurrency, 3);
  },

  async executor() {
    for (const [model, text] of [["echo", "[local, no model was asked] hi"], ["outline", "[local, no model was asked] 1 messages"]]) {
      await using manager = await open({ executor: { provider: "local", model } });
      const { output } = await manager.executeTask(await manager.spawnAgent("deaf"), { id: "1", objective: "hi" });
      assertEquals(String(output).slice(0, text.length), text);
    }
  },

  async agentPoolConfig() {
    const preWarmPools = { echo: 2, deaf: { minSize: 1, maxSize: 5 }, stuck: 0 };
    await using manager = await open({ agentPoolConfig: { preWarmPools } });
    const warm = (one: UltraFastAgentManager) => one.getSystemStatus().agents.warm;
    assertEquals(warm(manager), { echo: { ready: 2, size: 2 }, deaf: { ready: 1, size: 1 } });
    await using scaling = await open({ agentPoolConfig: { preWarmPools: { deaf: { minSize: 1, maxSize: 2 } }, cooldownMs: 20 } });
    // It grows. Asked for until that is seen: on a machine that stood still for a cooldown it would have shrunk again unseen.
    for (let rounds = 0; warm(scaling).deaf.size !== 2; rounds++) {
      assert(rounds < 100_000, "it never grew");
      const taken = await Promise.all([1, 2, 3].map(() => scaling.spawnAgent("deaf", { preWarm: true })));
      await Promise.all(taken.map((agent) => scaling.terminateAgent(agent)));
    }
    await until(() => warm(scaling).deaf.ready === 1 && warm(scaling).deaf.size === 1); // and, when nobody takes any, it shrinks
  },

  async enablePerformanceMonitoring() {
    await using manager = await open({ enablePerformanceMonitoring: false, performanceValidationInterval: 10 });
    let updates = 0;
    manager.on("metrics:updated", () => updates++);
    const agent = await manager.spawnAgent("echo");
    // Ten looks of another manager: this one would have had about as many.
    await using other = await open({ performanceValidationInterval: 10 });
    for (let looks = 0; looks < 10; looks++) await new Promise((resolve) => other.once("metrics:updated", resolve));
    await Promise.all(Array.from({ length: 100 }, (_, number) => manager.ask(agent, number)));
    assertEquals([updates, manager.getPerformanceMetrics().communicationLatency.samples], [0, 0]);
    assertEquals(manager.getPerformanceMetrics().counts.delivered, 200);
  },

  async performanceValidationInterval() {
    await using manager = await open({ performanceValidationInterval: 30 });
    await using slow = await open({ performanceValidationInterval: 1e9 });
    let slowLooks = 0;
    slow.on("metrics:updated", () => slowLooks++);
    const update = await new Promise<MetricsUpdate>((resolve) => manager.once("metrics:updated", resolve));
    assert(update.windowMs >= 29, `a timer may be early by its own grain only: ${update.windowMs}`);
    assertEquals(slowLooks, 0);
  },

  async alertThresholds() {
    await using manager = new UltraFastAgentManager({
      ...{ threads: 0, behaviors, performanceValidationInterval: 10 },
      alertThresholds: { memoryUsagePercent: 1e-6 },
    });
    const raised = new Promise<{ name: string }>((resolve) => manager.once("alert:raised", resolve));
    await manager.initialize();
    assertEquals((await raised).name, "memoryUsagePercent");
    assertEquals(manager.validatePerformanceTargets().memoryUsagePercent.passing, false);
    assertEquals(manager.getSystemStatus().reasons.map(({ name }) => name), ["alertsRaised"]);
  },

  async persistence() {
    const folder = await Deno.makeTempDir();
    try {
      const options = { memoryStoreSize: MIB, persistence: { path: `${folder}/state`, intervalMs: 10 } };
      const first = await open(options);
      first.memoryStore.set("a", "b", 1);
      // Nobody calls flush.
      await until(() => first.getSystemStatus().persistence!.flushes > 0);
      await first.shutdown();
      await using again = await open(options);
      assertEquals(again.memoryStore.get("a", "b"), 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },

  async metricsLog() {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/metrics.jsonl`;
      await (await open({ metricsLog: path })).shutdown(); // the last look is written at the end
      const lines = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line) as MetricsUpdate);
      assertEquals([lines.length, lines[0].total.counts.spawned], [1, 0]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },

  async workflowJournal() {
    const folder = await Deno.makeTempDir();
    try {
      const error = await assertRejects(
        () => open({ workflowJournal: `${folder}/missing/flows.sqlite` }),
        KernelError,
        "missing/flows.sqlite",
      );
      assertEquals(error.code, "JOURNAL_UNUSABLE");
      await using manager = await open({ workflowJournal: `${folder}/flows.sqlite` });
      const { id } = await manager.orchestration.start({ id: "waits", steps: [{ id: "a", approval: true }] });
      await manager.shutdown();
      await using next = await open({ workflowJournal: `${folder}/flows.sqlite` });
      assertEquals((await next.orchestration.resume()).resumed.map((execution) => execution.id), [id]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

testWith({ read: true, write: true }, "a metrics log that cannot be opened ends initialize(), and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const manager = new UltraFastAgentManager({
      ...{ threads: 1, behaviors: { echo: behaviorUrl("onMessage() {}") } },
      ...{ metricsLog: `${folder}/missing/log`, agentPoolConfig: { preWarmPools: { echo: 2 } } },
    });
    await assertRejects(() => manager.initialize(), ConfigError, "missing/log cannot be opened");
    await manager.shutdown();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "a metrics log that may not be written ends initialize() with the flag",
  permissions: { write: false },
  async fn() {
    const manager = new UltraFastAgentManager({ threads: 0, metricsLog: { path: "metrics.jsonl", filesMax: 1 } });
    await assertRejects(() => manager.initialize(), ConfigError, "run with --allow-write=metrics.jsonl");
    await manager.shutdown();
  },
});

Deno.test({
  name: "a state file that may not be used ends initialize() with the flags",
  permissions: { read: false, write: false },
  async fn() {
    const manager = new UltraFastAgentManager({ threads: 0, persistence: { path: "folder/state" } });
    await assertRejects(
      () => manager.initialize(),
      ConfigError,
      "run with --allow-read=folder --allow-write=folder/state,folder/state.next",
    );
    await manager.shutdown();
  },
});

for (const [key, effect] of Object.entries(EFFECTS)) {
  const writes = ["metricsLog", "persistence", "workflowJournal"].includes(key);
  testWith(writes ? { read: true, write: true } : {}, `the option ${key} has its effect`, effect);
}
