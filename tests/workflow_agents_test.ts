import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { defineAgent } from "../core/agents/agent.ts";
import { InvalidArgumentError, NotInitializedError } from "../core/base/errors.ts";
import { Kernel } from "../core/kernel.ts";
import { testWith } from "./support/permissions.ts";

const worker = defineAgent({
  onTask(task, ctx) {
    if (task.objective === "fail") throw new Error("told to fail");
    return { by: ctx.id, did: task.objective, input: task.input };
  },
});

Deno.test("steps run on agents by type, capability and id, and are undone by them", async () => {
  await using manager = new Kernel({ threads: 0, behaviors: { worker } });
  assertThrows(() => manager.orchestration, NotInitializedError);
  await manager.initialize();
  const plain = await manager.spawnAgent("worker");
  const able = await manager.spawnAgent("worker", { capabilities: ["lift"] });
  const engine = manager.orchestration;
  const execution = await engine.start({
    id: "mixed",
    steps: [
      { id: "any", action: "look", agentRole: "worker" },
      { id: "able", action: "lift", capability: "lift", dependencies: ["any"] },
      { id: "one", action: "sort", agentId: plain, input: { was: { $ref: "steps.able.by" } }, dependencies: ["able"] },
    ],
  }, { input: 7 });
  const { state, steps } = await execution.result();
  assertEquals(state, "COMPLETED");
  assertEquals(steps.able.result, { by: able, did: "lift", input: 7 });
  assertEquals(steps.one.result, { by: plain, did: "sort", input: { was: able } });

  const failing = await engine.start({
    id: "undone",
    steps: [
      { id: "lock", action: "lock", agentRole: "worker", rollbackAction: "unlock" },
      { id: "fail", action: "fail", agentRole: "worker", retries: 0, dependencies: ["lock"] },
    ],
  });
  const outcome = await failing.result();
  assertEquals([outcome.state, outcome.compensated, outcome.error?.message], ["ROLLED_BACK", ["lock"], "told to fail"]);
});

Deno.test("a step for agents that nobody is refused by name", async () => {
  await using manager = new Kernel({ threads: 0, behaviors: { worker } });
  await manager.initialize();
  const start = (step: object): Promise<unknown> => manager.orchestration.start({ id: "w", steps: [{ id: "a", action: "x", ...step }] });
  await assertRejects(() => start({ agentRole: "worker" }), InvalidArgumentError, "workflow.steps[0].agentRole");
  await assertRejects(() => start({ capability: "fly" }), InvalidArgumentError, "no agent that can fly is alive");
  await assertRejects(() => start({ agentId: 12345 }), InvalidArgumentError, "workflow.steps[0].agentId");
});

Deno.test("shutdown ends what runs", async () => {
  const manager = new Kernel({ threads: 0, behaviors: { worker } });
  await manager.initialize();
  const execution = await manager.orchestration.start({ id: "w", steps: [{ id: "a", approval: true }] });
  await manager.shutdown();
  assertEquals((await execution.result()).state, "CANCELLED");
  assertThrows(() => manager.orchestration, NotInitializedError);
});

testWith({ read: true, write: true }, "with workflowJournal the manager's workflows outlive it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const workflowJournal = `${folder}/flows.sqlite`;
    const step = { id: "a", approval: true } as const;
    const first = new Kernel({ threads: 0, behaviors: { worker }, workflowJournal });
    await first.initialize();
    const { id } = await first.orchestration.start({ id: "waits", steps: [step] });
    await first.shutdown();
    await using second = new Kernel({ threads: 0, behaviors: { worker }, workflowJournal });
    await second.initialize();
    const { resumed: [execution] } = await second.orchestration.resume();
    execution.approve("a", { by: "ann" });
    assertEquals([execution.id, (await execution.result()).state], [id, "COMPLETED"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
