/** Somebody truncates a file while it is mapped: what no program can prevent, and what is left then. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { mappedFileBytes } from "../../core/memory/mapped_layout.ts";
import { openMapped } from "../support/mapped_arena.ts";
import { WRITER_KEYS, writtenKey, writtenValue } from "../support/mapped_writer.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

const NEEDS = { read: true, write: true, run: true, ffi: true };
const ROOT = new URL("../../", import.meta.url);
const FLAGS = ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-ffi"];

/** Starts a process that writes into a mapped file, and returns when it has gone through all keys. `status`: how it ended. */
async function startWriter(path: string): Promise<{ readonly status: Promise<Deno.CommandStatus> }> {
  const args = [...FLAGS, "tests/support/mapped_writer.ts", path];
  const child = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(`\n${WRITER_KEYS + 1}\n`)) {
    const { value, done } = await reader.read();
    assert(!done, "the writer ended by itself");
    text += value;
  }
  const status = (async () => {
    while (!(await reader.read()).done);
    return await child.status;
  })();
  return { status };
}

testWith(
  NEEDS,
  "a file that is truncated while it is mapped ends its process at the next touch; a start takes what is left, and says what is not",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      const writer = await startWriter(path);
      // In the middle of the values as they lie there now.
      const keys = [...new TextDecoder("windows-1252").decode(Deno.readFileSync(path)).matchAll(/key-\d/g)];
      const cutAt = keys[keys.length >> 1].index;
      Deno.truncateSync(path, cutAt);
      const { signal, success } = await writer.status;
      assertEquals([signal, success], ["SIGBUS", false]);
      const bytes = Deno.statSync(path).size;
      using arena = openMapped(path);
      assertEquals(bytes, cutAt, "a process that ends so changes no lengths");
      assertStringIncludes(arena.notes.join(), "cut off");
      const { entries, damaged } = arena.found!;
      assert(entries > 0, "what stands before the cut is there");
      assert(damaged > 0, "what stood behind it is counted");
      for (let n = 0; n < WRITER_KEYS; n++) {
        const value = arena.store.get("writer", writtenKey(n)) as { n: number; text: string } | undefined;
        if (value !== undefined) assertEquals([value.n % WRITER_KEYS, value.text], [n, writtenValue(value.n).text]);
      }
      // The file is whole again, and none that is kept beside it is mapped by anybody.
      assertEquals(Deno.statSync(path).size, mappedFileBytes(arena.layout));
      arena.store.set("writer", "again", 1);
      assertEquals(arena.store.get("writer", "again"), 1);
    }),
);
