import { assertEquals, assertRejects } from "@std/assert";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";

Deno.test("a workflow whose second step fails is rolled back", async () => {
  const undone: unknown[] = [];
  const engine = new OrchestrationEngine();
  engine.action("reserve", async () => await Promise.resolve({ seat: 12 }), {
    effect: "compensable",
    compensate: async (result) => await Promise.resolve(undone.push(result)),
  });
  engine.action("charge", () => Promise.reject(new Error("card refused")));
  const execution = await engine.start({
    id: "booking",
    steps: [{ id: "a", action: "reserve" }, { id: "b", action: "charge", dependencies: ["a"], retries: 0 }],
  }, { input: { name: "Ann" } });
  const outcome = await execution.result();
  assertEquals([outcome.state, outcome.compensated, outcome.notUndone], ["ROLLED_BACK", ["a"], []]);
  assertEquals([outcome.steps.a.state, outcome.steps.a.result, outcome.steps.a.attempts], ["COMPENSATED", { seat: 12 }, 1]);
  assertEquals([outcome.steps.b.state, outcome.steps.b.error?.message], ["FAILED", "card refused"]);
  assertEquals(undone, [{ seat: 12 }]);
  assertEquals(execution.states().map(({ to }) => to), ["QUEUED", "RUNNING", "FAILED", "ROLLED_BACK"]);
});

Deno.test("a mistake in a workflow is refused by the path to it", async () => {
  const engine = new OrchestrationEngine();
  engine.action("x", () => 1);
  const refused = async (definition: unknown, field: string): Promise<string> => {
    const error = await assertRejects(() => engine.start(definition as never), InvalidArgumentError);
    assertEquals((error as InvalidArgumentError).field, field);
    return error.message;
  };
  const steps = (...list: unknown[]): unknown => ({ id: "w", steps: list });
  await refused(undefined, "workflow");
  await refused("unknown", "workflow");
  await refused({ id: "w" }, "workflow.steps");
  await refused({ id: "", steps: [] }, "workflow.id");
  await refused({ id: "w", steps: [{ id: "a", action: "x" }], timeout: -1 }, "workflow.timeout");
  await refused({ id: "w", step: [] }, "workflow.step");
  await refused(steps({ id: "a", action: "x" }, { id: "a", action: "x" }), "workflow.steps[1].id");
  await refused(steps({ id: "a", action: "x", dependencies: ["b"] }), "workflow.steps[0].dependencies[0]");
  await refused(steps({ id: "a", action: "x", dependencies: ["a"] }), "workflow.steps[0].dependencies[0]");
  await refused(steps({ id: "a", action: "y" }), "workflow.steps[0].action");
  await refused(steps({ id: "a" }), "workflow.steps[0]");
  await refused(steps({ id: "a", action: "x", timeout: -5 }), "workflow.steps[0].timeout");
  await refused(steps({ id: "a", action: "x", retries: 0.5 }), "workflow.steps[0].retries");
  await refused(steps({ id: "a", action: "x", effect: "pur" }), "workflow.steps[0].effect");
  await refused(steps({ id: "a", action: "x", effect: "compensable" }), "workflow.steps[0].effect");
  await refused(steps({ id: "a", action: "x", effect: "irreversible", retries: 1 }), "workflow.steps[0].retries");
  await refused(steps({ id: "a", action: "x", rollbackAction: "y" }), "workflow.steps[0].rollbackAction");
  await refused(steps({ id: "a", action: "x", agentRole: "coder" }), "workflow.steps[0].agentRole");
  await refused(steps({ id: "a", action: "x", dependecies: [] }), "workflow.steps[0].dependecies");
  await refused(steps({ id: "a", action: "x", signal: "s" }), "workflow.steps[0].signal");
  await refused(steps({ id: "a", action: "x", when: { "steps.b": 1 } }), 'workflow.steps[0].when["steps.b"]');
  await refused(steps({ id: "a", action: "x", when: { input: { $gt: [] } } }), 'workflow.steps[0].when["input"].$gt');
  await refused(steps({ id: "a", action: "x", when: { input: { $more: 1 } } }), 'workflow.steps[0].when["input"].$more');
  await refused(steps({ id: "a", action: "x", input: { b: { $ref: "nowhere" } } }), "workflow.steps[0].input.b.$ref");
  await refused(steps({ id: "a", action: "x", map: "steps.b" }), "workflow.steps[0].map");
  await refused(steps({ id: "a", action: "x", backoff: { factor: 0 } }), "workflow.steps[0].backoff.factor");
  await refused(steps({ id: "a", approval: { by: ["ann"], count: 2 } }), "workflow.steps[0].approval.count");
  await refused(steps({ id: "a", workflow: "none" }), "workflow.steps[0].workflow");
  const message = await refused(
    steps(
      { id: "a", action: "x", dependencies: ["b"] },
      { id: "b", action: "x", dependencies: ["a"] },
      { id: "c", action: "x", dependencies: ["b"] },
    ),
    "workflow.steps[0].dependencies[0]",
  );
  assertEquals(message.includes("a → b → a") && message.includes("never reached: c"), true);
});
