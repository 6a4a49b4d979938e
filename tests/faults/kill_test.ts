import { assert, assertEquals } from "@std/assert";
import { testWith } from "../support/permissions.ts";
import { killAgainAndAgain } from "./kill_run.ts";

testWith(
  { read: true, write: true, run: true, sys: true },
  "a process that is killed at random moments loses nothing that it acknowledged",
  async () => {
    const { problems, acknowledged } = await killAgainAndAgain(8, "portable", 20_260_101);
    assertEquals(problems, []);
    assert(acknowledged > 0, "nothing was acknowledged: the test shows nothing");
  },
);

testWith(
  { read: true, write: true, run: true, sys: true },
  "the same in a mapped file",
  async () => {
    const { problems, acknowledged } = await killAgainAndAgain(8, "mapped", 20_260_102);
    assertEquals(problems, []);
    assert(acknowledged > 0, "nothing was acknowledged: the test shows nothing");
  },
);
