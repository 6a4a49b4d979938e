/** A disk that is full: workflows stop there, say so, and go on from what was written. */
import { assert, assertEquals } from "@std/assert";
import { testWith } from "../support/permissions.ts";

const PROGRAM = new URL("../support/full_disk_workflows.ts", import.meta.url).pathname;
/** Blocks of 512 bytes that a file may have: the system refuses what is beyond, as it does on a full disk. */
const BLOCKS = 300;

async function run(path: string, count: number, isFull: boolean): Promise<string[]> {
  const deno = [Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-read", "--allow-write", PROGRAM, path, String(count)];
  const limited = ["-c", `trap "" XFSZ; ulimit -f ${BLOCKS}; exec "$@"`, "sh", ...deno];
  const { stdout, stderr } = await new Deno.Command(isFull ? "/bin/sh" : deno[0], { args: isFull ? limited : deno.slice(1) }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).trim().split("\n");
}

testWith(
  { read: true, write: true, run: true },
  "workflows on a full disk: none is told to have completed that is not in the journal",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const told = await run(`${folder}/journal.sqlite`, 200, true);
      const completed = told.filter((line) => line.includes("COMPLETED")).map((line) => line.split(" ")[1]);
      assert(completed.length > 0, told.join("\n"));
      const first = told[completed.length];
      assert(first?.endsWith("JOURNAL_BROKEN"), `the first that failed says why: ${first}`);
      assertEquals([...new Set(told.slice(completed.length + 1))], ["refused JOURNAL_BROKEN"]); // nothing more is begun
      const resumed = (await run(`${folder}/journal.sqlite`, 0, false)).filter((line) => line.startsWith("resumed"));
      assertEquals(resumed.filter((line) => completed.includes(line.split(" ")[1])), []);
      for (const line of resumed) assert(line.endsWith("COMPLETED"), line); // room again: it went on
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
