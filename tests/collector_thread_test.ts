/** The thread that collects what a flush writes, as a manager has it. */
import { assert, assertEquals } from "@std/assert";
import workerText from "../core/agent_worker.bundle.js" with { type: "text" };
import { startCollector } from "../core/collector_thread.ts";
import { crc32c } from "../core/memory/crc32c.ts";
import { HEADER } from "../core/memory/layout.ts";
import type { FromCollector } from "../core/memory/store_collector.ts";
import { UltraFastAgentManager } from "../mod.ts";
import { testWith } from "./support/permissions.ts";
import { storeArena } from "./support/store_arena.ts";

Deno.test("a thread collects what is marked, with checksums that are right, and ends when it is told to", async () => {
  const arena = storeArena(1 << 20);
  arena.open(0).set("a", "k", "value");
  const done = Promise.withResolvers<FromCollector[]>();
  const said: FromCollector[] = [];
  const thread = startCollector({ workerText, memory: arena.memory, layout: arena.layout, library: null }, {
    onSaid: (message) => {
      said.push(message);
      if (!("blocks" in message)) done.resolve(said);
    },
    onDeath: (why) => done.reject(new Error(why)),
  });
  thread.post({ do: "collect", all: false, salt: [1, 2], sequence: 1, progress: { records: 0, blocks: 0, sums: 0 } });
  const [first, last] = await done.promise;
  assert("blocks" in first && "done" in last && last.done.blocks === 1, JSON.stringify(last));
  const view = new DataView(first.blocks.buffer, first.blocks.byteOffset);
  const [bytes, sum] = [view.getUint32(28, true), view.getUint32(36, true)];
  assertEquals(crc32c(first.blocks.subarray(64, 64 + bytes)), sum);
  assertEquals(arena.memory.words[HEADER.collector >> 2], 2);
  await thread.end();
  assertEquals(arena.memory.words[HEADER.collector >> 2], 3);
});

Deno.test("a thread that dies is marked as dead before it is told", async () => {
  const arena = storeArena(1 << 20);
  const died = Promise.withResolvers<[string, number]>();
  const thread = startCollector(
    { workerText: `throw new Error("at once")`, memory: arena.memory, layout: arena.layout, library: null },
    { onSaid: () => undefined, onDeath: (why) => died.resolve([why, arena.memory.words[HEADER.collector >> 2]]) },
  );
  const [why, state] = await died.promise;
  assertEquals([why, state], ["it threw Error: at once", 4]);
  await thread.end();
});

testWith({ read: true, write: true }, "a manager with threads keeps what agents and main set, over many flushes and a start", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const options = { threads: 1, memoryStoreSize: 8 << 20, enablePerformanceMonitoring: false, persistence: { path: `${folder}/state` } };
    {
      await using manager = new UltraFastAgentManager(options);
      await manager.initialize();
      for (let round = 0; round < 20; round++) {
        for (let n = 0; n < 200; n++) manager.memoryStore.set("round", `k${n}`, { round, text: "x".repeat(n) });
        await manager.memoryStore.flush();
      }
      manager.memoryStore.delete("round", "k7");
      assertEquals(manager.getSystemStatus().persistence?.failure, null);
    }
    await using manager = new UltraFastAgentManager(options);
    await manager.initialize();
    assertEquals(manager.getSystemStatus().recovery?.recovered.entries, 199);
    assertEquals(manager.memoryStore.get("round", "k199"), { round: 19, text: "x".repeat(199) });
    assert(!manager.memoryStore.has("round", "k7"));
    await manager.memoryStore.flush();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
