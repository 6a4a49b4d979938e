import { assert, assertEquals, assertRejects } from "@std/assert";
import { SharedSync } from "../../core/processes/disk_sync.ts";
import { testWith } from "../support/permissions.ts";
import { PROCESS_NEEDS, type Swarm, withSwarm } from "../support/swarm.ts";

Deno.test("whoever asks while a sync runs shares the next one, which begins after the question", async () => {
  const syncs: PromiseWithResolvers<void>[] = [];
  const shared = new SharedSync(() => {
    syncs.push(Promise.withResolvers());
    return syncs.at(-1)!.promise;
  });
  const heard: string[] = [];
  const ask = (name: string): Promise<unknown> => shared.done().then(() => heard.push(name));
  const all = [ask("a"), ask("b"), ask("c")];
  assertEquals(syncs.length, 1);
  syncs[0].resolve();
  await all[0];
  assertEquals([heard, syncs.length], [["a"], 2]);
  all.push(ask("d")); // the second sync runs already: what was written for d may not be in it
  syncs[1].resolve();
  await all[2];
  assertEquals([heard, syncs.length], [["a", "b", "c"], 3]);
  syncs[2].resolve();
  await Promise.all(all);
  const later = ask("e");
  assertEquals(syncs.length, 4);
  syncs[3].resolve();
  await later;
});

Deno.test("after one that failed none succeeds", async () => {
  let syncs = 0;
  const shared = new SharedSync(() => ++syncs === 2 ? Promise.reject(new Error("input/output error")) : Promise.resolve());
  await shared.done();
  await Promise.all([1, 2, 3].map(() => assertRejects(() => shared.done(), Error, "input/output error")));
  await assertRejects(() => shared.done(), Error, "input/output error");
  assertEquals(syncs, 2);
});

/** Runs `use` while the sync of that number, from 1, fails. Returns how many were asked for. */
async function withFailingSync(failing: number, use: () => Promise<void>): Promise<number> {
  const { sync, syncData } = Deno.FsFile.prototype;
  let syncs = 0;
  const after = (real: () => Promise<void>) =>
    function (this: Deno.FsFile): Promise<void> {
      return ++syncs === failing ? Promise.reject(new Error("input/output error")) : real.call(this);
    };
  Object.assign(Deno.FsFile.prototype, { sync: after(sync), syncData: after(syncData) });
  try {
    await use();
  } finally {
    Object.assign(Deno.FsFile.prototype, { sync, syncData });
  }
  return syncs;
}

const AGENT = "echo ran >> $SWARM_DIR/ran; echo done";

async function ranOf(swarm: Swarm): Promise<number> {
  const text = await Deno.readTextFile(`${swarm.root}/ran`).catch(() => ""); // no agent has made it
  return text.split("\n").length - 1;
}

async function syncsOfOneRequest(): Promise<number> {
  let syncs = 0;
  await withSwarm(async (swarm) => {
    await swarm.request("r-1");
    syncs = await withFailingSync(Infinity, () => swarm.serve(AGENT));
  });
  return syncs;
}

testWith(
  PROCESS_NEEDS,
  "whichever sync fails: no agent runs whose attempt is not on the disk, nothing is said done that is not",
  async () => {
    const syncs = await syncsOfOneRequest();
    const stories: string[] = [];
    for (let failing = 1; failing <= syncs; failing++) {
      await withSwarm(async (swarm) => {
        await swarm.request("r-1");
        const serve = (): Promise<void> => swarm.serve(AGENT);
        await withFailingSync(failing, () => assertRejects(serve, Error, "input/output error").then(() => undefined));
        const [ran, said] = [await ranOf(swarm), swarm.events.map(({ event }) => event).join()];
        assert(!said.includes("finished"), said);
        await serve();
        const { status, fate } = await swarm.result("r-1");
        assertEquals([await swarm.names("requests"), await swarm.names("processing")], [[], []]);
        assert(await ranOf(swarm) <= 1);
        stories.push(`ran ${ran}, then ${fate ?? status}`);
      });
    }
    // Folder, its names; note and places of the attempt; result and its name.
    const never = "ran 0, then completed", maybe = "ran 0, then unknown";
    assertEquals(stories, [never, never, maybe, maybe, maybe, "ran 1, then unknown", "ran 1, then completed"]);
  },
);
