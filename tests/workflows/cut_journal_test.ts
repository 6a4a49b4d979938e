/** Workflows of all kinds of steps, killed after every line of their journals, beside an outside that remembers what was done to it. */
import { assert, assertEquals } from "@std/assert";
import type { WorkflowDefinition } from "../../core/workflows/workflow.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";
import { faultsOfLife, killed, live, type Story } from "../support/cut_world.ts";

/** Ids begin with the name of their action. */
const ACTIONS: Story["actions"] = {
  again: { effect: "idempotent" },
  deal: { effect: "compensable" },
  launch: { effect: "irreversible" },
  fail: { effect: "compensable", fails: 99 },
};
const TOKENS = 100;

const deep: WorkflowDefinition = {
  id: "deep",
  steps: [{ id: "deal1", action: "deal" }, { id: "deal2", action: "deal", dependencies: ["deal1"] }],
};
const inner: WorkflowDefinition = {
  id: "inner",
  steps: [
    { id: "deal1", action: "deal" },
    { id: "launch1", action: "launch", approval: false, dependencies: ["deal1"] },
    { id: "deep", workflow: deep, dependencies: ["launch1"] },
    { id: "again1", action: "again", dependencies: ["deep"] },
  ],
};
const failing: WorkflowDefinition = {
  id: "failing",
  steps: [{ id: "deal1", action: "deal" }, { id: "fail1", action: "fail", retries: 0, dependencies: ["deal1"] }],
};

/** Every kind of step, and a last one that may fail. */
function whole(last: string): WorkflowDefinition {
  return {
    id: "whole",
    steps: [
      { id: "deal1", action: "deal" },
      { id: "deal2", action: "deal" },
      { id: "deal3", action: "deal", map: "input", concurrency: 2, dependencies: ["deal1"] },
      { id: "inner", workflow: inner, dependencies: ["deal3"] },
      { id: "wait", delayMs: 7, dependencies: ["inner"] },
      { id: "signal", signal: "go", dependencies: ["wait"] },
      { id: "agreed", approval: { count: 2 }, dependencies: ["signal"] },
      { id: "launch2", action: "launch", dependencies: ["agreed"] },
      { id: `${last}9`, action: last, dependencies: ["launch2"], retries: 1, backoff: { baseMs: 1 } },
    ],
  };
}

const maps: WorkflowDefinition = {
  id: "maps",
  steps: [{ id: "each", map: "input", workflow: inner, concurrency: 2 }, {
    id: "fail9",
    action: "fail",
    dependencies: ["each"],
    retries: 0,
  }],
};
const retried: WorkflowDefinition = {
  id: "retried",
  steps: [{ id: "deal9", action: "deal" }, { id: "sub", workflow: failing, retries: 2, backoff: { baseMs: 1 }, dependencies: ["deal9"] }],
};

function stories(): Map<string, Story> {
  const all = new Map<string, Story>();
  const tell = (name: string, definition: WorkflowDefinition, meddle?: Story["meddle"]): void =>
    void all.set(name, { definition, actions: ACTIONS, input: [1, 2, 3], tokens: TOKENS, meddle });
  for (const last of ["again", "deal", "fail"]) tell(`ends with ${last}`, whole(last));
  tell("a map of workflows is undone", maps);
  tell("a sub-workflow is tried again", retried);
  for (const at of [2, 5, 9, 13, 17, 20, 23]) {
    const cancel = (execution: WorkflowExecution, turn: number): void => void (turn === at && execution.cancel("enough"));
    tell(`cancelled in turn ${at}`, whole("again"), cancel);
    tell(`a map of workflows is cancelled in turn ${at}`, maps, cancel);
  }
  for (const at of [3, 8, 14]) {
    tell(`paused in turn ${at}`, whole("again"), (execution, turn) => {
      if (turn === at) execution.pause();
      if (turn === at + 4) execution.resume();
    });
  }
  return all;
}

Deno.test("killed after any line, it goes on: nothing is done twice, nothing is left, and what was spent stays spent", async () => {
  let lives = 0;
  for (const [name, story] of stories()) {
    const first = await live(story);
    assertEquals(faultsOfLife(story, first), [], name);
    const { durable } = first.journal;
    for (let cut = 1; cut <= durable.length; cut++) {
      const left = killed(first, cut);
      if (left.journal.unfinished().size === 0) continue;
      const place = `${name}, killed after line ${cut}, ${durable[cut - 1].kind} ${durable[cut - 1].stepId}`;
      const second = await live(story, left);
      assertEquals(faultsOfLife(story, second), [], place);
      lives++;
      // What was under way when it was killed may be spent and not told.
      const spends = second.deeds.filter(({ what }) => what === "do");
      const before = left.deeds.filter(({ what }) => what === "do");
      const told = before.filter(({ key }) =>
        durable.slice(0, cut).some(({ kind, executionId, stepId }) => kind === "step-completed" && key === `${executionId}/${stepId}`)
      );
      if (spends.length === before.length) continue;
      const spent = TOKENS - second.tokensLeft;
      assert(
        spent <= spends.length && spent >= spends.length - before.length + told.length,
        `${place}: ${spent} of ${spends.length} spent`,
      );
    }
  }
  assert(lives > 500, `${lives} lives`);
});
