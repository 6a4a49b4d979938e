import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "../support/permissions.ts";

const SCRIPT = new URL("../../scripts/validate-stage3-performance.ts", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url);

/** The script as a user starts it, `deno run --no-prompt`, with nothing but the given permissions. */
async function start(permissions: string[], ...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = ["run", "--no-prompt", "--no-check", "--quiet", `--config=${CONFIG.pathname}`, ...permissions, SCRIPT.pathname, ...argv];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

testWith({ run: true, read: true }, "without any permission: a wrong value ends it at once with 2 and one line", async (t) => {
  const cases: [argv: string[], contains: string][] = [
    [["--agents", "-5"], '--agents is the string "-5"; give a whole number from 1 to 1000000.'],
    [["--agents"], "--agents: no value was given"],
    [["--scenario", "nope"], "baseline-performance"],
    [["--report", "/nowhere/report.json"], "--allow-write=/nowhere/report.json"],
  ];
  for (const [argv, contains] of cases) {
    await t.step(argv.join(" "), async () => {
      const { code, stdout, stderr } = await start([], ...argv);
      assertEquals([code, stdout], [2, ""], stderr);
      assertStringIncludes(stderr, contains);
      assertEquals(stderr.trimEnd().includes("\n"), false, stderr);
    });
  }
});

testWith({ run: true, read: true }, "a report in a missing folder is refused although it may be written", async () => {
  const { code, stderr } = await start(["--allow-write"], "--report", "./no/such/folder/report.json");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "its folder does not exist");
});

testWith({ run: true, read: true }, "--help needs no permission", async () => {
  const { code, stdout, stderr } = await start([], "--help");
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith("Runs the performance scenarios"));
});
