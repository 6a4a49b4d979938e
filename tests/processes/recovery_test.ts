/** Every place in which a coordinator may die, built by hand: what the next one makes of it. */
import { assertEquals } from "@std/assert";
import { Random } from "../../core/base/random.ts";
import { type Claim, RequestFolder } from "../../core/processes/request_folder.ts";
import { Journal } from "../../core/processes/journal.ts";
import { recover, type Recovered } from "../../core/processes/recovery.ts";
import type { Clock } from "../../core/base/clock.ts";
import { testWith } from "../support/permissions.ts";
import { type Swarm, withSwarm } from "../support/swarm.ts";

/** Stands still; what waits for it goes on at once. */
const CLOCK: Clock = {
  now: () => 1_766_067_552_132,
  schedule: (_, callback) => {
    queueMicrotask(callback);
    return () => undefined;
  },
};

/** A coordinator's steps with one request, of which it dies after `done`. */
async function die(swarm: Swarm, done: number): Promise<void> {
  const folder = await RequestFolder.open(swarm.root);
  const journal = await Journal.open(folder, CLOCK, new Random(7));
  let claim: Claim;
  const steps: (() => unknown)[] = [
    () => claim = folder.claim("r-1.json", journal.coordinator)!,
    () => folder.begin(claim, "r-1"),
    () => journal.claimed("r-1", "r-1.json", "r-1/dead"),
    () => folder.forget(claim),
    () => journal.attempt("r-1"),
    () => journal.spawned("r-1", 1),
    () => folder.writeResult("r-1", journal.coordinator, { status: "completed" }),
    () => folder.finish("r-1"),
    () => journal.ended("r-1"),
    () => journal.swept("r-1"),
  ];
  for (const step of steps.slice(0, done)) await step();
  // A coordinator that is killed lets go of its lock and leaves its journal; a process cannot do the one without the other here.
  await leave(swarm, journal);
}

async function leave(swarm: Swarm, journal: Journal): Promise<void> {
  const path = `${swarm.root}/coordinators/${journal.coordinator}.jsonl`;
  const text = await Deno.readTextFile(path);
  await journal.close().catch(() => undefined); // it may find its file gone
  await Deno.writeTextFile(path, text);
}

async function recoverIn(swarm: Swarm): Promise<Recovered> {
  const folder = await RequestFolder.open(swarm.root);
  return await recover({
    folder,
    coordinator: "next",
    clock: CLOCK,
    look: () => Promise.resolve({ processes: new Map(), uptimeSeconds: 1 }),
  });
}

/** Where the request is. */
async function whereabouts(swarm: Swarm): Promise<Record<string, string[]>> {
  const folders = ["requests", "processing", "results", "coordinators"];
  const entries = await Promise.all(folders.map(async (name): Promise<[string, string[]]> => [name, await swarm.names(name)]));
  return Object.fromEntries(entries.filter(([, names]) => names.length > 0));
}

const LOCK = { coordinators: ["recovery.lock"] };
const WAITS = { requests: ["r-1.json"], ...LOCK };
const DONE = { results: ["r-1.json"], ...LOCK };
const PLACES: readonly [done: number, what: string, left: Record<string, string[]>, fate: string | undefined][] = [
  [0, "before the claim", WAITS, undefined],
  [1, "after the claim", WAITS, undefined],
  [2, "after it stood under its id", WAITS, undefined],
  [3, "after that was noted", WAITS, undefined],
  [4, "after the claim was let go", WAITS, undefined],
  [5, "after the attempt was noted", DONE, "unknown"],
  [6, "while the agent ran", DONE, "unknown"],
  [7, "after the result was written", DONE, undefined],
  [8, "after the request was removed", DONE, undefined],
  [9, "after the end was noted", DONE, undefined],
  [10, "after nothing of it ran", DONE, undefined],
];

