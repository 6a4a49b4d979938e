/**
 * A program that is killed: goes on with what its journal holds, starts workflows, and says what has ended. Each step leaves a line in a ledger the moment it is
 * done. Run by tests/faults/killed_workflows_test.ts: `killed_workflows.ts <folder> <workflows to start>`.
 *
 * @module
 */
import { FileJournal } from "../../core/workflows/file_journal.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";

const [folder, count] = Deno.args;
const ledger = `${folder}/ledger.txt`;
const engine = new OrchestrationEngine({ journal: new FileJournal(`${folder}/journal.sqlite`) });
const once = (name: string, effect: "idempotent" | "compensable") =>
  engine.action(name, async (_input: unknown, ctx) => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    Deno.writeTextFileSync(ledger, `${effect} ${ctx.key}\n`, { append: true, create: true });
    return ctx.key;
  }, { effect, ...effect === "compensable" ? { compensate: () => {} } : {} });
once("again", "idempotent");
once("once", "compensable");
const definition = {
  id: "killed",
  steps: Array.from({ length: 5 }, (_, at) => ({
    ...{ id: `s${at}`, action: at % 2 === 0 ? "again" : "once" },
    dependencies: at === 0 ? [] : [`s${at - 1}`],
  })),
};

async function follow(execution: WorkflowExecution): Promise<void> {
  const { state } = await execution.result();
  console.log(`ended ${execution.id} ${state}`);
}

const { resumed, refused } = await engine.resume();
for (const { executionId, error } of refused) console.log(`refused ${executionId} ${error.message}`);
Deno.writeTextFileSync(ledger, "", { append: true }); // killed before its first step, it has left none
const done = Deno.readTextFileSync(ledger).split("\n");
for (const execution of resumed) {
  // Whoever is asked looks at the ledger, as a clerk would look at the bank's statement.
  for (const { stepId } of execution.waiting()) {
    const key = `${execution.id}/${stepId}`;
    const ran = done.includes(`compensable ${key}`);
    execution.approve(stepId, { by: "clerk", ...ran ? { ran, result: key } : {} });
  }
}
const started: WorkflowExecution[] = [];
for (let at = 0; at < Number(count); at++) {
  const execution = await engine.start(definition);
  console.log(`started ${execution.id}`);
  started.push(execution);
}
await Promise.all([...resumed, ...started].map(follow));
console.log("idle");
engine.close();
