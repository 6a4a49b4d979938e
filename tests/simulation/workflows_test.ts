/**
 * Thousands of random workflows on a fake clock, each with a failure planted at every one of its steps, and cancelled at random moments. `-- --long` for more.
 */
import { assertEquals } from "@std/assert";
import { Random } from "../../core/base/random.ts";
import { faultsOf, LinesJournal, randomWorld, runWorld, type Seen } from "../support/workflow_world.ts";

const WORLDS = Deno.args.includes("--long") ? 20_000 : 500;

Deno.test("whatever fails, what was begun is undone in order, or named", async () => {
  const states: Record<string, number> = {};
  let runs = 0;
  for (let seed = 1; seed <= WORLDS; seed++) {
    const random = new Random(seed);
    const world = randomWorld(random);
    const points = [undefined, ...world.definition.steps.map(({ id }) => id)];
    for (const failing of points) {
      const result = await runWorld(world, { failing, seed });
      const { outcome, seen } = result;
      assertEquals(faultsOf(world, result), [], `seed ${seed}, ${failing} fails`);
      const isReached = failing !== undefined && seen.some(({ what, step }) => what === "start" && step === failing);
      assertEquals(outcome.state === "COMPLETED", !isReached, `seed ${seed}, ${failing} fails: ${outcome.state}`);
      states[outcome.state] = (states[outcome.state] ?? 0) + 1;
      runs++;
    }
    const result = await runWorld(world, { cancelAtMs: random.below(100), seed });
    const { outcome } = result;
    assertEquals(faultsOf(world, result), [], `seed ${seed}, cancelled`);
    assertEquals(["CANCELLED", "COMPLETED"].includes(outcome.state), true);
    states[outcome.state] = (states[outcome.state] ?? 0) + 1;
  }
  // All ends were reached, and often.
  for (const state of ["COMPLETED", "ROLLED_BACK", "FAILED", "CANCELLED"]) {
    assertEquals((states[state] ?? 0) > WORLDS / 10, true, `${state}: ${states[state]} of ${runs}`);
  }
});

Deno.test("killed after any line of the journal, an execution goes on: nothing completed runs again, nothing is undone twice", async () => {
  for (let seed = 1; seed <= WORLDS / 10; seed++) {
    const random = new Random(seed);
    const world = randomWorld(random, 7);
    for (const failing of [undefined, world.definition.steps[random.below(world.definition.steps.length)].id]) {
      const journal = new LinesJournal();
      const whole = await runWorld(world, { failing, seed, journal });
      const place = `seed ${seed}, ${failing} fails`;
      assertEquals(faultsOf(world, whole), [], place);
      for (let cut = 1; cut < journal.lines.length; cut++) {
        const before = journal.lines.slice(0, cut);
        const after = await runWorld(world, { failing, seed, journal: journal.cut(cut) });
        const here = `${place}, killed after line ${cut}`;
        const was = (kind: string, id: string): boolean => before.some((line) => line.kind === kind && line.stepId === id);
        for (const { id } of world.definition.steps) {
          const did = (what: Seen["what"]): number => after.seen.filter((line) => line.what === what && line.step === id).length;
          if (was("step-completed", id)) assertEquals(did("start"), 0, `${here}: ${id} ran again`);
          if (was("undone", id)) assertEquals(did("undo"), 0, `${here}: ${id} was undone again`);
        }
        const ends = failing === undefined ? ["COMPLETED"] : ["COMPLETED", "ROLLED_BACK", "FAILED"];
        assertEquals(ends.includes(after.outcome.state), true, `${here}: ${after.outcome.state}`);
        if (after.outcome.state === "ROLLED_BACK") assertEquals(after.outcome.notUndone, [], here);
        if (before.some(({ kind }) => kind === "failed")) assertEquals(after.seen.filter(({ what }) => what === "start"), [], here);
        // Every compensable step that ever began is undone, named, or its workflow completed.
        for (const { id } of world.definition.steps) {
          const isWithheld = before.some(({ kind, stepId, data }) =>
            kind === "step-failed" && stepId === id && (data as { outcome: string }).outcome === "not-run"
          );
          const began = (was("step-started", id) && !isWithheld) || after.seen.some(({ what, step }) => what === "start" && step === id);
          if (!began || world.behaviours[id].effect !== "compensable" || after.outcome.state === "COMPLETED") continue;
          const told = [...after.outcome.compensated, ...after.outcome.notUndone].filter((other) => other === id).length;
          assertEquals(told, 1, `${here}: ${id} began; undone ${after.outcome.compensated}, not undone ${after.outcome.notUndone}`);
        }
      }
    }
  }
});
