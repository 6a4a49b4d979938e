/** What an agent that is kept apart cannot do to others, and what becomes of it when its thread or process dies. */
import { assertEquals, assertFalse, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type AgentId, isKernelError, type Isolation, IsolationUnavailableError, UltraFastAgentManager } from "../../mod.ts";
import { groupLives } from "../../core/base/child_group.ts";
import { SystemClock } from "../../core/base/clock.ts";
import { ISOLATED_FRAME_BYTES_MAX, ISOLATED_INPUT_BYTES_MAX } from "../../core/base/limits.ts";
import { openProcess } from "../../core/isolation/process_enclosure.ts";
import { lookAtProcesses } from "../../core/processes/process_table.ts";
import { behaviorUrl } from "../support/behaviors.ts";
import { runDeno } from "../support/run_deno.ts";
import { testWith } from "../support/permissions.ts";
import { until } from "../support/until.ts";

const GRADED = new URL("../support/graded_agent.ts", import.meta.url);
/** Says its process; dies in several ways. */
const MORTAL = behaviorUrl(
  `
  snapshotIntervalMs: 0,
  snapshot: (ctx) => ctx.state,
  onMessage(message, ctx) {
    const { do: what } = message.payload;
    if (what === "note") ctx.state.seen = [...ctx.state.seen ?? [], message.payload.value];
    if (what === "seen") return ctx.reply(ctx.state.seen);
    if (what === "count") ctx.state.count = (ctx.state.count ?? 0) + 1;
    if (what === "pid") return ctx.reply({ pid: Deno.pid, count: ctx.state.count });
    if (what === "exit") return process.exit(3);
    if (what === "daemon") {
      new Deno.Command("sh", { args: ["-c", "sleep 1000 & setsid sleep " + message.payload.value + " &"], stdout: "inherit", stderr: "inherit" }).spawn();
      return ctx.reply("started");
    }
    if (what === "print") { console.log("a line"); return ctx.reply("printed"); }
    if (what === "break") { Deno.stdout.writeSync(new Uint8Array(64).fill(255)); return new Promise(() => {}); }
    if (what === "later") { setTimeout(() => { throw new Error("thrown by a timer"); }, 0); return new Promise(() => {}); }
    if (what === "idle") { setTimeout(() => { throw new Error("thrown while idle"); }, 20); return; }
    if (what === "once") {
      if (message.retryCount === 0) process.exit(4);
      ctx.store.set("graded", "tried", message.retryCount);
    }
  }`,
  `import process from "node:process";`,
);

async function managed(options: { hangTimeoutMs?: number } = {}): Promise<UltraFastAgentManager> {
  const manager = new UltraFastAgentManager({ threads: 1, behaviors: { graded: GRADED, mortal: MORTAL }, ...options });
  await manager.initialize();
  return manager;
}

async function codeOf(promise: Promise<unknown>): Promise<[unknown, string]> {
  const error = await assertRejects(() => promise);
  return [isKernelError(error) ? error.code : error, (error as Error).message];
}

/** The next of these events. */
function next(manager: UltraFastAgentManager, name: string): Promise<{ agentId: AgentId; restored: boolean }> {
  return new Promise((resolve) => manager.once(name, resolve));
}

const APART: readonly Isolation[] = ["worker", "process"];

