import { assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../../core/base/errors.ts";
import { testWith } from "../support/permissions.ts";
import { PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";

async function sh(cwd: string, script: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", script], cwd }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

testWith(PROCESS_NEEDS, "agents that write the same file each write their own, and what they leave is kept and named", async () => {
  await withSwarm(async (swarm) => {
    for (const id of ["r-1", "r-2", "r-3"]) await swarm.request(id);
    await swarm.serve("test $SWARM_REQUEST_ID = r-3 || echo $SWARM_REQUEST_ID > same; true");
    assertEquals(await swarm.names("work"), ["r-1", "r-2"]);
    for (const id of ["r-1", "r-2"]) {
      const { stats } = await swarm.result(id);
      assertEquals(await Deno.readTextFile(`${stats!.workingDirectory}/same`), `${id}\n`);
    }
    assertEquals((await swarm.result("r-3")).stats!.workingDirectory, null);
  });
});

testWith(PROCESS_NEEDS, "worktrees are made at the same time, and one that cannot be made is the failure of its request only", async () => {
  await withSwarm(async (swarm) => {
    const repository = `${swarm.root}/repository`;
    await Deno.mkdir(repository);
    await sh(
      repository,
      "git init -q && git config user.email a@example.com && git config user.name a && echo old > file && git add . && git commit -qm first",
    );
    for (let i = 0; i < 8; i++) await swarm.request(`r-${i}`);
    await Deno.mkdir(`${swarm.root}/${"work"}/r-0`, { recursive: true });
    await Deno.writeTextFile(`${swarm.root}/${"work"}/r-0/in_the_way`, "");
    await swarm.serve("cat file", { worktree: repository, settings: { maxConcurrentAgents: 8 } });
    for (let i = 1; i < 8; i++) assertEquals((await swarm.result(`r-${i}`)).output, "old\n");
    const { status, failureReason, error } = await swarm.result("r-0");
    assertEquals([status, failureReason, error!.includes("git worktree add")], ["failed", "SPAWN_FAILED", true]);
    assertEquals(await swarm.names("work"), ["r-0"]);
  });
});

testWith(PROCESS_NEEDS, "each agent has a worktree of its own; unchanged ones are removed, changed ones kept", async () => {
  await withSwarm(async (swarm) => {
    const repository = `${swarm.root}/repository`;
    await Deno.mkdir(repository);
    await assertRejects(() => swarm.open("true", { worktree: `${swarm.root}/nothing` }), ConfigError, "no git repository");
    await sh(
      repository,
      "git init -q && git config user.email a@example.com && git config user.name a && echo old > file && git add . && git commit -qm first",
    );
    await swarm.request("reads");
    await swarm.request("writes");
    await swarm.serve("cat file; test $SWARM_REQUEST_ID = reads || echo new > file", { worktree: repository });
    assertEquals(await swarm.names("work"), ["writes"]);
    const { output, stats } = await swarm.result("writes");
    assertEquals([output, await sh(stats!.workingDirectory!, "git diff --shortstat")], [
      "old\n",
      "1 file changed, 1 insertion(+), 1 deletion(-)",
    ]);
    assertEquals(await Deno.readTextFile(`${repository}/file`), "old\n");
    assertEquals((await sh(repository, "git worktree list")).split("\n").length, 2);
  });
});
