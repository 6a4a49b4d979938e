import { assert, assertStringIncludes } from "@std/assert";
import { testWith } from "../support/permissions.ts";
import { checkQueueHistories, checkQueueHistory } from "./message_bus_history.ts";

const SEED = 20_262;

testWith({ read: true }, "what three threads see of one named queue is linearizable", async () => {
  await checkQueueHistories(2, { times: 2_000, seed: SEED });
});

testWith({ read: true }, "a queue that hands a message out twice is caught", async () => {
  const verdict = await checkQueueHistory({ times: 2_000, seed: SEED, doubles: true });
  assert(!verdict.linearizable, "it was NOT caught: the check proves nothing");
  assertStringIncludes(verdict.why, "and none of these can follow");
});
