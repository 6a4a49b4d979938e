import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError } from "../../core/base/errors.ts";
import { REQUEST_BYTES_MAX } from "../../core/base/limits.ts";
import { RequestRejectedError } from "../../core/processes/agent_request.ts";
import { RequestFolder } from "../../core/processes/request_folder.ts";
import { testWith } from "../support/permissions.ts";
import { type Swarm, withSwarm } from "../support/swarm.ts";

async function withRequests(use: (folder: RequestFolder, swarm: Swarm) => Promise<void>): Promise<void> {
  await withSwarm(async (swarm) => await use(await RequestFolder.open(swarm.root), swarm));
}

testWith({ read: true, write: true }, "requests wait in the order they came; other files are left alone", async () => {
  await withRequests(async (folder, swarm) => {
    for (const [i, name] of ["c.json", "a.json", "b.json"].entries()) {
      await swarm.drop(name, "{}");
      await Deno.utime(`${swarm.root}/requests/${name}`, i, i);
    }
    await swarm.drop("d.txt", "{}");
    assertEquals(await folder.waiting(), ["c.json", "a.json", "b.json"]);
  });
});

testWith({ read: true, write: true }, "of many who claim a request at once exactly one gets it", async () => {
  await withRequests(async (folder, swarm) => {
    for (let i = 0; i < 20; i++) await swarm.drop(`${i}.json`, "{}");
    const names = await folder.waiting();
    const others = await Promise.all(Array.from({ length: 8 }, () => RequestFolder.open(swarm.root)));
    const claims = names.flatMap((name) => others.map((other, i) => other.claim(name, `c-${i}`)));
    assertEquals(claims.filter((claim) => claim !== null).map((claim) => claim.fileName).sort(), names.sort());
    assertEquals([(await folder.waiting()).length, (await folder.claims()).length], [0, 20]);
  });
});

testWith({ read: true, write: true }, "an id that is at work or has a result is refused", async () => {
  await withRequests(async (folder, swarm) => {
    for (const name of ["1.json", "2.json", "3.json"]) await swarm.drop(name, "{}");
    const [first, second, third] = ["1.json", "2.json", "3.json"].map((name) => folder.claim(name, "c"));
    folder.begin(first!, "r");
    assertThrows(() => folder.begin(second!, "r"), RequestRejectedError, "at work");
    assertEquals(await folder.writeResult("r", "c", { a: 1 }), true);
    assertEquals(await folder.writeResult("r", "c", { a: 2 }), false);
    folder.finish("r");
    assertThrows(() => folder.begin(third!, "r"), RequestRejectedError, "result");
    assertEquals(await Deno.readTextFile(`${swarm.root}/results/r.json`), '{\n  "a": 1\n}\n');
    assertEquals(await swarm.names("results"), ["r.json"]);
  });
});

testWith({ read: true, write: true }, "what is put back replaces nothing", async () => {
  await withRequests(async (folder, swarm) => {
    await swarm.drop("a.json", "old");
    const claim = folder.claim("a.json", "c");
    await swarm.drop("a.json", "new");
    folder.putBack(claim!.path, "a.json");
    assertEquals(await swarm.names("requests"), ["a.1.json", "a.json"]);
    assertEquals(await Deno.readTextFile(`${swarm.root}/requests/a.1.json`), "old");
  });
});

testWith({ read: true, write: true }, "what is no readable file is rejected with its reason, and rejecting replaces nothing", async () => {
  await withRequests(async (folder, swarm) => {
    await swarm.drop("large.json", "x".repeat(REQUEST_BYTES_MAX + 1));
    await Deno.mkdir(`${swarm.root}/requests/folder.json`);
    await Deno.symlink("/etc/hostname", `${swarm.root}/requests/link.json`);
    for (const name of ["large.json", "folder.json", "link.json"]) {
      const claim = folder.claim(name, "c")!;
      folder.reject(claim, assertThrows(() => folder.read(claim), RequestRejectedError));
    }
    await swarm.drop("large.json", "again");
    folder.reject(folder.claim("large.json", "c")!, new RequestRejectedError("file", "once more"));
    const rejected = await swarm.names("rejected");
    assertEquals(rejected.filter((name) => !name.includes(".reason.")), ["folder.json", "large.1.json", "large.json", "link.json"]);
    assertEquals(rejected.length, 8);
    assertEquals((await Deno.readTextFile(`${swarm.root}/rejected/large.json`)).length, REQUEST_BYTES_MAX + 1);
    assertEquals(JSON.parse(await Deno.readTextFile(`${swarm.root}/rejected/large.1.json.reason.json`)).reason, "file: once more");
    const long = `${"x".repeat(200)}.json`;
    await swarm.drop(long, "{}");
    assertThrows(() => folder.claim(long, "c"), RequestRejectedError, "longer than");
    assertEquals(await folder.waiting(), []);
  });
});

testWith({ read: true, write: true }, "a name may hold whatever names may hold", async () => {
  await withRequests(async (folder, swarm) => {
    const names = ["a\nb.json", "with space.json", "é.claim.json", "-x.json"];
    for (const name of names) await swarm.drop(name, "{}");
    for (const name of await folder.waiting()) folder.claim(name, "c-1");
    assertEquals((await folder.claims()).map(({ fileName }) => fileName).sort(), names.sort());
  });
});

testWith({ read: true, write: true }, "a folder within that leads outside is refused", async () => {
  await withSwarm(async (swarm) => {
    await Deno.mkdir(`${swarm.root}/swarm`);
    await Deno.mkdir(`${swarm.root}/elsewhere`);
    await Deno.symlink(`${swarm.root}/elsewhere`, `${swarm.root}/swarm/results`);
    await assertRejects(() => RequestFolder.open(`${swarm.root}/swarm`), ConfigError, "results/ leads to");
    await Deno.writeTextFile(`${swarm.root}/file`, "");
    await assertRejects(() => RequestFolder.open(`${swarm.root}/file`), ConfigError, "cannot be used");
  });
});
