/**
 * A program whose disk is full at some time: runs workflows until one is told that the journal cannot be written, and says what became of each. Run by
 * tests/faults/full_disk_test.ts: `full_disk_workflows.ts <journal> <workflows to start>`.
 *
 * @module
 */
import { isKernelError } from "../../core/base/errors.ts";
import { FileJournal } from "../../core/workflows/file_journal.ts";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";

const [path, count] = Deno.args;
const engine = new OrchestrationEngine({ journal: new FileJournal(path) });
engine.action("fill", () => "x".repeat(2_000));
const { resumed } = await engine.resume();
for (const execution of resumed) {
  const { state } = await execution.result();
  console.log(`resumed ${execution.id} ${state}`);
}
for (let at = 0; at < Number(count); at++) {
  try {
    const execution = await engine.start({
      id: "fill",
      steps: [{ id: "a", action: "fill" }, { id: "b", action: "fill", dependencies: ["a"] }],
    });
    const { state, error } = await execution.result();
    console.log(`ended ${execution.id} ${state} ${isKernelError(error) ? error.code : ""}`);
  } catch (error) {
    console.log(`refused ${isKernelError(error) ? error.code : error}`);
  }
}
engine.close();
