/**
 * Thousands of random workflows on a fake clock, each with a failure planted at every one of its steps, and cancelled at random moments. `-- --long` for more.
 */
import { assertEquals } from "@std/assert";
import { Random } from "../../core/base/random.ts";
import { faultsOf, randomWorld, runWorld } from "../support/workflow_world.ts";

const WORLDS = Deno.args.includes("--long") ? 20_000 : 1_000;

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