for (const [done, what, left, fate] of PLACES) {
  testWith(
    { read: true, write: true },
    `dead ${what}: ${fate ?? (left === DONE ? "done" : "waits again")}, also when recovery comes twice`,
    async () => {
      await withSwarm(async (swarm) => {
        await swarm.request("r-1");
        await die(swarm, done);
        const { putBack, unknown } = await recoverIn(swarm);
        assertEquals(await whereabouts(swarm), left);
        assertEquals([putBack.length, unknown.length], [left === WAITS && done > 0 ? 1 : 0, fate ? 1 : 0]);
        if (left === DONE) {
          const result = await swarm.result("r-1");
          assertEquals([result.status, result.fate], fate ? ["failed", "unknown"] : ["completed", undefined]);
          if (fate) assertEquals([result.failureReason, result.stats, result.requestFile], ["SHUTDOWN", null, "r-1.json"]);
        }
        assertEquals(await recoverIn(swarm), { putBack: [], unknown: [], reaped: 0 });
        assertEquals(await whereabouts(swarm), left);
      });
    },
  );
}

testWith({ read: true, write: true }, "what a living coordinator has at work is left alone", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("r-1");
    await swarm.request("r-2");
    const folder = await RequestFolder.open(swarm.root);
    const journal = await Journal.open(folder, CLOCK, new Random(3));
    const claim = folder.claim("r-1.json", journal.coordinator)!;
    folder.begin(claim, "r-1");
    journal.claimed("r-1", "r-1.json", "m");
    folder.forget(claim);
    folder.claim("r-2.json", journal.coordinator);
    assertEquals(await recoverIn(swarm), { putBack: [], unknown: [], reaped: 0 });
    assertEquals((await swarm.names("processing")).length, 2);
    journal.ended("r-1");
    journal.swept("r-1");
    await journal.close();
    assertEquals((await recoverIn(swarm)).putBack.length, 2);
  });
});

testWith(
  { read: true, write: true },
  "results that a dead coordinator was writing are removed, those of a living one are not",
  async () => {
    await withSwarm(async (swarm) => {
      const folder = await RequestFolder.open(swarm.root);
      const journal = await Journal.open(folder, CLOCK, new Random(3));
      for (const name of ["coordinator-1-dead", journal.coordinator]) {
        await Deno.writeTextFile(`${swarm.root}/coordinators/${name}.r.1.draft`, "{");
      }
      await recoverIn(swarm);
      const drafts = (await swarm.names("coordinators")).filter((name) => name.endsWith(".draft"));
      assertEquals(drafts, [`${journal.coordinator}.r.1.draft`]);
      await journal.close();
    });
  },
);

testWith({ read: true, write: true }, "a request in processing that nobody noted never ran: it waits again", async () => {
  await withSwarm(async (swarm) => {
    await RequestFolder.open(swarm.root);
    await Deno.writeTextFile(`${swarm.root}/processing/old.json`, JSON.stringify({ agentRole: "a", task: { objective: "o" } }));
    assertEquals((await recoverIn(swarm)).putBack, ["old"]);
    assertEquals(await swarm.names("requests"), ["old.json"]);
  });
});

testWith({ read: true, write: true }, "of two that recover at once one does it", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("r-1");
    await die(swarm, 6);
    const both = await Promise.all([recoverIn(swarm), recoverIn(swarm)]);
    assertEquals(both.map(({ unknown }) => unknown.length).sort(), [0, 1]);
    assertEquals(await whereabouts(swarm), DONE);
  });
});

testWith({ read: true, write: true }, "a request that its agent has written over is of unknown fate all the same", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("r-1");
    await die(swarm, 6);
    await Deno.writeTextFile(`${swarm.root}/processing/r-1.json`, "");
    assertEquals((await recoverIn(swarm)).unknown.map(({ fate, agentRole }) => [fate, agentRole]), [["unknown", "unknown"]]);
    assertEquals(await whereabouts(swarm), DONE);
  });
});
