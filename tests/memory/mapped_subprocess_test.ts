/** The tests of mapped files need `--allow-ffi`, which the tests' usual command does not give: they run in a process of their own that has it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { missingFlags, testWith } from "../support/permissions.ts";
import { runDeno } from "../support/run_deno.ts";

const ROOT = new URL("../../", import.meta.url);
const FILES = [
  "tests/memory/mapped_arena_test.ts",
  "tests/memory/mapped_processes_test.ts",
  "tests/memory/mapped_file_test.ts",
  "tests/mapped_state_test.ts",
];
const MAPS = Deno.build.os === "linux" || Deno.build.os === "darwin";

// Where they have it anyway they run by themselves.
const isNeeded = MAPS && missingFlags({ ffi: true }).length > 0;

for (const file of isNeeded ? FILES : []) {
  testWith({ run: true }, `${file} passes in a process with --allow-ffi`, async () => {
    const flags = ["--no-prompt", "--allow-read", "--allow-write", "--allow-run", "--allow-ffi"];
    const { code, stdout, stderr } = await runDeno(ROOT, ["test", ...flags, file]);
    assertEquals(code, 0, stdout + stderr);
    assertStringIncludes(stdout, "| 0 failed");
    assertEquals(stdout.includes("skipped"), false, stdout);
  });
}
