/** `kill -9` in the middle of workflows, again and again: nothing that was acknowledged is lost, nothing is done twice. */
import { assert, assertEquals } from "@std/assert";
import { testWith } from "../support/permissions.ts";

const PROGRAM = new URL("../support/killed_workflows.ts", import.meta.url);
const KILLS = Deno.args.includes("--long") ? 50 : 3;
const STARTED_EACH_TIME = 20;

/** Runs the program; kills it once it has said so many lines. Returns what it said. */
async function run(folder: string, count: number, killAfterLines: number): Promise<string[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", `--allow-read`, `--allow-write=${folder}`, PROGRAM.pathname, folder, String(count)],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const lines: string[] = [];
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
    if (lines.length >= killAfterLines) {
      try {
        child.kill("SIGKILL");
      } catch { /* it has ended by itself */ }
    }
  }
  await child.status;
  assertEquals(await errors, "");
  return lines;
}

testWith({ read: true, write: true, run: true }, "workflows survive kill -9", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const said: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) said.push(...await run(folder, STARTED_EACH_TIME, 5 + 11 * (kill % 4)));
    const last = await run(folder, 0, Infinity);
    said.push(...last);
    assert(last.includes("idle"), "the last run ends by itself");
    const about = (word: string): string[] => said.filter((line) => line.startsWith(word)).map((line) => line.split(" ")[1]);
    const ended = about("ended");
    assertEquals(about("refused"), []);
    assertEquals(ended.length, new Set(ended).size, "nothing ends twice");
    for (const id of about("started")) {
      // Said to have ended, or killed between its end and saying so: then no line was ever said, but the steps are all there.
      assert(ended.includes(id) || last.every((line) => !line.includes(id)), id);
    }
    const ledger = (await Deno.readTextFile(`${folder}/ledger.txt`)).split("\n").filter((line) => line !== "");
    const counts = Map.groupBy(ledger, (line) => line);
    for (const [line, times] of counts) if (line.startsWith("compensable")) assertEquals(times.length, 1, `${line} was done twice`);
    for (const id of about("started")) {
      for (let at = 0; at < 5; at++) {
        const line = `${at % 2 === 0 ? "idempotent" : "compensable"} ${id}/s${at}`;
        assert(counts.has(line), `${line} was lost`);
        assert(counts.get(line)!.length <= 1 + KILLS, `${line} was done too often`);
      }
    }
    assert(said.filter((line) => line.endsWith("COMPLETED")).length > 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
