/** The whole kernel in a mapped file: what is there again after a kill, after a loss of power, after a shutdown; and what an inspection says of it. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { isKernelError, type RecoveryReport, UltraFastAgentManager } from "../mod.ts";
import type { MappedReport, PortableReport } from "../scripts/inspect/report.ts";
import { main as inspect } from "../scripts/inspect.ts";
import { behaviorUrl } from "./support/behaviors.ts";
import { changeHeader, offsetOf } from "./support/mapped_arena.ts";
import { testWith } from "./support/permissions.ts";
import { withFolder } from "./support/run_deno.ts";

const NEEDS = { read: true, write: true, ffi: true };
const ECHO = behaviorUrl(
  `onMessage(message, ctx) { if (message.payload === "throw") throw new Error("as asked"); ctx.reply(message.payload); }`,
);

function managerOn(path: string, mode: "mapped" | "portable" = "mapped"): UltraFastAgentManager {
  return new UltraFastAgentManager({
    ...{ threads: 0, memoryStoreSize: 4 << 20, sharedBufferSize: 16 << 20, maxConcurrentAgents: 100, enablePerformanceMonitoring: false },
    ...{ behaviors: { echo: ECHO }, persistence: { path, mode, intervalMs: 60_000 } },
  });
}

function recoveryOf(manager: UltraFastAgentManager): RecoveryReport {
  const { recovery } = manager.getSystemStatus();
  assert(recovery !== null);
  return recovery;
}

/** The files of a manager as a kill leaves them: with two messages and a key that were flushed, one of each that were not, and one consumed since. */
async function killed(folder: string): Promise<{ path: string; agentId: number }> {
  const path = `${folder}/running`;
  await using manager = managerOn(path);
  await manager.initialize();
  const { memoryStore: store, communicationBus: bus } = manager;
  const agentId = await manager.spawnAgent("echo");
  bus.createQueue("work", { capacity: 100, durable: true });
  bus.createQueue("play", { capacity: 100 });
  for (const queue of ["work", "play"]) bus.subscribe("numbers", queue);
  store.set("orders", "1", { flushed: true });
  store.set("orders", "2", { flushed: true });
  bus.publish("numbers", 1);
  bus.publish("numbers", 2, "critical");
  await store.flush();
  store.set("orders", "2", { flushed: false });
  store.set("orders", "3", { flushed: false });
  store.delete("orders", "1");
  bus.publish("numbers", 3);
  assertEquals(bus.consume("work", 1)[0].payload, 2);
  for (let n = 0; n < 10; n++) assertEquals(await manager.ask(agentId, n), n);
  await assertRejects(() => manager.ask(agentId, "throw"));
  for (const file of ["", ".log"]) Deno.copyFileSync(path + file, `${folder}/state${file}`);
  return { path: `${folder}/state`, agentId };
}

function drained(manager: UltraFastAgentManager, queue: string): unknown[] {
  return manager.communicationBus.consume(queue, 100).map(({ payload }) => payload);
}

testWith(
  NEEDS,
  "after a kill all that was set or published is there, and what was consumed without a flush comes again",
  () =>
    withFolder(async (folder) => {
      const { path, agentId } = await killed(folder);
      for (let start = 0; start < 2; start++) {
        await using manager = managerOn(path);
        await manager.initialize();
        const { mode, found, recovered, cut, lost, agents } = recoveryOf(manager);
        assertEquals([mode, found, cut, lost], ["mapped", true, null, { places: 0, records: 0, sequences: [], refused: 0 }]);
        // The second start finds what the first one has kept in order.
        assertEquals(recovered, { entries: 2, queues: 1, messages: 3, agents: 1 });
        assertEquals(agents, [{ agentId, type: "echo", outcome: "fresh" }]);
        const { memoryStore: store } = manager;
        assertEquals([1, 2, 3].map((n) => store.get("orders", `${n}`)), [undefined, { flushed: false }, { flushed: false }]);
        assertEquals(await manager.ask(agentId, "here"), "here");
        assertEquals(store.verify(), { checked: 2, damaged: 0, corrupt: [] });
        assertEquals(manager.communicationBus.stats("work").depth, 3);
        if (start === 1) assertEquals(drained(manager, "work"), [2, 1, 3]);
      }
    }),
);

