/** Waiting for processes that somebody else has ended. */
import { deadline } from "@std/async";
import { lookAtProcesses } from "../../core/processes/process_table.ts";

/** An orphan is what still runs after this. */
const ORPHAN_MS = 3_000;

/** Resolves when no process of these groups is alive: who was sent SIGKILL needs a moment of a processor to end. */
export async function endOfGroups(...groups: number[]): Promise<void> {
  const areAlive = async (): Promise<boolean> =>
    [...(await lookAtProcesses())!.processes.values()].some(({ group, ended }) => groups.includes(group) && !ended);
  const looking = async (): Promise<void> => {
    while (await areAlive());
  };
  await deadline(looking(), ORPHAN_MS);
}
