/** What `scripts/inspect.ts` prints of the files of a process that was killed, in both modes: as a user runs it, with its looks. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testWith } from "../support/permissions.ts";
import { runDeno, withFolder } from "../support/run_deno.ts";

const NEEDS = { read: true, write: true, run: true };
const ROOT = new URL("../../", import.meta.url);
const WRITER = ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-sys", "--allow-ffi", "tests/faults/kill_writer.ts"];
const RULE = /^─+( {2}─+)*$/;

/** Starts the writer of the kill tests, and kills it after some flushes. */
async function killedWriter(path: string, mode: string): Promise<void> {
  const args = [...WRITER, path, mode, "7", "0", "0"];
  const child = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("ack").length < 5) {
    const { value, done } = await reader.read();
    assert(!done, `the writer ended by itself: ${text}`);
    text += value;
  }
  child.kill("SIGKILL");
  while (!(await reader.read()).done);
  await child.status;
}

/** Every table of a text: its column begins are those of its rule, and its rows end where that ends. */
function assertLinesUp(text: string): void {
  const lines = text.split("\n");
  let tables = 0;
  for (const [at, rule] of lines.entries()) {
    if (!RULE.test(rule)) continue;
    tables++;
    const gaps = [...rule.matchAll(/ {2}/g)].map(({ index }) => index);
    for (let row = at - 1; lines[row] !== undefined && lines[row] !== ""; row = row === at - 1 ? at + 1 : row + 1) {
      assert(lines[row].length <= rule.length, `it is wider than its table: ${lines[row]}`);
      for (const gap of gaps) assertEquals(lines[row].padEnd(rule.length).slice(gap, gap + 2), "  ", `columns of: ${lines[row]}`);
    }
  }
  assert(tables >= 4, `${tables} tables`);
}

for (const mode of ["portable", "mapped"]) {
  testWith(NEEDS, `the file of a killed process is read, lines up and says what to do next (${mode})`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/state.kernel`;
      await killedWriter(path, mode);
      const before = Deno.readFileSync(path);
      const { code, stdout, stderr } = await runDeno(ROOT, ["run", "--no-prompt", `--allow-read=${path}`, "scripts/inspect.ts", path]);
      assertEquals([code, stderr], [0, ""]);
      assertStringIncludes(stdout, `${path}: ${mode}`);
      assertStringIncludes(stdout, mode === "mapped" ? "left: its process ended without shutting down" : "left or closed");
      for (const word of [/^checks: /m, /^numbers +\d+ +[\d,]+$/m, /^work .*\d/m, /scribe/]) assertMatch(stdout, word);
      assertMatch(stdout, /\n\nnext: start a manager on it: it takes over .*\.\n$/);
      assertLinesUp(stdout);
      assertEquals(Deno.readFileSync(path), before, "looking changes nothing");
      const json = await runDeno(ROOT, ["run", "--no-prompt", `--allow-read=${path}`, "scripts/inspect.ts", path, "--json"]);
      assertEquals([json.code, JSON.parse(json.stdout).mode], [0, mode]);
    }));
}