testWith(
  NEEDS,
  "what a start took over comes again, too, when it is consumed and the process is killed before a flush",
  () =>
    withFolder(async (folder) => {
      const { path } = await killed(folder);
      {
        await using manager = managerOn(path);
        await manager.initialize();
        assertEquals(drained(manager, "work"), [2, 1, 3]);
        for (const file of ["", ".log"]) Deno.copyFileSync(path + file, `${folder}/second${file}`);
      }
      await using manager = managerOn(`${folder}/second`);
      await manager.initialize();
      assertEquals(drained(manager, "work"), [2, 1, 3]);
    }),
);

testWith(NEEDS, "after a loss of power the last flush counts, and the report says so", () =>
  withFolder(async (folder) => {
    const { path, agentId } = await killed(folder);
    changeHeader(path, { boot: "another" });
    await using manager = managerOn(path);
    await manager.initialize();
    const { found, recovered, notes } = recoveryOf(manager);
    assertEquals([found, recovered], [true, { entries: 2, queues: 1, messages: 2, agents: 1 }]);
    assert(notes.some((note) => note.includes("the last flush")), notes.join());
    const { memoryStore: store } = manager;
    assertEquals([1, 2, 3].map((n) => store.get("orders", `${n}`)), [{ flushed: true }, { flushed: true }, undefined]);
    assertEquals(drained(manager, "work"), [2, 1]);
    assertEquals(await manager.ask(agentId, 1), 1);
  }));

testWith(NEEDS, "without a log the mapped file is taken for what it is", () =>
  withFolder(async (folder) => {
    const { path } = await killed(folder);
    changeHeader(path, { boot: "another" });
    Deno.removeSync(path + ".log");
    await using manager = managerOn(path);
    await manager.initialize();
    const { recovered, notes } = recoveryOf(manager);
    assertEquals(recovered, { entries: 2, queues: 1, messages: 2, agents: 0 });
    assert(notes.some((note) => note.includes("no log")), notes.join());
    assertEquals(drained(manager, "work"), [1, 3]);
  }));

testWith(
  NEEDS,
  "a manager that cannot have the file leaves everything as it was",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      const codeOf = async (manager: UltraFastAgentManager): Promise<string> => {
        const error = await assertRejects(() => manager.initialize());
        assert(isKernelError(error), String(error));
        return error.code;
      };
      {
        await using first = managerOn(path);
        await first.initialize();
        first.memoryStore.set("a", "b", 1);
        assertEquals(await codeOf(managerOn(path)), "PERSISTENCE_LOCKED");
        assertEquals(first.memoryStore.get("a", "b"), 1);
      }
      assertEquals(await codeOf(managerOn(path, "portable")), "PERSISTENCE_FOREIGN");
      {
        await using portable = managerOn(`${folder}/portable`, "portable");
        await portable.initialize();
      }
      assertEquals(await codeOf(managerOn(`${folder}/portable`)), "PERSISTENCE_FOREIGN");
      // A log that a newer program wrote: the mapped file stays where it is.
      const log = Deno.readFileSync(path + ".log");
      Deno.writeTextFileSync(path + ".log", "something else\n".repeat(100));
      assertEquals(await codeOf(managerOn(path)), "PERSISTENCE_FOREIGN");
      Deno.writeFileSync(path + ".log", log);
      await using again = managerOn(path);
      await again.initialize();
      assertEquals(again.memoryStore.get("a", "b"), 1);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["portable", "state", "state.log"]);
    }),
);

testWith(
  NEEDS,
  "an inspection tells of a killed process which agents it had, what they were at, and what waits",
  () =>
    withFolder(async (folder) => {
      const { path, agentId } = await killed(folder);
      const before = Deno.statSync(path).mtime;
      let text = "";
      const print = (more: string): void => void (text += more);
      assertEquals(await inspect([path, "--json"], print), 0);
      const report = JSON.parse(text) as MappedReport;
      assertEquals([report.mode, report.state, report.bytesMissing, report.pid], ["mapped", "left", 0, Deno.pid]);
      assertEquals(report.agents.length, 1);
      const [agent] = report.agents;
      assertEquals([agent.id, agent.type, agent.state, agent.handled, agent.failed], [agentId, "echo", "ready", 11, 1]);
      assertEquals(agent.events.map(({ kind }) => kind), ["message", "message", "message", "failed"]);
      assert(agent.events[0].messageId > 0 && agent.events[0].at > report.store.changes, "a message has its id and its time");
      assertEquals(
        report.queues.map(({ name, waiting }) => [name, waiting]),
        [
          ["$dead-letters", [0]],
          ["work", [0, 2, 0, 0, 0]],
          ["play", [0, 2, 0, 0, 1]],
        ],
      );
      assertEquals(report.store.namespaces, [{ namespace: "orders", entries: 2, bytes: 128 }]);
      assertEquals([report.store.check.valid, report.store.check.damaged, report.store.lockHolder], [2, 0, null]);
      text = "";
      assertEquals(await inspect([path, "--agents", "5"], print), 0);
      for (
        const words of [/left: its process ended/, /echo +ready +0 +11 +1 /, /orders +2 +128/, /2 entries with a right checksum, 0 damaged/]
      ) {
        assertMatch(text, words);
      }
      assertEquals(Deno.statSync(path).mtime, before, "nothing was written");
      assertEquals(await inspect(["--help"], print), 0);
    }),
);