for (const isolation of APART) {
  testWith({ read: true, run: true }, `${isolation}: who uses up its heap dies alone and is made again with its snapshot`, async () => {
    await using manager = await managed();
    const neighbours = await Promise.all(APART.map((grade) => manager.spawnAgent("graded", { isolation: grade })));
    neighbours.push(await manager.spawnAgent("graded", { host: 0 }));
    const agent = await manager.spawnAgent("graded", { isolation, heapBytesMax: 32 * 2 ** 20 });
    await manager.sendMessage(0, agent, { do: "note", value: "kept" });
    await manager.ask(agent, { do: "seen" });
    const restarted = next(manager, "agent:restarted");
    const filling = manager.ask(agent, { do: "fill" });
    const waiting = manager.ask<{ seen: unknown[]; starts: number }>(agent, { do: "seen" });
    const [code, message] = await codeOf(filling);
    assertEquals(code, "ISOLATION_LOST");
    assertStringIncludes(message, `agent ${agent}`);
    assertEquals((await waiting).seen, ["kept"]);
    assertEquals([(await restarted).agentId, (await restarted).restored], [agent, true]);
    for (const neighbour of neighbours) {
      assertEquals((await manager.ask<{ starts: number }>(neighbour, { do: "seen" })).starts, 1);
    }
    assertEquals((await manager.deadLetters()).map(({ reason }) => reason), ["host-died"]);
    assertEquals(manager.threads, 1);
  });

  testWith(
    { read: true, run: true },
    `${isolation}: one that hangs is given up after its time-out, and stops where its supervision says so`,
    async () => {
      await using manager = await managed({ hangTimeoutMs: 1_000 });
      const agent = await manager.spawnAgent("graded", { isolation });
      const [code, message] = await codeOf(manager.ask(agent, { do: "hang" }));
      assertEquals(code, "ISOLATION_LOST");
      assertStringIncludes(message, "has not turned for 1000 ms");
      assertEquals(await manager.ask(agent, { do: "log" }), "done");
      const mortal = await manager.spawnAgent("graded", { isolation, supervision: { onFailure: "stop" } });
      const abandoned = next(manager, "agent:abandoned");
      await codeOf(manager.ask(mortal, { do: "hang" }));
      assertEquals((await abandoned).agentId, mortal);
      await until(() => manager.getSystemStatus().agents.live === 1);
      await until(() => manager.getSystemStatus().agents.isolated[isolation as "worker"] === 1);
    },
  );

  testWith({ run: true }, `${isolation}: it may end itself, at work or idle; with ack a message is handled once more`, async () => {
    await using manager = await managed();
    const agent = await manager.spawnAgent("mortal", { isolation, supervision: { restartsMax: 10 } });
    await manager.sendMessage(0, agent, { do: "count" });
    await manager.ask(agent, { do: "pid" }); // what it said before, its snapshot with it, has arrived
    for (const way of ["exit", "later"]) assertEquals((await codeOf(manager.ask(agent, { do: way })))[0], "ISOLATION_LOST");
    await manager.ask(agent, { do: "pid" }); // the last restart has been told
    const restarted = next(manager, "agent:restarted");
    await manager.sendMessage(0, agent, { do: "idle" });
    assertEquals((await restarted).agentId, agent);
    assertEquals((await manager.ask<{ count: number }>(agent, { do: "pid" })).count, 1);
    await manager.sendMessage(0, agent, { do: "once" }, { ack: true });
    assertEquals(manager.memoryStore.get("graded", "tried"), 1);
  });
}

for (const isolation of APART) {
  testWith(
    { run: true },
    `${isolation}: it dies again and again, and of all messages only those in its handler are not handled`,
    async () => {
      await using manager = await managed();
      const agent = await manager.spawnAgent("mortal", { isolation, supervision: { restartsMax: 10 } });
      const numbers = Array.from({ length: 60 }, (_, at) => at);
      for (const value of numbers) {
        await manager.sendMessage(0, agent, { do: "note", value });
        if (value % 12 !== 5) continue;
        await manager.ask(agent, { do: "seen" }); // what it said before, its snapshot with it, has arrived
        await manager.sendMessage(0, agent, { do: "exit" });
      }
      assertEquals(await manager.ask(agent, { do: "seen" }), numbers);
      const letters = await manager.deadLetters();
      assertEquals(letters.map(({ reason, message }) => [reason, message.payload]), Array(5).fill(["host-died", { do: "exit" }]));
      const { counts, inFlight } = manager.getPerformanceMetrics();
      assertEquals([counts.sent, counts.delivered, counts.failed, inFlight], [77, 77, 5, 0]);
    },
  );
}

