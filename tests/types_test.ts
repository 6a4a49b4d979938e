/** What the compiler says of agents: the samples of support/typed_agents.ts hold, and each error that they expect is there. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "./support/permissions.ts";
import { runDeno, withFolder } from "./support/run_deno.ts";

const ROOT = new URL("../", import.meta.url);
const SAMPLES = "tests/support/typed_agents.ts";
const EXPECTED = /^ *\/\/ @ts-expect-error .*$/gm;

testWith({ read: true, run: true }, "payloads, replies, state and asks have the types that were declared", async () => {
  const { code, stderr } = await runDeno(ROOT, ["check", "--quiet", SAMPLES]);
  assertEquals(code, 0, stderr);
});

testWith({ read: true, write: true, run: true }, "the compiler refuses each wrong use, and nothing else", async () => {
  const text = await Deno.readTextFile(new URL(SAMPLES, ROOT));
  const wrong = [...text.matchAll(EXPECTED)].map((match) => text.slice(0, match.index).split("\n").length + 1);
  await withFolder(async (folder) => {
    const bare = text.replaceAll(EXPECTED, "").replace("../../mod.ts", new URL("mod.ts", ROOT).href);
    await Deno.writeTextFile(`${folder}/samples.ts`, bare);
    const config = decodeURIComponent(new URL("deno.json", ROOT).pathname);
    const { code, stderr } = await runDeno(folder, ["check", "--quiet", `--config=${config}`, "samples.ts"]);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, `Found ${wrong.length} errors`);
    const lines = [...stderr.matchAll(/samples\.ts:(\d+):\d+/g)].map((match) => Number(match[1]));
    assertEquals(wrong.filter((line) => !lines.includes(line)), [], "lines that compile");
  });
});
