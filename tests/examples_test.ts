/** The README's commands of the examples run as they stand, with exactly those flags, and print what they promise. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "./support/permissions.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("../", import.meta.url);
const LINES_MAX = 80;

/** The command line of an example as the README gives it. */
async function commandOf(example: string): Promise<string[]> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const line = readme.split("\n").find((text) => text.startsWith("deno run ") && text.includes(`scripts/examples/${example}.ts`));
  assert(line !== undefined, `the README has no command for ${example}`);
  return line.split(" ").slice(1);
}

async function outputOf(example: string): Promise<string[]> {
  const [verb, ...args] = await commandOf(example);
  const { code, stdout, stderr } = await runDeno(ROOT, [verb, "--no-prompt", "--quiet", ...args]);
  assertEquals([code, stderr], [0, ""], stdout);
  return stdout.trimEnd().split("\n");
}

testWith({ read: true, run: true }, "chat: everybody in a room hears all lines, each speaker's in the order said", async () => {
  const lines = await outputOf("chat");
  assertStringIncludes(lines.at(-1)!, "order kept");
  for (const room of ["kitchen", "library"]) {
    const at = lines.indexOf(`In the ${room}:`) + 1;
    const heard = lines.slice(at, at + 9).map((line) => /^ {2}(\d) (\w+): (.*)$/.exec(line)!.slice(1));
    assertEquals(heard.map(([number]) => number).join(""), "123456789");
    for (const name of ["Ada", "Grace", "Edsger"]) {
      const said = heard.filter(([_, speaker]) => speaker === name).map(([_number, _speaker, line]) => line);
      assertEquals(said, ["hello", "are all of you there?", "good bye"], name);
    }
  }
});

testWith({ read: true, run: true }, "map_reduce: the counts are those of counting it all in one place", async () => {
  const files = (await commandOf("map_reduce")).filter((argument) => argument.endsWith(".md"));
  assertEquals(files.length, 2);
  const text = (await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, ROOT))))).join("\n");
  const words = text.toLowerCase().match(/\p{L}+/gu)!;
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const lines = await outputOf("map_reduce");
  assertStringIncludes(lines.at(-1)!, `${words.length} words, ${counts.size} different`);
  assertStringIncludes(lines.at(-1)!, "by 4 agents on 2 threads");
  const shown = lines.slice(0, -1).map((line) => line.trim().split(" "));
  assertEquals(shown.length, 10);
  for (const [count, word] of shown) assertEquals(Number(count), counts.get(word), word);
  assertEquals(Number(shown[0][0]), Math.max(...counts.values()));
});

testWith(
  { read: true, run: true },
  "coding_team: red, edited, reviewed, mended, green, and the diff says what was done",
  async () => {
    const lines = await outputOf("coding_team");
    assertEquals(lines.slice(0, 4), [
      "tests before: 0 passed, 2 failed",
      "review: shout.js:2:3 remove the debugger statement.",
      "review after: 0 findings",
      "tests after: 2 passed, 0 failed",
    ]);
    const changed = lines.slice(5).filter((line) => /^[-+]/.test(line));
    assertEquals(changed, [
      "--- a/slug.js",
      "+++ b/slug.js",
      '-  return title.toLowerCase().replace(" ", "-");',
      '+  return title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");',
      "--- a/shout.js",
      "+++ b/shout.js",
      '-  return text + "!";',
      '+  return text.toUpperCase() + "!";',
    ]);
  },
);

testWith({ read: true }, "every example has a command in the README and can be read at a sitting", async () => {
  const folder = new URL("scripts/examples/", ROOT);
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    assert(text.trimEnd().split("\n").length <= LINES_MAX, `${name} has more than ${LINES_MAX} lines`);
    if (!text.includes("export default defineAgent")) {
      assertStringIncludes(text, `deno ${(await commandOf(name.replace(".ts", ""))).join(" ")}`, `${name} says its own command`);
    }
  }
});
