/** Random workflows of all kinds of steps, meddled with at random, and killed after every line of their journals, twice. `-- --long` for more. */
import { assertEquals } from "@std/assert";
import { Random } from "../../core/base/random.ts";
import type { WorkflowDefinition, WorkflowStep } from "../../core/workflows/workflow.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";
import { faultsOfLife, killed, live, type Story } from "../support/cut_world.ts";

const SEEDS = Deno.args.includes("--long") ? 3_000 : 40;
const ACTIONS: Story["actions"] = {
  again: { effect: "idempotent" },
  deal: { effect: "compensable" },
  launch: { effect: "irreversible" },
  fail: { effect: "compensable", fails: 99 },
  flaky: { effect: "compensable", fails: 1 },
};
const backoff = { baseMs: 1 };

/** `numbers` holds the last number given, so that names are unique. */
function randomWorkflow(random: Random, depth: number, numbers: { last: number }): WorkflowDefinition {
  const id = `workflow${++numbers.last}`;
  const steps: WorkflowStep[] = [];
  for (let left = 1 + random.below(5); left > 0; left--) {
    const dependencies = steps.map((step) => step.id).filter(() => random.below(2) === 0);
    const number = ++numbers.last;
    const workflow = (): WorkflowDefinition => randomWorkflow(random, depth + 1, numbers);
    const kinds: (() => WorkflowStep)[] = [
      () => ({ id: `deal${number}`, action: "deal" }),
      () => ({ id: `deal${number}`, action: "deal", map: "input", concurrency: 1 + random.below(3) }),
      () => ({ id: `launch${number}`, action: "launch", approval: random.below(2) === 0 }),
      () => ({ id: `again${number}`, action: "again" }),
      () =>
        random.below(3) === 0
          ? { id: `fail${number}`, action: "fail", retries: 1, backoff }
          : { id: `flaky${number}`, action: "flaky", backoff },
      () => ({ id: `go${number}`, signal: "go" }),
      () => ({ id: `agree${number}`, approval: { count: 2 } }),
      () => ({ id: `wait${number}`, delayMs: 1 + random.below(20) }),
      () => ({ id: `sub${number}`, workflow: workflow() }),
      () => ({ id: `subs${number}`, map: "input", workflow: workflow() }),
    ];
    steps.push({ ...kinds[random.below(depth < 3 ? kinds.length : kinds.length - 2)](), dependencies });
  }
  return { id, steps, concurrency: 1 + random.below(4) };
}

function randomStory(random: Random): Story {
  const definition = randomWorkflow(random, 1, { last: 0 });
  const deeds = ["pause", "resume", "cancel"] as const;
  const plan = Array.from({ length: random.below(4) }, () => ({ at: random.below(25), deed: deeds[random.below(deeds.length)] }));
  const isOpen = (execution: WorkflowExecution): boolean =>
    (execution.state === "RUNNING" || execution.state === "PAUSED") && !execution.history().some(({ kind }) => kind === "cancelled");
  const meddle = (execution: WorkflowExecution, turn: number): void => {
    for (const { at, deed } of plan) if (at === turn && isOpen(execution)) execution[deed]();
    if (turn > 40 && isOpen(execution)) execution.resume();
  };
  return { definition, actions: ACTIONS, input: [1, 2], tokens: 1_000, meddle };
}

Deno.test("whatever it is made of and whenever it is killed, nothing is done twice and nothing is left unnamed", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed);
    const story = randomStory(random);
    const first = await live(story);
    assertEquals(faultsOfLife(story, first), [], `seed ${seed}`);
    for (let cut = 1; cut <= first.journal.durable.length; cut++) {
      const left = killed(first, cut);
      if (left.journal.unfinished().size === 0) continue;
      const second = await live(story, left);
      assertEquals(faultsOfLife(story, second), [], `seed ${seed}, killed after line ${cut}`);
      const again = killed(second, cut + 1 + random.below(20));
      if (again.journal.unfinished().size === 0) continue;
      assertEquals(
        faultsOfLife(story, await live(story, again)),
        [],
        `seed ${seed}, killed after line ${cut} and ${again.journal.durable.length}`,
      );
    }
  }
});
