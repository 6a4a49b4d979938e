import { assertEquals } from "@std/assert";
import { JOURNAL_BYTES_MAX } from "../../core/base/limits.ts";
import { Random } from "../../core/base/random.ts";
import { Journal, openRequests } from "../../core/processes/journal.ts";
import { RequestFolder } from "../../core/processes/request_folder.ts";
import { FakeClock } from "../../core/testing.ts";
import { testWith } from "../support/permissions.ts";
import { type Swarm, withSwarm } from "../support/swarm.ts";

async function withJournal(use: (journal: Journal, swarm: Swarm, folder: RequestFolder) => Promise<void>): Promise<void> {
  await withSwarm(async (swarm) => {
    const folder = await RequestFolder.open(swarm.root);
    await use(await Journal.open(folder, new FakeClock(5), new Random(1)), swarm, folder);
  });
}

async function textOf(swarm: Swarm): Promise<string> {
  const [name] = await swarm.names("coordinators");
  return await Deno.readTextFile(`${swarm.root}/coordinators/${name}`);
}

testWith({ read: true, write: true }, "what is open is what was claimed and not ended, however far it came", async () => {
  await withJournal(async (journal, swarm) => {
    for (const id of ["a", "b", "c", "d"]) journal.claimed(id, `${id}.json`, `${id}/m`);
    await journal.attempt("b");
    await journal.attempt("c");
    journal.spawned("c", 7);
    journal.ended("d");
    assertEquals(openRequests(await textOf(swarm)), [
      { requestId: "a", fileName: "a.json", marker: "a/m" },
      { requestId: "b", fileName: "b.json", marker: "b/m", attempted: true },
      { requestId: "c", fileName: "c.json", marker: "c/m", attempted: true, pid: 7, startedAtMs: 5 },
    ]);
    for (const id of ["a", "b", "c"]) journal.ended(id);
    await journal.close();
    assertEquals(await swarm.names("coordinators"), []);
  });
});

testWith(
  { read: true, write: true },
  "a journal cut at any byte tells no more than what was written, and never less than before its last line",
  async () => {
    await withJournal(async (journal, swarm) => {
      journal.claimed("a", "a.json", "m");
      await journal.attempt("a");
      journal.spawned("a", 7);
      journal.ended("a");
      const text = await textOf(swarm);
      const stages: string[] = [];
      for (let length = 0; length <= text.length; length++) {
        const [request] = openRequests(text.slice(0, length));
        stages.push(request === undefined ? "none" : request.pid ? "spawned" : request.attempted ? "attempted" : "claimed");
      }
      assertEquals(stages.filter((stage, i) => stage !== stages[i - 1]), ["none", "claimed", "attempted", "spawned", "none"]);
      await journal.close();
    });
  },
);

testWith({ read: true, write: true }, "a journal is locked while it is open, and emptied when it is long and nothing is open", async () => {
  await withJournal(async (journal, swarm) => {
    const [name] = await swarm.names("coordinators");
    const other = await Deno.open(`${swarm.root}/coordinators/${name}`, { read: true, write: true });
    assertEquals(await other.tryLock(true), false);
    journal.claimed("a", "a.json", "x".repeat(JOURNAL_BYTES_MAX));
    journal.claimed("b", "b.json", "m");
    journal.ended("a");
    assertEquals(openRequests(await textOf(swarm)).map(({ requestId }) => requestId), ["b"]);
    journal.ended("b");
    assertEquals(await textOf(swarm), "");
    await journal.close();
    assertEquals(await other.tryLock(true), true);
    other.close();
  });
});
