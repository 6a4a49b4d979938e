import { assert, assertStringIncludes } from "@std/assert";
import { testWith } from "../support/permissions.ts";
import type { StoreBug } from "../support/store_history.ts";
import { checkStoreHistories, checkStoreHistory } from "./memory_store_history.ts";

const SEED = 20_261;

testWith({ read: true }, "what three threads see of one store is linearizable", async () => {
  await checkStoreHistories(2, { times: 3_000, seed: SEED });
});

testWith({ read: true }, "and when one of them dies in the middle of a change", async () => {
  await checkStoreHistories(3, { times: 800, seed: SEED, deaths: true });
});

const BUGS: readonly StoreBug[] = ["reads without looking at the version", "swaps by get and set"];

for (const bug of BUGS) {
  testWith({ read: true }, `a store that ${bug} is caught`, async () => {
    for (let round = 0; round < 10; round++) {
      const verdict = await checkStoreHistory({ times: 2_000, seed: SEED + round, bug });
      if (!verdict.linearizable) return assertStringIncludes(verdict.why, "and none of these can follow");
    }
    assert(false, "it was NOT caught: the check proves nothing");
  });
}
