import { assert, assertEquals, assertThrows } from "@std/assert";
import { JOURNAL_BYTES_MAX } from "../../core/base/limits.ts";
import { Random } from "../../core/base/random.ts";
import { Journal, type OpenRequest, openRequests } from "../../core/processes/journal.ts";
import { recover } from "../../core/processes/recovery.ts";
import { RequestFolder } from "../../core/processes/request_folder.ts";
import { FakeClock } from "../../core/testing.ts";
import { testWith } from "../support/permissions.ts";
import { type Swarm, withSwarm } from "../support/swarm.ts";
import { until } from "../support/until.ts";

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

testWith({ read: true, write: true }, "what is open is what was claimed and not looked after to the end, however far it came", async () => {
  await withJournal(async (journal, swarm) => {
    for (const id of ["a", "b", "c", "d"]) journal.claimed(id, `${id}.json`, `${id}/m`);
    await journal.attempt("b");
    await journal.attempt("c");
    journal.spawned("c", 7);
    journal.swept("c"); // as after a failure between the agent's end and its result
    journal.ended("d");
    assertEquals(openRequests(await textOf(swarm)), [
      { requestId: "a", fileName: "a.json", marker: "a/m" },
      { requestId: "b", fileName: "b.json", marker: "b/m", attempted: true },
      { requestId: "c", fileName: "c.json", marker: "c/m", attempted: true, pid: 7, startedAtMs: 5 },
      { requestId: "d", fileName: "d.json", marker: "d/m", ended: true },
    ]);
    for (const id of ["a", "b", "c"]) journal.ended(id);
    for (const id of ["a", "b", "c", "d"]) journal.swept(id);
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
      journal.swept("a");
      const text = await textOf(swarm);
      const stages: string[] = [];
      for (let length = 0; length <= text.length; length++) {
        const [request] = openRequests(text.slice(0, length));
        stages.push(
          request === undefined ? "none" : request.ended ? "ended" : request.pid ? "spawned" : request.attempted ? "attempted" : "claimed",
        );
      }
      assertEquals(stages.filter((stage, i) => stage !== stages[i - 1]), ["none", "claimed", "attempted", "spawned", "ended", "none"]);
      await journal.close();
    });
  },
);

testWith({ read: true, write: true }, "a line that was cut short by a full disk does not spoil the next one", async () => {
  await withJournal(async (journal, swarm) => {
    const writeSync = Deno.FsFile.prototype.writeSync;
    try {
      let writes = 0;
      Deno.FsFile.prototype.writeSync = function (bytes: Uint8Array): number {
        if (writes++ > 0) throw new Error("no space left");
        return writeSync.call(this, bytes.subarray(0, 9));
      };
      assertThrows(() => journal.claimed("a", "a.json", "m"), Error, "no space left");
    } finally {
      Deno.FsFile.prototype.writeSync = writeSync;
    }
    journal.claimed("b", "b.json", "m");
    assertEquals(openRequests(await textOf(swarm)).map(({ requestId }) => requestId), ["b"]);
    await journal.close();
  });
});

testWith(
  { read: true, write: true },
  "a long journal is written anew with what is open, locked all the time, and no longer than twice that",
  async () => {
    await withJournal(async (journal, swarm, folder) => {
      const [name] = await swarm.names("coordinators");
      const path = `${swarm.root}/coordinators/${name}`;
      const first = await Deno.open(path, { read: true, write: true });
      assertEquals(await first.tryLock(true), false);
      journal.claimed("open", "open.json", "open/m");
      const attempts = [journal.attempt("open")];
      let lines = 0;
      for (let i = 0; (await Deno.stat(path)).ino === (await first.stat()).ino; i++) {
        journal.claimed(`a-${i}`, `a-${i}.json`, "x".repeat(JOURNAL_BYTES_MAX / 4));
        attempts.push(journal.attempt(`a-${i}`));
        journal.ended(`a-${i}`);
        journal.swept(`a-${i}`);
        assert(lines++ < 10, "it grows on");
      }
      await Promise.all(attempts);
      assertEquals((await openOf(path))[0], { requestId: "open", fileName: "open.json", marker: "open/m", attempted: true });
      assert((await Deno.stat(path)).size < JOURNAL_BYTES_MAX / 2);
      const second = await Deno.open(path, { read: true, write: true });
      assertEquals(await second.tryLock(true), false);
      // Whoever has opened the first file must not take the coordinator for dead when that is let go.
      await until(() => first.tryLockSync(true));
      const recovered = await recover({ folder, coordinator: "next", clock: new FakeClock(6), look: () => Promise.resolve(null) });
      assertEquals(recovered, { putBack: [], unknown: [], reaped: 0 });
      // What is open is more than the bound: each time it is written anew it has doubled.
      const inodes = new Set<number | null>();
      for (let i = 0; i < 20; i++) {
        journal.claimed(`b-${i}`, `b-${i}.json`, "x".repeat(JOURNAL_BYTES_MAX / 4));
        inodes.add((await Deno.stat(path)).ino);
      }
      assert(inodes.size <= 5, `${inodes.size} times in 20 lines`);
      assertEquals((await openOf(path)).length, 21);
      for (const { requestId } of await openOf(path)) {
        journal.ended(requestId);
        journal.swept(requestId);
      }
      await journal.close();
      assertEquals(await swarm.names("coordinators"), ["recovery.lock"]);
      assertEquals(await second.tryLock(true), true);
      for (const file of [first, second]) file.close();
    });
  },
);

async function openOf(path: string): Promise<OpenRequest[]> {
  return openRequests(await Deno.readTextFile(path));
}
