import { assert, assertEquals, assertRejects } from "@std/assert";
import { readCommit, readSurroundings } from "../../scripts/validate/machine.ts";
import { testWith } from "../support/permissions.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

Deno.test("every fact is there or has its reason", async () => {
  const { machine, commit, budgetBytes, notMeasured } = await readSurroundings();
  for (const [name, value] of Object.entries({ ...machine })) {
    assertEquals(value === null, `machine.${name}` in notMeasured, name);
  }
  assertEquals(commit === null, "commit" in notMeasured);
  assert(machine.cores >= 1 && budgetBytes > 0 && budgetBytes <= 2 ** 31);
});

Deno.test("a script from elsewhere has no commit", async () => {
  await assertRejects(() => readCommit(new URL("https://example.com/kernel/")), Error, "not run from a checkout");
});

testWith({ read: true, write: true }, "the commit is found loose, packed, detached and in a linked worktree", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const write = async (path: string, text: string): Promise<void> => {
      await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${folder}/${path}`, text);
    };
    const commit = (checkout: string): Promise<string> => readCommit(new URL(`file://${folder}/${checkout}/`));
    await write("loose/.git/HEAD", "ref: refs/heads/main\n");
    await assertRejects(() => commit("loose"), Error, "refs/heads/main has no commit yet");
    await write("loose/.git/refs/heads/main", `${COMMIT}\n`);
    await write("packed/.git/HEAD", "ref: refs/heads/main\n");
    await write(
      "packed/.git/packed-refs",
      `# pack-refs with: peeled\n${COMMIT.replace("0", "f")} refs/heads/other\n${COMMIT} refs/heads/main\n`,
    );
    await write("detached/.git/HEAD", `${COMMIT}\n`);
    await write("linked/.git", `gitdir: ${folder}/loose/.git/worktrees/linked\n`);
    await write("loose/.git/worktrees/linked/HEAD", "ref: refs/heads/main\n");
    await write("loose/.git/worktrees/linked/commondir", "../..\n");
    for (const checkout of ["loose", "packed", "detached", "linked"]) assertEquals(await commit(checkout), COMMIT, checkout);
    await assertRejects(() => commit("none"), Error, "no readable .git");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