testWith(
  { read: true, write: true },
  "an inspection of a portable file counts what is in it, and names damage",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      {
        await using manager = managerOn(path, "portable");
        await manager.initialize();
        await manager.spawnAgent("echo");
        manager.communicationBus.createQueue("work", { capacity: 10, durable: true });
        manager.communicationBus.subscribe("numbers", "work");
        manager.communicationBus.publish("numbers", 1);
        for (let n = 0; n < 10; n++) manager.memoryStore.set(n % 2 === 0 ? "even" : "odd", `key ${n}`, "value".repeat(n));
        await manager.memoryStore.flush();
        manager.memoryStore.delete("odd", "key 1");
      }
      let text = "";
      const print = (more: string): void => void (text += more);
      assertEquals(await inspect([path, "--json"], print), 0);
      const report = JSON.parse(text) as PortableReport;
      const { mode, state, batches, cut, lost, agents, queues, namespaces } = report;
      assertEquals([mode, state, batches, cut, lost.places], ["portable", "left or closed", 2, null, 0]);
      assertEquals(agents.map(({ type }) => type), ["echo"]);
      assertEquals(queues, [{ name: "work", capacity: 10, messages: 1 }]);
      assertEquals(namespaces.map(({ namespace, entries }) => [namespace, entries]), [["even", 5], ["odd", 4]]);
      const bytes = Deno.readFileSync(path);
      bytes[300] ^= 1;
      Deno.writeFileSync(path, new Uint8Array([...bytes, 1, 2, 3]));
      text = "";
      assertEquals(await inspect([path], print), 1);
      assertMatch(text, /DAMAGED: 1 place/);
      assertMatch(text, /an unfinished end of 3 bytes/);
    }),
);

testWith(
  NEEDS,
  "an inspection of a running process's file disturbs nobody; one of a damaged file says what is damaged",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      let text = "";
      const print = (more: string): void => void (text += more);
      {
        await using manager = managerOn(path);
        await manager.initialize();
        for (let n = 0; n < 100; n++) manager.memoryStore.set("a", `key ${n}`, "value".repeat(n));
        assertEquals(await inspect([path, "--json"], print), 0);
        assertEquals([JSON.parse(text).state, JSON.parse(text).store.check.valid], ["in use", 100]);
        manager.memoryStore.set("a", "later", 1);
      }
      const bytes = Deno.readFileSync(path);
      bytes[offsetOf(bytes, "key 50")] ^= 4;
      Deno.writeFileSync(path, bytes.subarray(0, bytes.length - 100));
      text = "";
      assertEquals(await inspect([path], print), 1);
      assertStringIncludes(text, "CUT OFF: 100 bytes are missing");
      assertStringIncludes(text, "100 entries with a right checksum, 1 damaged");
      assertStringIncludes(text, "its checksum differs");
    }),
);

testWith(NEEDS, "a manager that cannot start for another reason lets the mapped file go", async () => {
  await withFolder(async (folder) => {
    const options = { threads: 0, memoryStoreSize: 4 << 20, sharedBufferSize: 16 << 20, maxConcurrentAgents: 100 };
    const persistence = { path: `${folder}/state`, mode: "mapped" as const };
    const failing = new UltraFastAgentManager({ ...options, persistence, workflowJournal: `${folder}/missing/flows.sqlite` });
    const error = await assertRejects(() => failing.initialize());
    assert(isKernelError(error) && error.code === "JOURNAL_UNUSABLE");
    await using next = new UltraFastAgentManager({ ...options, persistence });
    await next.initialize();
    assertEquals([recoveryOf(next).mode, recoveryOf(next).found], ["mapped", false]);
  });
});