testWith({ read: true, write: true, run: true }, "a process reads the file that its permissions give, and no other", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [open, shut] = [`${folder}/open.txt`, `${folder}/shut.txt`];
    for (const file of [open, shut]) await Deno.writeTextFile(file, "text");
    await using manager = await managed();
    const none = await manager.spawnAgent("graded", { isolation: "process" });
    const one = await manager.spawnAgent("graded", { permissions: { read: [open], write: false } });
    const all = await manager.spawnAgent("graded", { permissions: { read: true } });
    const read = (agent: AgentId, path: string): Promise<unknown> => manager.ask(agent, { do: "read", value: path });
    for (const [agent, path] of [[none, open], [none, shut], [one, shut]] as const) {
      await assertRejects(() => read(agent, path), Error, "Requires read access");
    }
    for (const [agent, path] of [[one, open], [all, open], [all, shut]] as const) assertEquals(await read(agent, path), "text");
    const fetching = manager.ask(none, { do: "import", value: "https://jsr.io/@never/cached.ts" });
    await assertRejects(() => fetching, TypeError, "not found in cache");
    const wide = manager.ask(none, { do: "spawn", value: "graded", config: { permissions: { read: true } } });
    await assertRejects(() => wide, Error, "cannot give permissions");
    for (const isolation of ["shared", "worker"] as const) {
      const outside = manager.ask(none, { do: "spawn", value: "graded", config: { isolation } });
      await assertRejects(() => outside, Error, "spawns processes");
    }
    const spawned = await manager.ask(none, { do: "spawn", value: "graded" }) as AgentId;
    assertEquals(await manager.ask(spawned, { do: "log" }), "done");
    await assertRejects(() => read(spawned, shut), Error, "Requires read access"); // its own code outside of its process could
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWith({ read: true, write: true, run: true }, "a process finds modules as the program does, by its deno.json", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const text = `import { defineAgent } from "@stage3/kernel/agent";
      export default defineAgent({ onMessage: (message, ctx) => ctx.reply(message.payload) });`;
    await Deno.writeTextFile(`${folder}/behavior.ts`, text);
    await using manager = new UltraFastAgentManager({ threads: 0, behaviors: { mapped: `file://${folder}/behavior.ts` } });
    await manager.initialize();
    assertEquals(await manager.ask(await manager.spawnAgent("mapped", { isolation: "process" }), "found"), "found");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWith({ run: true }, "a process that is killed is started anew; what it prints comes out, what breaks the line ends it", async () => {
  await using manager = await managed();
  const agent = await manager.spawnAgent("mortal", { isolation: "process", supervision: { restartsMax: 10 } });
  await manager.sendMessage(0, agent, { do: "count" });
  const first = await manager.ask<{ pid: number }>(agent, { do: "pid" });
  const restarted = next(manager, "agent:restarted");
  Deno.kill(first.pid, "SIGKILL");
  await restarted;
  const second = await manager.ask<{ pid: number; count: number }>(agent, { do: "pid" });
  assertEquals([second.pid === first.pid, second.count, groupLives(first.pid)], [false, 1, false]);
  assertEquals(await manager.ask(agent, { do: "print" }), "printed");
  assertStringIncludes((await codeOf(manager.ask(agent, { do: "break" })))[1], "is no frame");
  const third = await manager.ask<{ pid: number }>(agent, { do: "pid" });
  await manager.terminateAgent(agent);
  assertFalse(groupLives(third.pid));
});

testWith({ run: true }, "what a process has started ends with it, and cannot hold up its end by its pipes", async () => {
  await using manager = await managed();
  const agent = await manager.spawnAgent("mortal", { permissions: { run: ["sh"] } });
  const { pid } = await manager.ask<{ pid: number }>(agent, { do: "pid" });
  assertEquals(await manager.ask(agent, { do: "daemon", value: 5 }), "started");
  await manager.terminateAgent(agent);
  const living = async (): Promise<boolean> =>
    [...(await lookAtProcesses())?.processes.values() ?? []].some(({ group, ended }) => group === pid && !ended);
  while (await living());
});

testWith({ read: true, run: true }, "when the program is killed its processes end, also those whose handler hangs", async () => {
  const program = new URL("../support/killed_parent.ts", import.meta.url);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-run", program.href],
    ...{ stdin: "null", stdout: "piped", stderr: "inherit" },
  });
  const parent = command.spawn();
  const reader = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) text += (await reader.read()).value ?? "";
  const pids = JSON.parse(text) as number[];
  assertEquals(pids.map(groupLives), [true, true]);
  parent.kill("SIGKILL");
  await parent.status;
  await reader.cancel();
  await until(() => pids.every((pid) => !groupLives(pid)));
});

