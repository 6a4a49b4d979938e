/** The README's "In your project" as a newcomer follows it: a folder of its own, the blocks as they stand, the package by its name. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "./support/permissions.ts";
import { runDeno, withFolder } from "./support/run_deno.ts";

const ROOT = new URL("../", import.meta.url);

/** The section's files by name, its configuration and its command. */
async function readSection(): Promise<{ files: Map<string, string>; config: Record<string, unknown>; command: string[] }> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const section = /^## In your project\n([\s\S]*?)^## /m.exec(readme)![1];
  const blocks = [...section.matchAll(/```ts[^\n]*\n([\s\S]*?)```/g)].map((match) => match[1]);
  const files = new Map(blocks.map((block) => [/^\/\/ (\w+\.ts)\n/.exec(block)![1], block]));
  const config = JSON.parse(/```json\n([\s\S]*?)```/.exec(section)![1]);
  const command = /`deno (run [^`]*)`/.exec(section)![1].split(" ");
  return { files, config, command };
}

testWith(
  { read: true, write: true, run: true },
  "a project of its own takes the package by name and does what the README says",
  async () => {
    const { files, config, command } = await readSection();
    await withFolder(async (folder) => {
      for (const [name, text] of files) await Deno.writeTextFile(`${folder}/${name}`, text);
      // The one thing that a newcomer does not write: where the package lies, since this test asks no registry for it.
      await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ ...config, links: [decodeURIComponent(ROOT.pathname)] }));
      const [verb, ...args] = command;
      // The checkout is read as the published package would not have to be: it lies outside of the project.
      const flags = args.map((flag) => flag === "--allow-read=." ? `--allow-read=.,${decodeURIComponent(ROOT.pathname)}` : flag);
      const { code, stdout, stderr } = await runDeno(folder, [verb, "--check", "--no-prompt", "--quiet", ...flags]);
      assertEquals([code, stdout.split("\n")], [0, ['[ "one", "two", "three" ]', "three", "AgentNotFoundError", ""]], stderr);
      const { code: jobCode, stdout: help } = await runDeno(folder, [
        "run",
        "--no-prompt",
        "--quiet",
        "jsr:@stage3/kernel/validate",
        "--help",
      ]);
      assertEquals(jobCode, 0);
      assertStringIncludes(help, "--quick");
    });
  },
);
