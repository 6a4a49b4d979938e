import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { isKernelError, UltraFastAgentManager } from "../../mod.ts";
import { type AgentType, TEAM } from "../../core/team/team.ts";
import { behaviorUrl } from "../support/behaviors.ts";
import { testWith } from "../support/permissions.ts";
import { comparable, GOLDEN } from "../support/team_golden.ts";

const TYPES = Object.keys(TEAM) as AgentType[];

for (const threads of [1, 0]) {
  Deno.test(`each type does its golden task, asked and as a task, without behaviors or permissions (threads: ${threads})`, async () => {
    await using manager = new UltraFastAgentManager({ threads });
    await manager.initialize();
    for (const type of TYPES) {
      const { input, output } = GOLDEN[type];
      const agent = await manager.spawnAgent(type);
      assertEquals(comparable(await manager.ask(agent, input)), output, type);
      const result = await manager.executeTask(agent, { id: type, objective: "golden", input });
      assertEquals([result.status, comparable(result.output)], ["completed", output], type);
    }
  });
}

Deno.test("bad input is an error that names the field, and the agent goes on", async () => {
  await using manager = new UltraFastAgentManager({ threads: 1 });
  await manager.initialize();
  for (const type of TYPES) {
    const agent = await manager.spawnAgent(type);
    for (const input of [7, null, { unknown: 1 }, undefined]) {
      const error = await assertRejects(() => manager.ask(agent, input), Error, "input");
      assertEquals([isKernelError(error) && error.code], ["INVALID_ARGUMENT"], `${type} ${error.message}`);
      if (input === undefined) continue; // a task of words alone is done by a model
      const task = await manager.executeTask(agent, { id: "bad", objective: "x", input });
      assertEquals([task.status, isKernelError(task.error) && task.error.code], ["failed", "INVALID_ARGUMENT"]);
    }
    assertEquals(comparable(await manager.ask(agent, GOLDEN[type].input)), GOLDEN[type].output, type);
  }
});

Deno.test("a behavior of the same name takes the place of the team's, and warm pools hold team agents", async () => {
  await using manager = new UltraFastAgentManager({
    threads: 1,
    behaviors: { coder: behaviorUrl("onMessage(_message, ctx) { ctx.reply('mine'); }") },
    agentPoolConfig: { preWarmPools: { tester: 2 } },
  });
  await manager.initialize();
  assertEquals(await manager.ask(await manager.spawnAgent("coder"), GOLDEN.coder.input), "mine");
  const warm = await manager.spawnAgent("tester", { preWarm: true });
  assertEquals(await manager.ask(warm, GOLDEN.tester.input), GOLDEN.tester.output);
});

Deno.test("a coordinator spawns its workers once, and replaces those that are gone", async () => {
  await using manager = new UltraFastAgentManager({ threads: 2 });
  await manager.initialize();
  const agent = await manager.spawnAgent("coordinator");
  const ask = () => manager.ask<{ parts: { worker: number; ok: boolean; attempts: number }[] }>(agent, GOLDEN.coordinator.input);
  const first = (await ask()).parts.map(({ worker }) => worker);
  assertEquals(first[0], first[2], "part by part in turn");
  assertEquals((await ask()).parts.map(({ worker }) => worker), first);
  await manager.terminateAgent(first[0]);
  const without = (await ask()).parts;
  assertEquals(without.map(({ ok, attempts }) => [ok, attempts]), [[true, 2], [true, 1], [true, 2]], "the other one helped out");
  const after = (await ask()).parts;
  assertEquals(after.map(({ attempts }) => attempts), [1, 1, 1]);
  assertGreater(after.filter(({ worker }) => !first.includes(worker)).length, 0);
  await manager.terminateAgent(agent);
  assertEquals(manager.inspectMemory().agentsLive, 0, "its workers end with it");
});

testWith({ read: true, run: true }, "threads have the team without any permission", async () => {
  const root = new URL("../../", import.meta.url);
  const args = ["run", "--no-prompt", "--no-check", new URL("tests/support/team_without_flags.ts", root).pathname];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  const text = new TextDecoder();
  assertEquals(text.decode(stdout).trim().split("\n").sort(), TYPES.toSorted(), text.decode(stderr));
});

Deno.test("a coordinator whose thread dies comes back with its workers", async () => {
  await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { bomb: behaviorUrl("onMessage() { Deno.exit(3); }") } });
  const recovered = new Promise((resolve) => manager.once("host:recovered", resolve));
  await manager.initialize();
  const agent = await manager.spawnAgent("coordinator", { host: 1 });
  const input = { task: { text: "a", edits: [] }, workers: { type: "coder", count: 4 }, merge: "majority", pick: "text" };
  const ask = () => manager.ask<{ merged: unknown; parts: { worker: number }[] }>(agent, input);
  const before = await ask();
  const bomb = await manager.spawnAgent("bomb", { host: 1 });
  await manager.sendMessage(0, bomb, "now");
  await recovered;
  const after = await ask();
  assertEquals([after.merged, after.parts], ["a", before.parts]);
  await manager.terminateAgent(agent);
  assertEquals(manager.inspectMemory().agentsLive, 1, "the bomb alone");
});