testWith({ run: true }, "what does not combine is refused by its field, before anything is made", async () => {
  await using manager = await managed();
  const refused: [object, string][] = [
    [{ isolation: "worker", permissions: { read: true } }, "a thread has the permissions of its process"],
    [{ isolation: "shared", permissions: {} }, "a thread has the permissions"],
    [{ heapBytesMax: 2 ** 26 }, "bounds a heap of its own"],
    [{ isolation: "process", near: 1 }, "leave out near"],
    [{ permissions: {}, host: 1 }, "leave out host"],
  ];
  for (const [config, text] of refused) await assertRejects(() => manager.spawnAgent("graded", config), IsolationUnavailableError, text);
  const wrong: [object, string][] = [
    [{ isolation: "jail" }, "config.isolation"],
    [{ isolation: "worker", heapBytesMax: 1 }, "config.heapBytesMax"],
    [{ permissions: { reed: true } }, "config.permissions.reed"],
    [{ permissions: { read: [7] } }, "config.permissions.read"],
    [{ permissions: { read: ["a,/b"] } }, "without commas"],
    [{ permissions: true }, "config.permissions"],
  ];
  for (const [config, text] of wrong) await assertRejects(() => manager.spawnAgent("graded", config), Error, text);
  assertEquals(manager.getSystemStatus().agents.live, 0);
  const [code] = await codeOf(manager.spawnAgent("absent"));
  assertEquals(code, "INVALID_ARGUMENT");
});

testWith({ read: true, run: true }, "without the permission to run the error names the flag; threads need none", async () => {
  const { stdout } = await runDeno(new URL("../support/", import.meta.url), ["run", "--no-prompt", "grades_without_flags.ts"]);
  assertStringIncludes(stdout, "Say hello. 1");
  assertStringIncludes(stdout, `IsolationUnavailableError config.isolation "process"`);
  assertStringIncludes(stdout, `--allow-run=${Deno.execPath()}`);
});

testWith({ run: true }, "process: one that does not read what is sent to it is ended before it fills our memory", async () => {
  const lost = Promise.withResolvers<string>();
  const silent = {
    bridgeText: "setInterval(() => {}, 1000);",
    text: "",
    heapMbMax: 64,
    permissions: {},
    modules: [],
    clock: new SystemClock(0),
  };
  const plan = { id: 7, type: "silent", capabilities: [], poisons: false };
  const enclosure = openProcess(silent, plan, { onFrame: () => undefined, onEnd: lost.resolve });
  const frame = new Uint8Array(ISOLATED_FRAME_BYTES_MAX);
  for (let sent = frame.length; sent < ISOLATED_INPUT_BYTES_MAX; sent += frame.length) enclosure.send(frame);
  enclosure.send(frame);
  assertMatch(await lost.promise, /^\d+ bytes wait for it to be read, 134217728 may/);
  await enclosure.end();
});
